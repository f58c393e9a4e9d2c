//! CLEAN on skies that are known.

use ndarray::{Array2, Array3, Axis, s};
use skyfringe::error::Watch;
use skyfringe::formats::fits::Beam;
use skyfringe::formats::visibilities::{Polarisations, Precision, VisibilityTable, write_visibilities};
use skyfringe::gridding::ImageGeometry;
use skyfringe::imaging::beam_fit::{BeamFit, fit_beam};
use skyfringe::imaging::clean::{
    Algorithm, CleanOptions, Cleaned, Measurement, PsfConvolution, ScaleShape, StopReason, clean, clean_cube,
    clean_joint, mad_noise,
};
use skyfringe::imaging::{ImageParams, Method, PlaneGridder, PlaneSamples, Stokes, Taper, WeightedSamples, Weighting};
use skyfringe::math::random::Stream;
use skyfringe::sky::cube::SkyCube;
use skyfringe::telescope::Telescope;
use skyfringe::time::{EarthOrientation, Frame};
use skyfringe::units::RaDec;
use skyfringe::visibilities::{Track, add_thermal_noise, new_table, predict_by_grid};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Field of the observed sky: 384 pixels of 2.5 arcsec.
const N: usize = 384;
const CELL_RAD: f64 = 2.5 * std::f64::consts::PI / 648_000.0;
const FREQ_HZ: f64 = 1.42e9;
const EPSILON: f64 = 1e-6;
/// Noise of a dish, low enough that 1 % of the faintest point is two to three times the image's noise.
const SEFD_JY: f64 = 40.0;

fn geometry() -> ImageGeometry {
    ImageGeometry { nx: N, ny: N, dl: -CELL_RAD, dm: CELL_RAD }
}

/// Points (y, x, Jy), far from each other and from the disc.
const POINTS: [(usize, usize, f64); 6] =
    [(60, 70, 0.020), (330, 300, 0.012), (310, 60, 0.008), (70, 320, 0.006), (192, 40, 0.010), (350, 190, 0.015)];
/// Flux of the disc, Jy.
const DISC_JY: f64 = 0.15;

/// An inclined disc with the hole and the outer decline of an HI disc, about 100 x 60 pixels, flux `DISC_JY`.
fn disc() -> Array2<f64> {
    let disc = Array2::from_shape_fn((N, N), |(y, x)| {
        let (dy, dx) = (y as f64 - 200.0, x as f64 - 190.0);
        let (along, across) = (0.8 * dx + 0.6 * dy, (0.8 * dy - 0.6 * dx) / 0.6);
        let r2 = (along * along + across * across) / (26.0 * 26.0);
        (-0.5 * r2).exp() - 0.5 * (-2.5 * r2).exp()
    });
    let sum = disc.sum();
    disc * (DISC_JY / sum)
}

fn sky(with_disc: bool) -> Array2<f64> {
    let mut sky = if with_disc { disc() } else { Array2::zeros((N, N)) };
    for (y, x, jy) in POINTS {
        sky[[y, x]] += jy;
    }
    sky
}

/// MeerKAT, four hours about transit, 120 s steps; noise of `sefd_jy` a dish.
fn observe(sky: &Array2<f64>, sefd_jy: f64) -> VisibilityTable {
    let telescope = Telescope::preset("meerkat").unwrap();
    let start_mjd_utc = 60_000.0;
    // the sidereal time two hours later stands over the phase centre
    let gmst_deg = 280.460_618_37 + 360.985_647_366_29 * (start_mjd_utc + 2.0 / 24.0 - 51_544.5);
    let phase_centre = RaDec::from_deg((gmst_deg + telescope.reference().lon_deg()).rem_euclid(360.0), -40.0);
    let track = Track {
        phase_centre,
        earth: EarthOrientation::new(Frame::Icrs),
        start_mjd_utc,
        step_s: 120.0,
        steps: 120,
        pointing: Default::default(),
        correlations: Default::default(),
    };
    let (mut table, _, report) = new_table(&telescope, &track, &[FREQ_HZ], 1e5, Polarisations::I, 0.3).unwrap();
    assert_eq!(report.rows_too_low, 0);
    let cube = SkyCube {
        flux_jy: sky.clone().insert_axis(Axis(0)),
        freq_hz: vec![FREQ_HZ],
        channel_width_hz: 1e5,
        cell_rad: CELL_RAD,
        centre: phase_centre,
        specsys: "TOPOCENT".into(),
    };
    predict_by_grid(&mut table, &cube, None, 1e-7, false, &Watch::silent()).unwrap();
    let stations = vec![sefd_jy; telescope.stations.len()];
    add_thermal_noise(&mut table, &stations, Some(11), &Watch::silent()).unwrap();
    table
}

