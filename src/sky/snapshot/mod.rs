//! A galaxy from a simulation's files: selection, physical units, HI.

use super::cells::GasCells;
use super::cosmology::Cosmology;
use super::h2::{H2Model, Surroundings};
use super::neutral::{GasState, HiModel, NeutralGas, PRIMORDIAL_HYDROGEN};
use crate::error::{Error, Result, Watch};
use crate::formats::snapshot::{
    CellSelection, Format, Header, ReadOptions, Snapshot, TNG_UNIT_LENGTH_CM, TNG_UNIT_MASS_G, nearest_image, read_gas,
    snapshot_header, subhalo_gas,
};
use crate::units::{MSUN_KG, PC_M};
use std::path::PathBuf;

mod compare;
mod complete;
mod contents;
mod group;
mod info;
mod projected;
mod subhalos;
mod surroundings;

pub use compare::{H2Comparison, H2Row, compare_h2};
pub use complete::complete;
pub use contents::{Collisionless, made_object, map_object};
pub use info::{SnapshotInfo, info};
pub use subhalos::{SubhaloFilter, SubhaloGasSource, SubhaloList, SubhaloRow, list_subhalos, nth_subhalo};
pub use surroundings::surroundings;

/// Which gas of a snapshot makes the object.
#[derive(Debug, Clone, PartialEq)]
pub enum Selection {
    /// Every cell of the file: a cutout. The centre is found in the HI where it is not given.
    All {
        /// Centre, ckpc/h.
        centre_ckpc_h: Option<[f64; 3]>,
    },
    /// Cells within a radius of a centre, over the periodic boundary.
    Sphere {
        /// Centre, ckpc/h.
        centre_ckpc_h: [f64; 3],
        /// Radius, ckpc/h.
        radius_ckpc_h: f64,
    },
    /// The gas of one subhalo; its centre is `SubhaloPos`.
    Subhalo {
        /// Group catalogue: the folder groups_* or one file fof_subhalo_tab_*.hdf5.
        catalogue: PathBuf,
        /// TNG's offsets file; without it the offset is counted through the catalogue.
        offsets: Option<PathBuf>,
        /// Number of the subhalo in the catalogue.
        index: u64,
    },
}

/// What to load, and how its HI is computed.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotRequest {
    /// A snapdir folder, its parent, one chunk, or one cutout.
    pub path: PathBuf,
    /// Layout of the files; None: told from them.
    pub format: Option<Format>,
    /// Which cells.
    pub selection: Selection,
    /// Go on without absent chunks.
    pub allow_missing_chunks: bool,
    /// HI model.
    pub model: HiModel,
}

/// Total masses of the selected cells, Msun, and their star formation.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// All gas.
    pub gas_msun: f64,
    /// All hydrogen.
    pub hydrogen_msun: f64,
    /// Neutral hydrogen by the file's NeutralHydrogenAbundance alone.
    pub stored_neutral_msun: f64,
    /// Neutral hydrogen (HI and H2) by the HI model.
    pub neutral_msun: f64,
    /// Atomic hydrogen.
    pub hi_msun: f64,
    /// Molecular hydrogen.
    pub h2_msun: f64,
    /// Star formation rate, Msun/yr.
    pub sfr_msun_yr: f64,
}

/// An object ready to be put on the sky, and where its numbers come from.
#[derive(Debug, Clone)]
pub struct LoadedGalaxy {
    /// The cells, relative to the centre.
    pub cells: GasCells,
    /// Header of the snapshot.
    pub header: Header,
    /// The cosmology of that header.
    pub cosmology: Cosmology,
    /// The centre that positions are relative to, ckpc/h.
    pub centre_ckpc_h: [f64; 3],
    /// Total masses.
    pub totals: Totals,
    /// What was assumed or left out, one plain sentence each.
    pub notes: Vec<String>,
}

/// Conversions from code units to physical ones at the snapshot's scale factor.
///
/// TNG's solar mass (1.989e33 g) and kpc (3.085678e21 cm) are taken as the units of the result,
/// so that masses equal published ones; they differ from the IAU's by 3e-4 and 1e-7.
#[derive(Debug, Clone, Copy)]
pub struct CodeUnits {
    /// Physical kpc per code length (ckpc/h).
    pub length_kpc: f64,
    /// Msun per code mass (1e10 Msun/h).
    pub mass_msun: f64,
    /// Physical km/s per code velocity (km sqrt(a)/s).
    pub velocity_km_s: f64,
    /// (km/s)^2 per code energy per mass.
    pub energy_km2_s2: f64,
    /// Physical kg/m^3 per code density.
    pub density_kg_m3: f64,
}

