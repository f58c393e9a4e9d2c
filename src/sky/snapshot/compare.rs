use super::{LoadedGalaxy, SnapshotRequest, Totals, from_snapshot_in, read, surroundings};
use crate::error::{Result, Watch};
use crate::formats::snapshot::Snapshot;
use crate::sky::h2::H2Model;
use crate::sky::neutral::HiModel;

/// One galaxy under one model of the molecular fraction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct H2Row {
    /// The model.
    pub model: H2Model,
    /// Atomic hydrogen, Msun.
    pub hi_msun: f64,
    /// Molecular hydrogen, Msun.
    pub h2_msun: f64,
    /// Radius about the centre, in space, that holds half of the atomic hydrogen, kpc.
    pub hi_half_mass_kpc: f64,
}

/// One galaxy under all models.
#[derive(Debug, Clone)]
pub struct H2Comparison {
    /// One row a model, in the order of [`H2Model::ALL`].
    pub rows: Vec<H2Row>,
    /// Number of gas cells.
    pub cells: usize,
    /// What does not depend on the model: gas, hydrogen, neutral hydrogen, star formation.
    pub totals: Totals,
    /// The centre of the radii, ckpc/h; found in the neutral hydrogen where the selection has none.
    pub centre_ckpc_h: [f64; 3],
    /// Radiation in units of the Milky Way's and metallicity over the sun's, means over the neutral hydrogen.
    pub mean_uv_mw: f64,
    /// See `mean_uv_mw`.
    pub mean_dust_mw: f64,
    /// What was assumed or left out, one plain sentence each.
    pub notes: Vec<String>,
}

impl SnapshotRequest {
    /// The galaxy under all models; that of the request is not looked at.
    ///
    /// # Errors
    /// As [`super::load`].
    pub fn compare_h2(&self, watch: &Watch) -> Result<H2Comparison> {
        let (mut snapshot, centre) = read(self, true, false, watch)?;
        if !snapshot.gas.molecular_abundance.is_empty() {
            snapshot.gas.molecular_abundance.clear();
            snapshot.notes.push("the file's own molecular hydrogen is left out of the comparison".into());
        }
        compare_h2(&snapshot, centre, &self.model, watch).map_err(|e| e.place(self.path.display()))
    }
}

/// The gas of `snapshot` under all models of the molecular fraction, all else as in `model`.
///
/// # Errors
/// A selection without HI; stopped by the user.
pub fn compare_h2(
    snapshot: &Snapshot,
    centre_ckpc_h: Option<[f64; 3]>,
    model: &HiModel,
    watch: &Watch,
) -> Result<H2Comparison> {
    let under = |h2: H2Model| HiModel { h2, ..model.clone() };
    // one look around serves all models
    let (around, notes) = surroundings(snapshot, &under(H2Model::Krumholz2013), &watch.quiet())?;
    let neutral = from_snapshot_in(snapshot, centre_ckpc_h, &under(H2Model::None), &around)?;
    let centre = neutral.centre_ckpc_h;
    let rows = H2Model::ALL.into_iter().map(|h2| {
        watch.check()?;
        let galaxy = from_snapshot_in(snapshot, Some(centre), &under(h2), &around)?;
        Ok(H2Row {
            model: h2,
            hi_msun: galaxy.totals.hi_msun,
            h2_msun: galaxy.totals.h2_msun,
            hi_half_mass_kpc: galaxy.cells.hi_radius_kpc(0.5),
        })
    });
    let rows = rows.collect::<Result<Vec<_>>>()?;
    let LoadedGalaxy { cells, totals, notes: mut all, .. } = neutral;
    all.extend(notes);
    let mean = |of: &dyn Fn(usize) -> f64| -> f64 {
        cells.hi_mass_msun.iter().enumerate().map(|(i, m)| m * of(i)).sum::<f64>() / cells.total_hi_msun()
    };
    Ok(H2Comparison {
        rows,
        cells: cells.len(),
        totals,
        centre_ckpc_h: centre,
        mean_uv_mw: mean(&|i| around[i].uv_mw),
        mean_dust_mw: mean(&|i| around[i].dust_mw),
        notes: all,
    })
}
