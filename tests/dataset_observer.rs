//! One instrument of a data set: both routes make the same sample, with the noise and the products they state.

use ndarray::{Array3, ArrayView3, Axis};
use skyfringe::datasets::observer::{Observation, Observer, Setup, Wanted, Way, probe_flux_over_peak};
use skyfringe::error::Watch;
use skyfringe::gridding::ImageGeometry;
use skyfringe::imaging::fast::RouteChoice;
use skyfringe::imaging::{ImageParams, Method, Weighting};
use skyfringe::math::random::Stream;
use skyfringe::sky::band::Band;
use skyfringe::sky::cells::GasCells;
use skyfringe::sky::cube::SkyCube;
use skyfringe::sky::galaxy::{GalaxyParams, make_galaxy};
use skyfringe::sky::maps::{MapRequest, ViewSet};
use skyfringe::sky::mock::{LineBand, line_mock};
use skyfringe::sky::neutral::HiModel;
use skyfringe::sky::orient::{BoxAxis, Orientation};
use skyfringe::sky::placing::Placement;
use skyfringe::sky::products::{CubeRequest, build_cube};
use skyfringe::sky::snapshot::from_snapshot;
use skyfringe::telescope::Telescope;
use skyfringe::telescope::beam::BeamChoice;
use skyfringe::time::{EarthOrientation, Frame};
use skyfringe::units::{ARCSEC_RAD, DEG_RAD, RaDec};
use skyfringe::visibilities::Track;

const PIXELS: usize = 64;
const CHANNELS: usize = 3;

fn quiet() -> Watch {
    Watch::silent()
}

fn placement() -> Placement {
    Placement::new(0.01, 0.0, 43.0, 0.7, 70.4).unwrap()
}

/// `steps` half hours about transit of an array, at a declination that it sees well.
fn setup(name: &str, dec_deg: f64, steps: usize, cell_arcsec: f64, beam: BeamChoice) -> Setup {
    let telescope = Telescope::preset(name).unwrap();
    let phase_centre = RaDec::from_deg(30.0, dec_deg);
    let earth = EarthOrientation::new(Frame::Icrs);
    let before = -0.5 * steps as f64 * 7.5 * DEG_RAD;
    let longitude = telescope.reference().lon_rad;
    let start_mjd_utc = earth.time_of_hour_angle(phase_centre.unit_vector(), longitude, before, 61_406.0).unwrap();
    let cell_rad = cell_arcsec * ARCSEC_RAD;
    let line_hz = placement().line_freq_hz();
    Setup {
        sefd_jy: Some(vec![400.0; telescope.stations.len()]),
        telescope,
        beam,
        track: Track {
            phase_centre,
            earth,
            start_mjd_utc,
            step_s: 1800.0,
            steps,
            pointing: Default::default(),
            correlations: Default::default(),
        },
        min_elevation_rad: 15.0 * DEG_RAD,
        freq_hz: vec![line_hz],
        channel_width_hz: 4e6,
        specsys: "BARYCENT".into(),
        image: ImageParams {
            geometry: ImageGeometry { nx: PIXELS, ny: PIXELS, dl: -cell_rad, dm: cell_rad },
            weighting: Weighting::Briggs(0.0),
            taper: Default::default(),
            method: Method::Fft { epsilon: 1e-9 },
            keep_beyond_nyquist: false,
        },
        pb_limit: 0.1,
        route: RouteChoice::Psf,
        psf_epsilon: 1e-3,
        flux_over_peak: 100.0,
        prediction_epsilon: 1e-9,
        clean: Setup::usual_clean(3000),
        most_bytes: None,
    }
}

fn three_telescopes() -> [Setup; 3] {
    [
        setup("ska-mid-aastar", -30.0, 2, 6.0, BeamChoice::Auto),
        setup("meerkat", -40.0, 4, 12.0, BeamChoice::Auto),
        setup("vla-c", 20.0, 6, 8.0, BeamChoice::Airy),
    ]
}

/// With a few channels about the line in place of one band.
fn channels_of(setup: &Setup) -> Setup {
    let width = 3e5;
    let line_hz = placement().line_freq_hz();
    let freq_hz = (0..CHANNELS).map(|c| line_hz + (c as f64 - 1.0) * width).collect();
    Setup { freq_hz, channel_width_hz: width, ..setup.clone() }
}

fn with_route(setup: &Setup, route: RouteChoice) -> Setup {
    Setup { route, ..setup.clone() }
}

fn galaxies() -> Vec<GasCells> {
    let made = |seed| make_galaxy(&GalaxyParams { n_cells: 1500, ..GalaxyParams::random(seed) }).unwrap();
    (0..4).map(|seed| from_snapshot(&made(seed), None, &HiModel::default()).unwrap().cells).collect()
}

