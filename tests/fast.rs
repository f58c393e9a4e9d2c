//! The image-domain fast path against the visibility route and against the sum as written.

mod common;

use ndarray::{Array3, ArrayView2};
use skyfringe::error::Watch;
use skyfringe::formats::visibilities::{Polarisations, VisibilityTable};
use skyfringe::gridding::ImageGeometry;
use skyfringe::imaging::fast::{FastPlan, FastRequest, Route};
use skyfringe::imaging::{ImageParams, Method, Weighting, make_images};
use skyfringe::math::random::Stream;
use skyfringe::sky::cube::SkyCube;
use skyfringe::telescope::Telescope;
use skyfringe::telescope::beam::{BeamChoice, StationBeams};
use skyfringe::time::{EarthOrientation, Frame};
use skyfringe::units::{C_M_S, RaDec};
use skyfringe::visibilities::{Instant, Track, add_thermal_noise, new_table, predict_by_grid};

const ARCSEC: f64 = std::f64::consts::PI / 180.0 / 3600.0;
const FREQ_HZ: [f64; 2] = [1.41e9, 1.42e9];

/// An observation and everything that both routes need.
struct Case {
    table: VisibilityTable,
    instants: Vec<Instant>,
    beams: StationBeams,
    sefd_jy: Vec<f64>,
}

/// `count` stations of SKA-Mid AA4, the nearest to its centre or evenly spread, dishes of both kinds; a track of
/// `steps` steps of half an hour that starts an hour and a half before transit.
fn observe(count: usize, core: bool, steps: usize, beam: BeamChoice, polarisations: Polarisations) -> Case {
    let mut telescope = Telescope::preset("ska-mid-aa4").unwrap();
    telescope.stations.sort_by(|a, b| a.name.cmp(&b.name));
    let distance = |s: &skyfringe::telescope::Station| s.offset_m.iter().map(|x| x * x).sum::<f64>();
    telescope.stations.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
    let step = if core { 1 } else { telescope.stations.len() / count };
    telescope.stations = telescope.stations.iter().step_by(step).take(count).cloned().collect();
    let earth = EarthOrientation::new(Frame::Oskar);
    let start_mjd_utc = 60_512.25;
    let m = earth.celestial_to_terrestrial(start_mjd_utc).unwrap();
    let ra_rad = m[0][1].atan2(m[0][0]) + 21.44f64.to_radians() + 1.5 * std::f64::consts::PI / 12.0;
    let phase_centre = RaDec { ra_rad, dec_rad: -50f64.to_radians() };
    let track = Track { phase_centre, earth, start_mjd_utc, step_s: 1800.0, steps };
    let beams = StationBeams::new(&telescope, beam);
    let sefd_jy: Vec<f64> =
        telescope.stations.iter().map(|s| if s.kind == "meerkat" { 406.0 } else { 272.0 }).collect();
    let (mut table, instants, _) = new_table(&telescope, &track, &FREQ_HZ, 1e5, polarisations, 0.2).unwrap();
    add_thermal_noise(&mut table, &sefd_jy, None, &Watch::silent()).unwrap();
    Case { table, instants, beams, sefd_jy }
}

fn geometry(n: usize, cell_arcsec: f64) -> ImageGeometry {
    ImageGeometry { nx: n, ny: n, dl: -cell_arcsec * ARCSEC, dm: cell_arcsec * ARCSEC }
}

fn params(geometry: ImageGeometry, weighting: Weighting) -> ImageParams {
    ImageParams { geometry, weighting, method: Method::Fft { epsilon: 1e-9 }, keep_beyond_nyquist: false }
}

