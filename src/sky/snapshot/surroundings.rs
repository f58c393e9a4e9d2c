use super::projected::face_on_columns;
use super::{CodeUnits, gas_state, used_model};
use crate::error::{Result, Watch};
use crate::formats::snapshot::{Snapshot, nearest_image};
use crate::sky::cells::GasCells;
use crate::sky::h2::radiation::{Source, background_mw, from_stars_mw};
use crate::sky::h2::{Columns, H2Model, SOLAR_METALLICITY, Surroundings};
use crate::sky::neutral::HiModel;
use std::f64::consts::PI;

/// Dust, radiation and scale of every cell of `snapshot`, as the H2 model of `model` wants them, and notes on what was
/// assumed; nothing where it wants none.
///
/// Dust goes with metals, Z/0.0127 (Lagos et al. 2015; Diemer et al. 2018), and is the Milky Way's where the file does
/// not state them. Radiation is that of the star-forming cells that are there, and at least that of all galaxies at the
/// snapshot's redshift.
pub fn surroundings(snapshot: &Snapshot, model: &HiModel, watch: &Watch) -> Result<(Vec<Surroundings>, Vec<String>)> {
    let (gas, header) = (&snapshot.gas, &snapshot.header);
    if !model.h2.needs_surroundings() || gas.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut notes = Vec::new();
    if gas.metallicity.is_empty() {
        let field = header.format.metallicity_field();
        notes.push(format!("no field {field}: metallicity {SOLAR_METALLICITY} assumed for the H2 model"));
    }
    let units = CodeUnits::of(header);
    let origin = gas.position[0];
    let position = |p: &[f64; 3]| [0, 1, 2].map(|k| nearest_image(origin[k], p[k], header.box_size) * units.length_kpc);
    let positions: Vec<[f64; 3]> = gas.position.iter().map(position).collect();
    let volume_kpc3 = |i: usize| gas.mass[i] / gas.density[i] * units.length_kpc.powi(3);
    let sources: Vec<Source> = (0..gas.len())
        .filter(|&i| gas.star_formation_rate[i] > 0.0 && gas.mass[i] > 0.0)
        .map(|i| Source {
            position_kpc: positions[i],
            rate_msun_yr: gas.star_formation_rate[i],
            radius_kpc: (0.75 / PI * volume_kpc3(i)).cbrt(),
        })
        .collect();
    let settings = &model.h2_settings;
    let stars = from_stars_mw(&sources, &positions, settings.uv_escape_fraction, settings.uv_opening, watch)?;
    let floor = background_mw(header.redshift);
    let (columns, pixel_pc) = match settings.columns {
        Columns::JeansLength => (Vec::new(), 0.0),
        Columns::FaceOn { pixel_kpc } => {
            let cells = neutral_cells(snapshot, &positions, model);
            let (columns, note) = face_on_columns(&cells, pixel_kpc, watch)?;
            notes.extend(note);
            (columns, pixel_kpc * 1e3)
        }
    };
    let around = stars.iter().enumerate().map(|(i, stars)| Surroundings {
        dust_mw: gas.metallicity.get(i).map_or(1.0, |z| z.max(0.0) / SOLAR_METALLICITY),
        uv_mw: stars.max(floor),
        scale_pc: (volume_kpc3(i).cbrt() * 1e3).max(pixel_pc),
        face_on_msun_pc2: columns.get(i).copied(),
    });
    Ok((around.collect(), notes))
}

/// The cells with their neutral hydrogen (HI and H2) as if it were atomic.
fn neutral_cells(snapshot: &Snapshot, positions: &[[f64; 3]], model: &HiModel) -> GasCells {
    let (gas, units) = (&snapshot.gas, CodeUnits::of(&snapshot.header));
    let model = HiModel { h2: H2Model::None, ..used_model(snapshot, model) };
    let mut cells = GasCells { scale_factor: snapshot.header.time, ..GasCells::default() };
    for i in 0..gas.len() {
        let state = gas_state(snapshot, i, &units);
        let neutral = state.neutral_gas(&model, &Surroundings::SOLAR).neutral_fraction;
        cells.hi_mass_msun.push(gas.mass[i] * units.mass_msun * state.hydrogen_fraction * neutral);
        cells.volume_kpc3.push(gas.mass[i] / gas.density[i] * units.length_kpc.powi(3));
        cells.velocity_km_s.push(gas.velocity[i].map(|v| v * units.velocity_km_s));
    }
    cells.position_kpc = positions.to_vec();
    cells
}
