//! Gridding and degridding against the exact sum.

mod common;

use common::{npz, reference_data};
use ndarray::Array2;
use rustfft::num_complex::Complex64;
use skyfringe::error::Watch;
use skyfringe::gridding::{ImageGeometry, Method, Operator, Plan, degrid, dft, grid};
use skyfringe::math::random::Stream;

/// Visibilities spread evenly up to `reach` times the grid's Nyquist limit, |w| up to `w_max`.
fn random_uvw(g: &ImageGeometry, count: usize, reach: f64, w_max: f64, seed: u64) -> Vec<[f64; 3]> {
    let mut random = Stream::new(seed, [1, 0, 0]);
    let mut next = |scale: f64| (2.0 * random.uniform() - 1.0) * scale;
    (0..count).map(|_| [next(reach * 0.5 / g.dl), next(reach * 0.5 / g.dm), next(w_max)]).collect()
}

fn random_image(g: &ImageGeometry, seed: u64) -> Array2<f64> {
    let mut random = Stream::new(seed, [2, 0, 0]);
    Array2::from_shape_fn((g.ny, g.nx), |_| random.normal())
}

fn random_vis(count: usize, seed: u64) -> Vec<Complex64> {
    let mut random = Stream::new(seed, [3, 0, 0]);
    (0..count).map(|_| Complex64::new(random.normal(), random.normal())).collect()
}

fn relative_error(got: &[Complex64], expected: &[Complex64]) -> f64 {
    let difference: f64 = got.iter().zip(expected).map(|(a, b)| (a - b).norm_sqr()).sum();
    (difference / expected.iter().map(|b| b.norm_sqr()).sum::<f64>()).sqrt()
}

fn relative_image_error(got: &Array2<f64>, expected: &Array2<f64>) -> f64 {
    ((got - expected).mapv(|d| d * d).sum() / expected.mapv(|e| e * e).sum()).sqrt()
}

const NARROW: ImageGeometry = ImageGeometry { nx: 64, ny: 64, dl: -1e-5, dm: 1e-5 };
/// 5 degrees on a side, as SKA-Low sees it.
const WIDE: ImageGeometry = ImageGeometry { nx: 90, ny: 90, dl: -9.7e-4, dm: 9.7e-4 };
const ODD: ImageGeometry = ImageGeometry { nx: 75, ny: 48, dl: -4e-4, dm: 7e-4 };
const TINY: ImageGeometry = ImageGeometry { nx: 3, ny: 2, dl: 2e-2, dm: 3e-2 };
const HALF_SKY: ImageGeometry = ImageGeometry { nx: 64, ny: 60, dl: -0.02, dm: 0.02 };

fn accuracy(g: ImageGeometry, reach: f64, w_max: f64, epsilons: &[f64]) {
    let uvw = random_uvw(&g, 700, reach, w_max, 5);
    let (image, vis) = (random_image(&g, 6), random_vis(uvw.len(), 7));
    let watch = Watch::silent();
    let exact_vis = dft::degrid(g, image.view(), &uvw, &watch).unwrap();
    let exact_image = dft::grid(g, &vis, &uvw, &watch).unwrap();
    for &epsilon in epsilons {
        let plan = Plan::new(g, &uvw, epsilon).unwrap();
        let forward = relative_error(&plan.degrid(image.view(), &watch).unwrap(), &exact_vis);
        let adjoint = relative_image_error(&plan.grid(&vis, &watch).unwrap(), &exact_image);
        println!("{g:?} w {w_max} epsilon {epsilon:e}: {forward:.1e} {adjoint:.1e}, {}", plan.description());
        assert!(forward < epsilon, "{g:?} w {w_max} epsilon {epsilon:e}: degrid {forward:e}");
        assert!(adjoint < epsilon, "{g:?} w {w_max} epsilon {epsilon:e}: grid {adjoint:e}");
    }
}

