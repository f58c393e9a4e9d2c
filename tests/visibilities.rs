//! Predicted visibilities against OSKAR's and against a float64 DFT made elsewhere.

mod common;

use common::npz;
use common::reference_data;
use ndarray::{Array2, Array3};
use rustfft::num_complex::Complex64;
use skyfringe::error::Watch;
use skyfringe::formats::oskar::read_oskar_sky;
use skyfringe::formats::visibilities::{Polarisations, VisibilityTable};
use skyfringe::sky::components::Component;
use skyfringe::telescope::Telescope;
use skyfringe::telescope::beam::{BeamChoice, StationBeams};
use skyfringe::time::{EarthOrientation, Frame};
use skyfringe::units::{DEG_RAD, RaDec};
use skyfringe::visibilities::{DirectSky, Summing, Track, new_table, predict_direct, sum_points};
use std::path::{Path, PathBuf};

/// Largest |dV| / rms(V) allowed (OSKAR cases, README.md: "same equations, double precision").
const TOLERANCE: f64 = 1e-8;
/// Largest difference of uvw, m: a few spacings of doubles at the Earth's radius.
const UVW_TOLERANCE_M: f64 = 2e-9;

/// One of the reference observations, as its settings.ini states it.
struct Case {
    folder: &'static str,
    fixture: &'static str,
    phase_centre: RaDec,
    first_hz: f64,
    step_hz: f64,
    polarisations: Polarisations,
    beam: BeamChoice,
    /// Root mean square of all its visibilities (case.json), Jy.
    rms_jy: f64,
}

fn cases() -> [Case; 3] {
    let low = Case {
        folder: "01_points_I_scalar",
        fixture: "oskar01",
        phase_centre: RaDec::from_deg(329.0, -30.0),
        first_hz: 140e6,
        step_hz: 10e6,
        polarisations: Polarisations::I,
        beam: BeamChoice::None,
        rms_jy: 14.435726491805342,
    };
    let gaussians = Case {
        folder: "03_gaussians_isotropic",
        fixture: "oskar03",
        polarisations: Polarisations::Linear,
        rms_jy: 3.1476233505956275,
        ..low
    };
    let dishes = Case {
        folder: "07_mid_gaussian_beam",
        fixture: "oskar07",
        phase_centre: RaDec::from_deg(228.0, -35.0),
        first_hz: 1.3e9,
        step_hz: 50e6,
        polarisations: Polarisations::Linear,
        beam: BeamChoice::VoltageGaussian { fwhm_rad: 1.2 * DEG_RAD, reference_hz: 1.4e9 },
        rms_jy: 1.9061981702934898,
    };
    [low, gaussians, dishes]
}

fn components(path: &Path) -> Vec<Component> {
    read_oskar_sky(path).unwrap().into_iter().map(Component::from).collect()
}

