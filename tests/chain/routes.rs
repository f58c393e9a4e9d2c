//! The fast routes against their exact twins, on a sky seen by a mixed array.

use crate::{near_zenith, silent, square, table, transit};
use ndarray::Array3;
use rustfft::num_complex::Complex64;
use skyfringe::formats::visibilities::{Polarisations, VisibilityTable};
use skyfringe::imaging::{ImageParams, Method, Weighting, make_images};
use skyfringe::math::random::Stream;
use skyfringe::sky::cube::SkyCube;
use skyfringe::telescope::Telescope;
use skyfringe::telescope::beam::{BeamChoice, StationBeams};
use skyfringe::units::{ARCSEC_RAD, DEG_RAD, RaDec};
use skyfringe::visibilities::{DirectSky, Instant, Summing, add_thermal_noise, predict_by_grid, predict_direct};

const FREQ_HZ: [f64; 2] = [1.30e9, 1.41e9];
const EPSILONS: [f64; 3] = [1e-4, 1e-6, 1e-10];

/// `points` signed pixels anywhere in a field of 0.9 deg, and the edges.
fn sky(centre: RaDec, points: usize) -> SkyCube {
    let (size, cell_rad) = (400, 8.0 * ARCSEC_RAD);
    let mut flux_jy = Array3::zeros((2, size, size));
    let mut random = Stream::new(9, [1, 1, 1]);
    for k in 0..points {
        let mut place = || ((random.uniform() * size as f64) as usize).min(size - 1);
        let (mut y, x) = (place(), place());
        if k == 0 {
            y = 0;
        }
        flux_jy[[0, y, x]] += random.normal();
        flux_jy[[1, y, x]] += random.normal();
    }
    SkyCube {
        flux_jy,
        freq_hz: FREQ_HZ.to_vec(),
        channel_width_hz: 1.1e8,
        cell_rad,
        centre,
        specsys: "BARYCENT".into(),
    }
}

/// SKA-Mid AA4, every `nth` of its 197 dishes.
fn mixed_array(nth: usize) -> Telescope {
    let mut telescope = Telescope::preset("ska-mid-aa4").unwrap();
    telescope.stations = telescope.stations.into_iter().step_by(nth).collect();
    telescope
}

fn relative_l2<'a>(a: impl Iterator<Item = &'a Complex64>, b: impl Iterator<Item = &'a Complex64>) -> f64 {
    let (mut off, mut size) = (0.0, 0.0);
    for (a, b) in a.zip(b) {
        off += (a - b).norm_sqr();
        size += b.norm_sqr();
    }
    f64::sqrt(off / size)
}

struct Scene {
    empty: VisibilityTable,
    instants: Vec<Instant>,
    beams: StationBeams,
    cube: SkyCube,
}

/// A track far from the zenith: much w.
fn scene(nth: usize, points: usize, polarisations: Polarisations) -> Scene {
    let telescope = mixed_array(nth);
    let centre = RaDec::from_deg(30.0, -5.0);
    let track = transit(&telescope, centre, 2, 7200.0);
    let beams = StationBeams::new(&telescope, BeamChoice::Auto);
    assert_eq!(beams.classes.len(), 2);
    let (empty, instants) = table(&telescope, &track, &FREQ_HZ, 1.1e8, polarisations);
    Scene { empty, instants, beams, cube: sky(centre, points) }
}

impl Scene {
    fn direct(&self) -> VisibilityTable {
        let mut table = self.empty.clone();
        let station = Some((self.instants.as_slice(), &self.beams));
        let sky = DirectSky::Cube(&self.cube);
        predict_direct(&mut table, sky, station, Some(self.cube.cell_rad), Summing::Float64, &silent()).unwrap();
        table
    }

    fn by_grid(&self, epsilon: f64, keep_beyond_nyquist: bool) -> VisibilityTable {
        let mut table = self.empty.clone();
        let station = Some((self.instants.as_slice(), &self.beams));
        predict_by_grid(&mut table, &self.cube, station, epsilon, keep_beyond_nyquist, &silent()).unwrap();
        table
    }
}

