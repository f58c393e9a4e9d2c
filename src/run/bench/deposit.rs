//! Gas cells to pixels and channels: the toy disc that MARTINI demonstrates itself with.

use super::measure::{load, measured, median};
use crate::error::{Error, Result, Watch};
use crate::formats::Staged;
use crate::math::random::Stream;
use crate::run::Progress;
use crate::sky::deposit::{PlacedCell, deposit};
use crate::sky::project::project;
use crate::sky::spread::Footprint;
use crate::units::{ARCSEC_RAD, DEG_RAD};
use ndarray::{Array1, Array2, Axis};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What is timed.
#[derive(Debug, Clone, PartialEq)]
pub struct DepositRequest {
    /// Number of gas cells.
    pub particles: usize,
    /// Pixels along each side.
    pub npix: usize,
    /// Channels; 0 for a map alone.
    pub channels: usize,
    /// Support radius of all kernels in pixels, in place of the demo's.
    pub radius_px: Option<f64>,
    /// Repetitions; the medians are printed.
    pub reps: usize,
    /// Write the particles into this HDF5 file, for other programs.
    pub save: Option<PathBuf>,
}

/// Pixel size, rad: two and a half times finer than the demo's, so that 256 pixels hold the disc.
const CELL_RAD: f64 = 4.0 * ARCSEC_RAD;
/// Channel width, km/s.
const CHANNEL_KM_S: f64 = 4.0;
/// Line width of the demo's spectra, km/s.
const SIGMA_KM_S: f64 = 7.0;
/// Distance of the demo, kpc.
const DISTANCE_KPC: f64 = 3000.0;
const INCLINATION_RAD: f64 = 60.0 * DEG_RAD;
/// HI mass of the demo, Msun.
const HI_MASS_MSUN: f64 = 5e9;
/// Support radius of the cubic spline kernel over its full width at half maximum, which is what MARTINI's smoothing
/// lengths are: 1 over twice the root of 1 - 6 q^2 + 6 q^3 = 1/2.
const SUPPORT_PER_FWHM: f64 = 1.384_354;

/// Times the deposit; the text is one JSON object.
///
/// # Errors
/// A radius that is not above 0; no particle or pixel; not enough memory; a file that cannot be written; interrupted.
pub fn deposition(request: &DepositRequest, progress: &dyn Progress) -> Result<String> {
    if let Some(radius) = request.radius_px.filter(|r| !(*r > 0.0 && r.is_finite())) {
        return Err(Error::input("a kernel has a radius above 0")
            .found(radius)
            .expected("pixels")
            .place("--radius-px"));
    }
    let disc = Disc::new(request.particles);
    if let Some(path) = &request.save {
        let staged = Staged::new(path)?;
        disc.save(staged.path())
            .map_err(|e| Error::input(format!("cannot write the particles: {e}")).place(path.display()))?;
        staged.commit()?;
    }
    let cells = disc.placed(request);
    drop(disc);
    let n = request.channels;
    let edges: Vec<f64> =
        if n == 0 { Vec::new() } else { (0..=n).map(|c| CHANNEL_KM_S * (0.5 * n as f64 - c as f64)).collect() };
    let watch = progress.stage("deposit", (request.particles * request.reps) as u64);
    let mut costs = Vec::new();
    let mut result = Value::Null;
    for _ in 0..request.reps {
        let (outcome, cost) = measured(|| once(&cells, &edges, request.npix, &watch));
        costs.push(cost);
        result = outcome?;
    }
    let cost = median(&costs);
    let report = json!({
        "program": concat!("skyfringe ", env!("CARGO_PKG_VERSION")),
        "particles": request.particles, "npix": request.npix, "channels": n,
        "threads": rayon::current_num_threads(), "reps": request.reps,
        "cpu_seconds": cost.cpu_s, "wall_seconds": cost.wall_s, "peak_mib": cost.peak_mib,
        "updates": result["updates"],
        "particles_per_cpu_s": request.particles as f64 / cost.cpu_s,
        "mass_error": result["mass_error"], "share_outside": result["share_outside"],
        "load": load(),
    });
    Ok(format!("{report}\n"))
}

/// One deposit: its updates, the relative error of the mass inside plus the mass outside, and the mass outside.
fn once(cells: &[PlacedCell], edges: &[f64], npix: usize, watch: &Watch) -> Result<Value> {
    let total: f64 = cells.iter().map(|c| c.mass_msun).sum();
    if edges.is_empty() {
        let place = |c: &PlacedCell| Footprint { x_px: c.x_px, y_px: c.y_px, support_px: c.support_px };
        let places: Vec<Footprint> = cells.iter().map(place).collect();
        let mass: Vec<f64> = cells.iter().map(|c| c.mass_msun).collect();
        let projected = project(&places, &[&mass], npix, npix, watch)?;
        let outside = projected.outside[0];
        let error = (projected.maps[0].sum() + outside) / total - 1.0;
        return Ok(json!({ "updates": Value::Null, "mass_error": error, "share_outside": outside / total }));
    }
    let got = deposit(cells, edges, npix, npix, watch)?;
    let error = (got.map_msun.sum() + got.outside_map_msun) / total - 1.0;
    Ok(json!({ "updates": got.updates, "mass_error": error, "share_outside": got.outside_map_msun / total }))
}