/// A table's one channel, weighted.
struct Observed {
    gridder: PlaneGridder,
    /// Thermal noise that the weights predict, Jy/beam.
    noise_jy: f64,
}

impl Observed {
    fn new(table: &VisibilityTable, weighting: Weighting) -> Observed {
        let params = ImageParams {
            geometry: geometry(),
            weighting,
            taper: Taper::default(),
            method: Method::Fft { epsilon: EPSILON },
            keep_beyond_nyquist: false,
        };
        let samples = PlaneSamples::of_table(table, 0..1, 0, Stokes::I, None, &params).unwrap();
        let gridder = PlaneGridder::new(WeightedSamples::new(samples, None, &params), params, None).unwrap();
        Observed { noise_jy: gridder.weighted().sums().noise().image_jy, gridder }
    }

    fn images(&self) -> (Array2<f64>, Array2<f64>) {
        self.gridder.dirty_and_psf(&Watch::silent()).unwrap()
    }
}

fn rms(image: &Array2<f64>) -> f64 {
    let mean = image.mean().unwrap();
    (image.mapv(|v| (v - mean).powi(2)).mean().unwrap()).sqrt()
}

/// Restored image at a pixel: the model through the clean beam, plus the residual; a point's flux, Jy.
fn restored(cleaned: &Cleaned, beam: Beam, y: usize, x: usize) -> f64 {
    let mut sum = cleaned.residual[[y, x]];
    for dy in -20isize..=20 {
        for dx in -20isize..=20 {
            let at = (y.wrapping_add_signed(dy), x.wrapping_add_signed(dx));
            let (east, north) = (-dx as f64 * CELL_RAD, dy as f64 * CELL_RAD);
            let (sin, cos) = beam.angle_rad.sin_cos();
            let (along, across) = (north * cos + east * sin, east * cos - north * sin);
            let r2 = (along / beam.major_rad).powi(2) + (across / beam.minor_rad).powi(2);
            sum += cleaned.model.get(at).unwrap_or(&0.0) * (-4.0 * std::f64::consts::LN_2 * r2).exp();
        }
    }
    sum
}

/// Flux of the model within 75 pixels of the disc's middle (no point is there), Jy.
fn disc_flux(model: &Array2<f64>) -> f64 {
    let near = |y: usize, x: usize| y.abs_diff(200).pow(2) + x.abs_diff(190).pow(2) < 75 * 75;
    model.indexed_iter().filter(|((y, x), _)| near(*y, *x)).map(|(_, v)| v).sum()
}

fn deep(algorithm: Algorithm) -> CleanOptions {
    CleanOptions {
        algorithm,
        niter: 100_000,
        auto_mask_sigma: Some(5.0),
        auto_threshold_sigma: Some(1.0),
        ..CleanOptions::default()
    }
}

