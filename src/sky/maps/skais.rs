//! The pixels of skais-mapper 0.1.16, faults included, for comparison with the data set made by it.
//!
//! Written from what that program computes (skais_mapper/simobjects.py, generate.py and raytrace.pyx), in its order of
//! single and double precision, since a cell at the edge of a pixel goes to one or the other by the last digit.
//! docs/maps.md names each fault with its factor.

use super::Domain;
use crate::error::{Error, Result, Watch};
use crate::formats::snapshot::{GasTable, Header, Particles};
use crate::sky::orient::Rotation;
use crate::sky::temperature::critical_density_msun_kpc3;
use crate::units::{K_B_J_K, M_P_KG, MSUN_KG, PC_M};
use ndarray::Array2;
use std::f64::consts::PI;

/// Tracers of a cell in maps of T_b, and the shells that they are on.
const TRACERS: usize = 128;
const SHELLS: usize = 2;
/// Coefficient of T_b, mK.
const COEFFICIENT_MK: f64 = 189.0;
/// Hydrogen fraction of gas without `GFM_Metals`.
const HYDROGEN: f64 = 0.76;

/// What skais-mapper draws from: the particles of a group in code units, at their `Coordinates`.
#[derive(Debug, Clone)]
pub struct SkaisObject {
    /// Header of the snapshot.
    pub header: Header,
    /// Gas, positions being those of the mesh's points.
    pub gas: GasTable,
    /// Stars with their density; none where there are none.
    pub stars: Option<Particles>,
    /// Dark matter with its density; none where there is none.
    pub dark_matter: Option<Particles>,
    /// `SubhaloPos` of the group's first subhalo, ckpc/h.
    pub centre_ckpc_h: [f64; 3],
    /// Its `SubhaloHalfmassRadType[0]`, half of the side of the cube that is drawn, ckpc/h.
    pub half_width_ckpc_h: f64,
}

/// The group that skais-mapper stores maps of `domain` in, and their unit; none for domains that it does not have.
pub fn skais_group(domain: Domain) -> Option<(&'static str, &'static str)> {
    match domain {
        Domain::Gas => Some(("gas", "solMass kpc-2")),
        Domain::Stars => Some(("star", "solMass kpc-2")),
        Domain::DarkMatter => Some(("dm", "solMass kpc-2")),
        Domain::Hi => Some(("hi", "solMass kpc-2")),
        Domain::Tb => Some(("hi/21cm", "mK")),
        Domain::Temperature => Some(("temp", "K")),
        Domain::B => Some(("bfield", "G")),
        _ => None,
    }
}

/// Single precision, as a number of double precision.
fn single(value: f64) -> f64 {
    f64::from(value as f32)
}

/// skais-mapper's units: the file's in single precision, times powers of a and h in double.
struct Units {
    length_kpc: f64,
    mass_msun: f64,
    gauss: f64,
    energy_j_kg: f64,
}

impl Units {
    fn of(header: &Header) -> Units {
        let (a, h) = (1.0 / (1.0 + header.redshift), header.hubble_param);
        let kpc_cm = 1e5 * PC_M;
        let (length, mass) = (header.unit_length_in_cm / kpc_cm, header.unit_mass_in_g / (1e3 * MSUN_KG));
        let velocity = header.unit_velocity_in_cm_per_s;
        let time_s = header.unit_length_in_cm / velocity;
        Units {
            length_kpc: single(length) * (a / h),
            mass_msun: single(mass) / h,
            // sqrt(4 pi mu0) in place of sqrt(mu0/4 pi): 4 pi too much
            gauss: 4.0 * PI * h / (a * a) * (header.unit_mass_in_g / header.unit_length_in_cm).sqrt() / time_s,
            energy_j_kg: velocity * velocity * 1e-4,
        }
    }
}

/// Spheres ready for projection, single precision: Mpc, and Msun times a quantity.
struct Spheres {
    place: Vec<[f32; 2]>,
    weight: Vec<f32>,
    radius: Vec<f32>,
    /// Lower edge of the square.
    edge: [f32; 2],
    /// Side of the square.
    side: f32,
}

