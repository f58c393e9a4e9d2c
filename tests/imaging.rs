//! Dirty images and PSFs of visibility tables.

use ndarray::{Array2, Array3, Axis};
use rustfft::num_complex::Complex64;
use skyfringe::error::Watch;
use skyfringe::formats::visibilities::{Polarisations, VisibilityTable};
use skyfringe::gridding::{ImageGeometry, dft};
use skyfringe::imaging::beam_fit::BeamSource;
use skyfringe::imaging::{
    ChannelSource, Deconvolved, Deconvolver, DirtyPlane, ImageParams, Method, PlaneChannels, PlaneRequest, Stokes,
    Taper, Weighting, image_plane, make_images,
};
use skyfringe::math::random::Stream;
use skyfringe::telescope::beam::{GaussianBeam, StationBeams, VoltageBeam};
use skyfringe::units::{C_M_S, RaDec};
use std::sync::Arc;

const ROWS: usize = 600;
const FREQ_HZ: [f64; 3] = [1.40e9, 1.41e9, 1.42e9];
const GEOMETRY: ImageGeometry = ImageGeometry { nx: 48, ny: 40, dl: -2e-4, dm: 2e-4 };

fn params(weighting: Weighting, method: Method) -> ImageParams {
    ImageParams { geometry: GEOMETRY, weighting, taper: Taper::default(), method, keep_beyond_nyquist: false }
}

/// Baselines within the image's Nyquist limit, unit noise of weight 4 plus a source; Stokes I.
fn table() -> VisibilityTable {
    let mut random = Stream::new(3, [1, 2, 3]);
    let reach = 0.45 / 2e-4 * C_M_S / FREQ_HZ[2];
    let uvw_m =
        Array2::from_shape_fn((ROWS, 3), |(_, i)| (2.0 * random.uniform() - 1.0) * if i == 2 { 50.0 } else { reach });
    let shape = (ROWS, FREQ_HZ.len(), 1);
    VisibilityTable {
        uvw_m,
        time_mjd_utc: Vec::new(),
        antenna1: Vec::new(),
        antenna2: Vec::new(),
        freq_hz: FREQ_HZ.to_vec(),
        vis: Array3::from_shape_fn(shape, |_| Complex64::new(random.normal(), random.normal()) * 0.5),
        weight: Array3::from_elem(shape, 4.0),
        flag: Array3::from_elem(shape, false),
        phase_centre: RaDec::from_deg(30.0, -30.0),
        polarisations: Polarisations::I,
        telescope: "test".into(),
        channel_width_hz: 1e7,
        integration_time_s: 10.0,
        provenance: String::new(),
    }
}

fn wavelengths(table: &VisibilityTable, channel: usize) -> Vec<[f64; 3]> {
    let scale = table.freq_hz[channel] / C_M_S;
    table.uvw_m.rows().into_iter().map(|r| [r[0] * scale, r[1] * scale, r[2] * scale]).collect()
}