#[test]
fn points_come_back_to_one_percent_and_leave_thermal_noise() {
    let table = observe(&sky(false), SEFD_JY);
    for (weighting, algorithm) in [
        (Weighting::Briggs(0.0), Algorithm::Hogbom),
        (Weighting::Briggs(0.0), Algorithm::CottonSchwab),
        (Weighting::Natural, Algorithm::CottonSchwab),
        (Weighting::Briggs(0.0), Algorithm::Multiscale),
    ] {
        let observed = Observed::new(&table, weighting);
        let (dirty, psf) = observed.images();
        let beam = fit_beam(psf.view(), &geometry(), BeamFit::default()).unwrap();
        let cleaned = clean(dirty.view(), psf.view(), &deep(algorithm), &observed.gridder, &Watch::silent()).unwrap();
        let excess = rms(&cleaned.residual) / observed.noise_jy;
        eprintln!(
            "{weighting} {algorithm}: {} components, {} major cycles, residual rms / thermal {excess:.4}, {}",
            cleaned.iterations, cleaned.major_cycles, cleaned.stop
        );
        assert_eq!(cleaned.stop, StopReason::Threshold);
        assert!((excess - 1.0).abs() < 0.1, "{weighting} {algorithm}: {excess}");
        for (y, x, jy) in POINTS {
            let found = restored(&cleaned, beam, y, x);
            eprintln!("  {jy} Jy: {:+.3} %", 100.0 * (found / jy - 1.0));
            assert!((found / jy - 1.0).abs() < 0.01, "{weighting} {algorithm}: {found} for {jy}");
        }
    }
}

#[test]
fn an_extended_disc_comes_back_to_three_percent() {
    let table = observe(&sky(true), SEFD_JY);
    for weighting in [Weighting::Briggs(0.0), Weighting::Natural] {
        let observed = Observed::new(&table, weighting);
        let (dirty, psf) = observed.images();
        let beam = fit_beam(psf.view(), &geometry(), BeamFit::default()).unwrap();
        for scale_shape in [ScaleShape::TaperedQuadratic, ScaleShape::Gaussian] {
            let options = CleanOptions { scale_shape, ..deep(Algorithm::Multiscale) };
            let cleaned = clean(dirty.view(), psf.view(), &options, &observed.gridder, &Watch::silent()).unwrap();
            let excess = rms(&cleaned.residual) / observed.noise_jy;
            let flux = disc_flux(&cleaned.model);
            eprintln!(
                "{weighting} {scale_shape:?}: {:?}, {} major cycles, residual rms / thermal {excess:.4}, disc {:+.2} %, {}",
                cleaned.scales,
                cleaned.major_cycles,
                100.0 * (flux / DISC_JY - 1.0),
                cleaned.stop
            );
            assert_eq!(cleaned.stop, StopReason::Threshold);
            assert!((excess - 1.0).abs() < 0.1, "{weighting} {scale_shape:?}: {excess}");
            assert!((flux / DISC_JY - 1.0).abs() < 0.03, "{weighting} {scale_shape:?}: {flux}");
            for (y, x, jy) in POINTS {
                let found = restored(&cleaned, beam, y, x);
                eprintln!("  {jy} Jy: {:+.3} %", 100.0 * (found / jy - 1.0));
                assert!((found / jy - 1.0).abs() < 0.01, "{weighting} {scale_shape:?}: {found} for {jy}");
            }
        }
    }
}

/// A made-up PSF: a core, and sidelobes to the edge; its transform is positive, as a PSF's is.
fn test_psf(ny: usize, nx: usize, sidelobe: f64) -> Array2<f64> {
    Array2::from_shape_fn((ny, nx), |(y, x)| {
        let (dy, dx) = (y as f64 - (ny / 2) as f64, x as f64 - (nx / 2) as f64);
        let r2 = dy * dy + dx * dx;
        (1.0 - sidelobe) * (-r2 / 5.0).exp() + sidelobe * (-r2 / 400.0).exp() * (0.5 * dx).cos() * (0.4 * dy).cos()
    })
}

/// Three points through the PSF, with noise.
fn test_image(ny: usize, nx: usize, psf: &Array2<f64>) -> Array2<f64> {
    let mut sky = Array2::zeros((ny, nx));
    sky[[ny / 3, nx / 4]] = -3.0;
    sky[[ny / 2 + 3, nx / 2]] = 2.0;
    sky[[2 * ny / 3, 2 * nx / 3 + 1]] = -0.4;
    let mut random = Stream::new(9, [1, 0, 0]);
    let noise = Array2::from_shape_fn((ny, nx), |_| 0.01 * random.normal());
    PsfConvolution::new(noise.view(), psf.view()).residual(sky.view(), &Watch::silent()).unwrap()
}

