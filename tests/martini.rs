//! Our cube against astromartini's, from the same particles with the same kernel and line.
//!
//! Where astromartini 3, requests, numba or h5py are missing the test reports itself as skipped; with
//! SKYFRINGE_REQUIRE_PEERS=1 that is a failure.

use ndarray::{Array1, Array2, Array3, Axis};
use skyfringe::error::Watch;
use skyfringe::math::random::Stream;
use skyfringe::sky::band::Band;
use skyfringe::sky::cells::GasCells;
use skyfringe::sky::kernel::KERNEL_FACTOR;
use skyfringe::sky::placing::Placement;
use skyfringe::sky::products::{CubeRequest, Systemic, build_cube};
use skyfringe::units::hi::NU0_HZ;
use skyfringe::units::{ARCSEC_RAD, C_KM_S, RaDec};
use std::f64::consts::PI;
use std::path::Path;
use std::process::Command;

const DISTANCE_MPC: f64 = 3.0;
const NPIX: usize = 65;
const CHANNELS: usize = 32;
const CELL_ARCSEC: f64 = 10.0;
const CHANNEL_KM_S: f64 = 8.0;
const SIGMA_KM_S: f64 = 7.0;
/// Support radius of the cubic spline kernel over its full width at half maximum, MARTINI's smoothing length.
const SUPPORT_PER_FWHM: f64 = 1.384_354;

/// Particles about the origin in (east, north, away), kpc, their smoothing lengths, kpc, within the image.
fn particles(count: usize) -> (GasCells, Vec<f64>) {
    let mut draw = Stream::new(5, [0; 3]);
    let mut cells = GasCells { scale_factor: 1.0, ..GasCells::default() };
    let mut smoothing = Vec::new();
    for _ in 0..count {
        let radius = 2.5 * draw.uniform().sqrt();
        let (sin, cos) = (2.0 * PI * draw.uniform()).sin_cos();
        // kernels that both programs sample at pixel centres: 3 to 8 pixels of support
        let support_kpc = DISTANCE_MPC * 1e3 * CELL_ARCSEC * ARCSEC_RAD * (3.0 + 5.0 * draw.uniform());
        let volume_radius = support_kpc / KERNEL_FACTOR;
        cells.position_kpc.push([radius * cos, 0.6 * radius * sin, 0.8 * radius * sin]);
        cells.velocity_km_s.push([-70.0 * sin, 42.0 * cos, 56.0 * cos]);
        cells.hi_mass_msun.push(1e5 * (1.0 + draw.uniform()));
        cells.volume_kpc3.push(4.0 / 3.0 * PI * volume_radius.powi(3));
        cells.sigma_km_s.push(SIGMA_KM_S);
        smoothing.push(support_kpc / SUPPORT_PER_FWHM);
    }
    (cells, smoothing)
}

fn save(path: &Path, cells: &GasCells, smoothing: &[f64]) {
    let file = hdf5::File::create(path).unwrap();
    let vectors = |v: &[[f64; 3]]| Array2::from_shape_fn((v.len(), 3), |(i, k)| v[i][k]);
    let column = |v: &[f64]| Array1::from_vec(v.to_vec()).insert_axis(Axis(1));
    for (name, data) in [
        ("position_kpc", vectors(&cells.position_kpc)),
        ("velocity_km_s", vectors(&cells.velocity_km_s)),
        ("mass_msun", column(&cells.hi_mass_msun)),
        ("smoothing_kpc", column(smoothing)),
    ] {
        file.new_dataset_builder().with_data(&data).create(name).unwrap();
    }
    file.close().unwrap();
}

fn has_martini() -> bool {
    let import = "import martini, requests, numba, h5py; assert martini.__version__.startswith('3')";
    if Command::new("python3").args(["-c", import]).output().is_ok_and(|o| o.status.success()) {
        return true;
    }
    assert!(std::env::var("SKYFRINGE_REQUIRE_PEERS").is_err(), "astromartini 3, requests, numba and h5py are needed");
    eprintln!("skipped: astromartini 3 with requests, numba and h5py is not installed");
    false
}

#[test]
fn cube_equals_astromartinis() {
    if !has_martini() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (particle_file, cube_file) = (folder.path().join("particles.h5"), folder.path().join("cube.h5"));
    let (cells, smoothing) = particles(2000);
    save(&particle_file, &cells, &smoothing);
    let output = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/deposit_martini.py"))
        .arg(&particle_file)
        .args(["--npix", &NPIX.to_string(), "--channels", &CHANNELS.to_string()])
        .args(["--cell-arcsec", &CELL_ARCSEC.to_string(), "--channel-km-s", &CHANNEL_KM_S.to_string()])
        .args(["--sigma-km-s", &SIGMA_KM_S.to_string(), "--distance-mpc", &DISTANCE_MPC.to_string()])
        .args(["--reps", "1", "--cube"])
        .arg(&cube_file)
        .env("NUMBA_NUM_THREADS", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = hdf5::File::open(&cube_file).unwrap();
    let theirs: Array3<f64> = file.dataset("flux_jy").unwrap().read().unwrap();
    let freq_hz: Vec<f64> = file.dataset("freq_hz").unwrap().read_raw().unwrap();

    // at rest: where the line stands, and how velocities become frequencies, is tested elsewhere
    let placement = Placement::new(0.0, 0.0, DISTANCE_MPC, 0.7, 70.0).unwrap();
    let width_hz = freq_hz[1] - freq_hz[0];
    assert!((width_hz / (CHANNEL_KM_S / C_KM_S * NU0_HZ) - 1.0).abs() < 1e-8);
    let band = Band::Given { first_hz: freq_hz[0], channels: CHANNELS, width_hz };
    let centre = RaDec::from_deg(0.0, 0.0);
    let mut request = CubeRequest::new(placement, centre, NPIX, NPIX, CELL_ARCSEC * ARCSEC_RAD, band);
    request.systemic = Systemic::Keep;
    request.hubble_flow = false;
    let ours = build_cube(&cells, &request, &Watch::silent()).unwrap().cube.flux_jy;

    assert_eq!(ours.dim(), theirs.dim());
    let ratio = theirs.sum() / ours.sum();
    // MARTINI's 2.36e5 Msun/(Mpc^2 Jy km/s) is rounded: ours is 2.356e5
    assert!((ratio - 1.0).abs() < 3e-3, "total flux: theirs over ours {ratio}");
    let peak = ours.iter().fold(0.0f64, |a, b| a.max(*b));
    let worst = (&ours - &theirs).iter().fold(0.0f64, |a, b| a.max(b.abs())) / peak;
    println!("total flux, theirs over ours: {ratio:.6}; largest difference of a voxel: {worst:.2e} of the peak");
    assert!(worst < 0.01, "{worst}");
}