impl CodeUnits {
    /// The conversions that `header` states.
    pub fn of(header: &Header) -> CodeUnits {
        let (a, h) = (header.time, header.hubble_param);
        let length_kpc = header.unit_length_in_cm / TNG_UNIT_LENGTH_CM * a / h;
        let mass_msun = header.unit_mass_in_g / TNG_UNIT_MASS_G * 1e10 / h;
        let velocity = header.unit_velocity_in_cm_per_s / 1e5;
        CodeUnits {
            length_kpc,
            mass_msun,
            velocity_km_s: velocity * a.sqrt(),
            energy_km2_s2: velocity * velocity,
            density_kg_m3: mass_msun * MSUN_KG / (length_kpc * 1e3 * PC_M).powi(3),
        }
    }
}

/// Reads the object that `request` names; `watch` advances by one a chunk.
///
/// Errors: those of [`read_gas`] and [`subhalo_gas`], a selection without HI, an impossible
/// cosmology in the header.
pub fn load(request: &SnapshotRequest, watch: &Watch) -> Result<LoadedGalaxy> {
    let (snapshot, centre) = read(request, request.model.h2.needs_surroundings(), false, watch)?;
    let place = |e: Error| e.place(request.path.display());
    let (around, notes) = surroundings(&snapshot, &request.model, &watch.quiet())?;
    let mut galaxy = from_snapshot_in(&snapshot, centre, &request.model, &around).map_err(place)?;
    galaxy.notes.extend(notes);
    Ok(galaxy)
}

/// The selected gas of `request`, and the centre where the selection has one.
fn read(
    request: &SnapshotRequest,
    metallicity: bool,
    magnetic_field: bool,
    watch: &Watch,
) -> Result<(Snapshot, Option<[f64; 3]>)> {
    let (selection, centre) = match &request.selection {
        Selection::All { centre_ckpc_h } => (CellSelection::All, *centre_ckpc_h),
        Selection::Sphere { centre_ckpc_h, radius_ckpc_h } => {
            if !(*radius_ckpc_h > 0.0 && centre_ckpc_h.iter().all(|v| v.is_finite())) {
                return Err(Error::input("the selection is impossible")
                    .found(format!("centre {centre_ckpc_h:?}, radius {radius_ckpc_h} ckpc/h"))
                    .expected("a finite centre and a radius above 0"));
            }
            (CellSelection::Sphere { centre: *centre_ckpc_h, radius: *radius_ckpc_h }, Some(*centre_ckpc_h))
        }
        Selection::Subhalo { catalogue, offsets, index } => {
            let gas = subhalo_gas(catalogue, offsets.as_deref(), *index)?;
            if let Some(time) = gas.time {
                let header = snapshot_header(&request.path, request.format)?;
                subhalos::require_same_time(time, &header, catalogue, &request.path)?;
            }
            (CellSelection::Range { first: gas.first, count: gas.count }, Some(gas.position))
        }
    };
    let options = ReadOptions {
        format: request.format,
        selection,
        allow_missing_chunks: request.allow_missing_chunks,
        magnetic_field,
        metallicity,
        ..ReadOptions::default()
    };
    let mut snapshot = read_gas(&request.path, &options, watch)?;
    if let Selection::Sphere { centre_ckpc_h, radius_ckpc_h } = &request.selection {
        check_sphere(*centre_ckpc_h, *radius_ckpc_h, snapshot.header.box_size)
            .map_err(|e| e.place(request.path.display()))?;
    }
    complete(&mut snapshot).map_err(|e| e.place(request.path.display()))?;
    Ok((snapshot, centre))
}

/// A sphere that belongs to another box would be folded into this one, and come out in pieces.
fn check_sphere(centre: [f64; 3], radius: f64, box_size: f64) -> Result<()> {
    if box_size == 0.0 || centre.iter().all(|x| (0.0..=box_size).contains(x)) && radius <= 0.5 * box_size {
        return Ok(());
    }
    Err(Error::input("the selection does not fit into the snapshot's box")
        .found(format!("centre {centre:?}, radius {radius} ckpc/h"))
        .expected(format!("coordinates from 0 to {box_size} and a radius of at most {}", 0.5 * box_size))
        .hint("sky.centre and sky.radius belong to one snapshot; a cutout needs neither"))
}