const EPSILONS: [f64; 10] = [5e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12];

#[test]
fn accuracy_asked_is_accuracy_had_narrow_field() {
    accuracy(NARROW, 1.0, 3e5, &EPSILONS);
}

#[test]
fn accuracy_asked_is_accuracy_had_wide_field() {
    accuracy(WIDE, 1.0, 500.0, &EPSILONS);
    accuracy(WIDE, 1.0, 2e4, &[1e-4, 1e-9]);
}

#[test]
fn accuracy_asked_is_accuracy_had_odd_oblong_tiny_and_huge_fields() {
    accuracy(ODD, 1.0, 3e3, &EPSILONS);
    accuracy(TINY, 1.0, 500.0, &EPSILONS);
    accuracy(HALF_SKY, 1.0, 60.0, &EPSILONS);
}

#[test]
fn accuracy_asked_is_accuracy_had_beyond_nyquist() {
    accuracy(ODD, 5.0, 3e3, &[1e-3, 1e-6, 1e-10]);
}

#[test]
fn accuracy_asked_is_accuracy_had_without_w() {
    accuracy(ODD, 1.0, 0.0, &EPSILONS);
    accuracy(NARROW, 1.0, 1e-3, &[1e-4, 1e-6, 1e-10]);
}

#[test]
fn one_edge_pixel_is_as_accurate() {
    let uvw = random_uvw(&WIDE, 3000, 1.0, 500.0, 5);
    let watch = Watch::silent();
    for (y, x) in [(0, 0), (89, 0), (0, 89), (45, 45), (45, 0)] {
        let mut image = Array2::zeros((WIDE.ny, WIDE.nx));
        image[[y, x]] = 2.0;
        let exact = dft::degrid(WIDE, image.view(), &uvw, &watch).unwrap();
        for epsilon in [1e-3, 1e-5, 1e-8, 1e-11] {
            let got = relative_error(&degrid(WIDE, image.view(), &uvw, epsilon, &watch).unwrap(), &exact);
            assert!(got < epsilon, "pixel {x} {y} epsilon {epsilon:e}: {got:e}");
        }
    }
}

#[test]
fn crowded_positions_are_as_accurate() {
    // one coordinate fixed: its kernel error is that of one position, not the mean over positions
    let watch = Watch::silent();
    let image = random_image(&WIDE, 21);
    for fixed in [0.0, 0.3, 123.456, 200.0] {
        for axis in 0..2 {
            let mut uvw = random_uvw(&WIDE, 500, 1.0, 500.0, 20);
            uvw.iter_mut().for_each(|c| c[axis] = fixed);
            let exact = dft::degrid(WIDE, image.view(), &uvw, &watch).unwrap();
            for epsilon in [1e-2, 1e-4, 1e-6, 1e-9] {
                let got = relative_error(&degrid(WIDE, image.view(), &uvw, epsilon, &watch).unwrap(), &exact);
                assert!(got < epsilon, "axis {axis} at {fixed}, epsilon {epsilon:e}: {got:e}");
            }
        }
    }
}

/// <degrid(image), vis> against <image, grid(vis)>, over the product of the norms.
fn adjointness(image: &Array2<f64>, vis: &[Complex64], predicted: &[Complex64], gridded: &Array2<f64>) -> f64 {
    let left: f64 = predicted.iter().zip(vis).map(|(a, b)| (a.conj() * b).re).sum();
    let right = (gridded * image).sum();
    let norm = |v: &[Complex64]| v.iter().map(|v| v.norm_sqr()).sum::<f64>().sqrt();
    (left - right).abs() / (norm(predicted) * norm(vis)).max(left.abs())
}