/// The map of `domain` under `rotation` with `size` pixels a side, [x, y] as skais-mapper stores it, in the unit of
/// [`skais_group`].
///
/// # Errors
/// A domain that skais-mapper does not have or the object does not hold; particles without density; stopped by the
/// user.
pub fn skais_map(
    object: &SkaisObject,
    domain: Domain,
    rotation: &Rotation,
    size: usize,
    watch: &Watch,
) -> Result<Array2<f64>> {
    let Some((group, _)) = skais_group(domain) else {
        return Err(Error::input("skais-mapper has no maps of this domain")
            .found(domain.word())
            .expected("gas, stars, dm, hi, tb, temperature or b"));
    };
    let (header, gas) = (&object.header, &object.gas);
    let units = Units::of(header);
    let no_density = || Error::input(format!("skais-mapper's maps of {group} need the density of each particle"));
    let lacks = || Error::input(format!("the object has nothing for maps of {group}"));
    watch.check()?;
    let column = |values: &[f64], place: &[[f64; 3]], mass: &[f64], density: &[f64], grow: f64| {
        spheres(object, &units, rotation, values, place, mass, density, grow)
    };
    let msun = |mass: &[f64]| -> Vec<f64> { mass.iter().map(|m| m * units.mass_msun).collect() };
    let cells = |values: &[f64]| column(values, &gas.position, &gas.mass, &gas.density, 1.0);
    let particles = |particles: &Option<Particles>, grow: f64| -> Result<Spheres> {
        let p = particles.as_ref().ok_or_else(lacks)?;
        if p.density.len() != p.mass.len() {
            return Err(no_density().expected("SubfindDensity or SubfindDMDensity"));
        }
        Ok(column(&msun(&p.mass), &p.position, &p.mass, &p.density, grow))
    };
    // all neutral hydrogen, molecules too, as the file states it
    let neutral = || -> Vec<f64> {
        let x = |i: usize| gas.hydrogen_fraction.get(i).copied().unwrap_or(HYDROGEN);
        msun(&gas.mass).iter().enumerate().map(|(i, m)| gas.neutral_abundance[i] * (x(i) * m)).collect()
    };
    // 1 Msun/Mpc^2
    let surface = |map: Array2<f64>| map * 1e-6;
    let mean = |values: Vec<f64>| {
        let masses = msun(&gas.mass);
        let times: Vec<f64> = masses.iter().zip(values).map(|(m, v)| m * v).collect();
        let (above, below) = (chords(&cells(&times), size), chords(&cells(&masses), size));
        ndarray::Zip::from(&above).and(&below).map_collect(|a, b| if *b != 0.0 { a / b } else { 0.0 })
    };
    Ok(match domain {
        Domain::Stars => surface(chords(&particles(&object.stars, 2.0)?, size)),
        Domain::DarkMatter => surface(chords(&particles(&object.dark_matter, 3.0)?, size)),
        Domain::Hi => surface(chords(&cells(&neutral()), size)),
        Domain::Tb => {
            let spheres = cells(&neutral());
            let (z, h) = (header.redshift, header.hubble_param);
            let over_h0 = (header.omega0 * (1.0 + z).powi(3)
                + header.omega_lambda
                + (1.0 - header.omega0 - header.omega_lambda) * (1.0 + z).powi(4))
            .sqrt();
            // the mass of a pixel counts as one of a square Mpc, over the pixel as its depth, in physical lengths
            let pixel_mpc = 2.0 * object.half_width_ckpc_h * units.length_kpc * 1e-3 / size as f64;
            let density = pixel_mpc * critical_density_msun_kpc3(h) * 1e9;
            let scale = COEFFICIENT_MK * h * (1.0 + z).powi(2) / over_h0 / density;
            tracers(&spheres, size) * scale
        }
        Domain::Temperature => mean(
            (0..gas.len())
                .map(|i| {
                    let x = gas.hydrogen_fraction.get(i).copied().unwrap_or(HYDROGEN);
                    let mu = 4.0 / (1.0 + 3.0 * x + 4.0 * x * gas.electron_abundance[i]);
                    (5.0 / 3.0 - 1.0) * mu * M_P_KG * gas.internal_energy[i] * units.energy_j_kg / K_B_J_K
                })
                .collect(),
        ),
        Domain::B if gas.magnetic_field.is_empty() => return Err(lacks().expected("MagneticField")),
        Domain::B => {
            let strength = |b: &[f64; 3]| b.iter().map(|v| v * v).sum::<f64>().sqrt() * units.gauss;
            mean(gas.magnetic_field.iter().map(strength).collect())
        }
        _ => surface(chords(&cells(&msun(&gas.mass)), size)),
    })
}