impl Case {
    /// Four steps of 600 s from MJD 60512.75, three channels, in OSKAR's frame.
    fn simulate(&self, telescope_folder: &Path, sky: &Path, snap_tolerance: f64) -> VisibilityTable {
        let (telescope, unsupported) = Telescope::from_oskar_folder(telescope_folder).unwrap();
        assert!(unsupported.is_empty(), "{unsupported:?}");
        let track = Track {
            phase_centre: self.phase_centre,
            earth: EarthOrientation::new(Frame::Oskar),
            start_mjd_utc: 60512.75,
            step_s: 600.0,
            steps: 4,
            pointing: Default::default(),
            correlations: Default::default(),
        };
        let freq_hz: Vec<f64> = (0..3).map(|c| self.first_hz + f64::from(c) * self.step_hz).collect();
        let (mut table, instants, report) =
            new_table(&telescope, &track, &freq_hz, self.step_hz, self.polarisations, -90.0 * DEG_RAD).unwrap();
        assert_eq!(report.rows_too_low, 0);
        let beams = StationBeams::new(&telescope, self.beam);
        let list = components(sky);
        let sky = DirectSky::Components { list: &list, snap_tolerance };
        predict_direct(&mut table, sky, Some((&instants, &beams)), None, Summing::Float64, &Watch::silent()).unwrap();
        table
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// A few visibilities of every case, typed from OSKAR's files into tests/data: checked everywhere.
#[test]
fn a_few_visibilities_of_oskar_are_reproduced() {
    for case in cases() {
        let folder = fixture(case.fixture);
        let table = case.simulate(&folder, &folder.join("sky.txt"), 1e-3);
        let baselines = table.uvw_m.nrows() / 4;
        let text = std::fs::read_to_string(folder.join("visibilities.csv")).unwrap();
        let mut compared = 0;
        for line in text.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_digit())) {
            let numbers: Vec<f64> = line.split(',').map(|w| w.parse().unwrap()).collect();
            let (row, channel) = (numbers[0] as usize * baselines + numbers[2] as usize, numbers[1] as usize);
            for k in 0..3 {
                assert!((table.uvw_m[[row, k]] - numbers[3 + k]).abs() < UVW_TOLERANCE_M, "{}: {line}", case.folder);
            }
            let expected = numbers[6..].chunks_exact(2).map(|v| Complex64::new(v[0], v[1]));
            assert_eq!(expected.len(), table.polarisations.count());
            for (polarisation, value) in expected.enumerate() {
                let off = (table.vis[[row, channel, polarisation]] - value).norm() / case.rms_jy;
                assert!(off < TOLERANCE, "{}: {off:e} in {line}", case.folder);
                compared += 1;
            }
        }
        assert_eq!(compared, 18 * table.polarisations.count(), "{}", case.folder);
    }
}

#[test]
fn all_visibilities_of_oskar_are_reproduced() {
    let Some(data) = reference_data("all_visibilities_of_oskar_are_reproduced") else { return };
    for case in cases() {
        let folder = data.join("oskar-cases").join(case.folder);
        let table = case.simulate(&folder.join("telescope.tm"), &folder.join("sky.txt"), 1e-3);
        let vis = npz::read_npy(&folder.join("vis.npy"));
        let &[steps, channels, baselines, products] = vis.shape.as_slice() else { panic!("{:?}", vis.shape) };
        let vis = vis.f64();
        let uvw = npz::read_npy(&folder.join("uvw_m.npy")).f64();
        let (ant1, ant2) = (npz::read_npy(&folder.join("ant1.npy")), npz::read_npy(&folder.join("ant2.npy")));
        let (ant1, ant2) = (ant1.i64(), ant2.i64());
        let time = npz::read_npy(&folder.join("time_mid_mjd_utc.npy")).f64();
        assert_eq!(table.freq_hz, npz::read_npy(&folder.join("freq_hz.npy")).f64());
        assert_eq!(table.vis.dim(), (steps * baselines, channels, products));

        let (mut worst, mut worst_uvw, mut square) = (0.0f64, 0.0f64, 0.0);
        for row in 0..steps * baselines {
            let (step, baseline) = (row / baselines, row % baselines);
            assert_eq!(i64::from(table.antenna1[row]), ant1[baseline]);
            assert_eq!(i64::from(table.antenna2[row]), ant2[baseline]);
            // the spacing of doubles near MJD 60000 is 7e-12 days
            assert!((table.time_mjd_utc[row] - time[step]).abs() < 1e-11);
            for k in 0..3 {
                worst_uvw = worst_uvw.max((table.uvw_m[[row, k]] - uvw[row * 3 + k]).abs());
            }
            for channel in 0..channels {
                for p in 0..products {
                    let at = 2 * (((step * channels + channel) * baselines + baseline) * products + p);
                    let expected = Complex64::new(vis[at], vis[at + 1]);
                    worst = worst.max((table.vis[[row, channel, p]] - expected).norm());
                    square += expected.norm_sqr();
                }
            }
        }
        let rms = (square / table.vis.len() as f64).sqrt();
        println!("{}: max |dV|/rms {:.1e}, max |duvw| {worst_uvw:.1e} m", case.folder, worst / rms);
        assert!((rms / case.rms_jy - 1.0).abs() < 1e-12, "{rms}");
        assert!(worst_uvw < UVW_TOLERANCE_M, "{}: {worst_uvw:e} m", case.folder);
        assert!(worst / rms < TOLERANCE, "{}: {:e}", case.folder, worst / rms);
    }
}