fn small() -> (Array2<f64>, Array2<f64>, PsfConvolution) {
    let psf = test_psf(200, 140, 0.06);
    let dirty = test_image(100, 70, &psf);
    let measurement = PsfConvolution::new(dirty.view(), psf.view());
    (dirty, psf, measurement)
}

fn options(algorithm: Algorithm, niter: usize) -> CleanOptions {
    CleanOptions { algorithm, niter, ..CleanOptions::default() }
}

#[test]
fn hogbom_is_the_plain_loop() {
    let (dirty, psf, measurement) = small();
    let mut residual = dirty.clone();
    let mut model = Array2::<f64>::zeros(dirty.dim());
    for _ in 0..700 {
        let mut at = (0, 0);
        for (here, v) in residual.indexed_iter() {
            if v.abs() > residual[at].abs() {
                at = here;
            }
        }
        let amount = 0.1 * residual[at];
        model[at] += amount;
        for ((y, x), r) in residual.indexed_iter_mut() {
            *r -= amount * psf[[100 + y - at.0, 70 + x - at.1]];
        }
    }
    let cleaned = clean(dirty.view(), psf.view(), &options(Algorithm::Hogbom, 700), &measurement, &Watch::silent());
    let cleaned = cleaned.unwrap();
    assert_eq!(cleaned.model, model);
    assert_eq!((cleaned.iterations, cleaned.major_cycles, cleaned.stop), (700, 1, StopReason::Iterations));
    let worst = (&cleaned.residual - &residual).iter().fold(0.0, |m: f64, d| m.max(d.abs()));
    assert!(worst < 1e-12, "{worst}");
}

#[test]
fn exact_residuals_mend_a_patch_too_small() {
    let (dirty, psf, measurement) = small();
    for (algorithm, half) in [(Algorithm::CottonSchwab, 5), (Algorithm::Multiscale, 12)] {
        let options = CleanOptions {
            patch_half: Some(half),
            threshold_jy: Some(0.05),
            scales_pixels: vec![0.0, 6.0],
            ..options(algorithm, 10_000)
        };
        let cleaned = clean(dirty.view(), psf.view(), &options, &measurement, &Watch::silent()).unwrap();
        assert_eq!(cleaned.stop, StopReason::Threshold, "{algorithm}: {:?}", cleaned.notes);
        assert!(cleaned.peak_residual <= 0.05 && cleaned.major_cycles > 1, "{algorithm}");
        let exact = measurement.residual(cleaned.model.view(), &Watch::silent()).unwrap();
        assert_eq!(cleaned.residual, exact);
        let worst = cleaned.residual.iter().fold(0.0, |m: f64, d| m.max(d.abs()));
        assert!(worst == cleaned.peak_residual && cleaned.noise == mad_noise(exact.view()));
    }
}

#[test]
fn every_stop_is_reached_and_named() {
    let (dirty, psf, measurement) = small();
    let run =
        |options: CleanOptions| clean(dirty.view(), psf.view(), &options, &measurement, &Watch::silent()).unwrap();
    for algorithm in [Algorithm::Hogbom, Algorithm::CottonSchwab, Algorithm::Multiscale] {
        let none = run(options(algorithm, 0));
        assert_eq!((none.stop, none.iterations, none.major_cycles), (StopReason::Iterations, 0, 0));
        assert!(none.residual == dirty && none.model.iter().all(|v| *v == 0.0));
        let few = run(options(algorithm, 37));
        assert_eq!((few.stop, few.iterations), (StopReason::Iterations, 37));
        let fixed = run(CleanOptions { threshold_jy: Some(0.2), ..options(algorithm, 100_000) });
        assert_eq!(fixed.stop, StopReason::Threshold);
        assert!(fixed.peak_residual < 0.2 + 1e-9 && fixed.peak_residual > 0.05, "{algorithm} {}", fixed.peak_residual);
        let sigma = run(CleanOptions { auto_threshold_sigma: Some(6.0), ..options(algorithm, 100_000) });
        assert_eq!(sigma.stop, StopReason::Threshold);
        assert!(sigma.peak_residual <= 6.0 * sigma.noise * (1.0 + 1e-9), "{algorithm}");
        assert!((sigma.noise / 0.01 - 1.0).abs() < 0.1, "{algorithm}: {}", sigma.noise);
        // the higher of two thresholds counts
        let both =
            CleanOptions { threshold_jy: Some(0.2), auto_threshold_sigma: Some(6.0), ..options(algorithm, 100_000) };
        assert_eq!(run(both).iterations, fixed.iterations);
        let high = run(CleanOptions { threshold_jy: Some(50.0), ..options(algorithm, 100) });
        assert_eq!((high.stop, high.iterations), (StopReason::Threshold, 0));
    }
    let cut = run(CleanOptions { max_major_cycles: 2, ..options(Algorithm::CottonSchwab, 1_000_000) });
    assert_eq!((cut.stop, cut.major_cycles), (StopReason::MajorCycles, 2));
}

