//! Thermal state and star formation of the cells; the scale of density; the tables of a cutout.

use super::stars::{HaloParticle, StarParticle, scale_factor_at_birth};
use crate::error::{Error, Result};
use crate::formats::snapshot::{
    DarkMatterTable, Format, GasTable, Header, Snapshot, StarTable, TNG_UNIT_LENGTH_CM, TNG_UNIT_MASS_G,
    TNG_UNIT_VELOCITY_CM_S,
};
use crate::sky::h2::Surroundings;
use crate::sky::neutral::{GAMMA, GasState, HiModel, STAR_FORMING_N_H_CM3, two_phase_energies_km2_s2};
use crate::sky::snapshot::{CodeUnits, gas_state};
use crate::units::{K_B_J_K, M_P_KG, MSUN_KG, PC_M};
use rayon::prelude::*;
use std::ops::Range;

/// Cosmology of the files: Planck 2015, as IllustrisTNG's.
pub const HUBBLE: f64 = 0.6774;
pub const OMEGA_M: f64 = 0.3089;
pub const OMEGA_LAMBDA: f64 = 0.6911;
/// Mass share of cold clouds in star-forming cells.
const COLD_SHARE: f64 = 0.95;
/// Density below which the cosmic ultraviolet background ionises half of the gas, cm^-3 (the
/// self-shielding density of Rahmati et al. 2013 is a few times this).
const SHIELDED_N_H_CM3: f64 = 2e-3;

/// One cell before its thermal state is known, in the axes of the file, about the middle of the box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GasCell {
    /// Position, kpc.
    pub position_kpc: [f64; 3],
    /// Velocity, km/s.
    pub velocity_km_s: [f64; 3],
    /// Density in units that the HI mass of its part fixes later.
    pub density: f64,
    /// Volume, kpc^3.
    pub volume_kpc3: f64,
    /// Mass fraction of metals.
    pub metallicity: f64,
    /// Magnetic field, microgauss.
    pub field_ug: [f64; 3],
}

/// Cells whose densities share one scale, which gives them an HI mass together.
pub struct Part {
    /// HI mass that the reader's default model shall find, Msun.
    pub hi_mass_msun: f64,
    /// The cells.
    pub cells: Vec<GasCell>,
}

/// All that goes into one file.
pub struct Scene {
    /// `SimulationName`.
    pub name: String,
    /// Redshift of the file.
    pub redshift: f64,
    /// Least side of the box, kpc.
    pub box_kpc: f64,
    /// Gas.
    pub parts: Vec<Part>,
    /// Stars.
    pub stars: Vec<StarParticle>,
    /// Dark matter.
    pub halo: Vec<HaloParticle>,
    /// Mass of one particle of it, Msun.
    pub halo_particle_msun: f64,
}

/// The tables of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeGalaxy {
    /// Header and gas.
    pub snapshot: Snapshot,
    /// Stars; empty where none were asked for.
    pub stars: StarTable,
    /// Dark matter; empty where none was asked for.
    pub dark_matter: DarkMatterTable,
}