#[test]
fn prediction_by_the_grid_equals_the_direct_sum_to_epsilon() {
    let scene = scene(2, 200, Polarisations::I);
    let exact = scene.direct();
    let left_out = exact.flag.iter().filter(|f| **f).count();
    assert!(left_out > 0 && left_out < exact.flag.len() / 2);
    for epsilon in EPSILONS {
        let fast = scene.by_grid(epsilon, false);
        assert_eq!(fast.flag, exact.flag);
        for channel in 0..2 {
            let plane = |t: &VisibilityTable| t.vis.index_axis(ndarray::Axis(1), channel).to_owned();
            let (a, b) = (plane(&fast), plane(&exact));
            let off = relative_l2(a.iter(), b.iter());
            eprintln!("grid against direct, channel {channel}, epsilon {epsilon:.0e}: {off:.2e}");
            assert!(off < epsilon, "epsilon {epsilon:e}: {off:e}");
        }
    }
    // the beams matter, so the agreement says something of them
    let mut bare = scene.empty.clone();
    predict_by_grid(&mut bare, &scene.cube, None, 1e-6, false, &silent()).unwrap();
    assert!(relative_l2(bare.vis.iter(), exact.vis.iter()) > 0.1);
}

#[test]
fn samples_beyond_nyquist_are_predicted_too_where_asked_for() {
    let scene = scene(6, 60, Polarisations::I);
    let mut exact = scene.empty.clone();
    let station = Some((scene.instants.as_slice(), &scene.beams));
    predict_direct(&mut exact, DirectSky::Cube(&scene.cube), station, None, Summing::Float64, &silent()).unwrap();
    let fast = scene.by_grid(1e-8, true);
    assert!(!fast.flag.iter().any(|f| *f));
    let off = relative_l2(fast.vis.iter(), exact.vis.iter());
    assert!(off < 1e-8, "{off:e}");
}

/// In four products the grid rotates the whole field by the parallactic angle at the phase centre; the direct sum has
/// each source's own. Of an unpolarised sky only the difference between two stations counts: small on an array of
/// 150 km, and the error is its change across the field.
#[test]
fn four_products_by_the_grid_differ_from_the_direct_sum_by_the_parallactic_angle_alone() {
    let scene = scene(3, 100, Polarisations::Linear);
    let (exact, fast) = (scene.direct(), scene.by_grid(1e-10, false));
    let of = |table: &VisibilityTable, product: usize| table.vis.index_axis(ndarray::Axis(2), product).to_owned();
    let all = relative_l2(fast.vis.iter(), exact.vis.iter());
    let parallel = relative_l2(of(&fast, 0).iter(), of(&exact, 0).iter());
    let crossed = relative_l2(of(&fast, 1).iter(), of(&exact, 1).iter());
    let leak = (of(&exact, 1).iter().map(|v| v.norm_sqr()).sum::<f64>()
        / of(&exact, 0).iter().map(|v| v.norm_sqr()).sum::<f64>())
    .sqrt();
    eprintln!("four products: all {all:.2e}, XX {parallel:.2e}, XY {crossed:.2e} of XY, which is {leak:.2e} of XX");
    // measured: 3.8e-6 of all, 2e-9 of XX (which knows the angles to second order only), 1.2 % of XY, itself 3e-4
    assert!(all < 1e-5, "{all:e}");
    assert!(parallel < 1e-8, "{parallel:e}");
    // Stokes I is that of the table of "I"
    let single = Scene { empty: scene_i(&scene), ..scene };
    let stokes_i = single.direct();
    let mean: Vec<Complex64> = of(&fast, 0).iter().zip(of(&fast, 3).iter()).map(|(xx, yy)| 0.5 * (xx + yy)).collect();
    let off = relative_l2(mean.iter(), of(&stokes_i, 0).iter());
    assert!(off < 1e-6, "{off:e}");
}

/// The same rows in Stokes I.
fn scene_i(scene: &Scene) -> VisibilityTable {
    let mut table = scene.empty.clone();
    let (rows, channels, _) = table.vis.dim();
    table.polarisations = Polarisations::I;
    table.vis = Array3::zeros((rows, channels, 1));
    table.weight = Array3::ones((rows, channels, 1));
    table.flag = Array3::from_elem((rows, channels, 1), false);
    table
}