#[test]
fn grid_is_the_adjoint_of_degrid() {
    let watch = Watch::silent();
    for (g, w_max) in [NARROW, WIDE, ODD, TINY].into_iter().flat_map(|g| [(g, 800.0), (g, 0.0)]) {
        let uvw = random_uvw(&g, 500, 1.2, w_max, 8);
        let (image, vis) = (random_image(&g, 9), random_vis(uvw.len(), 10));
        for epsilon in [1e-2, 1e-5, 1e-11] {
            let plan = Plan::new(g, &uvw, epsilon).unwrap();
            let (predicted, gridded) = (plan.degrid(image.view(), &watch).unwrap(), plan.grid(&vis, &watch).unwrap());
            let off = adjointness(&image, &vis, &predicted, &gridded);
            assert!(off < 1e-12, "{g:?} w {w_max} {epsilon:e}: {off:e}");
            // in single precision from 1e-5 on
            let single = (
                degrid(g, image.view(), &uvw, epsilon, &watch).unwrap(),
                grid(g, &vis, &uvw, epsilon, &watch).unwrap(),
            );
            let off = adjointness(&image, &vis, &single.0, &single.1);
            assert!(off < 1e-6, "{g:?} w {w_max} {epsilon:e}, single: {off:e}");
        }
    }
}

#[test]
fn one_operator_for_every_method() {
    let watch = Watch::silent();
    for w_max in [0.0, 500.0] {
        let uvw = random_uvw(&ODD, 400, 1.0, w_max, 31);
        let (image, vis) = (random_image(&ODD, 32), random_vis(uvw.len(), 33));
        let weights: Vec<f64> = (0..uvw.len()).map(|k| 0.5 + (k % 7) as f64).collect();
        let made = |method| {
            let operator = Operator::new(ODD, &uvw, method).unwrap();
            assert_eq!(operator.len(), uvw.len());
            let images = operator.grid(&[Some(&vis), None], &weights, &watch).unwrap();
            (operator.degrid(image.view(), &watch).unwrap(), images)
        };
        let exact = made(Method::Dft);
        let weighted: Vec<Complex64> = vis.iter().zip(&weights).map(|(v, w)| v * w).collect();
        let direct = dft::grid(ODD, &weighted, &uvw, &watch).unwrap();
        assert!(relative_image_error(&exact.1[0], &direct) < 1e-13);
        for epsilon in [1e-3, 1e-5, 1e-7] {
            let got = made(Method::Fft { epsilon });
            assert!(relative_error(&got.0, &exact.0) < epsilon, "{epsilon:e}");
            for (got, exact) in got.1.iter().zip(&exact.1) {
                assert!(relative_image_error(got, exact) < epsilon, "{epsilon:e}");
            }
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let g = ImageGeometry { nx: 200, ny: 160, dl: -3e-4, dm: 3e-4 };
    // a crowded core (tasks of one tile are split) and a sparse rest
    let mut uvw = random_uvw(&g, 9000, 0.02, 300.0, 11);
    uvw.extend(random_uvw(&g, 3000, 1.0, 2000.0, 12));
    let (image, vis) = (random_image(&g, 13), random_vis(uvw.len(), 14));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let watch = Watch::silent();
            let fast = Plan::new(g, &uvw, 1e-6).unwrap();
            let few = &uvw[8990..9010];
            (
                fast.degrid(image.view(), &watch).unwrap(),
                fast.grid(&vis, &watch).unwrap(),
                dft::degrid(g, image.view(), few, &watch).unwrap(),
                dft::grid(g, &vis[8990..9010], few, &watch).unwrap(),
            )
        })
    };
    let one = run(1);
    for threads in [2, 3, 7] {
        assert!(run(threads) == one, "{threads} threads");
    }
}