#[test]
fn divergence_is_seen_and_the_best_model_kept() {
    // a PSF of the wrong sign beyond its core: each cycle makes the residual worse
    let psf = test_psf(100, 100, 0.3);
    let dirty = test_image(100, 100, &psf);
    let wrong = psf.mapv(|p| if p > 0.31 { 3.0 * p } else { -2.0 * p });
    let measurement = PsfConvolution::new(dirty.view(), wrong.view());
    for algorithm in [Algorithm::CottonSchwab, Algorithm::Multiscale] {
        let cleaned =
            clean(dirty.view(), psf.view(), &options(algorithm, 10_000), &measurement, &Watch::silent()).unwrap();
        assert_eq!(cleaned.stop, StopReason::Diverged, "{algorithm}");
        assert!(cleaned.notes.iter().any(|n| n.contains("diverged")), "{:?}", cleaned.notes);
        let first = dirty.iter().fold(0.0, |m: f64, d| m.max(d.abs()));
        assert!(cleaned.peak_residual <= first, "{algorithm}: {} {first}", cleaned.peak_residual);
    }
    // sidelobes above the peak: the minor cycle itself diverges
    let psf = Array2::from_shape_fn((64, 64), |(y, x)| if (y + x) % 2 == 0 { 1.0 } else { -1.04 });
    let dirty = test_image(64, 64, &test_psf(64, 64, 0.0));
    let measurement = PsfConvolution::new(dirty.view(), psf.view());
    let mut hard = options(Algorithm::Hogbom, 100_000);
    hard.gain = 1.0;
    let cleaned = clean(dirty.view(), psf.view(), &hard, &measurement, &Watch::silent()).unwrap();
    assert_eq!(cleaned.stop, StopReason::Diverged);
    assert!(cleaned.notes.iter().any(|n| n.contains("minor cycle")), "{:?}", cleaned.notes);
}

#[test]
fn masks_are_kept_to() {
    let (dirty, psf, measurement) = small();
    let mask = Array2::from_shape_fn(dirty.dim(), |(y, x)| (40..60).contains(&y) && (20..50).contains(&x));
    for algorithm in [Algorithm::Hogbom, Algorithm::CottonSchwab, Algorithm::Multiscale] {
        let masked = CleanOptions {
            mask: Some(mask.clone()),
            scales_pixels: vec![0.0, 8.0],
            auto_threshold_sigma: Some(4.0),
            ..options(algorithm, 5000)
        };
        let cleaned = clean(dirty.view(), psf.view(), &masked, &measurement, &Watch::silent()).unwrap();
        // extended components reach half a scale beyond the pixel they stand on
        let margin = if algorithm == Algorithm::Multiscale { 4 } else { 0 };
        for ((y, x), v) in cleaned.model.indexed_iter() {
            let near = (40 - margin..60 + margin).contains(&y) && (20 - margin..50 + margin).contains(&x);
            assert!(near || *v == 0.0, "{algorithm}: {v} at {y}, {x}");
        }
        let source = cleaned.model.slice(s![49..58, 31..40]).sum();
        assert!((source - -2.0).abs() < 0.2, "{algorithm}: {source}");
    }
    // automatic: what is found above 20 sigma is cleaned on to 2 sigma, nothing else
    let automatic = CleanOptions {
        auto_mask_sigma: Some(20.0),
        auto_threshold_sigma: Some(2.0),
        ..options(Algorithm::CottonSchwab, 50_000)
    };
    let cleaned = clean(dirty.view(), psf.view(), &automatic, &measurement, &Watch::silent()).unwrap();
    assert_eq!(cleaned.stop, StopReason::Threshold);
    let first = CleanOptions { auto_mask_sigma: None, auto_threshold_sigma: Some(20.0), ..automatic.clone() };
    let above = clean(dirty.view(), psf.view(), &first, &measurement, &Watch::silent()).unwrap();
    for (a, b) in cleaned.model.iter().zip(&above.model) {
        assert!(*a == 0.0 || *b != 0.0);
    }
    let on_model = cleaned.residual.iter().zip(&cleaned.model).filter(|(_, m)| **m != 0.0);
    let worst = on_model.fold(0.0, |m: f64, (r, _)| m.max(r.abs()));
    assert!(worst <= 2.0 * cleaned.noise * (1.0 + 1e-9), "{worst} {}", cleaned.noise);
    let nothing = CleanOptions { auto_mask_sigma: Some(1e4), ..automatic };
    let cleaned = clean(dirty.view(), psf.view(), &nothing, &measurement, &Watch::silent()).unwrap();
    assert!(cleaned.iterations == 0 && cleaned.notes[0].contains("nothing was cleaned"));
}