#[test]
fn images_by_fft_equal_exact_sums_to_epsilon() {
    let scene = scene(10, 60, Polarisations::I);
    let mut table = scene.by_grid(1e-8, true);
    let sefd: Vec<f64> = (0..20).map(|k| 300.0 + 10.0 * f64::from(k)).collect();
    assert_eq!(sefd.len(), mixed_array(10).stations.len());
    add_thermal_noise(&mut table, &sefd, Some(4), &silent()).unwrap();
    for (weighting, epsilons) in
        [(Weighting::Briggs(0.0), EPSILONS.as_slice()), (Weighting::Natural, &[1e-6]), (Weighting::Uniform, &[1e-6])]
    {
        let image = |method| {
            let params = ImageParams {
                geometry: square(96, 30.0 * ARCSEC_RAD),
                weighting,
                taper: Default::default(),
                method,
                keep_beyond_nyquist: false,
            };
            make_images(&table, &params, &silent()).unwrap()
        };
        let exact = image(Method::Dft);
        for &epsilon in epsilons {
            let fast = image(Method::Fft { epsilon });
            let l2 = |a: &Array3<f64>, b: &Array3<f64>| {
                let off: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
                (off / b.iter().map(|b| b * b).sum::<f64>()).sqrt()
            };
            let (dirty, psf) = (l2(&fast.dirty, &exact.dirty), l2(&fast.psf, &exact.psf));
            eprintln!("image {weighting}, epsilon {epsilon:.0e}: dirty {dirty:.2e}, PSF {psf:.2e}");
            assert!(dirty < epsilon && psf < epsilon, "{weighting} {epsilon:e}: dirty {dirty:e}, PSF {psf:e}");
            assert_eq!(fast.noise_jy, exact.noise_jy);
        }
    }
}

/// The two directions of the chain belong to each other: a point predicted at a pixel is imaged at that pixel, with
/// its flux, wherever the field and the track are.
#[test]
fn a_point_is_imaged_where_it_is() {
    let telescope = mixed_array(8);
    let beams = StationBeams::new(&telescope, BeamChoice::None);
    for centre in [near_zenith(), RaDec::from_deg(359.9, 10.0), RaDec::from_deg(200.0, -75.0)] {
        let track = transit(&telescope, centre, 3, 3600.0);
        let (mut table, instants) = table(&telescope, &track, &FREQ_HZ[..1], 1e6, Polarisations::I);
        let mut cube = sky(centre, 0);
        cube.flux_jy = Array3::zeros((1, 300, 300));
        cube.freq_hz.truncate(1);
        cube.flux_jy[[0, 40, 260]] = 2.0;
        // by angles, not by pixels: 110 pixels to the west (x rises as RA falls), 110 to the south
        let direction = RaDec::from_lm(-110.0 * cube.cell_rad, -110.0 * cube.cell_rad, centre);
        let by_angle = skyfringe::sky::components::Component::point(direction, [2.0, 0.0, 0.0, 0.0]);
        let turn = (direction.ra_rad - centre.ra_rad + 3.0 * std::f64::consts::PI)
            .rem_euclid(2.0 * std::f64::consts::PI)
            - std::f64::consts::PI;
        assert!(turn < -0.1 * DEG_RAD && direction.dec_rad < centre.dec_rad);
        let station = Some((instants.as_slice(), &beams));
        predict_direct(
            &mut table,
            DirectSky::Components { list: &[by_angle], snap_tolerance: 0.0 },
            station,
            Some(cube.cell_rad),
            Summing::Float64,
            &silent(),
        )
        .unwrap();
        let params = ImageParams {
            geometry: square(300, cube.cell_rad),
            weighting: Weighting::Uniform,
            taper: Default::default(),
            method: Method::Fft { epsilon: 1e-7 },
            keep_beyond_nyquist: false,
        };
        let images = make_images(&table, &params, &silent()).unwrap();
        assert!((images.dirty[[0, 40, 260]] - 2.0).abs() < 1e-6);
        assert!(images.dirty.iter().all(|v| *v < 2.0 + 1e-6));
    }
}