/// Turns everything about the box's origin and keeps what lies in the cube about the turned centre.
fn spheres(
    object: &SkaisObject,
    units: &Units,
    rotation: &Rotation,
    values: &[f64],
    place: &[[f64; 3]],
    mass: &[f64],
    density: &[f64],
    grow: f64,
) -> Spheres {
    const PLAIN: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let turned = rotation.rows != PLAIN;
    // what is turned becomes single precision at once, the rest only in Mpc
    let kpc = |p: &[f64; 3]| {
        let p = p.map(|v| single(v) * units.length_kpc);
        if turned { rotation.apply(p).map(single) } else { p }
    };
    let mpc = |v: f64| if turned { (v as f32) * 1e-3f32 } else { (v * 1e-3) as f32 };
    let (centre, half) = (kpc(&object.centre_ckpc_h), single(object.half_width_ckpc_h) * units.length_kpc);
    let (low, high) = (centre.map(|v| v - half), centre.map(|v| v + half));
    let mut spheres = Spheres {
        place: Vec::new(),
        weight: Vec::new(),
        radius: Vec::new(),
        edge: [(low[0] * 1e-3) as f32, (low[1] * 1e-3) as f32],
        side: ((high[0] - low[0]) * 1e-3) as f32,
    };
    for i in 0..values.len() {
        let p = kpc(&place[i]);
        if (0..3).all(|k| p[k] > low[k] && p[k] < high[k]) {
            let volume = mass[i] / density[i] * units.length_kpc.powi(3);
            spheres.place.push([mpc(p[0]), mpc(p[1])]);
            spheres.weight.push(values[i] as f32);
            // pi on the wrong side: (pi^2)^(1/3) = 2.145 times the radius of a sphere of this volume
            spheres.radius.push((grow * (0.75 * PI * volume).cbrt() * 1e-3) as f32);
        }
    }
    spheres
}

/// Every sphere of even density as its chord through the corner of each pixel.
fn chords(spheres: &Spheres, size: usize) -> Array2<f64> {
    let mut map = Array2::zeros((size, size));
    let cell = (f64::from(spheres.side) / size as f64) as f32;
    let per_cell = (size as f64 / f64::from(spheres.side)) as f32;
    let [x_low, y_low] = spheres.edge;
    for ((p, weight), radius) in spheres.place.iter().zip(&spheres.weight).zip(&spheres.radius) {
        let cube = f64::from(radius * radius * radius);
        let density = (3.0 * f64::from(*weight) / (4.0 * PI * cube)) as f32;
        let square = radius * radius;
        let (middle_x, middle_y) = (((p[0] - x_low) * per_cell) as i64, ((p[1] - y_low) * per_cell) as i64);
        let reach = (radius * per_cell) as i64 + 1;
        let inside = |middle: i64| (middle - reach).max(0)..(middle + reach + 1).min(size as i64);
        for x in inside(middle_x) {
            let along = x as f32 * cell + x_low - p[0];
            for y in inside(middle_y) {
                let across = y as f32 * cell + y_low - p[1];
                let distance = along * along + across * across;
                if distance < square {
                    map[[x as usize, y as usize]] += 2.0 * f64::from(density) * f64::from(square - distance).sqrt();
                }
            }
        }
    }
    map
}

/// Every sphere as points on circles about its middle, each to the pixel whose corner is nearest.
fn tracers(spheres: &Spheres, size: usize) -> Array2<f64> {
    let mut map = Array2::zeros((size, size));
    let a_shell = TRACERS / SHELLS;
    let mut points: Vec<([f32; 2], f64)> = Vec::with_capacity(TRACERS);
    for shell in 0..SHELLS {
        let (inner, outer) = (shell as f64 / SHELLS as f64, (shell as f64 + 1.0) / SHELLS as f64);
        let radius = 0.5 * (inner + outer);
        let area = PI * (outer * outer - inner * inner) / a_shell as f64;
        let weight = area * 2.0 * (1.0 - radius * radius).sqrt() / (4.0 / 3.0 * PI);
        for k in 0..a_shell {
            let angle = 2.0 * PI * (k as f64 + 0.5) / a_shell as f64;
            points.push(([(radius * angle.cos()) as f32, (radius * angle.sin()) as f32], single(weight)));
        }
    }
    let norm: f64 = points.iter().map(|(_, w)| w).sum();
    points.iter_mut().for_each(|(_, w)| *w = single(*w / norm));
    let per_cell = size as f64 / f64::from(spheres.side);
    for ((p, weight), radius) in spheres.place.iter().zip(&spheres.weight).zip(&spheres.radius) {
        for (offset, share) in &points {
            let index = [0, 1].map(|k| {
                let at = f64::from(p[k]) + f64::from(*radius) * f64::from(offset[k]) - f64::from(spheres.edge[k]);
                // towards zero, so that the first pixel takes half a pixel more
                (at * per_cell + 0.5) as i64
            });
            if index.iter().all(|i| (0..size as i64).contains(i)) {
                map[[index[0] as usize, index[1] as usize]] += f64::from(*weight) * share;
            }
        }
    }
    map
}