#[test]
fn negative_components_are_an_option() {
    let (dirty, psf, measurement) = small();
    for algorithm in [Algorithm::Hogbom, Algorithm::CottonSchwab, Algorithm::Multiscale] {
        let positive = CleanOptions { negative: false, threshold_jy: Some(0.05), ..options(algorithm, 500) };
        let cleaned = clean(
            (-&dirty).view(),
            psf.view(),
            &positive,
            &PsfConvolution::new((-&dirty).view(), psf.view()),
            &Watch::silent(),
        );
        let cleaned = cleaned.unwrap();
        assert!(cleaned.iterations > 0 && cleaned.model.iter().all(|v| *v >= 0.0), "{algorithm}");
        let both = clean(dirty.view(), psf.view(), &options(algorithm, 500), &measurement, &Watch::silent()).unwrap();
        assert!(both.model.iter().any(|v| *v > 0.0) && both.model.iter().any(|v| *v < 0.0), "{algorithm}");
    }
}

/// Channels whose PSFs and fluxes differ.
fn cube() -> (Array3<f64>, Array3<f64>, Vec<PsfConvolution>) {
    let (ny, nx) = (90, 80);
    let mut dirty = Array3::zeros((4, ny, nx));
    let mut psf = Array3::zeros((4, ny, nx));
    for c in 0..4 {
        if c == 2 {
            continue; // a channel without data
        }
        let own = test_psf(ny, nx, 0.02 * (c + 1) as f64);
        dirty.index_axis_mut(Axis(0), c).assign(&(test_image(ny, nx, &own) * (1.0 + c as f64)));
        psf.index_axis_mut(Axis(0), c).assign(&own);
    }
    let measurements = (0..4).map(|c| PsfConvolution::new(dirty.slice(s![c, .., ..]), psf.slice(s![c, .., ..])));
    let measurements = measurements.collect();
    (dirty, psf, measurements)
}