/// A random galaxy, orientation, place and flux: the sky of one band and that of channels.
fn random_sky(number: usize, galaxies: &[GasCells], setup: &Setup, channels: &Setup) -> [SkyCube; 2] {
    let mut draw = Stream::new(number as u64, [5, 0, 0]);
    let mut cells = galaxies[number % galaxies.len()].clone();
    let brighter = 10f64.powf(2.0 * draw.uniform() - 1.0);
    cells.hi_mass_msun.iter_mut().for_each(|m| *m *= brighter);
    let plain = Orientation::Box(BoxAxis::Z).rotation(&cells).unwrap();
    let rotation = ViewSet::Random { count: number + 1 }.views(&plain, 3).remove(number).rotation;
    let [alpha_deg, beta_deg, gamma_deg] = rotation.euler_deg();
    let (centre, cell_rad) = (setup.track.phase_centre, setup.image.geometry.dm);
    let mut off = || 0.3 * PIXELS as f64 * (draw.uniform() - 0.5) * cell_rad;
    let object = RaDec::from_lm(off(), off(), centre);

    let mut map = MapRequest::new(placement(), centre, PIXELS, PIXELS, cell_rad);
    map.object = object;
    let band = LineBand::centred(&map.placement, setup.channel_width_hz);
    let mock = line_mock(&cells, &rotation, &map, &band, &quiet()).unwrap();
    let flat = SkyCube {
        flux_jy: mock.flux_jy.insert_axis(Axis(0)),
        freq_hz: setup.freq_hz.clone(),
        channel_width_hz: setup.channel_width_hz,
        cell_rad,
        centre,
        specsys: "BARYCENT".into(),
    };
    let band = Band::Given { first_hz: channels.freq_hz[0], channels: CHANNELS, width_hz: channels.channel_width_hz };
    let mut request = CubeRequest::new(placement(), centre, PIXELS, PIXELS, cell_rad, band);
    request.object = object;
    request.orientation = Orientation::Euler { alpha_deg, beta_deg, gamma_deg };
    let cube = build_cube(&cells, &request, &quiet()).unwrap().cube;
    [flat, cube]
}

fn largest(cube: ArrayView3<f64>) -> f64 {
    cube.iter().fold(0.0f64, |m, v| m.max(v.abs()))
}

#[test]
fn fast_path_and_visibility_route_agree_within_the_recorded_bound() {
    let galaxies = galaxies();
    let nothing = Wanted::default();
    for flat in three_telescopes() {
        let name = flat.telescope.name.clone();
        let several = channels_of(&flat);
        let skies: Vec<[SkyCube; 2]> = (0..20).map(|k| random_sky(k, &galaxies, &flat, &several)).collect();
        for (kind, setup) in [flat, several].into_iter().enumerate() {
            let first: Vec<SkyCube> = skies.iter().take(4).map(|s| s[kind].clone()).collect();
            let probed = probe_flux_over_peak(&setup, &first, &quiet()).unwrap().unwrap();
            let setup = Setup { flux_over_peak: 3.0 * probed, ..setup };
            let fast = Observer::new(setup.clone(), nothing, &quiet()).unwrap();
            let exact = Observer::new(with_route(&setup, RouteChoice::Visibilities), nothing, &quiet()).unwrap();
            assert_eq!(fast.psf(), exact.psf());
            let mut nearest = f64::INFINITY;
            for (number, sky) in skies.iter().enumerate() {
                let made = fast.signal(&sky[kind], &quiet()).unwrap();
                let wanted = exact.signal(&sky[kind], &quiet()).unwrap();
                assert_eq!((made.route, wanted.route), (Way::Psf, Way::Visibilities));
                assert_eq!((wanted.bound, &wanted.route_reason), (None, &None));
                let (bound, peak) = (made.bound.unwrap(), largest(wanted.dirty.view()));
                let difference = largest((&made.dirty - &wanted.dirty).view()) / peak;
                assert!(bound <= setup.psf_epsilon && difference <= bound, "{name} {number}: {difference} {bound}");
                assert!((made.flux_over_peak / wanted.flux_over_peak - 1.0).abs() < 1e-3);
                assert!(peak > 1e-6, "{name} {number}: {peak}");
                nearest = nearest.min(bound / difference);
            }
            // a bound that has nothing to do with the error would be of no use either
            assert!(nearest < 1e5, "{name}: {nearest}");
        }
    }
}

