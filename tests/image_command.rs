//! The command `image`: what stands in its products.

use ndarray::{Array2, Array3, Axis};
use rustfft::num_complex::Complex64;
use skyfringe::error::{Result, Watch};
use skyfringe::formats::fits::{FitsCube, read_cube};
use skyfringe::formats::visibilities::{Polarisations, Precision, VisibilityTable, write_visibilities};
use skyfringe::gridding::{ImageGeometry, dft};
use skyfringe::imaging::continuum::ContinuumFit;
use skyfringe::imaging::{Deconvolved, Deconvolver, DirtyPlane, ImageParams, Method, Taper, Weighting, make_images};
use skyfringe::math::random::Stream;
use skyfringe::run::Unseen;
use skyfringe::run::image::{CleanWords, ContinuumWords, ImageOptions, ImageRequest, run, run_with};
use skyfringe::telescope::Telescope;
use skyfringe::telescope::beam::{BeamChoice, StationBeams};
use skyfringe::time::{EarthOrientation, Frame};
use skyfringe::units::{ARCSEC_RAD, C_M_S, RaDec};
use skyfringe::visibilities::{Instant, Track, new_table};
use std::path::{Path, PathBuf};

const SIZE: usize = 48;
const CELL_RAD: f64 = 20.0 * ARCSEC_RAD;
const CHANNELS: usize = 6;
const GEOMETRY: ImageGeometry = ImageGeometry { nx: SIZE, ny: SIZE, dl: -CELL_RAD, dm: CELL_RAD };

fn track() -> Track {
    Track {
        phase_centre: RaDec::from_deg(30.0, -35.0),
        earth: EarthOrientation::new(Frame::Icrs),
        start_mjd_utc: 61_406.9,
        step_s: 1800.0,
        steps: 4,
        pointing: Default::default(),
        correlations: Default::default(),
    }
}

/// SKA-Mid AA1 (8 dishes), visibilities within the image's Nyquist limit, weights of two kinds, noise.
fn table(polarisations: Polarisations) -> (VisibilityTable, Vec<Instant>, Telescope) {
    let telescope = Telescope::preset("ska-mid-aa1").unwrap();
    let freq: Vec<f64> = (0..CHANNELS).map(|c| 1.40e9 + 1e6 * c as f64).collect();
    let (mut table, instants, _) = new_table(&telescope, &track(), &freq, 1e6, polarisations, -1.5).unwrap();
    let longest = table.uvw_m.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    table.uvw_m *= 0.45 / CELL_RAD * C_M_S / freq[CHANNELS - 1] / longest;
    let mut random = Stream::new(9, [0, 0, 1]);
    table.vis.mapv_inplace(|_| Complex64::new(random.normal() + 1.0, random.normal()));
    table.weight.indexed_iter_mut().for_each(|((r, ..), w)| *w = 1.0 + (r % 3) as f32);
    table.flag.mapv_inplace(|_| false);
    let beams = StationBeams::new(&telescope, BeamChoice::Airy);
    table.provenance = format!("test\nprimary beam: {}\n", beams.describe());
    (table, instants, telescope)
}

struct Case {
    folder: tempfile::TempDir,
    vis: PathBuf,
}

impl Case {
    fn new(table: &VisibilityTable) -> Case {
        let folder = tempfile::tempdir().unwrap();
        let vis = folder.path().join("vis.h5");
        write_visibilities(&vis, table, Precision::Double, &Watch::silent()).unwrap();
        Case { folder, vis }
    }