/// Turns the gas of a snapshot, read or made, into an object about `centre_ckpc_h` (found in its
/// HI where None). All columns but the optional ones must be there: [`complete`] sees to that.
///
/// Where the file states how much of the hydrogen is molecular, `model.h2` chooses only whether it is left out; the
/// two-phase correction holds for simulations with that model of star formation.
pub fn from_snapshot(snapshot: &Snapshot, centre_ckpc_h: Option<[f64; 3]>, model: &HiModel) -> Result<LoadedGalaxy> {
    let (around, notes) = surroundings(snapshot, model, &Watch::silent())?;
    let mut galaxy = from_snapshot_in(snapshot, centre_ckpc_h, model, &around)?;
    galaxy.notes.extend(notes);
    Ok(galaxy)
}

/// As [`from_snapshot`], among the [`surroundings`] of its cells; none where the model needs none.
fn from_snapshot_in(
    snapshot: &Snapshot,
    centre_ckpc_h: Option<[f64; 3]>,
    model: &HiModel,
    around: &[Surroundings],
) -> Result<LoadedGalaxy> {
    let (header, gas) = (&snapshot.header, &snapshot.gas);
    let units = CodeUnits::of(header);
    let mut notes = snapshot.notes.clone();
    let mut totals = Totals::default();
    let model = used_model(snapshot, model);
    if uses_stated_molecules(snapshot, &model) {
        notes.push("molecular hydrogen as the file states it: sky.h2 is not used".into());
    }
    let mut cells = GasCells { scale_factor: header.time, ..GasCells::default() };
    for i in 0..gas.len() {
        let mass = gas.mass[i] * units.mass_msun;
        let state = gas_state(snapshot, i, &units);
        let neutral = cell_hydrogen(snapshot, i, &state, &model, around.get(i));
        let hydrogen = mass * state.hydrogen_fraction;
        totals.gas_msun += mass;
        totals.hydrogen_msun += hydrogen;
        totals.stored_neutral_msun += hydrogen * state.neutral_abundance;
        totals.neutral_msun += hydrogen * neutral.neutral_fraction;
        totals.h2_msun += hydrogen * neutral.neutral_fraction * neutral.molecular_fraction;
        totals.hi_msun += hydrogen * neutral.atomic_fraction();
        totals.sfr_msun_yr += gas.star_formation_rate[i];
        cells.hi_mass_msun.push(hydrogen * neutral.atomic_fraction());
        cells.volume_kpc3.push(gas.mass[i] / gas.density[i] * units.length_kpc.powi(3));
        cells.sigma_km_s.push(neutral.sigma_km_s);
        cells.spin_temperature_k.push(neutral.spin_temperature_k);
        cells.velocity_km_s.push(gas.velocity[i].map(|v| v * units.velocity_km_s));
    }
    if totals.hi_msun <= 0.0 {
        return Err(Error::input("no atomic hydrogen in the selection")
            .found(format!("{} gas cells, {:.4e} Msun of gas", gas.len(), totals.gas_msun))
            .hint("choose another centre or radius; all gas there is ionised or molecular"));
    }
    let centre = match centre_ckpc_h {
        Some(centre) => centre,
        None => {
            let c = hi_centre(&gas.position, &cells.hi_mass_msun, header.box_size);
            notes.push(format!("centre found in the HI: ({:.2}, {:.2}, {:.2}) ckpc/h", c[0], c[1], c[2]));
            c
        }
    };
    let relative = |p: &[f64; 3], k: usize| nearest_image(centre[k], p[k], header.box_size) * units.length_kpc;
    cells.position_kpc = gas.position.iter().map(|p| [relative(p, 0), relative(p, 1), relative(p, 2)]).collect();
    let cosmology = Cosmology::of_header(header)?;
    Ok(LoadedGalaxy { cells, header: header.clone(), cosmology, centre_ckpc_h: centre, totals, notes })
}

/// `model` as it is used for `snapshot`: the two-phase correction holds for simulations with that model only.
fn used_model(snapshot: &Snapshot, model: &HiModel) -> HiModel {
    let star_forming_correction = model.star_forming_correction && snapshot.header.two_phase_star_formation;
    HiModel { star_forming_correction, ..model.clone() }
}

fn uses_stated_molecules(snapshot: &Snapshot, model: &HiModel) -> bool {
    !snapshot.gas.molecular_abundance.is_empty() && model.h2 != H2Model::None
}