/// A round source of 1 Jy and so many pixels.
fn source(setup: &Setup, sigma_px: f64) -> SkyCube {
    let middle = (PIXELS / 2) as f64;
    let shape = |y: usize, x: usize| {
        let (dx, dy) = (x as f64 - middle - 2.0, y as f64 - middle + 3.0);
        (-(dx * dx + dy * dy) / (2.0 * sigma_px * sigma_px)).exp()
    };
    let mut flux_jy = Array3::from_shape_fn((setup.freq_hz.len(), PIXELS, PIXELS), |(_, y, x)| shape(y, x));
    flux_jy /= flux_jy.index_axis(Axis(0), 0).sum();
    SkyCube {
        flux_jy,
        freq_hz: setup.freq_hz.clone(),
        channel_width_hz: setup.channel_width_hz,
        cell_rad: setup.image.geometry.dm,
        centre: setup.track.phase_centre,
        specsys: setup.specsys.clone(),
    }
}

#[test]
fn noise_of_both_routes_has_the_rms_that_is_stated() {
    let setup = channels_of(&setup("meerkat", -40.0, 4, 12.0, BeamChoice::Auto));
    let sky = source(&setup, 2.0);
    let draws = 16;
    for route in [RouteChoice::Psf, RouteChoice::Visibilities] {
        let wanted = Wanted { noise_free: true, ..Wanted::default() };
        let observer = Observer::new(with_route(&setup, route), wanted, &quiet()).unwrap();
        let signal = observer.signal(&sky, &quiet()).unwrap();
        let (mut squares, mut cross) = (vec![0.0; CHANNELS], 0.0);
        for seed in 0..draws {
            let made = observer.with_noise(&signal, Some(seed), &quiet()).unwrap();
            let noise = &made.dirty - &made.noise_free.unwrap();
            for (sum, plane) in squares.iter_mut().zip(noise.outer_iter()) {
                *sum += plane.iter().map(|v| v * v).sum::<f64>();
            }
            cross += (&noise.index_axis(Axis(0), 0) * &noise.index_axis(Axis(0), 1)).sum();
        }
        let count = (draws as usize * PIXELS * PIXELS) as f64;
        for (sum, stated) in squares.iter().zip(observer.noise_jy()) {
            // some 10 pixels a beam: 16 planes of 400 beams tell the rms to 0.9 %
            assert!(
                ((sum / count).sqrt() / stated - 1.0).abs() < 0.035,
                "{route:?}: {} {stated}",
                (sum / count).sqrt()
            );
        }
        let correlation = cross / (squares[0] * squares[1]).sqrt();
        assert!(correlation.abs() < 0.05, "{route:?}: channels are correlated by {correlation}");
        // the same seed, the same numbers
        let again = observer.observe(&sky, Some(3), &quiet()).unwrap();
        assert_eq!(again.dirty, observer.with_noise(&signal, Some(3), &quiet()).unwrap().dirty);
        assert_eq!(observer.with_noise(&signal, None, &quiet()).unwrap().dirty, signal.dirty);
    }
}

#[test]
fn restored_and_corrected_images_hold_the_flux_of_a_source() {
    let mut setup = channels_of(&setup("meerkat", -40.0, 6, 6.0, BeamChoice::Auto));
    setup.sefd_jy = Some(vec![4.0; 64]);
    let wanted = Wanted { corrected: true, restored: true, ..Wanted::default() };
    let observer = Observer::new(setup.clone(), wanted, &quiet()).unwrap();
    let made = observer.observe(&source(&setup, 3.0), Some(1), &quiet()).unwrap();
    assert!(made.noise_free.is_none());
    let (restored, corrected) = (made.restored.unwrap(), made.corrected.unwrap());
    let power = observer.power().unwrap();
    let (y, x) = (PIXELS / 2 - 3, PIXELS / 2 + 2);
    for (channel, beam) in observer.beams().iter().enumerate() {
        let cell = setup.image.geometry.dm;
        let beam_px =
            std::f64::consts::PI / (4.0 * std::f64::consts::LN_2) * beam.major_rad * beam.minor_rad / (cell * cell);
        let flux = |cube: &Array3<f64>| cube.index_axis(Axis(0), channel).sum() / beam_px;
        let gain = power[[channel, y, x]];
        assert!(gain > 0.99 && gain < 1.0, "{gain}");
        assert!((flux(&restored) / gain - 1.0).abs() < 0.03, "channel {channel}: {}", flux(&restored));
        // there is no zero spacing: the dirty image's sum is another
        assert!((flux(&made.dirty) - 1.0).abs() > 0.1, "channel {channel}: {}", flux(&made.dirty));
    }
    for ((corrected, dirty), power) in corrected.iter().zip(&made.dirty).zip(power) {
        assert_eq!(*corrected, if *power >= setup.pb_limit { dirty / power } else { 0.0 });
    }
    // a point has its flux as its peak
    let mut point = source(&setup, 3.0);
    point.flux_jy.fill(0.0);
    point.flux_jy.index_axis_mut(Axis(1), y).index_axis_mut(Axis(1), x).fill(1.0);
    let restored = observer.observe(&point, Some(2), &quiet()).unwrap().restored.unwrap();
    for channel in 0..CHANNELS {
        let peak = restored[[channel, y, x]] / power[[channel, y, x]];
        assert!((peak - 1.0).abs() < 0.01, "{peak}");
    }
}

