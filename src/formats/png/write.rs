//! From a figure to PNG bytes and files.

use super::figure::Figure;
use crate::error::{Error, Result};
use crate::formats::Staged;
use std::path::Path;

impl Figure {
    /// The picture as a PNG file in memory; equal figures give equal bytes.
    ///
    /// # Errors
    /// A size that cannot be drawn; a panel outside the grid.
    pub fn render(&self) -> Result<Vec<u8>> {
        let pixmap = self.draw()?;
        pixmap.encode_png().map_err(|e| Error::input("the picture cannot be encoded").found(e))
    }

    /// Writes the picture to `path`, which appears only when it is complete.
    ///
    /// # Errors
    /// As [`Figure::render`]; a folder that is missing or cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        // drawn first: a figure that cannot be drawn leaves an older file in place
        Staged::write_bytes(path, &self.render()?)
    }
}