    fn options(&self, prefix: &str) -> ImageOptions {
        let out = self.folder.path().join(prefix);
        ImageOptions { epsilon: Some(1e-9), ..ImageOptions::new(self.vis.clone(), SIZE, "20asec", out) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn cube(&self, name: &str) -> FitsCube {
        read_cube(&self.path(name)).unwrap()
    }
}

fn image(options: ImageOptions) -> Result<String> {
    run(&ImageRequest::new(options)?, &Unseen)
}

fn fails(options: ImageOptions, words: &str) {
    let text = image(options).unwrap_err().to_string();
    assert!(text.contains(words), "{text}");
}

fn params(weighting: Weighting, taper: Taper) -> ImageParams {
    ImageParams { geometry: GEOMETRY, weighting, taper, method: Method::Dft, keep_beyond_nyquist: false }
}

/// Largest difference over the largest value.
fn difference<'a>(a: impl IntoIterator<Item = &'a f32>, b: impl IntoIterator<Item = &'a f64>) -> f64 {
    let (mut worst, mut peak) = (0.0f64, 0.0f64);
    for (a, b) in a.into_iter().zip(b) {
        worst = worst.max((f64::from(*a) - b).abs());
        peak = peak.max(b.abs());
    }
    worst / peak
}

#[test]
fn the_files_hold_the_exact_sums_for_every_weighting_and_taper() {
    let (table, ..) = table(Polarisations::I);
    let case = Case::new(&table);
    let taper = Taper {
        fwhm_rad: Some(60.0 * ARCSEC_RAD),
        min_wavelengths: 300.0,
        max_wavelengths: 4000.0,
        ..Taper::default()
    };
    for (n, weight) in ["natural", "uniform", "radial", "briggs:-0.5"].into_iter().enumerate() {
        let weighting = Weighting::parse(weight).unwrap();
        for (taper, words) in [(Taper::default(), false), (taper, true)] {
            let prefix = format!("{n}{words}");
            let mut options = ImageOptions { weight: weight.into(), ..case.options(&prefix) };
            if words {
                (options.taper_gaussian, options.minuv_l, options.maxuv_l) =
                    (Some("1arcmin".into()), 300.0, Some(4000.0));
            }
            image(options).unwrap();
            let exact = make_images(&table, &params(weighting, taper), &Watch::silent()).unwrap();
            for (name, expected) in [("dirty", &exact.dirty), ("psf", &exact.psf)] {
                let got = case.cube(&format!("{prefix}-{name}.fits"));
                assert!(difference(&got.data, expected) < 1e-7, "{weight} {words} {name}");
            }
            assert_eq!(exact.samples[0].outside_range > 0, words);
        }
    }
}

#[test]
fn a_range_of_baselines_is_what_flags_would_leave() {
    let (table, ..) = table(Polarisations::I);
    let taper = Taper { min_wavelengths: 500.0, max_wavelengths: 3000.0, ..Taper::default() };
    let range = make_images(&table, &params(Weighting::Natural, taper), &Watch::silent()).unwrap();
    let mut flagged = table.clone();
    for ((row, channel, _), flag) in flagged.flag.indexed_iter_mut() {
        let r = table.uvw_m[[row, 0]].hypot(table.uvw_m[[row, 1]]) * table.freq_hz[channel] / C_M_S;
        *flag = !(500.0..=3000.0).contains(&r);
    }
    let flags = make_images(&flagged, &params(Weighting::Natural, Taper::default()), &Watch::silent()).unwrap();
    assert_eq!((range.dirty, range.psf), (flags.dirty, flags.psf));
    // the noise is the same; what was given up shows in the loss
    assert_eq!(range.noise_jy, flags.noise_jy);
    assert!(range.loss[0] > 1.05 && flags.loss[0] == 1.0, "{} {}", range.loss[0], flags.loss[0]);
}

#[test]
fn little_memory_changes_nothing_but_the_way() {
    let (table, ..) = table(Polarisations::I);
    let case = Case::new(&table);
    let products = Some("dirty,psf,pb,dirty-pb,weights".to_string());
    let ample = ImageOptions { products, ..case.options("ample") };
    let tight = ImageOptions { memory: Some("1MB".into()), out: case.path("tight"), ..ample.clone() };
    let text = image(ample.clone()).unwrap();
    assert!(text.contains("6 channels, ") && text.contains("times that of natural weights"), "{text}");
    image(tight).unwrap();
    for name in ["dirty.fits", "psf.fits", "pb.fits", "dirty-pb.fits", "weights.csv"] {
        let read = |prefix: &str| std::fs::read(case.path(&format!("{prefix}-{name}"))).unwrap();
        assert!(read("ample") == read("tight"), "{name}");
    }
    let lines = std::fs::read_to_string(case.path("ample-weights.csv")).unwrap();
    assert_eq!(lines.lines().count(), 1 + CHANNELS);
    let less = ImageOptions { memory: Some("1MB".into()), size: 512, ..ample };
    fails(less, "does not fit into the memory");
    // nothing half-written is left
    assert!(
        std::fs::read_dir(case.folder.path()).unwrap().all(|e| !e
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with('.'))
    );
}

#[test]
fn channels_together_are_their_weighted_mean() {
    let (table, ..) = table(Polarisations::I);
    let case = Case::new(&table);
    image(case.options("each")).unwrap();
    image(ImageOptions { channels_out: Some(1), ..case.options("all") }).unwrap();
    image(ImageOptions { channels_out: Some(3), ..case.options("three") }).unwrap();
    let exact = make_images(&table, &params(Weighting::Natural, Taper::default()), &Watch::silent()).unwrap();
    image(ImageOptions { channels_out: Some(1), weight: "natural".into(), ..case.options("natural") }).unwrap();
    let mean = exact.dirty.mean_axis(Axis(0)).unwrap();
    let natural = case.cube("natural-dirty.fits");
    // equal weights in all channels
    assert!(difference(&natural.data, &mean) < 1e-7);
    assert!((natural.spectral.freq_hz[0] - 1.4025e9).abs() < 1.0, "{:?}", natural.spectral);
    assert!((natural.spectral.width_hz - 6e6).abs() < 1.0);

    let (all, each, three) = (case.cube("all-dirty.fits"), case.cube("each-dirty.fits"), case.cube("three-dirty.fits"));
    assert_eq!(three.data.dim(), (3, SIZE, SIZE));
    assert_eq!(three.spectral.freq_hz, [1.4005e9, 1.4025e9, 1.4045e9]);
    assert_eq!((all.data.dim().0, each.data.dim().0, each.beams.len()), (1, CHANNELS, CHANNELS));
    fails(ImageOptions { channels_out: Some(4), ..case.options("x") }, "1, 2, 3, 6");
}

/// The weight grid over all channels: channel images times their weights add up to the multi-frequency image.
#[test]
fn multi_frequency_weights_add_up() {
    let (table, ..) = table(Polarisations::I);
    let case = Case::new(&table);
    let products = Some("dirty,weights".to_string());
    let each = ImageOptions { mf_weighting: true, products: products.clone(), ..case.options("each") };
    image(each).unwrap();
    image(ImageOptions { channels_out: Some(1), products, ..case.options("all") }).unwrap();
    let sums = |prefix: &str| -> Vec<f64> {
        let text = std::fs::read_to_string(case.path(&format!("{prefix}-weights.csv"))).unwrap();
        text.lines().skip(1).map(|l| l.split(',').nth(3).unwrap().parse().unwrap()).collect()
    };
    let (each, all) = (sums("each"), sums("all"));
    assert!((each.iter().sum::<f64>() / all[0] - 1.0).abs() < 1e-12);
    let cube = case.cube("each-dirty.fits").data;
    let mut sum = Array2::<f64>::zeros((SIZE, SIZE));
    for (plane, w) in cube.outer_iter().zip(&each) {
        sum.zip_mut_with(&plane, |s, p| *s += f64::from(*p) * w / all[0]);
    }
    assert!(difference(&case.cube("all-dirty.fits").data, &sum) < 1e-6);
}

#[test]
fn weights_can_come_from_another_file() {
    let (mut table, ..) = table(Polarisations::I);
    let case = Case::new(&table);
    let mut random = Stream::new(4, [4, 4, 4]);
    table.weight.mapv_inplace(|_| 0.5 + random.uniform() as f32);
    let other = Case::new(&table);
    let natural = |c: &Case| ImageOptions { weight: "natural".into(), ..c.options("a") };
    image(ImageOptions { weights_from: Some(other.vis.clone()), ..natural(&case) }).unwrap();
    image(natural(&other)).unwrap();
    assert_eq!(case.cube("a-dirty.fits").data, other.cube("a-dirty.fits").data);
    let rows = table.uvw_m.nrows() - 1;
    let cut = |a: &Array3<f32>| a.slice(ndarray::s![..rows, .., ..]).to_owned();
    let mut short = table.clone();
    short.uvw_m = table.uvw_m.slice(ndarray::s![..rows, ..]).to_owned();
    short.weight = cut(&table.weight);
    short.vis = table.vis.slice(ndarray::s![..rows, .., ..]).to_owned();
    short.flag = table.flag.slice(ndarray::s![..rows, .., ..]).to_owned();
    [&mut short.antenna1, &mut short.antenna2].into_iter().for_each(|a| a.truncate(rows));
    short.time_mjd_utc.truncate(rows);
    let short = Case::new(&short);
    fails(ImageOptions { weights_from: Some(short.vis.clone()), ..natural(&case) }, "the data set weight");
}

#[test]
fn stokes_parameters_are_turned_back_to_the_sky() {
    let (mut table, instants, telescope) = table(Polarisations::Linear);
    let [i, q, u, v] = [3.0, 0.4, -0.8, 0.15];
    // a source at the phase centre: V = R_p B R_q^T
    let b = [[Complex64::new(i + q, 0.0), Complex64::new(u, v)], [Complex64::new(u, -v), Complex64::new(i - q, 0.0)]];
    let rows_each = table.uvw_m.nrows() / instants.len();
    for row in 0..table.uvw_m.nrows() {
        let r = [table.antenna1[row], table.antenna2[row]].map(|s| {
            let (c, s) = instants[row / rows_each].parallactic(s as usize, table.phase_centre);
            [[c, -s], [s, c]]
        });
        for a in 0..2 {
            for c in 0..2 {
                let mut seen = Complex64::ZERO;
                for j in 0..2 {
                    for k in 0..2 {
                        seen += r[0][a][j] * b[j][k] * r[1][c][k];
                    }
                }
                table.vis.index_axis_mut(Axis(0), row).column_mut(2 * a + c).fill(seen);
            }
        }
    }
    assert!(table.vis.iter().any(|v| (v.re - i - q).abs() > 0.1));
    let case = Case::new(&table);
    let centre = |name: &str| f64::from(case.cube(name).data[[2, SIZE / 2, SIZE / 2]]);
    image(ImageOptions { stokes: "IQUV".into(), ..case.options("s") }).unwrap();
    for (name, expected) in [("I", i), ("Q", q), ("U", u), ("V", v)] {
        assert!((centre(&format!("s-{name}-dirty.fits")) - expected).abs() < 1e-6, "{name}");
        assert_eq!(case.cube(&format!("s-{name}-dirty.fits")).stokes, name);
        assert!((centre(&format!("s-{name}-psf.fits")) - 1.0).abs() < 1e-6);
    }
    image(ImageOptions { stokes: "XX,XY,YY".into(), weight: "natural".into(), ..case.options("s") }).unwrap();
    let mean = |product: usize, part: fn(Complex64) -> f64| {
        let (mut sum, mut norm) = (0.0, 0.0);
        for row in 0..table.uvw_m.nrows() {
            let w = f64::from(table.weight[[row, 2, product]]);
            sum += w * part(table.vis[[row, 2, product]]);
            norm += w;
        }
        sum / norm
    };
    assert!((centre("s-XX-dirty.fits") - mean(0, |v| v.re)).abs() < 1e-6);
    assert!((centre("s-XY-dirty.fits") - mean(1, |v| v.re)).abs() < 1e-6);
    assert!((centre("s-XYi-dirty.fits") - mean(1, |v| v.im)).abs() < 1e-6);
    assert_eq!(case.cube("s-XYi-dirty.fits").stokes, "XY");

    // without a telescope the angles are unknown; another one has too few stations
    table.telescope = String::new();
    let nameless = Case::new(&table);
    let ask = |c: &Case| ImageOptions { stokes: "Q".into(), ..c.options("q") };
    fails(ask(&nameless), "does not name its telescope");
    fails(ImageOptions { telescope: Some("ska-mid-aa0.5".into()), ..ask(&nameless) }, "does not have");
    image(ImageOptions { telescope: Some(telescope.name.clone()), ..ask(&nameless) }).unwrap();
    let (single, ..) = self::table(Polarisations::I);
    fails(ask(&Case::new(&single)), "Stokes I alone");
}

#[test]
fn primary_beams_are_weighted_means() {
    let (table, _, telescope) = table(Polarisations::I);
    let case = Case::new(&table);
    let products = Some("dirty,pb,dirty-pb".to_string());
    let options = ImageOptions { products, weight: "natural".into(), ..case.options("p") };
    image(options.clone()).unwrap();
    let beams = StationBeams::new(&telescope, BeamChoice::Airy);
    let power = case.cube("p-pb.fits");
    let (y, x) = (9, 40);
    let s = GEOMETRY.l(x).hypot(GEOMETRY.m(y));
    let (mut sum, mut norm) = (0.0, 0.0);
    for row in 0..table.uvw_m.nrows() {
        let voltage = [table.antenna1[row], table.antenna2[row]]
            .map(|a| beams.classes[beams.class_of[a as usize]].voltage(s, table.freq_hz[3]));
        let w = f64::from(table.weight[[row, 3, 0]]);
        sum += w * voltage[0] * voltage[1];
        norm += w;
    }
    assert!((f64::from(power.data[[3, y, x]]) - sum / norm).abs() < 1e-6);
    assert_eq!(power.unit, "");
    let (dirty, corrected) = (case.cube("p-dirty.fits").data, case.cube("p-dirty-pb.fits").data);
    for ((d, c), p) in dirty.iter().zip(&corrected).zip(&power.data) {
        let expected = if *p < 0.05 { 0.0 } else { d / p };
        assert!((c - expected).abs() <= 2e-6 * expected.abs(), "{c} {expected}");
    }
    fails(ImageOptions { beam: Some("airy:15m".into()), ..case.options("x") }, "--beam changes nothing");
    fails(ImageOptions { beam: Some("jinc".into()), ..options.clone() }, "unknown primary beam");
    image(ImageOptions { beam: Some("none".into()), ..options }).unwrap();
    assert!(case.cube("p-pb.fits").data.iter().all(|p| (p - 1.0).abs() < 1e-6));
}

/// Knows the sky.
struct Oracle {
    model: Array2<f64>,
}

impl Deconvolver for Oracle {
    fn deconvolve(&self, plane: &DirtyPlane<'_>, watch: &Watch) -> Result<Deconvolved> {
        let residual = plane.gridder.residual(self.model.view(), watch)?;
        Ok(Deconvolved { model: self.model.clone(), residual, notes: Vec::new() })
    }
}

#[test]
fn a_known_model_leaves_nothing_and_is_restored_with_the_fitted_beam() {
    let table = points(&[(20, 30, [2.0; CHANNELS]), (33, 9, [-0.5; CHANNELS])]);
    let mut model = Array2::zeros((SIZE, SIZE));
    (model[[20, 30]], model[[33, 9]]) = (2.0, -0.5);
    let case = Case::new(&table);
    let products = Some("residual,model,image,image-pb,psf".to_string());
    let options = ImageOptions { products, beam: Some("gaussian:15m".into()), ..case.options("c") };
    let request = ImageRequest::new(options.clone()).unwrap();
    run_with(&request, Some(&Oracle { model: model.clone() }), &Unseen).unwrap();
    assert!(case.cube("c-residual.fits").data.iter().all(|r| r.abs() < 1e-7));
    let (written, restored, psf) = (case.cube("c-model.fits"), case.cube("c-image.fits"), case.cube("c-psf.fits"));
    assert_eq!((written.unit.as_str(), restored.unit.as_str()), ("Jy/pixel", "Jy/beam"));
    assert!(written.data.outer_iter().all(|p| difference(p, &model) < 1e-7));
    let neighbour = |data: &Array3<f32>, y: usize, x: usize| f64::from(data[[0, y, x]]);
    assert!((neighbour(&restored.data, 20, 30) - 2.0).abs() < 0.05);
    assert_eq!(restored.beams.len(), CHANNELS);
    let beam = psf.beams[0];
    // half a beam along the major axis from the source the Gaussian is at half its peak
    assert!(beam.major_rad >= beam.minor_rad && beam.minor_rad > 0.0);
    fails(options, "made by CLEAN");
}

/// Visibilities of points (y, x, Jy of each channel) alone, without noise.
fn points(points: &[(usize, usize, [f64; CHANNELS])]) -> VisibilityTable {
    let (mut table, ..) = table(Polarisations::I);
    for channel in 0..CHANNELS {
        let scale = table.freq_hz[channel] / C_M_S;
        let uvw: Vec<[f64; 3]> = table.uvw_m.outer_iter().map(|u| [u[0], u[1], u[2]].map(|x| x * scale)).collect();
        let mut model = Array2::zeros((SIZE, SIZE));
        points.iter().for_each(|(y, x, jy)| model[[*y, *x]] = jy[channel]);
        let seen = dft::degrid(GEOMETRY, model.view(), &uvw, &Watch::silent()).unwrap();
        table.vis.index_axis_mut(Axis(1), channel).iter_mut().zip(seen).for_each(|(v, s)| *v = s);
    }
    table
}

fn cleaning(niter: usize) -> CleanWords {
    CleanWords { niter, ..CleanWords::default() }
}

#[test]
fn joint_clean_puts_components_of_all_channels_at_common_positions() {
    let rising = [0.5, 0.7, 0.9, 1.1, 1.3, 1.5];
    let case = Case::new(&points(&[(20, 30, rising), (33, 9, [0.2; CHANNELS])]));
    let clean = CleanWords { join_channels: true, ..cleaning(2000) };
    let products = Some("model,residual,image,dirty".to_string());
    let options = ImageOptions { clean, products, weight: "uniform".into(), ..case.options("j") };
    image(options.clone()).unwrap();
    let (model, residual) = (case.cube("j-model.fits").data, case.cube("j-residual.fits").data);
    for (channel, expected) in rising.into_iter().enumerate() {
        let found = model.index_axis(Axis(0), channel);
        let near: f64 = found.slice(ndarray::s![18..23, 28..33]).iter().map(|v| f64::from(*v)).sum();
        assert!((near / expected - 1.0).abs() < 0.02, "{channel}: {near}");
        for (y, x) in ndarray::indices((SIZE, SIZE)) {
            assert_eq!(found[[y, x]] != 0.0, model[[0, y, x]] != 0.0, "{channel} {y} {x}");
        }
    }
    assert!(residual.iter().all(|r| r.abs() < 0.02));
    // by themselves the channels find other positions, or other numbers of them
    image(ImageOptions { clean: cleaning(2000), out: case.path("own"), ..options.clone() }).unwrap();
    assert!(case.cube("own-model.fits").data != model);
    // memory decides whether it is done, not how
    fails(ImageOptions { memory: Some("1MB".into()), size: 128, ..options.clone() }, "cleaned jointly");
    let joined = CleanWords { niter: 0, ..options.clean.clone() };
    fails(ImageOptions { clean: joined, ..options.clone() }, "without iterations");
    let mask = case.path("mask.fits");
    let mut cube = case.cube("j-dirty.fits");
    cube.data.fill(1.0);
    skyfringe::formats::fits::write_cube(&mask, &cube).unwrap();
    let masked = CleanWords { mask: Some(mask), ..options.clean.clone() };
    fails(ImageOptions { clean: masked, ..options }, "1 plane of 48 x 48");
}

fn subtraction(line_free: &str, order: usize, place: &str) -> ContinuumWords {
    ContinuumWords { line_free: Some(line_free.into()), order: Some(order), place: Some(place.into()) }
}

#[test]
fn continuum_in_the_uv_plane_leaves_the_line() {
    let line = points(&[(22, 27, [0.0, 0.0, 1.0, 0.6, 0.0, 0.0])]);
    // each visibility has a slope of its own in frequency
    let mut both = line.clone();
    let mut random = Stream::new(3, [1, 1, 1]);
    for mut row in both.vis.outer_iter_mut() {
        let [a, b, c, d] = [(); 4].map(|()| 5.0 * random.normal());
        let slope = |channel: usize| Complex64::new(a + b * channel as f64, c - d * channel as f64);
        row.indexed_iter_mut().for_each(|((channel, _), v)| *v += slope(channel));
    }
    let (case, alone) = (Case::new(&both), Case::new(&line));
    let options = |c: &Case| ImageOptions { weight: "natural".into(), ..c.options("a") };
    image(options(&alone)).unwrap();
    let uv = ImageOptions { continuum: subtraction("0-1,4-5", 1, "uv"), ..options(&case) };
    image(uv.clone()).unwrap();
    let (found, expected) = (case.cube("a-dirty.fits"), alone.cube("a-dirty.fits").data.mapv(f64::from));
    assert!(difference(&found.data, &expected) < 1e-5);
    let card = |key: &str| found.cards.iter().find(|c| c.key == key).map(|c| format!("{:?}", c.value)).unwrap();
    assert!(card("CONTSUB").contains("uv") && card("CONTORD").contains('1') && card("CONTFREE").contains('4'));
    assert!(card("CONTNOIS").contains("1."), "{}", card("CONTNOIS"));
    // the channels by their frequencies; the order too low; planes of several channels
    let by_hz = ContinuumWords { line_free: Some("1.3995GHz-1.4015GHz,1404~1405MHz".into()), ..uv.continuum.clone() };
    image(ImageOptions { continuum: by_hz, out: case.path("hz"), ..uv.clone() }).unwrap();
    assert_eq!(case.cube("hz-dirty.fits").data, found.data);
    let low = ImageOptions { continuum: subtraction("0-1,4-5", 0, "uv"), out: case.path("low"), ..uv.clone() };
    image(low).unwrap();
    assert!(difference(&case.cube("low-dirty.fits").data, &expected) > 0.1);
    let mfs = |c: &Case, o: ImageOptions| image(ImageOptions { channels_out: Some(1), out: c.path("mfs"), ..o });
    mfs(&case, uv.clone()).unwrap();
    mfs(&alone, options(&alone)).unwrap();
    let expected = alone.cube("mfs-dirty.fits").data.mapv(f64::from);
    assert!(difference(&case.cube("mfs-dirty.fits").data, &expected) < 1e-5);
    // multi-frequency weights see the same samples
    image(ImageOptions { weight: "uniform".into(), mf_weighting: true, ..uv.clone() }).unwrap();

    fails(ImageOptions { memory: Some("1MB".into()), size: 128, ..uv }, "all visibilities, for their continuum");
}

#[test]
fn continuum_in_the_image_is_what_the_library_fits() {
    let (table, ..) = table(Polarisations::I);
    let case = Case::new(&table);
    let continuum = subtraction("0-2,4,5", 2, "image");
    let options = ImageOptions { continuum, weight: "natural".into(), ..case.options("i") };
    image(options.clone()).unwrap();
    let exact = make_images(&table, &params(Weighting::Natural, Taper::default()), &Watch::silent()).unwrap();
    let mut expected = exact.dirty.clone();
    let weights: Vec<f64> = exact.noise_jy.iter().map(|n| n.powi(-2)).collect();
    let fit = ContinuumFit::new(&table.freq_hz, &[0..=2, 4..=5], 2).unwrap();
    let fitted = fit.subtract_image(&mut expected, &weights, &Watch::silent()).unwrap();
    assert!(difference(&case.cube("i-line.fits").data, &expected) < 1e-6);
    assert!(difference(&case.cube("i-continuum.fits").data, &fitted) < 1e-6);
    assert!(difference(&case.cube("i-dirty.fits").data, &exact.dirty) < 1e-6);
    // after CLEAN it is the restored cube's
    image(ImageOptions { clean: cleaning(20), out: case.path("c"), ..options.clone() }).unwrap();
    let sum = &case.cube("c-line.fits").data + &case.cube("c-continuum.fits").data;
    assert!(difference(&sum, &case.cube("c-image.fits").data.mapv(f64::from)) < 1e-5);
    assert!(case.cube("c-line.fits").cards.iter().any(|c| c.key == "CLEANALG"));
    fails(ImageOptions { memory: Some("2MB".into()), size: 128, ..options }, "the cube, for its continuum");
}

#[test]
fn continuum_words_that_do_not_fit_are_refused() {
    let (good, ..) = table(Polarisations::I);
    let with_flags = |channels: &[usize]| {
        let mut table = good.clone();
        channels.iter().for_each(|c| table.flag.index_axis_mut(Axis(1), *c).fill(true));
        Case::new(&table)
    };
    let case = with_flags(&[]);
    for place in ["uv", "image"] {
        let ask = |c: &Case, words: ContinuumWords| ImageOptions { continuum: words, ..c.options("x") };
        fails(ask(&case, subtraction("0-6", 0, place)), "channels 0 to 5");
        fails(ask(&case, subtraction("1.5GHz-1.6GHz", 0, place)), "does not fit the data");
        fails(ask(&case, subtraction("0-1,4", 3, place)), "too few line-free channels");
        fails(ask(&case, subtraction("2-1", 0, place)), "lower channel first");
        fails(ask(&case, subtraction("0-5", 12, place)), "at most 9");
        assert!(!case.path("x-dirty.fits").exists());
        // a flagged channel takes no part; with too few left nothing is written
        let flagged = with_flags(&[1]);
        image(ask(&flagged, subtraction("0-2,4", 1, place))).unwrap();
        let product = if place == "uv" { "x-dirty.fits" } else { "x-line.fits" };
        assert!(flagged.cube(product).data.index_axis(Axis(0), 1).iter().all(|p| *p == 0.0));
        let left = with_flags(&[0, 1, 2]);
        let says = if place == "uv" { "enough unflagged line-free channels" } else { "too few line-free channels" };
        fails(ask(&left, subtraction("0-2,4", 1, place)), says);
        assert!(!left.path("x-dirty.fits").exists());
    }
    let order = ContinuumWords { order: Some(2), ..ContinuumWords::default() };
    fails(ImageOptions { continuum: order, ..case.options("x") }, "without line-free channels");
    fails(ImageOptions { continuum: subtraction("0-1", 0, "sky"), ..case.options("x") }, "uv or image");
    let line = Some("line".to_string());
    fails(ImageOptions { products: line, ..case.options("x") }, "made by subtraction of the continuum in the image");
}

#[test]
fn beams_are_fitted_as_asked_for_or_given() {
    let (table, ..) = table(Polarisations::I);
    let case = Case::new(&table);
    let one = |prefix: &str| ImageOptions { channels_out: Some(1), weight: "natural".into(), ..case.options(prefix) };
    let beam_of = |prefix: &str, options: ImageOptions| {
        image(options).unwrap();
        let cube = case.cube(&format!("{prefix}-psf.fits"));
        let card = cube.cards.iter().find(|c| c.key == "BEAMFIT").map(|c| format!("{:?}", c.value)).unwrap();
        (cube.beams[0], card)
    };
    let usual = beam_of("a", one("a"));
    assert!(usual.1.contains("wsclean"));
    for name in ["box", "casa"] {
        let (beam, card) = beam_of(name, ImageOptions { beam_fit: name.into(), ..one(name) });
        assert!(card.contains(name) && beam != usual.0 && beam.major_rad >= beam.minor_rad, "{beam:?}");
    }
    let shape = ["1.5arcmin", "60asec", "45deg"].map(String::from);
    let (beam, card) = beam_of("g", ImageOptions { beam_shape: Some(shape), ..one("g") });
    assert!(card.contains("given") && (beam.major_rad / (90.0 * ARCSEC_RAD) - 1.0).abs() < 1e-9, "{beam:?}");
    assert!((beam.minor_rad / (60.0 * ARCSEC_RAD) - 1.0).abs() < 1e-9, "{beam:?}");
    assert!((beam.angle_rad - std::f64::consts::FRAC_PI_4).abs() < 1e-9, "{beam:?}");
    fails(ImageOptions { beam_fit: "gauss".into(), ..one("x") }, "wsclean, box or casa");
    for shape in [["60asec", "90asec", "0deg"], ["60asec", "0asec", "0deg"], ["60asec", "1Jy", "0deg"]] {
        fails(ImageOptions { beam_shape: Some(shape.map(String::from)), ..one("x") }, "--beam-shape");
    }
}

#[test]
fn bad_input_is_refused_with_its_place() {
    let (good, ..) = table(Polarisations::I);
    let with = |change: &dyn Fn(&mut VisibilityTable)| {
        let mut table = good.clone();
        change(&mut table);
        Case::new(&table)
    };
    let zero = with(&|t| t.weight.fill(0.0));
    fails(zero.options("x"), "no visibility has any weight");
    assert!(!Path::new(&zero.path("x-dirty.fits")).exists());
    let nan = with(&|t| t.vis[[3, 2, 0]].re = f64::NAN);
    fails(nan.options("x"), "not finite");
    let flagged = with(&|t| t.flag.index_axis_mut(Axis(1), 2).fill(true));
    image(flagged.options("x")).unwrap();
    assert!(flagged.cube("x-dirty.fits").data.index_axis(Axis(0), 2).iter().all(|p| *p == 0.0));
    let case = with(&|_| {});
    let ask = || case.options("x");
    fails(ImageOptions { scale: "3deg".into(), ..ask() }, "hemisphere");
    fails(ImageOptions { minuv_l: 1e7, ..ask() }, "without weight by the uv range");
    fails(ImageOptions { minuv_l: 10.0, maxuv_l: Some(5.0), ..ask() }, "empty range");
    fails(ImageOptions { taper_gaussian: Some("0asec".into()), ..ask() }, "taper");
    fails(ImageOptions { mf_weighting: true, weight: "natural".into(), ..ask() }, "changes nothing");
    fails(ImageOptions { rank_filter: Some(3.0), weight: "natural".into(), ..ask() }, "changes nothing");
    fails(ImageOptions { rank_filter: Some(0.0), ..ask() }, "level of a rank filter");
    fails(ImageOptions { pb_limit: 0.0, ..ask() }, "out of range");
    fails(ImageOptions { products: Some("picture".into()), ..ask() }, "unknown product");
    fails(ImageOptions { stokes: "X".into(), ..ask() }, "unknown Stokes");
    fails(ImageOptions { memory: Some("much".into()), ..ask() }, "amount of memory");
    fails(ImageOptions { scale: "200asec".into(), size: 8, minuv_l: 2000.0, ..ask() }, "no visibility has any weight");
    // too coarse: a warning with the pixel that would do
    let coarse = ImageParams {
        geometry: ImageGeometry { dl: -1e-3, dm: 1e-3, ..GEOMETRY },
        ..params(Weighting::Natural, Taper::default())
    };
    let notes = make_images(&good, &coarse, &Watch::silent()).unwrap().notes;
    let note = notes.iter().find(|n| n.contains("pixel too coarse") && n.contains("beyond")).unwrap();
    assert!(note.contains("arcsec hold them all"), "{note}");
}