/// README of the cases: without OSKAR's angle snap the largest difference is 2.2e-5 of the rms.
#[test]
fn without_the_angle_snap_gaussians_differ_by_as_much_as_oskar_says() {
    let case = &cases()[1];
    let folder = fixture(case.fixture);
    let snapped = case.simulate(&folder, &folder.join("sky.txt"), 1e-3);
    let free = case.simulate(&folder, &folder.join("sky.txt"), 0.0);
    let worst = snapped.vis.iter().zip(&free.vis).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max) / case.rms_jy;
    assert!((2.15e-5..2.25e-5).contains(&worst), "{worst:e}");
}

#[test]
fn the_sum_over_points_equals_a_wide_field_dft() {
    let Some(data) = reference_data("the_sum_over_points_equals_a_wide_field_dft") else { return };
    let path = data.join("wide-field-dft/wide_low_points.npz");
    let read = |name: &str| npz::read(&path, name);
    let (uvw, freq_hz) = (read("uvw_m"), read("freq_hz").f64());
    let (l, m, flux) = (read("l").f64(), read("m").f64(), read("flux_jy").f64());
    let expected = read("vis");
    let (rows, channels) = (uvw.shape[0], freq_hz.len());
    assert_eq!(expected.f64().len(), 2 * rows * channels);
    let uvw_m = Array2::from_shape_vec((rows, 3), uvw.f64()).unwrap();
    let expected: Vec<Complex64> = expected.f64().chunks_exact(2).map(|v| Complex64::new(v[0], v[1])).collect();
    let lm: Vec<[f64; 2]> = l.iter().zip(&m).map(|(l, m)| [*l, *m]).collect();
    let rms = (expected.iter().map(|v| v.norm_sqr()).sum::<f64>() / expected.len() as f64).sqrt();

    let mut worst = 0.0f64;
    for (channel, freq) in freq_hz.iter().enumerate() {
        let scale = freq / skyfringe::units::C_M_S;
        let wavelengths: Vec<[f64; 3]> = uvw_m.outer_iter().map(|b| [0, 1, 2].map(|k| b[k] * scale)).collect();
        for (row, value) in sum_points(&lm, &flux, &wavelengths).iter().enumerate() {
            worst = worst.max((value - expected[row * channels + channel]).norm());
        }
    }
    println!("sum_points: max |dV|/rms {:.1e}", worst / rms);
    assert!(worst / rms < 1e-10, "{:e}", worst / rms);

    // the same through a table of bare uvw and a list of components
    let phase_centre = RaDec::from_deg(0.0, -30.0);
    let shape = (rows, channels, 1);
    let mut table = VisibilityTable {
        uvw_m,
        time_mjd_utc: Vec::new(),
        antenna1: Vec::new(),
        antenna2: Vec::new(),
        freq_hz,
        vis: Array3::zeros(shape),
        weight: Array3::ones(shape),
        flag: Array3::from_elem(shape, false),
        phase_centre,
        polarisations: Polarisations::I,
        telescope: String::new(),
        channel_width_hz: 0.0,
        integration_time_s: 0.0,
        provenance: String::new(),
    };
    let list: Vec<Component> = lm
        .iter()
        .zip(&flux)
        .map(|([l, m], s)| Component::point(RaDec::from_lm(*l, *m, phase_centre), [*s, 0.0, 0.0, 0.0]))
        .collect();
    let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
    predict_direct(&mut table, sky, None, None, Summing::Float64, &Watch::silent()).unwrap();
    let worst = table.vis.iter().zip(&expected).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max) / rms;
    println!("predict_direct: max |dV|/rms {worst:.1e}");
    assert!(worst < 1e-10, "{worst:e}");
}