#[test]
fn bad_input_is_an_error() {
    let watch = Watch::silent();
    let good = random_image(&ODD, 1);
    let message = |g: ImageGeometry, image: &Array2<f64>, uvw: &[[f64; 3]], epsilon: f64| {
        degrid(g, image.view(), uvw, epsilon, &watch).unwrap_err().to_string()
    };
    let uvw = [[1.0, 2.0, 3.0]];
    for bad in [f64::NAN, f64::INFINITY] {
        assert!(message(ODD, &good, &[uvw[0], [1.0, bad, 0.0]], 1e-5).contains("visibility 1"));
    }
    assert!(message(ODD, &good, &uvw, 1e-13).contains("accuracy"));
    assert!(message(ODD, &good, &uvw, 0.1).contains("accuracy"));
    assert!(message(ImageGeometry { dl: 0.03, ..ODD }, &good, &uvw, 1e-5).contains("hemisphere"));
    assert!(message(ImageGeometry { dl: 0.0, ..ODD }, &good, &uvw, 1e-5).contains("pixel size"));
    assert!(message(ImageGeometry { nx: 0, ..ODD }, &good, &uvw, 1e-5).contains("no pixels"));
    assert!(message(ImageGeometry { nx: 74, ..ODD }, &good, &uvw, 1e-5).contains("shape"));
    let mut hole = good.clone();
    hole[[3, 4]] = f64::NAN;
    assert!(message(ODD, &hole, &uvw, 1e-5).contains("x = 4, y = 3"));
    let vis = random_vis(2, 1);
    assert!(grid(ODD, &vis, &uvw, 1e-5, &watch).unwrap_err().to_string().contains("differ in number"));
    let vis = [Complex64::new(f64::NAN, 0.0)];
    assert!(grid(ODD, &vis, &uvw, 1e-5, &watch).unwrap_err().to_string().contains("not a finite number"));
    assert!(dft::grid(ODD, &vis, &uvw, &watch).unwrap_err().to_string().contains("not a finite number"));
    let huge = dft::degrid(ImageGeometry { dl: 0.03, ..ODD }, good.view(), &uvw, &watch).unwrap_err();
    assert!(huge.to_string().contains("hemisphere"));
}

#[test]
fn no_visibilities_are_no_work_and_an_interrupt_stops() {
    let watch = Watch::silent();
    let image = random_image(&ODD, 1);
    assert!(degrid(ODD, image.view(), &[], 1e-5, &watch).unwrap().is_empty());
    assert!(grid(ODD, &[], &[], 1e-5, &watch).unwrap().iter().all(|p| *p == 0.0));
    let stopped = Watch::stopped_by(std::sync::Arc::new(true.into()));
    let uvw = [[1.0, 2.0, 3.0]];
    assert!(degrid(ODD, image.view(), &uvw, 1e-5, &stopped).unwrap_err().is_interrupt());
    assert!(grid(ODD, &random_vis(1, 1), &uvw, 1e-5, &stopped).unwrap_err().is_interrupt());
    assert!(dft::degrid(ODD, image.view(), &uvw, &stopped).unwrap_err().is_interrupt());
}

/// Direct float64 sums over eight points to 5 degrees, from data/wide-field-dft.
struct WideField {
    geometry: ImageGeometry,
    image: Array2<f64>,
    uvw: Vec<[f64; 3]>,
    vis: Vec<Complex64>,
}

fn wide_field(test_name: &str) -> Option<WideField> {
    let file = reference_data(test_name)?.join("wide-field-dft/wide_low_points.npz");
    let get = |name: &str| npz::read(&file, name);
    let (uvw_m, freq_hz, flux) = (get("uvw_m").f64(), get("freq_hz").f64(), get("flux_jy").f64());
    let (n, cell) = (get("npix").i64()[0] as usize, get("pixsize_rad").f64()[0]);
    let geometry = ImageGeometry { nx: n, ny: n, dl: -cell, dm: cell };
    let mut image = Array2::zeros((n, n));
    for (xy, flux) in get("pix_xy").i64().chunks_exact(2).zip(&flux) {
        image[[xy[1] as usize, xy[0] as usize]] = *flux;
    }
    let scale: Vec<f64> = freq_hz.iter().map(|f| f / 299_792_458.0).collect();
    let uvw = uvw_m.chunks_exact(3).flat_map(|r| scale.iter().map(|s| [r[0] * s, r[1] * s, r[2] * s])).collect();
    let vis = get("vis").f64().chunks_exact(2).map(|c| Complex64::new(c[0], c[1])).collect();
    Some(WideField { geometry, image, uvw, vis })
}

