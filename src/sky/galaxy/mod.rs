//! The built-in galaxy maker: discs, dwarfs, groups and mergers as cells and particles of an IllustrisTNG cutout.
//!
//! Nothing is simulated in time but the tides of a merger. Each part follows a published relation ([`relations`],
//! docs/galaxies.md): HI mass function, size and radial profile of the HI, gas fraction, rotation speed, flare,
//! logarithmic spiral arms, a log-normal turbulent density field with a power-law spectrum, holes and shells (Bagetakos
//! et al. 2011), two-phase star-forming cells (Springel & Hernquist 2003), a magnetic field without divergence. A disc
//! lies in the x-y plane of the box and turns counter-clockwise as seen from +z (its angular momentum points to +z);
//! its arms trail. The HI mass asked for is what the default
//! [`HiModel`] of the reader finds in the file.
//!
//! [`HiModel`]: crate::sky::neutral::HiModel

mod density;
mod disc;
mod encounter;
mod field;
mod frame;
mod gas;
mod magnetic;
mod merger;
mod order;
mod params;
pub mod relations;
mod satellites;
mod stars;

pub use gas::MadeGalaxy;
pub use merger::Merger;
pub use order::{Facts, Kind, Order, Plan};
pub use params::GalaxyParams;
pub use satellites::{Satellite, SatelliteSystem};

use crate::error::{Error, Result, Watch};
use crate::formats::Staged;
use crate::formats::snapshot::{Snapshot, describe, write_snapshot_with};
use crate::math::random::philox;
use std::path::{Path, PathBuf};

/// Makes the gas of one disc as the table of a TNG cutout; equal parameters give equal numbers.
pub fn make_galaxy(params: &GalaxyParams) -> Result<Snapshot> {
    Ok(Plan::disc(params.clone()).make()?.snapshot)
}

/// A galaxy of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct SetMember {
    /// Its file.
    pub path: PathBuf,
    /// What was drawn.
    pub facts: Facts,
    /// Whether the file was there, from the same order.
    pub kept: bool,
}

/// Writes `count` galaxies of `order` as galaxy_0000.hdf5, ... into `folder`, which is made where it is absent. `watch`
/// advances by one a galaxy.
///
/// Galaxy number i depends on the order and i alone, not on `count`. A file that is there and whose header names the
/// same order is kept, so a set that was stopped goes on where it was; other files of these names are replaced.
pub fn write_galaxies(order: &Order, count: usize, folder: &Path, watch: &Watch) -> Result<Vec<SetMember>> {
    if count == 0 {
        return Err(Error::input("no galaxies were asked for").found("count 0").expected("a count of at least 1"));
    }
    std::fs::create_dir_all(folder).map_err(|e| Error::io("make the folder", folder, e))?;
    let mut members = Vec::with_capacity(count);
    for i in 0..count {
        let path = folder.join(format!("galaxy_{i:04}.hdf5"));
        let plan = order.member(i as u64).plan()?;
        let kept = describe(&path, None).is_ok_and(|there| there.header.simulation_name == plan.name());
        if !kept {
            let staged = Staged::new(&path)?;
            let made = plan.make()?;
            write_snapshot_with(staged.path(), &made.snapshot, &made.stars, &made.dark_matter)?;
            watch.check()?;
            staged.commit()?;
        }
        members.push(SetMember { path, facts: plan.facts(), kept });
        watch.advance(1)?;
    }
    Ok(members)
}

/// Purposes of derived seeds.
const SET: u32 = 0x6761_6c61;
const MEMBER: u32 = 0x6d65_6d62;

/// The seed of number `index` of a set or a group: equal to `seed` itself for the first.
fn derived_seed(seed: u64, index: u64, purpose: u32) -> u64 {
    if index == 0 {
        return seed;
    }
    let w = philox([index as u32, (index >> 32) as u32, 0, purpose], seed);
    u64::from(w[0]) << 32 | u64::from(w[1])
}
