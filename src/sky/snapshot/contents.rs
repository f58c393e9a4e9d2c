//! All that maps are made of: gas with its further columns, stars, dark matter.

use super::complete::electrons_of;
use super::{CodeUnits, LoadedGalaxy, Selection, SnapshotRequest, from_snapshot_in, gas_state, read, surroundings};
use crate::error::{Result, Watch};
use crate::formats::snapshot::{
    CellSelection, Header, ParticleKind, Particles, ReadOptions, Snapshot, nearest_image, read_particles,
};
use crate::sky::galaxy::MadeGalaxy;
use crate::sky::h2::{H2Model, Surroundings};
use crate::sky::maps::{GasColumns, MapObject, ParticleCloud};
use crate::sky::neutral::HiModel;

/// Which particles to read beside the gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collisionless {
    /// Stars, of `PartType4`.
    pub stars: bool,
    /// Dark matter, of `PartType1`.
    pub dark_matter: bool,
    /// Their kernels reach to the neighbour of this number.
    pub neighbour: usize,
}

impl Collisionless {
    fn kinds(&self) -> impl Iterator<Item = ParticleKind> {
        let wanted = [(self.stars, ParticleKind::Stars), (self.dark_matter, ParticleKind::DarkMatter)];
        wanted.into_iter().filter_map(|(wanted, kind)| wanted.then_some(kind))
    }
}

impl SnapshotRequest {
    /// The object with all that maps need; `watch` advances by one a chunk.
    ///
    /// # Errors
    /// As [`super::load`], and those of [`read_particles`].
    pub fn map_object(&self, wanted: Collisionless, watch: &Watch) -> Result<(LoadedGalaxy, MapObject)> {
        let (snapshot, centre) = read(self, true, true, watch)?;
        let (mut galaxy, mut object) =
            map_object(&snapshot, centre, &self.model, watch).map_err(|e| e.place(self.path.display()))?;
        for kind in wanted.kinds() {
            let read = read_particles(&self.path, &self.options(kind)?, kind, &watch.quiet())?;
            galaxy.notes.extend(read.notes.iter().cloned());
            let cloud = Some(cloud(read, &galaxy.header, galaxy.centre_ckpc_h, wanted.neighbour, watch)?);
            match kind {
                ParticleKind::Stars => object.stars = cloud,
                ParticleKind::DarkMatter => object.dark_matter = cloud,
            }
        }
        Ok((galaxy, object))
    }

    /// Whether there are particles of `kind` to be read, or the error that says why not.
    pub fn require_particles(&self, kind: ParticleKind, watch: &Watch) -> Result<()> {
        // an empty selection opens every file and reads no row
        let nothing = CellSelection::Range { first: 0, count: 0 };
        let options = ReadOptions { selection: nothing, ..self.options(kind)? };
        read_particles(&self.path, &options, kind, watch).map(|_| ())
    }

    fn options(&self, kind: ParticleKind) -> Result<ReadOptions> {
        let selection = match &self.selection {
            Selection::All { .. } => CellSelection::All,
            Selection::Sphere { centre_ckpc_h, radius_ckpc_h } => {
                CellSelection::Sphere { centre: *centre_ckpc_h, radius: *radius_ckpc_h }
            }
            Selection::Subhalo { catalogue, offsets, index } => {
                kind.of_subhalo(catalogue, offsets.as_deref(), *index)?
            }
        };
        Ok(ReadOptions {
            format: self.format,
            selection,
            allow_missing_chunks: self.allow_missing_chunks,
            ..ReadOptions::default()
        })
    }
}

/// A made galaxy, whose centre is the middle of its box, with all that maps need; it may have no stars or dark matter.
///
/// # Errors
/// As [`map_object`].
pub fn made_object(
    made: MadeGalaxy,
    wanted: Collisionless,
    model: &HiModel,
    watch: &Watch,
) -> Result<(LoadedGalaxy, MapObject)> {
    let MadeGalaxy { snapshot, stars, dark_matter } = made;
    let centre = [0.5 * snapshot.header.box_size; 3];
    let (galaxy, mut object) = map_object(&snapshot, Some(centre), model, watch)?;
    let dark_masses = vec![dark_matter.particle_mass; dark_matter.position.len()];
    let of = |asked: bool, position: Vec<[f64; 3]>, mass: Vec<f64>| -> Result<Option<ParticleCloud>> {
        if !asked || position.is_empty() {
            return Ok(None);
        }
        let particles = Particles { position, mass, ..Particles::default() };
        cloud(particles, &snapshot.header, centre, wanted.neighbour, watch).map(Some)
    };
    object.stars = of(wanted.stars, stars.position, stars.mass)?;
    object.dark_matter = of(wanted.dark_matter, dark_matter.position, dark_masses)?;
    Ok((galaxy, object))
}

/// The gas of a snapshot, read or made, as an object for maps, and the galaxy as [`super::from_snapshot`] makes it.
///
/// Star-forming cells, whose energy is that of an effective equation of state, have the temperature
/// `model.star_forming_temperature_k` and the electrons of what is not neutral in them, unless
/// `model.star_forming_correction` is off.
///
/// # Errors
/// A selection without HI, an impossible cosmology; stopped by the user.
pub fn map_object(
    snapshot: &Snapshot,
    centre_ckpc_h: Option<[f64; 3]>,
    model: &HiModel,
    watch: &Watch,
) -> Result<(LoadedGalaxy, MapObject)> {
    let (around, notes) = surroundings(snapshot, model, &watch.quiet())?;
    let mut galaxy = from_snapshot_in(snapshot, centre_ckpc_h, model, &around)?;
    galaxy.notes.extend(notes);
    let object = MapObject { cells: galaxy.cells.clone(), gas: columns(snapshot, model), ..MapObject::default() };
    Ok((galaxy, object))
}