#[test]
fn wide_field_reference_visibilities() {
    let Some(w) = wide_field("wide_field_reference_visibilities") else { return };
    let watch = Watch::silent();
    let direct = relative_error(&dft::degrid(w.geometry, w.image.view(), &w.uvw, &watch).unwrap(), &w.vis);
    println!("exact sum: {direct:.1e}");
    assert!(direct < 1e-10, "{direct:e}");
    for epsilon in [1e-4, 1e-6, 1e-10] {
        let got = degrid(w.geometry, w.image.view(), &w.uvw, epsilon, &watch).unwrap();
        let error = relative_error(&got, &w.vis);
        println!("epsilon {epsilon:e}: {error:.1e}");
        assert!(error < epsilon, "{epsilon:e}: {error:e}");
    }
}

#[test]
fn wide_field_reference_dirty_image() {
    let Some(w) = wide_field("wide_field_reference_dirty_image") else { return };
    let watch = Watch::silent();
    // the same 5 degree field in 128 pixels keeps the exact sum quick; its periodic grid is exact for these points
    let geometry = ImageGeometry { nx: 128, ny: 128, dl: 8.0 * w.geometry.dl, dm: 8.0 * w.geometry.dm };
    let exact = dft::grid(geometry, &w.vis, &w.uvw, &watch).unwrap();
    for epsilon in [1e-4, 1e-6, 1e-10] {
        let error = relative_image_error(&grid(geometry, &w.vis, &w.uvw, epsilon, &watch).unwrap(), &exact);
        println!("epsilon {epsilon:e}: {error:.1e}");
        assert!(error < epsilon, "{epsilon:e}: {error:e}");
    }
}

/// Rows times channels: the same visibilities as a list, in either precision.
fn channels(g: &ImageGeometry, rows: usize) -> (Array2<f64>, Vec<f64>, Vec<[f64; 3]>) {
    let freq_hz: Vec<f64> = (0..40).map(|k| 1.3e9 + 2.5e6 * f64::from(k)).collect();
    let wavelength = 299_792_458.0 / freq_hz[39];
    let rows = random_uvw(g, rows, 1.0, 900.0, 31);
    let uvw_m = Array2::from_shape_fn((rows.len(), 3), |(r, k)| rows[r][k] * wavelength);
    let list = |r: &[f64; 3], f: f64| r.map(|x| x * wavelength * (f / 299_792_458.0));
    let uvw = rows.iter().flat_map(|r| freq_hz.iter().map(move |f| list(r, *f))).collect();
    (uvw_m, freq_hz, uvw)
}

#[test]
fn rows_times_channels_equal_the_list() {
    let watch = Watch::silent();
    for g in [WIDE, ODD] {
        let (uvw_m, mut freq_hz, uvw) = channels(&g, 60);
        let (image, vis) = (random_image(&g, 32), random_vis(uvw.len(), 33));
        let list = Plan::new(g, &uvw, 1e-10).unwrap();
        let plan = Plan::<f64>::of_channels(g, uvw_m.view(), &freq_hz, 1e-10).unwrap();
        let error =
            relative_error(&plan.degrid(image.view(), &watch).unwrap(), &list.degrid(image.view(), &watch).unwrap());
        assert!(error < 1e-10, "{error:e}");
        let back = plan.grid(&vis, &watch).unwrap();
        let error = relative_image_error(&back, &list.grid(&vis, &watch).unwrap());
        assert!(error < 1e-10, "{error:e}");
        // channels in any order
        freq_hz.swap(3, 30);
        let shuffled = Plan::<f64>::of_channels(g, uvw_m.view(), &freq_hz, 1e-10).unwrap();
        let got = shuffled.degrid(image.view(), &watch).unwrap();
        let expected = plan.degrid(image.view(), &watch).unwrap();
        let error = relative_error(&got[0..3], &expected[0..3]) + relative_error(&got[3..4], &expected[30..31]);
        assert!(error < 1e-9, "{error:e}");
    }
}

