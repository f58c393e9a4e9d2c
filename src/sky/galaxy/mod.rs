//! The built-in galaxy maker: a gas disc as the cells of an IllustrisTNG cutout.
//!
//! Nothing is simulated in time. Each part follows a published relation: size and radial profile
//! of the HI (Wang et al. 2014, 2016), rotation speed (McGaugh 2012), flare, logarithmic spiral
//! arms, a log-normal turbulent density field with a power-law spectrum, holes and shells
//! (Bagetakos et al. 2011), two-phase star-forming cells (Springel & Hernquist 2003). The disc
//! lies in the x-y plane of the box and turns counter-clockwise as seen from +z (its angular
//! momentum points to +z); the arms trail. The HI mass asked for is what the default
//! [`HiModel`] of the reader finds in the file.
//!
//! [`HiModel`]: crate::sky::neutral::HiModel

mod disc;
mod field;
mod gas;
mod params;

pub use params::GalaxyParams;

use crate::error::{Error, Result, Watch};
use crate::formats::Staged;
use crate::formats::snapshot::{Snapshot, write_snapshot};
use crate::math::random::philox;
use std::path::{Path, PathBuf};

/// Makes one galaxy as the table of a TNG cutout; equal parameters give equal numbers.
pub fn make_galaxy(params: &GalaxyParams) -> Result<Snapshot> {
    params.check()?;
    gas::fill(params, &disc::Disc::new(params).cells())
}

/// Writes `count` galaxies drawn with `seed` as galaxy_0000.hdf5, ... into `folder`, which is made
/// where it is absent; returns the files. `watch` advances by one a galaxy.
///
/// Galaxy number i depends on `seed` and i alone, not on `count`.
pub fn write_galaxies(count: usize, seed: u64, folder: &Path, watch: &Watch) -> Result<Vec<PathBuf>> {
    if count == 0 {
        return Err(Error::input("no galaxies were asked for").found("count 0").expected("a count of at least 1"));
    }
    std::fs::create_dir_all(folder).map_err(|e| Error::io("make the folder", folder, e))?;
    let mut files = Vec::with_capacity(count);
    for i in 0..count {
        let path = folder.join(format!("galaxy_{i:04}.hdf5"));
        let staged = Staged::new(&path)?;
        let snapshot = make_galaxy(&GalaxyParams::random(galaxy_seed(seed, i as u64)))?;
        write_snapshot(staged.path(), &snapshot)?;
        watch.check()?;
        staged.commit()?;
        files.push(path);
        watch.advance(1)?;
    }
    Ok(files)
}

/// The seed of galaxy `index` of a set: equal to `seed` itself for the first.
fn galaxy_seed(seed: u64, index: u64) -> u64 {
    if index == 0 {
        return seed;
    }
    let w = philox([index as u32, (index >> 32) as u32, 0, 0x6761_6c61], seed);
    u64::from(w[0]) << 32 | u64::from(w[1])
}