/// The tables of a cutout in which every part has the HI mass asked for.
pub fn fill(scene: &Scene) -> Result<MadeGalaxy> {
    let count = scene.parts.iter().map(|p| p.cells.len()).sum();
    let header = header(scene, count);
    let units = CodeUnits::of(&header);
    let half_box = 0.5 * header.box_size;
    // sqrt(UnitPressure) in gauss: V sqrt(M/L^3); TNG stores B in units of h/a^2 times this
    let field_g = header.unit_velocity_in_cm_per_s * (header.unit_mass_in_g / header.unit_length_in_cm.powi(3)).sqrt();
    let code_per_ug = 1e-6 / field_g * header.time.powi(2) / header.hubble_param;
    let place = |p: [f64; 3]| p.map(|x| half_box + x / units.length_kpc);
    let speed = |v: [f64; 3]| v.map(|v| v / units.velocity_km_s);
    let mut gas = GasTable::default();
    let mut ranges = Vec::with_capacity(scene.parts.len());
    for part in &scene.parts {
        let (scale, first) = (density_scale(part)?, gas.len());
        for cell in &part.cells {
            let state = state(cell, scale);
            let mass_msun = state.density_kg_m3 * cell.volume_kpc3 * (1e3 * PC_M).powi(3) / MSUN_KG;
            gas.position.push(place(cell.position_kpc));
            gas.velocity.push(speed(cell.velocity_km_s));
            gas.mass.push(mass_msun / units.mass_msun);
            gas.density.push(state.density_kg_m3 / units.density_kg_m3);
            gas.internal_energy.push(state.energy_km2_s2 / units.energy_km2_s2);
            gas.electron_abundance.push(state.electron_abundance);
            gas.neutral_abundance.push(state.neutral_abundance);
            gas.hydrogen_fraction.push(state.hydrogen_fraction);
            gas.metallicity.push(cell.metallicity);
            // molecules become stars in 2 Gyr (Leroy et al. 2008)
            let neutral = state.neutral_gas(&HiModel::default(), &Surroundings::SOLAR);
            let h2_msun = mass_msun * state.hydrogen_fraction * neutral.neutral_fraction * neutral.molecular_fraction;
            gas.star_formation_rate.push(if state.star_forming { h2_msun / 2e9 } else { 0.0 });
            gas.magnetic_field.push(cell.field_ug.map(|b| b * code_per_ug));
        }
        ranges.push(first..gas.len());
    }
    let mut snapshot = Snapshot { header, gas, notes: Vec::new() };
    for (part, range) in scene.parts.iter().zip(ranges) {
        settle(part.hi_mass_msun, range, &mut snapshot, &units);
    }
    let mut stars = StarTable::default();
    for star in &scene.stars {
        stars.position.push(place(star.position_kpc));
        stars.velocity.push(speed(star.velocity_km_s));
        stars.mass.push(star.mass_msun / units.mass_msun);
        stars.formation_time.push(scale_factor_at_birth(star.age_gyr, &snapshot.header));
        stars.metallicity.push(star.metallicity);
    }
    let dark_matter = DarkMatterTable {
        position: scene.halo.iter().map(|p| place(p.position_kpc)).collect(),
        velocity: scene.halo.iter().map(|p| speed(p.velocity_km_s)).collect(),
        particle_mass: scene.halo_particle_msun / units.mass_msun,
    };
    Ok(MadeGalaxy { snapshot, stars, dark_matter })
}

/// The last per mille: cell masses (and so volumes), not densities, which would move the HI again.
fn settle(hi_mass_msun: f64, cells: Range<usize>, snapshot: &mut Snapshot, units: &CodeUnits) {
    let model = HiModel::default();
    let hi: f64 = cells
        .clone()
        .map(|i| {
            let state = gas_state(snapshot, i, units);
            snapshot.gas.mass[i]
                * units.mass_msun
                * state.hydrogen_fraction
                * state.neutral_gas(&model, &Surroundings::SOLAR).atomic_fraction()
        })
        .sum();
    let factor = hi_mass_msun / hi;
    snapshot.gas.mass[cells.clone()].iter_mut().for_each(|m| *m *= factor);
    snapshot.gas.star_formation_rate[cells].iter_mut().for_each(|s| *s *= factor);
}

fn header(scene: &Scene, cells: usize) -> Header {
    let (h, a) = (HUBBLE, 1.0 / (1.0 + scene.redshift));
    Header {
        format: Format::Tng,
        two_phase_star_formation: true,
        time: a,
        redshift: scene.redshift,
        hubble_param: h,
        omega0: OMEGA_M,
        omega_lambda: OMEGA_LAMBDA,
        omega_baryon: 0.0486,
        // wide enough that no cell meets its periodic image
        box_size: (scene.box_kpc * h / a).ceil(),
        num_files: 1,
        gas_cells_total: cells as u64,
        unit_length_in_cm: TNG_UNIT_LENGTH_CM,
        unit_mass_in_g: TNG_UNIT_MASS_G,
        unit_velocity_in_cm_per_s: TNG_UNIT_VELOCITY_CM_S,
        simulation_name: scene.name.clone(),
        assumptions: Vec::new(),
    }
}

/// The state of a cell whose hydrogen density is `scale` times its relative density.
fn state(cell: &GasCell, scale: f64) -> GasState {
    let n_h = scale * cell.density;
    // helium rises by about 1.5 times the metals (Balser 2006)
    let hydrogen_fraction = 0.76 - 2.5 * cell.metallicity.min(0.05);
    let star_forming = n_h > STAR_FORMING_N_H_CM3;
    let density_kg_m3 = n_h * 1e6 * M_P_KG / hydrogen_fraction;
    let (energy_km2_s2, neutral) = if star_forming {
        let (cold, hot) = two_phase_energies_km2_s2(hydrogen_fraction, n_h);
        (COLD_SHARE * cold + (1.0 - COLD_SHARE) * hot, COLD_SHARE)
    } else {
        let neutral = 1.0 / (1.0 + (SHIELDED_N_H_CM3 / n_h).powf(1.5));
        // photo-heated gas: denser is cooler; ionised gas near 1.5e4 K
        let warm_k = (7000.0 * (n_h / 0.05).powf(-0.15)).clamp(5000.0, 15_000.0);
        let mu = 4.0 / (1.0 + 3.0 * hydrogen_fraction + 4.0 * hydrogen_fraction * (1.0 - neutral));
        (K_B_J_K * warm_k / ((GAMMA - 1.0) * mu * M_P_KG) * 1e-6, neutral)
    };
    GasState {
        density_kg_m3,
        energy_km2_s2,
        hydrogen_fraction,
        electron_abundance: 1.0 - neutral,
        neutral_abundance: neutral,
        star_forming,
    }
}