#[test]
fn auto_falls_back_with_a_reason_and_psf_is_an_error() {
    let base = setup("meerkat", -40.0, 3, 12.0, BeamChoice::Auto);
    let sky = source(&base, 2.0);
    // planned for a point; the sky has more flux over peak
    let tight = Setup { flux_over_peak: 1.0, psf_epsilon: 2e-7, ..base.clone() };
    let large = source(&base, 9.0);
    let observer = Observer::new(with_route(&tight, RouteChoice::Auto), Wanted::default(), &quiet()).unwrap();
    let facts = observer.facts().plan.unwrap();
    assert!(facts.bound <= 2e-7 && observer.facts().refused.is_none());
    let made = observer.signal(&large, &quiet()).unwrap();
    assert_eq!((made.route, made.bound), (Way::Visibilities, None));
    assert!(made.route_reason.unwrap().contains("bound"));
    // what was observed before does not matter
    let before = observer.signal(&large, &quiet()).unwrap().dirty;
    assert_eq!(before, made.dirty);
    let strict = Observer::new(tight, Wanted::default(), &quiet()).unwrap();
    let error = strict.signal(&large, &quiet()).unwrap_err().to_string();
    assert!(error.contains("accuracy asked for") && error.contains("auto"), "{error}");
    // no plan at all
    let hopeless = Setup { flux_over_peak: 1e12, ..base.clone() };
    let error = Observer::new(hopeless.clone(), Wanted::default(), &quiet()).unwrap_err().to_string();
    assert!(error.contains("accuracy asked for"), "{error}");
    let observer = Observer::new(with_route(&hopeless, RouteChoice::Auto), Wanted::default(), &quiet()).unwrap();
    let reason = observer.facts().refused.clone();
    assert!(reason.is_some());
    let made = observer.observe(&sky, Some(1), &quiet()).unwrap();
    assert_eq!((made.route, made.route_reason), (Way::Visibilities, reason));
    assert!(observer.bytes() > 0);
}

#[test]
fn samples_do_not_depend_on_the_number_of_threads() {
    let base = channels_of(&setup("meerkat", -40.0, 3, 12.0, BeamChoice::Auto));
    let wanted = Wanted { noise_free: true, corrected: true, restored: true, wide_psf: true };
    let same = |a: &Observation, b: &Observation| {
        assert_eq!(a.dirty, b.dirty);
        assert_eq!(a.noise_free, b.noise_free);
        assert_eq!(a.corrected, b.corrected);
        assert_eq!(a.restored, b.restored);
        assert_eq!(a.bound, b.bound);
    };
    for route in [RouteChoice::Psf, RouteChoice::Visibilities] {
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let observer = Observer::new(with_route(&base, route), wanted, &quiet()).unwrap();
                observer.observe(&source(&base, 2.0), Some(7), &quiet()).unwrap()
            })
        };
        same(&with(1), &with(3));
    }
}

#[test]
fn skies_and_seeds_that_do_not_fit_are_refused() {
    let base = setup("meerkat", -40.0, 2, 12.0, BeamChoice::Auto);
    let observer = Observer::new(Setup { sefd_jy: None, ..base.clone() }, Wanted::default(), &quiet()).unwrap();
    let sky = source(&base, 2.0);
    let refused = |sky: &SkyCube| observer.signal(sky, &quiet()).unwrap_err().to_string();
    assert!(refused(&SkyCube { specsys: "LSRK".into(), ..sky.clone() }).contains("frame"));
    assert!(refused(&SkyCube { cell_rad: 1.01 * sky.cell_rad, ..sky.clone() }).contains("pixels"));
    assert!(refused(&source(&channels_of(&base), 2.0)).contains("channels"));
    let mut broken = sky.clone();
    broken.flux_jy[[0, 3, 5]] = f64::NAN;
    assert!(refused(&broken).contains("row 3"));
    assert!(observer.observe(&sky, Some(1), &quiet()).unwrap_err().to_string().contains("SEFD"));
    assert!(observer.observe(&sky, None, &quiet()).is_ok());
    let bad = Setup { psf_epsilon: f64::NAN, ..base.clone() };
    assert!(Observer::new(bad, Wanted::default(), &quiet()).is_err());
    let none = Setup { clean: Setup::usual_clean(0), ..base };
    let restored = Wanted { restored: true, ..Wanted::default() };
    assert!(Observer::new(none, restored, &quiet()).unwrap_err().to_string().contains("niter"));
}
