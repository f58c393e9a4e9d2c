//! What stations see: `beam`, stations of antennas, beams that drift, ranges of baselines.

use super::{Place, names};
use skyfringe::formats::fits::read_cube;
use skyfringe::formats::visibilities::read_visibilities;

const LOW: &str = r#"
[sky]
components = "one.osm"
band_centre = "150 MHz"
channel_width = "100 kHz"

[telescope]
name = "ska-low-aa0.5"
beam = "array"

[observation]
ra = "30 deg"
dec = "-30 deg"
length = "1 h"
steps = 2
polarisations = "XX,XY,YX,YY"
"#;

fn place() -> Place {
    let place = Place::with_configurations();
    place.write("low.toml", LOW);
    place.write("one.osm", "30 -30 2\n");
    place
}

#[test]
fn beam_draws_power_amplitude_and_phase() {
    let place = place();
    let words = ["beam", "low.toml", "--fov", "60 deg", "--size", "32", "--station", "2", "--out", "b"];
    let said = place.run(&words).ok();
    assert!(said.contains("at the phase centre 1.000000"), "{said}");
    let files = names(&place.path("b"));
    assert_eq!(files.len(), 12, "{files:?}");
    let read = |name: &str| read_cube(&place.path("b").join(name)).unwrap();
    let power = read("beam-I-power.fits");
    assert!((power.data[[0, 16, 16]] - 1.0).abs() < 1e-6 && power.spectral.freq_hz == [150e6]);
    assert!(power.data.iter().all(|v| *v <= 1.0 + 1e-6));
    // power is the sum of the squares of the amplitudes
    let amplitudes = ["x-north", "x-east", "y-north", "y-east"].map(|n| read(&format!("beam-{n}-amplitude.fits")));
    for (at, power) in power.data.indexed_iter() {
        let sum: f32 = amplitudes.iter().map(|a| a.data[at].powi(2)).sum();
        assert!((0.5 * sum - power).abs() < 1e-5, "{at:?}");
    }
    place.refused(&["beam", "low.toml", "--station", "none", "--out", "c"], &["no such station", "\"none\""]);
    place.refused(&["beam", "low.toml", "--fov", "270 deg", "--out", "c"], &["impossible width", "--fov"]);
    place.refused(&["beam", "low.toml", "--step", "2", "--out", "c"], &["no such time step", "0 to 1"]);
}

/// A source at the phase centre, where beams are 1, and an hour of drift away from where they look.
#[test]
fn beams_track_or_drift_and_baselines_are_chosen() {
    let place = place();
    let see = |more: &[&str]| {
        place.run(&[&["observe", "low.toml", "--quiet", "--out", "v.h5"][..], more].concat()).ok();
        read_visibilities(&place.path("v.h5")).unwrap()
    };
    let tracked = see(&[]);
    let mean = |t: &skyfringe::formats::visibilities::VisibilityTable, row: usize| {
        0.5 * (t.vis[[row, 0, 0]] + t.vis[[row, 0, 3]]).norm()
    };
    let rows = tracked.vis.dim().0;
    assert!((0..rows).all(|row| (mean(&tracked, row) - 2.0).abs() < 1e-3), "{}", mean(&tracked, 0));
    // a quarter of an hour before and after, 3.2 degrees away
    let drifted = see(&["--set", "observation.pointing=drift"]);
    assert!((0..rows).all(|row| mean(&drifted, row) < 1.2), "{}", mean(&drifted, 0));
    let chosen = see(&["--set", "observation.uv_min=200 wavelengths"]);
    for row in 0..rows {
        let length = chosen.uvw_m[[row, 0]].hypot(chosen.uvw_m[[row, 1]]) * 150e6 / 299_792_458.0;
        assert_eq!(chosen.flag[[row, 0, 0]], length < 200.0, "{length}");
    }
    assert!(chosen.flag.iter().any(|f| *f) && !chosen.flag.iter().all(|f| *f));
}

#[test]
fn what_beams_of_antennas_cannot_do_is_refused() {
    let place = place();
    place.refused(
        &["observe", "low.toml", "--set", "telescope.name=vla-d", "--out", "v.h5"],
        &["what antennas", "SKA-Low"],
    );
    place.refused(
        &["run", "small.toml", "--set", "observation.pointing=drift", "--set", "prediction.method=grid", "--out", "o"],
        &["drift", "direct"],
    );
    place.refused(
        &["run", "small.toml", "--set", "prediction.smearing=sinc", "--set", "prediction.method=grid", "--out", "o"],
        &["smearing"],
    );
    place.refused(
        &["observe", "low.toml", "--set", "observation.azimuth=3 deg", "--out", "v.h5"],
        &["azimuth", "drift"],
    );
    place.refused(
        &["observe", "low.toml", "--set", "observation.uv_min=3 parsec", "--out", "v.h5"],
        &["uv_min", "wavelengths"],
    );
}