/// Hydrogen nuclei per cm^3 of relative density 1 with which the default HI model finds the HI
/// mass asked for.
fn density_scale(part: &Part) -> Result<f64> {
    let (model, cells) = (HiModel::default(), &part.cells);
    let kpc3_kg = (1e3 * PC_M).powi(3) / MSUN_KG;
    let hi = |scale: f64| -> f64 {
        let of = |cell: &GasCell| {
            let state = state(cell, scale);
            let hydrogen = state.density_kg_m3 * state.hydrogen_fraction * cell.volume_kpc3 * kpc3_kg;
            hydrogen * state.neutral_gas(&model, &Surroundings::SOLAR).atomic_fraction()
        };
        // summed in order, whatever the threads
        let each: Vec<f64> = cells.par_iter().map(of).collect();
        each.iter().sum()
    };
    // all hydrogen atomic, as a start; the rest is ionised or molecular
    let all: f64 = cells.iter().map(|c| c.density * c.volume_kpc3).sum::<f64>() * 1e6 * M_P_KG * kpc3_kg;
    let mut scale = part.hi_mass_msun / all;
    for _ in 0..60 {
        let ratio = part.hi_mass_msun / hi(scale);
        if (ratio - 1.0).abs() < 1e-4 {
            return Ok(scale);
        }
        // HI grows more slowly than density, since dense gas turns molecular
        scale *= ratio.clamp(0.1, 10.0).powf(1.2);
    }
    Err(Error::input("the HI mass does not fit into the disc: denser gas turns molecular")
        .found(format!(
            "{:.3e} Msun in {} cells of {:.3e} kpc^3 together",
            part.hi_mass_msun,
            cells.len(),
            cells.iter().map(|c| c.volume_kpc3).sum::<f64>()
        ))
        .hint("give a larger hi_radius_kpc or a smaller hi_mass_msun"))
}

#[cfg(test)]
mod tests {
    use super::super::{GalaxyParams, make_galaxy};
    use crate::sky::neutral::HiModel;
    use crate::sky::snapshot::from_snapshot;

    fn small(seed: u64) -> GalaxyParams {
        GalaxyParams { n_cells: 6000, ..GalaxyParams::random(seed) }
    }

    #[test]
    fn the_reader_finds_the_hi_mass_asked_for() {
        for seed in 0..8 {
            let params = small(seed);
            let galaxy = from_snapshot(&make_galaxy(&params).unwrap(), None, &HiModel::default()).unwrap();
            let ratio = galaxy.totals.hi_msun / params.hi_mass_msun;
            assert!((ratio - 1.0).abs() < 1e-6, "seed {seed}: {ratio}");
            assert!(galaxy.totals.h2_msun > 0.0 && galaxy.totals.sfr_msun_yr > 0.0);
            assert!(galaxy.totals.neutral_msun < galaxy.totals.hydrogen_msun);
        }
    }

    #[test]
    fn the_disc_turns_counter_clockwise_about_z_with_its_speed() {
        let params = GalaxyParams { n_cells: 20_000, ..GalaxyParams::default() };
        let galaxy = from_snapshot(&make_galaxy(&params).unwrap(), None, &HiModel::default()).unwrap();
        let cells = &galaxy.cells;
        let mut spin = [0.0; 3];
        let (mut speed, mut count) = (0.0, 0);
        for ((p, v), m) in cells.position_kpc.iter().zip(&cells.velocity_km_s).zip(&cells.hi_mass_msun) {
            spin[0] += m * (p[1] * v[2] - p[2] * v[1]);
            spin[1] += m * (p[2] * v[0] - p[0] * v[2]);
            spin[2] += m * (p[0] * v[1] - p[1] * v[0]);
            let r = p[0].hypot(p[1]);
            if (0.45..0.55).contains(&(r / params.hi_radius_kpc)) {
                speed += (p[0] * v[1] - p[1] * v[0]) / r;
                count += 1;
            }
        }
        let length = spin.iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!(spin[2] / length > 0.99, "{spin:?}");
        let mean = speed / f64::from(count);
        assert!((mean / params.v_flat_km_s - 1.0).abs() < 0.05, "{mean}");
    }