fn columns(snapshot: &Snapshot, model: &HiModel) -> GasColumns {
    let (header, gas) = (&snapshot.header, &snapshot.gas);
    let units = CodeUnits::of(header);
    let two_phase = model.star_forming_correction && header.two_phase_star_formation;
    let neutral = HiModel { star_forming_correction: two_phase, h2: H2Model::None, ..model.clone() };
    let field_ug = magnetic_unit_ug(header);
    let mut columns = GasColumns {
        mass_msun: gas.mass.iter().map(|m| m * units.mass_msun).collect(),
        metallicity: gas.metallicity.iter().map(|z| z.max(0.0)).collect(),
        magnetic_field_ug: gas.magnetic_field.iter().map(|b| b.map(|v| v * field_ug)).collect(),
        sfr_msun_yr: gas.star_formation_rate.clone(),
        ..GasColumns::default()
    };
    for i in 0..gas.len() {
        let state = gas_state(snapshot, i, &units);
        let corrected = state.star_forming && model.star_forming_correction;
        columns.temperature_k.push(if corrected { model.star_forming_temperature_k } else { state.temperature_k() });
        let electrons = if state.star_forming && two_phase {
            electrons_of(state.neutral_gas(&neutral, &Surroundings::SOLAR).neutral_fraction, state.hydrogen_fraction)
        } else {
            state.electron_abundance.max(0.0)
        };
        columns.electrons.push(columns.mass_msun[i] * state.hydrogen_fraction * electrons);
    }
    columns
}

/// Microgauss per code unit of `MagneticField`: h/a^2 sqrt(UnitMass/UnitLength)/UnitTime gauss, 2.602e-6 G for
/// IllustrisTNG's units at a = h = 1 (TNG data specification; Gaussian units, in which B^2/8 pi is a pressure).
fn magnetic_unit_ug(header: &Header) -> f64 {
    let time_s = header.unit_length_in_cm / header.unit_velocity_in_cm_per_s;
    let gauss = (header.unit_mass_in_g / header.unit_length_in_cm).sqrt() / time_s;
    1e6 * gauss * header.hubble_param / header.time.powi(2)
}

fn cloud(
    particles: Particles,
    header: &Header,
    centre: [f64; 3],
    neighbour: usize,
    watch: &Watch,
) -> Result<ParticleCloud> {
    let units = CodeUnits::of(header);
    let relative = |p: &[f64; 3]| [0, 1, 2].map(|k| nearest_image(centre[k], p[k], header.box_size) * units.length_kpc);
    let position_kpc = particles.position.iter().map(relative).collect();
    let mass_msun = particles.mass.iter().map(|m| m * units.mass_msun).collect();
    ParticleCloud::new(position_kpc, mass_msun, neighbour, watch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sky::galaxy::{GalaxyParams, make_galaxy};

    #[test]
    fn the_unit_of_the_field_is_that_of_the_data_specification() {
        let made = make_galaxy(&GalaxyParams { n_cells: 100, ..GalaxyParams::random(1) }).unwrap();
        let header = Header { hubble_param: 0.7, time: 0.5, ..made.header };
        assert!((magnetic_unit_ug(&header) / (2.602 * 0.7 * 4.0) - 1.0).abs() < 1e-3, "{}", magnetic_unit_ug(&header));
    }

    #[test]
    fn star_forming_gas_has_the_temperature_of_the_line_and_electrons_of_its_hot_phase() {
        let made = make_galaxy(&GalaxyParams { n_cells: 3000, ..GalaxyParams::random(2) }).unwrap();
        let forming: Vec<usize> = (0..made.gas.len()).filter(|i| made.gas.star_formation_rate[*i] > 0.0).collect();
        assert!(!forming.is_empty());
        let model = HiModel::default();
        let (galaxy, object) = map_object(&made, None, &model, &Watch::silent()).unwrap();
        let raw = HiModel { star_forming_correction: false, ..HiModel::default() };
        let (_, stored) = map_object(&made, None, &raw, &Watch::silent()).unwrap();
        assert!((object.gas_msun() / galaxy.totals.gas_msun - 1.0).abs() < 1e-12);
        let units = CodeUnits::of(&made.header);
        for i in 0..made.gas.len() {
            let own = gas_state(&made, i, &units).temperature_k();
            assert_eq!(stored.gas.temperature_k[i], own);
            let expected = if forming.contains(&i) { model.star_forming_temperature_k } else { own };
            assert_eq!(object.gas.temperature_k[i], expected);
            // never more electrons than hydrogen and helium hold
            let x = made.gas.hydrogen_fraction[i];
            let most = object.gas.mass_msun[i] * (x + 0.5 * (1.0 - x)) * 1.001;
            assert!((0.0..=most).contains(&object.gas.electrons[i]), "{i}");
        }
    }
}