/// The neutral hydrogen of cell `i` in `state`, its molecules as the file states them or by `model` among what is
/// `around` it.
fn cell_hydrogen(
    snapshot: &Snapshot,
    i: usize,
    state: &GasState,
    model: &HiModel,
    around: Option<&Surroundings>,
) -> NeutralGas {
    let mut neutral = state.neutral_gas(model, around.unwrap_or(&Surroundings::SOLAR));
    if uses_stated_molecules(snapshot, model) {
        let of_neutral = snapshot.gas.molecular_abundance[i] / neutral.neutral_fraction;
        neutral.molecular_fraction = if of_neutral.is_finite() { of_neutral.min(1.0) } else { 0.0 };
    }
    neutral
}

/// Cell `i` in physical units.
pub(crate) fn gas_state(snapshot: &Snapshot, i: usize, units: &CodeUnits) -> GasState {
    let gas = &snapshot.gas;
    GasState {
        density_kg_m3: gas.density[i] * units.density_kg_m3,
        energy_km2_s2: gas.internal_energy[i] * units.energy_km2_s2,
        hydrogen_fraction: gas.hydrogen_fraction.get(i).copied().unwrap_or(PRIMORDIAL_HYDROGEN),
        electron_abundance: gas.electron_abundance[i],
        neutral_abundance: gas.neutral_abundance[i],
        star_forming: gas.star_formation_rate[i] > 0.0,
    }
}

/// Centre of the HI, code lengths.
///
/// A sphere about the centroid shrinks, recentring itself, until it would hold less than half of
/// the mass; the result is the centroid of a sphere twice as wide as that, which holds a whole
/// disc with its arms but not a companion beyond it.
fn hi_centre(position: &[[f64; 3]], mass: &[f64], box_size: f64) -> [f64; 3] {
    let heaviest = (0..mass.len()).max_by(|a, b| mass[*a].total_cmp(&mass[*b])).unwrap_or(0);
    let origin = position[heaviest];
    let relative: Vec<[f64; 3]> =
        position.iter().map(|p| [0, 1, 2].map(|k| nearest_image(origin[k], p[k], box_size))).collect();
    let distance2 = |p: &[f64; 3], c: &[f64; 3]| (0..3).map(|k| (p[k] - c[k]).powi(2)).sum::<f64>();
    // centroid and mass of the cells within a radius
    let within = |centre: &[f64; 3], radius2: f64| -> ([f64; 3], f64) {
        let (mut sum, mut total) = ([0.0; 3], 0.0);
        for (p, m) in relative.iter().zip(mass) {
            if distance2(p, centre) <= radius2 {
                (0..3).for_each(|k| sum[k] += m * p[k]);
                total += m;
            }
        }
        (sum.map(|s| s / total), total)
    };
    let (mut centre, all) = within(&[0.0; 3], f64::INFINITY);
    let mut radius2 = relative.iter().map(|p| distance2(p, &centre)).fold(0.0, f64::max);
    // each step shrinks the radius by a tenth, down to one cell, or cells that coincide, with half of the mass; a product
    // that underflows would never get to 0
    while radius2 > f64::MIN_POSITIVE {
        let (next, inside) = within(&centre, 0.81 * radius2);
        if inside < 0.5 * all {
            break;
        }
        (centre, radius2) = (next, 0.81 * radius2);
    }
    for _ in 0..5 {
        centre = within(&centre, 4.0 * radius2).0;
    }
    [0, 1, 2].map(|k| {
        let c = origin[k] + centre[k];
        if box_size > 0.0 { c.rem_euclid(box_size) } else { c }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hi_centre_wraps_and_ignores_a_companion() {
        // a ring of ten heavy cells about (1, 50, 50), over the boundary, and a companion far away
        let mut position: Vec<[f64; 3]> = (0..10)
            .map(|i| {
                let (s, c) = (std::f64::consts::TAU * f64::from(i) / 10.0).sin_cos();
                [(1.0 + 5.0 * c).rem_euclid(100.0), 50.0 + 5.0 * s, 50.0]
            })
            .collect();
        let mut mass = vec![1.0; 10];
        position.push([40.0, 80.0, 50.0]);
        mass.push(2.0);
        let centre = hi_centre(&position, &mass, 100.0);
        let expected = [1.0, 50.0, 50.0];
        assert!((0..3).all(|k| (centre[k] - expected[k]).abs() < 1e-9), "{centre:?}");
        assert_eq!(hi_centre(&[[3.0; 3]], &[1.0], 100.0), [3.0; 3]);
        // half of the mass in one cell, with nothing else close by
        let centre = hi_centre(&[[3.0; 3], [5.0; 3], [9.0; 3]], &[0.2, 0.5, 0.3], 100.0);
        assert!(centre.iter().all(|c| (c - 5.0).abs() < 1e-9), "{centre:?}");
    }
}