fn worst(a: &Array3<f64>, b: &Array3<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

const FFT: Method = Method::Fft { epsilon: 1e-8 };

#[test]
fn fft_and_exact_sum_agree_for_every_weighting() {
    let table = table();
    for weighting in
        [Weighting::Natural, Weighting::Uniform, Weighting::Radial, Weighting::Briggs(0.0), Weighting::Briggs(-1.3)]
    {
        let fast = make_images(&table, &params(weighting, FFT), &Watch::silent()).unwrap();
        let exact = make_images(&table, &params(weighting, Method::Dft), &Watch::silent()).unwrap();
        assert!(worst(&fast.dirty, &exact.dirty) < 1e-8, "{weighting}");
        assert!(worst(&fast.psf, &exact.psf) < 1e-7, "{weighting}");
        assert_eq!(fast.sum_weights, exact.sum_weights);
        for channel in 0..3 {
            assert!((exact.psf[[channel, 20, 24]] - 1.0).abs() < 1e-12);
            assert!((fast.psf[[channel, 20, 24]] - 1.0).abs() < 1e-7);
        }
        // baselines up to 0.45 wavelengths a pixel: the beam is hardly wider than that, under radial weights so much
        // narrower that none fits
        let coarse = |n: &String| {
            n.contains("pixel too coarse: the beam's minor axis is")
                || weighting == Weighting::Radial && n.contains("no beam fitted")
        };
        assert!(!fast.notes.is_empty() && fast.notes.iter().all(coarse), "{:?}", fast.notes);
    }
}

#[test]
fn a_source_appears_where_it_is_with_its_flux() {
    let mut table = table();
    let mut image = Array2::zeros((40, 48));
    image[[31, 9]] = 2.5;
    for channel in 0..3 {
        let vis = dft::degrid(GEOMETRY, image.view(), &wavelengths(&table, channel), &Watch::silent()).unwrap();
        for (to, from) in table.vis.index_axis_mut(Axis(1), channel).iter_mut().zip(vis) {
            *to = from;
        }
    }
    for weighting in [Weighting::Natural, Weighting::Briggs(0.5)] {
        let images = make_images(&table, &params(weighting, FFT), &Watch::silent()).unwrap();
        for plane in images.dirty.outer_iter() {
            assert!((plane[[31, 9]] - 2.5).abs() < 1e-6);
            assert!(plane.iter().all(|p| *p < 2.6));
        }
    }
}

#[test]
fn noise_is_as_predicted() {
    // sigma = 1/2 per part: natural 1/sqrt(sum w); rms over independent realisations: channels and pixels
    let table = table();
    for weighting in [Weighting::Natural, Weighting::Uniform, Weighting::Briggs(0.0)] {
        let images = make_images(&table, &params(weighting, FFT), &Watch::silent()).unwrap();
        for (channel, plane) in images.dirty.outer_iter().enumerate() {
            let rms = (plane.mapv(|p| p * p).sum() / plane.len() as f64).sqrt();
            // about 600 independent visibilities, 1200 numbers: rms good to 2 %, here 4 standard errors
            assert!((rms / images.noise_jy[channel] - 1.0).abs() < 0.09, "{weighting} {channel}: {rms}");
            if weighting == Weighting::Natural {
                assert!((images.noise_jy[channel] * (4.0 * ROWS as f64).sqrt() - 1.0).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn stokes_i_is_the_mean_of_xx_and_yy_with_its_inverse_variance() {
    let single = table();
    let mut linear = single.clone();
    let shape = (ROWS, 3, 4);
    linear.polarisations = Polarisations::Linear;
    linear.vis = Array3::from_shape_fn(shape, |(r, c, p)| match p {
        0 => single.vis[[r, c, 0]] + 0.3,
        3 => single.vis[[r, c, 0]] - 0.3,
        _ => Complex64::new(f64::NAN, 7.0),
    });
    linear.weight = Array3::from_shape_fn(shape, |(_, _, p)| if p == 0 { 3.0 } else { 6.0 });
    linear.flag = Array3::from_elem(shape, false);
    linear.flag[[5, 1, 3]] = true;
    linear.flag[[6, 1, 0]] = true;
    linear.flag[[7, 1, 1]] = true;
    let request = params(Weighting::Natural, FFT);
    let images = make_images(&linear, &request, &Watch::silent()).unwrap();
    // w_I = 4/(1/3 + 1/6) = 8
    assert!((images.sum_weights[0] - 8.0 * ROWS as f64).abs() < 1e-9);
    assert_eq!(images.samples[1].flagged, 2);
    let expected = make_images(&single, &request, &Watch::silent()).unwrap();
    for channel in [0, 2] {
        let difference = &images.dirty.index_axis(Axis(0), channel) - &expected.dirty.index_axis(Axis(0), channel);
        assert!(difference.iter().all(|d| d.abs() < 1e-12));
    }
}

#[test]
fn samples_beyond_nyquist_are_left_out_and_counted() {
    let mut table = table();
    let clean = make_images(&table, &params(Weighting::Briggs(0.0), FFT), &Watch::silent()).unwrap();
    let extra = [[1e4, 0.0, 0.0], [0.0, -1e4, 3.0]];
    let rows = ROWS + extra.len();
    let uvw = table.uvw_m.iter().copied().chain(extra.into_iter().flatten()).collect();
    table.uvw_m = Array2::from_shape_vec((rows, 3), uvw).unwrap();
    let old = table.vis.clone();
    table.vis = Array3::from_shape_fn((rows, 3, 1), |(r, c, p)| *old.get((r, c, p)).unwrap_or(&Complex64::ONE));
    table.weight = Array3::from_elem((rows, 3, 1), 4.0);
    table.flag = Array3::from_elem((rows, 3, 1), false);
    let mut request = params(Weighting::Briggs(0.0), FFT);
    let images = make_images(&table, &request, &Watch::silent()).unwrap();
    assert_eq!(images.dirty, clean.dirty);
    assert_eq!(images.samples[0].beyond_nyquist, 2);
    assert!((images.samples[0].beyond_nyquist_weight - 2.0 / rows as f64).abs() < 1e-12);
    assert!(images.notes[0].contains("6 samples beyond"), "{:?}", images.notes);
    request.keep_beyond_nyquist = true;
    let kept = make_images(&table, &request, &Watch::silent()).unwrap();
    request.method = Method::Dft;
    let exact = make_images(&table, &request, &Watch::silent()).unwrap();
    assert_eq!(kept.samples[0].used, rows);
    assert!(worst(&kept.dirty, &exact.dirty) < 1e-8 && worst(&kept.dirty, &clean.dirty) > 1e-6);
}

#[test]
fn a_flagged_channel_is_zero_and_reported() {
    let mut table = table();
    table.flag.index_axis_mut(Axis(1), 1).fill(true);
    table.vis.index_axis_mut(Axis(1), 1).fill(Complex64::new(f64::NAN, 0.0));
    let images = make_images(&table, &params(Weighting::Natural, FFT), &Watch::silent()).unwrap();
    assert!(images.dirty.index_axis(Axis(0), 1).iter().all(|p| *p == 0.0));
    assert!(images.psf.index_axis(Axis(0), 1).iter().all(|p| *p == 0.0));
    assert_eq!((images.sum_weights[1], images.beams[1].major_rad), (0.0, 0.0));
    assert!(images.sum_weights[0] > 0.0 && images.beams[0].major_rad > 0.0);
    assert!(images.notes.iter().any(|n| n.contains("channel 1: no sample has weight")), "{:?}", images.notes);
}

#[test]
fn bad_tables_are_errors() {
    let request = params(Weighting::Natural, FFT);
    let message = |change: &dyn Fn(&mut VisibilityTable)| {
        let mut table = table();
        change(&mut table);
        make_images(&table, &request, &Watch::silent()).unwrap_err().to_string()
    };
    let text = message(&|t| t.vis[[17, 2, 0]].re = f64::NAN);
    assert!(text.contains("row 17, channel 2") && text.contains("not a finite"), "{text}");
    assert!(message(&|t| t.weight[[8, 0, 0]] = -1.0).contains("row 8, channel 0"));
    assert!(message(&|t| t.weight[[8, 0, 0]] = f32::NAN).contains("row 8, channel 0"));
    assert!(message(&|t| t.weight[[8, 0, 0]] = f32::INFINITY).contains("channel 0"));
    assert!(message(&|t| t.uvw_m[[9, 1]] = f64::INFINITY).contains("row 9, channel 0"));
    assert!(message(&|t| t.weight.fill(0.0)).contains("no visibility has any weight"));
    assert!(message(&|t| t.flag.fill(true)).contains("no visibility has any weight"));
    assert!(message(&|t| t.uvw_m.column_mut(0).fill(1e6)).contains("Nyquist"));
    assert!(message(&|t| t.freq_hz[1] = 0.0).contains("channel 1"));
    assert!(message(&|t| t.freq_hz.truncate(2)).contains("fit together"));
    let mut wide = request;
    wide.geometry.dl = -0.05;
    assert!(make_images(&table(), &wide, &Watch::silent()).unwrap_err().to_string().contains("hemisphere"));
    let stopped = Watch::stopped_by(Arc::new(true.into()));
    assert!(make_images(&table(), &request, &stopped).unwrap_err().is_interrupt());
}

#[test]
fn progress_is_one_a_channel_and_threads_change_nothing() {
    let table = table();
    let run = |threads: usize| {
        let count = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let seen = count.clone();
        let watch = Watch::silent().reporting_to(move |n| {
            seen.fetch_add(n, std::sync::atomic::Ordering::Relaxed);
        });
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let images = pool.install(|| make_images(&table, &params(Weighting::Briggs(0.0), FFT), &watch)).unwrap();
        assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 3);
        (images.dirty, images.psf)
    };
    let one = run(1);
    assert!(run(2) == one && run(5) == one);
}

#[test]
fn planes_made_in_blocks_are_the_planes_made_at_once() {
    let mut table = table();
    table.weight.index_axis_mut(Axis(1), 1).fill(1.5);
    table.flag.slice_mut(ndarray::s![..40, 2, ..]).fill(true);
    let stations: Vec<u32> = (0..ROWS as u32).collect();
    (table.antenna1, table.antenna2) =
        (stations.iter().map(|s| s % 3).collect(), stations.iter().map(|s| s % 2).collect());
    let classes = [13.5, 15.0, 12.0].map(|diameter_m| Arc::new(GaussianBeam { diameter_m }) as Arc<dyn VoltageBeam>);
    let beams = StationBeams::of_classes(classes.to_vec(), vec![0, 1, 2]);
    let model = Array2::from_shape_fn((40, 48), |(y, x)| if (y, x) == (22, 17) { 0.7 } else { 0.0 });
    /// The "model" is given: what is left of it is the major cycle's.
    struct Given(Array2<f64>);
    impl Deconvolver for Given {
        fn deconvolve(&self, plane: &DirtyPlane<'_>, watch: &Watch) -> skyfringe::error::Result<Deconvolved> {
            let residual = plane.gridder.residual(self.0.view(), watch)?;
            Ok(Deconvolved { model: self.0.clone(), residual, notes: Vec::new() })
        }
    }
    let given = Given(model);
    for (weighting, taper) in [
        (Weighting::Natural, Taper::default()),
        (Weighting::Briggs(0.3), Taper { min_wavelengths: 300.0, ..Taper::default() }),
        (Weighting::Uniform, Taper { fwhm_rad: Some(5e-4), ..Taper::default() }),
    ] {
        let beam = skyfringe::formats::fits::Beam { major_rad: 1e-3, minor_rad: 8e-4, angle_rad: 0.3 };
        let request = PlaneRequest {
            params: ImageParams { taper, ..params(weighting, FFT) },
            stokes: &[Stokes::I],
            angles: None,
            densities: &[],
            beams: Some(&beams),
            clean_beam: BeamSource::Given(beam),
            deconvolver: Some(&given),
        };
        let read = |channels: std::ops::Range<usize>| {
            let mut part = table.clone();
            part.freq_hz = table.freq_hz[channels.clone()].to_vec();
            part.vis = table.vis.slice(ndarray::s![.., channels.clone(), ..]).to_owned();
            part.weight = table.weight.slice(ndarray::s![.., channels.clone(), ..]).to_owned();
            part.flag = table.flag.slice(ndarray::s![.., channels, ..]).to_owned();
            Ok(part)
        };
        let made = |source: ChannelSource<'_>, block: usize| {
            let channels = PlaneChannels { source, channels: 0..3, block, plane: 0 };
            assert_eq!(channels.blocks().len(), 3usize.div_ceil(block));
            image_plane(&channels, &request, &Watch::silent()).unwrap().remove(0)
        };
        let whole = made(ChannelSource::Table(&table, 0), 3);
        let blocked = made(ChannelSource::Table(&table, 0), 2);
        let of_file = made(ChannelSource::File(&table.freq_hz, &read), 2);
        assert_eq!((&blocked.dirty, &blocked.psf), (&of_file.dirty, &of_file.psf));
        let clean = |plane: &skyfringe::imaging::Plane| plane.clean.as_ref().unwrap().residual.clone();
        for (a, b) in [
            (&whole.dirty, &blocked.dirty),
            (&whole.psf, &blocked.psf),
            (&clean(&whole), &clean(&blocked)),
            (whole.power.as_ref().unwrap(), blocked.power.as_ref().unwrap()),
        ] {
            let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-7, "{weighting}: {worst:e}");
        }
        let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-12;
        assert!(close(whole.sum_weights, blocked.sum_weights) && close(whole.freq_hz, blocked.freq_hz));
        assert!(close(whole.noise.image_jy, blocked.noise.image_jy));
        assert!(close(whole.noise.natural_jy, blocked.noise.natural_jy));
        assert_eq!(whole.samples.used, blocked.samples.used);
        assert_eq!(whole.samples.flagged, 40);
        assert_eq!(whole.samples.outside_range, blocked.samples.outside_range);
    }
}