/// The toy disc of astromartini's `martini.demo` (its text describes it: R^2 exp(-R) of median radius 3 kpc, exponential
/// height of median 0.5 kpc, V = 50 arctan(R/kpc) km/s, smoothing lengths of 40/sqrt(N) kpc times 0.1 to 1.9).
struct Disc {
    /// East, north, away from the observer.
    position_kpc: Vec<[f64; 3]>,
    /// As the positions.
    velocity_km_s: Vec<[f64; 3]>,
    mass_msun: Vec<f64>,
    /// Full width at half maximum of the kernel, kpc.
    smoothing_kpc: Vec<f64>,
}

impl Disc {
    fn new(particles: usize) -> Disc {
        let mut draw = Stream::new(1, [9, 0, 0]);
        let mut disc = Disc { position_kpc: vec![], velocity_km_s: vec![], mass_msun: vec![], smoothing_kpc: vec![] };
        let median = radius(0.5);
        let (sin_i, cos_i) = INCLINATION_RAD.sin_cos();
        let inclined = |[x, y, z]: [f64; 3]| [x, y * cos_i - z * sin_i, y * sin_i + z * cos_i];
        for _ in 0..particles {
            let r = 3.0 / median * radius(draw.uniform());
            let (sin, cos) = (std::f64::consts::TAU * draw.uniform()).sin_cos();
            let height = -0.5 / std::f64::consts::LN_2 * draw.uniform().max(f64::MIN_POSITIVE).ln();
            let z = if draw.uniform() < 0.5 { -height } else { height };
            let v = 50.0 * r.atan();
            disc.position_kpc.push(inclined([r * cos, r * sin, z]));
            disc.velocity_km_s.push(inclined([-v * sin, v * cos, 10.0 * draw.uniform() - 5.0]));
            disc.mass_msun.push(HI_MASS_MSUN / particles as f64 * (1.0 + 0.01 * (draw.uniform() - 0.5)));
            disc.smoothing_kpc.push(40.0 / (particles as f64).sqrt() * (1.0 + 1.8 * (draw.uniform() - 0.5)));
        }
        disc
    }

    /// In pixels and km/s.
    fn placed(&self, request: &DepositRequest) -> Vec<PlacedCell> {
        let pixel_kpc = CELL_RAD * DISTANCE_KPC;
        let middle = (request.npix / 2) as f64;
        let one = |i: usize| {
            let [east, north, _] = self.position_kpc[i];
            PlacedCell {
                x_px: middle - east / pixel_kpc,
                y_px: middle + north / pixel_kpc,
                support_px: request.radius_px.unwrap_or(SUPPORT_PER_FWHM * self.smoothing_kpc[i] / pixel_kpc),
                mass_msun: self.mass_msun[i],
                velocity_km_s: self.velocity_km_s[i][2],
                sigma_km_s: SIGMA_KM_S,
            }
        };
        (0..self.mass_msun.len()).map(one).collect()
    }

    fn save(&self, path: &std::path::Path) -> hdf5::Result<()> {
        let file = hdf5::File::create(path)?;
        let vectors = |v: &[[f64; 3]]| Array2::from_shape_fn((v.len(), 3), |(i, k)| v[i][k]);
        let write = |name: &str, data: Array2<f64>| file.new_dataset_builder().with_data(&data).create(name).map(drop);
        let column = |v: &[f64]| Array1::from_vec(v.to_vec()).insert_axis(Axis(1));
        write("position_kpc", vectors(&self.position_kpc))?;
        write("velocity_km_s", vectors(&self.velocity_km_s))?;
        write("mass_msun", column(&self.mass_msun))?;
        write("smoothing_kpc", column(&self.smoothing_kpc))?;
        file.close()
    }
}

/// Radius within which a share of the mass of R^2 exp(-R) lies (per unit of R): share = 1 - exp(-R)(R^2 + 2R + 2)/2.
fn radius(share: f64) -> f64 {
    let within = |r: f64| 1.0 - 0.5 * (-r).exp() * (r * r + 2.0 * r + 2.0);
    let (mut low, mut high) = (0.0, 60.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if within(middle) < share { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disc_is_the_demos() {
        let disc = Disc::new(20_000);
        let (sin, cos) = INCLINATION_RAD.sin_cos();
        let upright = |p: &[f64; 3]| [p[0], p[1] * cos + p[2] * sin, p[2] * cos - p[1] * sin];
        let cells: Vec<[f64; 3]> = disc.position_kpc.iter().map(upright).collect();
        let mut radii: Vec<f64> = cells.iter().map(|p| p[0].hypot(p[1])).collect();
        let mut heights: Vec<f64> = cells.iter().map(|p| p[2].abs()).collect();
        radii.sort_by(f64::total_cmp);
        heights.sort_by(f64::total_cmp);
        assert!((radii[10_000] - 3.0).abs() < 0.06, "{}", radii[10_000]);
        assert!((heights[10_000] - 0.5).abs() < 0.02, "{}", heights[10_000]);
        assert!((disc.mass_msun.iter().sum::<f64>() / HI_MASS_MSUN - 1.0).abs() < 1e-3);
        // the kernel falls to half of its peak at half of its full width
        let q = 0.5 / SUPPORT_PER_FWHM;
        assert!((1.0 - 6.0 * q * q * (1.0 - q) - 0.5).abs() < 1e-5);
    }
}
