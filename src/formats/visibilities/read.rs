use super::VisibilityTable;
use crate::error::Result;
use std::path::Path;

/// Reads a visibility file; a minimal one (uvw, freq_hz, vis, phase centre) gets weight 1, no flags.
pub fn read_visibilities(path: &Path) -> Result<VisibilityTable> {
    let _ = path;
    todo!()
}
