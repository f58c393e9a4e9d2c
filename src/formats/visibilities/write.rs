use super::VisibilityTable;
use crate::error::{Result, Watch};
use std::path::Path;

/// Precision of `vis` in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// complex64.
    Single,
    /// complex128.
    Double,
}

/// Writes `table` to `path` (a staged path).
pub fn write_visibilities(path: &Path, table: &VisibilityTable, precision: Precision, watch: &Watch) -> Result<()> {
    let _ = (path, table, precision, watch);
    todo!()
}