#[test]
fn single_precision_is_as_accurate_as_asked() {
    let watch = Watch::silent();
    for g in [NARROW, WIDE, ODD, TINY] {
        let (uvw_m, freq_hz, uvw) = channels(&g, 40);
        let (image, vis) = (random_image(&g, 34), random_vis(uvw.len(), 35));
        let exact = dft::degrid(g, image.view(), &uvw, &watch).unwrap();
        let exact_image = dft::grid(g, &vis, &uvw, &watch).unwrap();
        let image = image.mapv(|x| x as f32);
        let vis: Vec<_> = vis.iter().map(|v| rustfft::num_complex::Complex32::new(v.re as f32, v.im as f32)).collect();
        for epsilon in [1e-2, 1e-3, 1e-4, 1e-5] {
            let plan = Plan::<f32>::of_channels(g, uvw_m.view(), &freq_hz, epsilon).unwrap();
            let got: Vec<Complex64> = plan
                .degrid(image.view(), &watch)
                .unwrap()
                .iter()
                .map(|v| Complex64::new(v.re.into(), v.im.into()))
                .collect();
            let forward = relative_error(&got, &exact);
            let adjoint = relative_image_error(&plan.grid(&vis, &watch).unwrap().mapv(f64::from), &exact_image);
            println!("{g:?} f32 {epsilon:e}: {forward:.1e} {adjoint:.1e}, {}", plan.description());
            assert!(forward < epsilon && adjoint < epsilon, "{g:?} {epsilon:e}: {forward:e} {adjoint:e}");
        }
        let refused = Plan::<f32>::of_channels(g, uvw_m.view(), &freq_hz, 1e-7).unwrap_err().to_string();
        assert!(refused.contains("accuracy"), "{refused}");
    }
}

#[test]
fn many_images_equal_one_at_a_time() {
    let watch = Watch::silent();
    let (uvw_m, freq_hz, uvw) = channels(&WIDE, 50);
    let plan = Plan::<f64>::of_channels(WIDE, uvw_m.view(), &freq_hz, 1e-6).unwrap();
    let images: Vec<_> = (0..5).map(|k| random_image(&WIDE, 40 + k)).collect();
    let views: Vec<_> = images.iter().map(|i| i.view()).collect();
    let vis = plan.degrid_many(&views, &watch).unwrap();
    let slices: Vec<_> = vis.iter().map(Vec::as_slice).collect();
    let back = plan.grid_many(&slices, &watch).unwrap();
    for (k, image) in images.iter().enumerate() {
        assert!(plan.degrid(image.view(), &watch).unwrap() == vis[k]);
        assert!(plan.grid(&vis[k], &watch).unwrap() == back[k]);
    }
    assert_eq!(vis[0].len(), uvw.len());
    assert!(plan.degrid_many(&[], &watch).unwrap().is_empty());
}

#[test]
fn bad_channels_are_an_error() {
    let (uvw_m, _, _) = channels(&ODD, 3);
    let message = |freq: &[f64]| Plan::<f64>::of_channels(ODD, uvw_m.view(), freq, 1e-5).unwrap_err().to_string();
    assert!(message(&[1e9, 0.0]).contains("channel 1"));
    assert!(message(&[f64::NAN]).contains("channel 0"));
    let turned = uvw_m.t();
    let turned = Plan::<f64>::of_channels(ODD, turned.slice(ndarray::s![.., ..2]), &[1e9], 1e-5).unwrap_err();
    assert!(turned.to_string().contains("three columns"));
}
