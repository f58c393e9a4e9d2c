use super::FitsCube;
use crate::error::Result;
use std::path::Path;

/// Writes `cube` to `path` (a staged path; replaced if it exists), 32-bit floats, 4 axes.
pub fn write_cube(path: &Path, cube: &FitsCube) -> Result<()> {
    let _ = (path, cube);
    todo!()
}