    #[test]
    fn the_arms_trail() {
        // along an arm phi falls as ln R grows: the arm's phase phi + ln R/tan(pitch) gathers the
        // mass, the mirrored one does not; without turbulence and holes, which have power in both
        let params = GalaxyParams {
            n_cells: 20_000,
            turbulence_ln: 0.0,
            holes: 0,
            lopsidedness: 0.0,
            ..GalaxyParams::default()
        };
        let galaxy = from_snapshot(&make_galaxy(&params).unwrap(), None, &HiModel::default()).unwrap();
        let winding = 1.0 / params.pitch_deg.to_radians().tan();
        let strength = |sense: f64| -> f64 {
            let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
            for (p, m) in galaxy.cells.position_kpc.iter().zip(&galaxy.cells.hi_mass_msun) {
                let x = p[0].hypot(p[1]) / params.hi_radius_kpc;
                if (0.2..0.9).contains(&x) {
                    let phase = params.arms as f64 * (p[1].atan2(p[0]) + sense * winding * x.ln());
                    re += m * phase.cos();
                    im += m * phase.sin();
                    all += m;
                }
            }
            re.hypot(im) / all
        };
        let (trailing, leading) = (strength(1.0), strength(-1.0));
        // the mirrored phase turns by 4 winding ln(0.9/0.2) = 20 rad over these radii, so some
        // 2/20 of the trailing strength leaks into it, more where its ends weigh unequally
        assert!(trailing > 0.15 && leading < trailing / 3.0, "{trailing} {leading}");
    }

    #[test]
    fn the_disc_fills_its_size_as_asked() {
        // the column at hi_radius_kpc is of order 1 Msun/pc^2, and 80 to 95 % of the HI is inside
        let params = GalaxyParams { n_cells: 20_000, ..GalaxyParams::default() };
        let galaxy = from_snapshot(&make_galaxy(&params).unwrap(), None, &HiModel::default()).unwrap();
        let radius = |p: &[f64; 3]| p[0].hypot(p[1]) / params.hi_radius_kpc;
        let within = |low: f64, high: f64| -> f64 {
            let cells = galaxy.cells.position_kpc.iter().zip(&galaxy.cells.hi_mass_msun);
            cells.filter(|(p, _)| (low..high).contains(&radius(p))).map(|(_, m)| m).sum()
        };
        let share = within(0.0, 1.0) / params.hi_mass_msun;
        assert!((0.8..0.95).contains(&share), "{share}");
        let area_pc2 =
            std::f64::consts::PI * (1.05f64.powi(2) - 0.95f64.powi(2)) * (params.hi_radius_kpc * 1e3).powi(2);
        let column = within(0.95, 1.05) / area_pc2;
        assert!((0.6..1.6).contains(&column), "{column}");
    }

    #[test]
    fn equal_seeds_give_equal_galaxies_and_others_differ() {
        let one = make_galaxy(&small(5)).unwrap();
        assert_eq!(one, make_galaxy(&small(5)).unwrap());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(one, pool.install(|| make_galaxy(&small(5)).unwrap()));
        assert_ne!(one, make_galaxy(&small(6)).unwrap());
    }

    #[test]
    fn cells_fill_the_disc_and_stay_in_the_box() {
        let params = small(9);
        let snapshot = make_galaxy(&params).unwrap();
        let header = &snapshot.header;
        assert!(snapshot.gas.position.iter().flatten().all(|x| *x > 0.0 && *x < header.box_size));
        assert!(snapshot.gas.hydrogen_fraction.iter().zip(&snapshot.gas.metallicity).all(|(x, z)| x + z < 1.0));
    }

    #[test]
    fn impossible_parameters_are_refused() {
        let base = GalaxyParams::default;
        assert!(make_galaxy(&GalaxyParams { hi_mass_msun: -1.0, ..base() }).is_err());
        assert!(make_galaxy(&GalaxyParams { pitch_deg: f64::NAN, ..base() }).is_err());
        assert!(make_galaxy(&GalaxyParams { n_cells: 0, ..base() }).is_err());
        let dense = GalaxyParams { hi_mass_msun: 1e11, hi_radius_kpc: 2.0, n_cells: 500, ..base() };
        let text = make_galaxy(&dense).unwrap_err().to_string();
        assert!(text.contains("does not fit"), "{text}");
    }
}