#[test]
fn cubes_are_their_planes_whatever_the_threads() {
    let (dirty, psf, measurements) = cube();
    let list: Vec<&dyn Measurement> = measurements.iter().map(|m| m as _).collect();
    let mut masks = Array3::from_elem(dirty.dim(), true);
    masks.slice_mut(s![1, ..45, ..]).fill(false);
    for algorithm in [Algorithm::Hogbom, Algorithm::CottonSchwab, Algorithm::Multiscale] {
        let options = options(algorithm, 400);
        let mut before: Option<(Vec<Cleaned>, Vec<Cleaned>)> = None;
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let made = pool.install(|| {
                let quiet = Watch::silent();
                let own = clean_cube(dirty.view(), psf.view(), &options, Some(masks.view()), &list, &quiet).unwrap();
                let weights = [1.0, 2.0, 0.0, 0.5];
                (own, clean_joint(dirty.view(), psf.view(), &weights, &options, &list, &quiet).unwrap())
            });
            assert_eq!(made.0[2].stop, StopReason::Nothing);
            assert_eq!(made.1[2].stop, StopReason::Nothing);
            if let Some(before) = &before {
                for (a, b) in before.0.iter().chain(&before.1).zip(made.0.iter().chain(&made.1)) {
                    assert!(a.model == b.model && a.residual == b.residual, "{algorithm}, {threads} threads");
                }
            }
            before = Some(made);
        }
        let (own, joint) = before.unwrap();
        for c in [0, 1, 3] {
            let options = CleanOptions { mask: Some(masks.index_axis(Axis(0), c).to_owned()), ..options.clone() };
            let (image, beam) = (dirty.index_axis(Axis(0), c), psf.index_axis(Axis(0), c));
            let single = clean(image, beam, &options, list[c], &Watch::silent()).unwrap();
            assert!(single.model == own[c].model && single.residual == own[c].residual);
            assert!(own[c].model.sum() != 0.0);
        }
        // common positions, own fluxes
        for ((y, x), v) in joint[0].model.indexed_iter() {
            assert_eq!(*v != 0.0, joint[3].model[[y, x]] != 0.0, "{algorithm} {y} {x}");
        }
        let peak = |c: &Cleaned| c.model[[48, 40]];
        if algorithm != Algorithm::Multiscale {
            assert!((peak(&joint[3]) / peak(&joint[0]) - 4.0).abs() < 0.1, "{algorithm}");
        }
    }
}

#[test]
fn joint_cleaning_of_one_channel_is_cleaning() {
    let (dirty, psf, measurement) = small();
    let options = options(Algorithm::Multiscale, 300);
    let single = clean(dirty.view(), psf.view(), &options, &measurement, &Watch::silent()).unwrap();
    let (dirty, psf) = (dirty.insert_axis(Axis(0)), psf.insert_axis(Axis(0)));
    let joint = clean_joint(dirty.view(), psf.view(), &[7.0], &options, &[&measurement], &Watch::silent()).unwrap();
    assert!(joint[0].model == single.model && joint[0].residual == single.residual);
}

#[test]
fn bad_input_is_refused() {
    let (dirty, psf, measurement) = small();
    let refused = |dirty: &Array2<f64>, psf: &Array2<f64>, options: &CleanOptions| {
        clean(dirty.view(), psf.view(), options, &measurement, &Watch::silent()).unwrap_err().to_string()
    };
    let good = options(Algorithm::Multiscale, 10);
    let with = |change: fn(&mut CleanOptions)| {
        let mut options = good.clone();
        change(&mut options);
        refused(&dirty, &psf, &options)
    };
    assert!(with(|o| o.gain = 0.0).contains("gain of CLEAN"));
    assert!(with(|o| o.gain = 1.1).contains("gain of CLEAN"));
    assert!(with(|o| o.gain = f64::NAN).contains("gain of CLEAN"));
    assert!(with(|o| o.major_gain = -0.1).contains("major-cycle gain"));
    assert!(with(|o| o.scale_bias = 0.0).contains("scale bias"));
    assert!(with(|o| o.threshold_jy = Some(-1.0)).contains("threshold"));
    assert!(with(|o| o.auto_threshold_sigma = Some(f64::INFINITY)).contains("automatic threshold"));
    assert!(with(|o| (o.auto_mask_sigma, o.auto_threshold_sigma) = (Some(2.0), Some(3.0))).contains("below"));
    assert!(with(|o| o.max_major_cycles = 0).contains("major cycle"));
    assert!(with(|o| o.scales_pixels = vec![0.0, 70.0]).contains("larger than the image"));
    assert!(with(|o| o.scales_pixels = vec![0.0, -1.0]).contains("not a size"));
    assert!(with(|o| o.scales_pixels = vec![5.0, 5.0]).contains("twice"));
    assert!(with(|o| o.mask = Some(Array2::from_elem((70, 100), true))).contains("mask does not have the shape"));
    assert!(with(|o| o.mask = Some(Array2::from_elem((100, 70), false))).contains("allows no pixel"));
    assert!(refused(&dirty, &Array2::zeros((100, 70)), &good).contains("no peak of 1"));
    assert!(refused(&dirty, &(&psf * 2.0), &good).contains("no peak of 1"));
    assert!(refused(&dirty, &Array2::zeros((0, 0)), &good).contains("no peak of 1"));
    assert!(refused(&Array2::zeros((0, 7)), &psf, &good).contains("no pixels"));
    let (mut nan, mut nan_psf) = (dirty.clone(), psf.clone());
    nan[[3, 4]] = f64::NAN;
    nan_psf[[5, 6]] = f64::INFINITY;
    assert!(refused(&nan, &psf, &good).contains("(3, 4)"));
    assert!(refused(&dirty, &nan_psf, &good).contains("PSF"));
    // a measurement of another shape
    assert!(refused(&Array2::ones((50, 50)), &test_psf(50, 50, 0.0), &good).contains("shape"));

    let (cube_dirty, cube_psf, measurements) = cube();
    let list: Vec<&dyn Measurement> = measurements.iter().map(|m| m as _).collect();
    let quiet = Watch::silent();
    let masks = Array3::from_elem((4, 80, 90), true);
    assert!(clean_cube(cube_dirty.view(), cube_psf.view(), &good, Some(masks.view()), &list, &quiet).is_err());
    assert!(clean_cube(cube_dirty.view(), cube_psf.view(), &good, None, &list[1..], &quiet).is_err());
    for weights in [&[1.0, 1.0][..], &[0.0; 4], &[1.0, f64::NAN, 1.0, 1.0], &[1.0, -1.0, 1.0, 1.0]] {
        assert!(clean_joint(cube_dirty.view(), cube_psf.view(), weights, &good, &list, &quiet).is_err());
    }

    let stopped = Watch::stopped_by(Arc::new(AtomicBool::new(true)));
    assert!(clean(dirty.view(), psf.view(), &good, &measurement, &stopped).unwrap_err().is_interrupt());
}