/// Points of both signs from the centre to every edge, and a smooth disc off centre; another one in each channel.
fn sky(geometry: &ImageGeometry, centre: RaDec) -> SkyCube {
    let (nx, ny) = (geometry.nx, geometry.ny);
    let mut random = Stream::new(11, [1, 1, 1]);
    let mut flux = Array3::from_shape_fn((FREQ_HZ.len(), ny, nx), |(c, y, x)| {
        let r2 = (x as f64 - 0.3 * nx as f64).powi(2) + (y as f64 - (0.6 + 0.1 * c as f64) * ny as f64).powi(2);
        0.02 * (-r2 / (0.003 * (nx * ny) as f64)).exp()
    });
    for (c, mut plane) in flux.outer_iter_mut().enumerate() {
        for (y, x) in [(0, 0), (0, nx - 1), (ny - 1, 0), (ny - 1, nx - 1), (ny / 2, nx / 2), (ny / 3, nx - 1)] {
            plane[[y, x]] += 0.3 + 0.2 * c as f64;
        }
        for _ in 0..10 {
            let at = [(random.uniform() * ny as f64) as usize, (random.uniform() * nx as f64) as usize];
            plane[at] += random.normal();
        }
    }
    SkyCube {
        flux_jy: flux,
        freq_hz: FREQ_HZ.to_vec(),
        channel_width_hz: 1e5,
        cell_rad: geometry.dm,
        centre,
        specsys: "TOPOCENT".into(),
    }
}

fn fast(case: &Case, params: &ImageParams, sky: ImageGeometry, request: &FastRequest) -> FastPlan {
    let station = Some((case.instants.as_slice(), &case.beams));
    match FastPlan::choose(&case.table, station, params, sky, request, &Watch::silent()).unwrap() {
        Route::Fast(plan) => *plan,
        Route::Visibilities(reason) => panic!("refused: {reason}"),
    }
}

fn visibility_route(case: &Case, params: &ImageParams, cube: &SkyCube) -> Array3<f64> {
    let mut table = case.table.clone();
    let station = Some((case.instants.as_slice(), &case.beams));
    predict_by_grid(&mut table, cube, station, 1e-9, params.keep_beyond_nyquist, &Watch::silent()).unwrap();
    make_images(&table, params, &Watch::silent()).unwrap().dirty
}

fn peak(cube: &Array3<f64>) -> f64 {
    cube.iter().fold(0.0, |p: f64, v| p.max(v.abs()))
}

/// Asserts that the fast path is within its own bound of the visibility route, and the bound within `epsilon`;
/// returns error, bound and the number of nodes.
fn compare(case: &Case, params: &ImageParams, sky_geometry: ImageGeometry, request: &FastRequest) -> (f64, f64, usize) {
    let cube = sky(&sky_geometry, case.table.phase_centre);
    let plan = fast(case, params, sky_geometry, request);
    let made = plan.dirty(&cube, &Watch::silent()).unwrap();
    let exact = visibility_route(case, params, &cube);
    let error = peak(&(&made.dirty - &exact)) / peak(&exact);
    let nodes = plan.facts()[0].w_nodes;
    let what =
        format!("{:?} on {:?}, {nodes} nodes: error {error:.2e}, bound {}", params.weighting, sky_geometry, made.bound);
    eprintln!("{what}");
    assert!(error <= made.bound.total, "{what}");
    assert!(made.bound.total <= request.epsilon, "{what}");
    assert!(plan.refusal(&made.bound).is_none());
    (error, made.bound.total, nodes)
}

#[test]
fn signal_is_within_its_bound_on_narrow_and_wide_fields() {
    let spread = observe(24, false, 6, BeamChoice::Auto, Polarisations::I);
    let core = observe(40, true, 6, BeamChoice::Auto, Polarisations::I);
    assert_eq!(core.beams.classes.len(), 2, "two kinds of dishes, three classes of baselines");
    assert_eq!(spread.beams.classes.len(), 2);
    for weighting in [Weighting::Natural, Weighting::Briggs(0.0), Weighting::Uniform] {
        for (case, n, cell) in [(&spread, 64, 2.0), (&spread, 96, 8.0), (&core, 96, 60.0), (&core, 64, 200.0)] {
            for epsilon in [1e-3, 1e-7] {
                let request = FastRequest { epsilon, ..FastRequest::default() };
                let g = geometry(n, cell);
                let (error, bound, nodes) = compare(case, &params(g, weighting), g, &request);
                // a bound that is far from the error would send galaxies to the visibility route for nothing
                assert!(nodes > 1 || epsilon > 1e-7 || bound < 1e3 * error.max(1e-9), "{error} {bound}");
            }
        }
    }
}