/// Writes what docs/clean.md compares with wsclean into the folder SKYFRINGE_CLEAN_OUT: the visibilities, and our
/// model and residual as bare f64.
#[test]
#[ignore = "makes files for docs/clean.md"]
fn files_for_the_comparison_with_wsclean() {
    let Some(out) = std::env::var_os("SKYFRINGE_CLEAN_OUT").map(std::path::PathBuf::from) else { return };
    let table = observe(&sky(true), SEFD_JY);
    write_visibilities(&out.join("vis.h5"), &table, Precision::Single, &Watch::silent()).unwrap();
    let observed = Observed::new(&table, Weighting::Briggs(0.0));
    let (dirty, psf) = observed.images();
    let save = |name: &str, image: &Array2<f64>| {
        let bytes: Vec<u8> = image.iter().flat_map(|v| v.to_le_bytes()).collect();
        std::fs::write(out.join(name), bytes).unwrap();
    };
    let start = std::time::Instant::now();
    let options = deep(Algorithm::Multiscale);
    let cleaned = clean(dirty.view(), psf.view(), &options, &observed.gridder, &Watch::silent()).unwrap();
    eprintln!("{:?}, {} major cycles, {}, {:.2?}", cleaned.scales, cleaned.major_cycles, cleaned.stop, start.elapsed());
    eprintln!(
        "thermal {:.4e} Jy/beam, {:?}",
        observed.noise_jy,
        fit_beam(psf.view(), &geometry(), BeamFit::default()).unwrap()
    );
    for (name, image) in [
        ("sky", &sky(true)),
        ("dirty", &dirty),
        ("psf", &psf),
        ("model", &cleaned.model),
        ("residual", &cleaned.residual),
    ] {
        save(&format!("{name}.f64"), image);
    }
}

#[test]
fn algorithms_have_names() {
    for algorithm in [Algorithm::Hogbom, Algorithm::CottonSchwab, Algorithm::Multiscale] {
        assert_eq!(Algorithm::parse(&algorithm.to_string()).unwrap(), algorithm);
    }
    assert_eq!(Algorithm::parse("clark").unwrap(), Algorithm::CottonSchwab);
    assert!(Algorithm::parse("mem").unwrap_err().to_string().contains("unknown CLEAN algorithm"));
}
