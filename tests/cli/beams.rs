//! What stations see: `beam`, stations of antennas, beams that drift, ranges of baselines.

use super::{Place, names};
use rustfft::num_complex::Complex64;
use skyfringe::formats::fits::{FitsCube, SkyAxes, SpectralAxis, read_cube, write_cube};
use skyfringe::formats::visibilities::read_visibilities;
use skyfringe::telescope::beam::{CosineTaperBeam, KatBand, VoltageBeam};
use skyfringe::units::{DEG_RAD, RaDec};

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

const MID: &str = r#"
[sky]
components = "off.osm"
band_centre = "1000 MHz"
channel_width = "1 MHz"

[telescope]
name = "meerkat"
beam = "katbeam"

[observation]
ra = "30 deg"
dec = "-30 deg"
length = "2 h"
steps = 2
polarisations = "XX,XY,YX,YY"
"#;

/// A source half a degree north of the phase centre; transit near the zenith turns it about the beam.
#[test]
fn katbeam_is_seen_through_both_feeds() {
    let place = Place::with_configurations();
    place.write("mid.toml", MID);
    place.write("off.osm", "30 -29.5 2\n");
    let see = |more: &[&str]| {
        place.run(&[&["observe", "mid.toml", "--quiet", "--out", "v.h5"][..], more].concat()).ok();
        read_visibilities(&place.path("v.h5")).unwrap()
    };
    let seen = see(&[]);
    assert!(seen.provenance.contains("katbeam MKAT-AA-L-JIM-2020 (alt-az)"), "{}", seen.provenance);
    // between the beams of either axis: ellipses of 88 x 89 and 86 x 92 arcmin
    let feeds = KatBand::L.feeds(1e9);
    for (product, feed) in [(0, feeds[0]), (3, feeds[1])] {
        let ends = [[0.5, 0.0], [0.0, 0.5], [-0.5, 0.0], [0.0, -0.5]].map(|at| 2.0 * feed.voltage(at).powi(2));
        let (low, high) = (ends.iter().copied().fold(9.0, f64::min), ends.iter().copied().fold(0.0, f64::max));
        for row in 0..seen.vis.dim().0 {
            let size = seen.vis[[row, 0, product]].norm();
            assert!(size > low - 1e-3 && size < high + 1e-3, "{product}: {low} {size} {high}");
        }
    }
    // scalar: the mean of both powers
    let scalar = see(&["--set", "observation.polarisations=I"]);
    for row in 0..seen.vis.dim().0 {
        let mean = 0.5 * (seen.vis[[row, 0, 0]] + seen.vis[[row, 0, 3]]).norm();
        assert!((scalar.vis[[row, 0, 0]].norm() - mean).abs() < 1e-3, "{mean}");
    }
    for (change, words) in [
        ("telescope.beam_band=UHF", None),
        ("sky.band_centre=1700 MHz", Some(["900 to 1650 MHz", "1700"])),
        ("telescope.name=vla-d", Some(["MeerKAT", "vla-d"])),
        ("prediction.method=grid", Some(["direct", "turn with time"])),
    ] {
        let ran = place.run(&["observe", "mid.toml", "--quiet", "--out", "w.h5", "--set", change]);
        match words {
            None => drop(ran.ok()),
            Some(words) => ran.refused(&words),
        }
    }
    let said = place.run(&["beam", "mid.toml", "--fov", "4 deg", "--size", "32", "--station", "0", "--out", "b"]).ok();
    assert!(said.contains("0.9999"), "{said}");
    let read = |name: &str| read_cube(&place.path("b").join(name)).unwrap().data;
    let [x, y, both] = ["X", "Y", "I"].map(|n| read(&format!("beam-{n}-power.fits")));
    for (at, power) in both.indexed_iter() {
        assert!((0.5 * (x[at] + y[at]) - power).abs() < 1e-6);
    }
    assert!(x.iter().zip(&y).any(|(x, y)| (x - y).abs() > 0.01));
}

/// A circle as a table is the circle, by a run of each.
#[test]
fn tables_are_the_beams_they_were_made_of() {
    let place = Place::with_configurations();
    place.write("mid.toml", MID);
    place.write("off.osm", "30 -29.5 2\n30.4 -30.2 1\n33 -29 5\n");
    let (count, step) = (121, 0.03 * DEG_RAD);
    let middle = (count / 2) as f64;
    let table = |name: &str, power: bool| {
        let beam = CosineTaperBeam { diameter_m: 13.5 };
        let value = |(_, y, x): (usize, usize, usize)| {
            let (l, m) = ((x as f64 - middle) * step, (y as f64 - middle) * step);
            let voltage = beam.voltage(l.hypot(m), 1e9);
            (if power { voltage * voltage } else { voltage }) as f32
        };
        let cube = FitsCube {
            data: ndarray::Array3::from_shape_fn((1, count, count), value),
            sky: SkyAxes {
                centre: RaDec::from_deg(0.0, 0.0),
                step_x_rad: -step,
                step_y_rad: step,
                reference_pixel: [middle; 2],
            },
            spectral: SpectralAxis { freq_hz: vec![1e9], width_hz: 1e8, ..SpectralAxis::default() },
            stokes: "I".into(),
            unit: String::new(),
            beams: Vec::new(),
            cards: Vec::new(),
        };
        write_cube(&place.path(name), &cube).unwrap();
    };
    table("voltage.fits", false);
    table("power.fits", true);
    let see = |more: &[&str]| {
        place.run(&[&["observe", "mid.toml", "--quiet", "--out", "v.h5"][..], more].concat()).ok();
        read_visibilities(&place.path("v.h5")).unwrap().vis
    };
    let circle = see(&["--set", "telescope.beam=cosine"]);
    let sets = |file: &str, values: &str| {
        let fits = ["telescope.beam=fits".to_string(), format!("telescope.beam_file={file}"), values.to_string()];
        fits.into_iter().flat_map(|set| ["--set".to_string(), set]).collect::<Vec<_>>()
    };
    for (file, values) in
        [("voltage.fits", "telescope.beam_values=voltage"), ("power.fits", "telescope.beam_values=power")]
    {
        let sets = sets(file, values);
        let seen = see(&sets.iter().map(String::as_str).collect::<Vec<_>>());
        // the third source is beyond the table, and in the side lobes of the circle
        let worst = seen.iter().zip(&circle).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max);
        assert!(worst > 1e-4 && worst < 0.02, "{file}: {worst}");
    }
    place.write("off.osm", "30 -29.5 2\n30.4 -30.2 1\n");
    let circle = see(&["--set", "telescope.beam=cosine"]);
    let sets = sets("voltage.fits", "telescope.beam_interpolation=cubic");
    let seen = see(&sets.iter().map(String::as_str).collect::<Vec<_>>());
    let worst = seen.iter().zip(&circle).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max);
    assert!(worst < 1e-5, "{worst}");
    place.refused(&["observe", "mid.toml", "--set", "telescope.beam=fits", "--out", "w.h5"], &["beam_file", "meerkat"]);
    place.refused(
        &[
            "observe",
            "mid.toml",
            "--set",
            "telescope.beam=fits",
            "--set",
            "telescope.beam_file=no.fits",
            "--out",
            "w.h5",
        ],
        &["no.fits"],
    );
}

/// The short dipole as spherical waves, of SKA-Low stations and of an OSKAR folder.
#[test]
fn spherical_waves_of_files_are_the_elements() {
    let place = place();
    // TM of l = 1, m = -1 and 1 is a dipole along x, seen by Y a quarter of a turn further on
    let write = |folder: &str| {
        std::fs::create_dir_all(place.path(folder)).unwrap();
        for (name, text) in [("te_re", "0 0 0"), ("te_im", "0 0 0"), ("tm_re", "1 0 1"), ("tm_im", "0 0 0")] {
            place.write(&format!("{folder}/element_pattern_spherical_wave_{name}_0_150.txt"), format!("{text}\n"));
        }
    };
    write("waves");
    place.write("one.osm", "30 -30 2\n33 -28 1\n");
    let see = |words: &[&str]| {
        place.run(&[words, &["--quiet", "--out", "v.h5"]].concat()).ok();
        read_visibilities(&place.path("v.h5")).unwrap()
    };
    let near = |a: &ndarray::Array3<Complex64>, b: &ndarray::Array3<Complex64>| {
        a.iter().zip(b).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max)
    };
    let short = see(&["observe", "low.toml", "--set", "telescope.array.dipole_wavelengths=0.001"]);
    let half = see(&["observe", "low.toml"]);
    let waves = see(&["observe", "low.toml", "--set", "telescope.array.spherical_wave=waves"]);
    assert!(waves.provenance.contains("spherical waves to degree 1, 1 at 150 MHz"), "{}", waves.provenance);
    let apart = [near(&short.vis, &waves.vis), near(&short.vis, &half.vis)];
    assert!(apart[0] < 1e-6 && apart[1] > 1e-5, "{apart:?}");
    place.refused(
        &[
            "observe",
            "low.toml",
            "--set",
            "telescope.array.spherical_wave=waves",
            "--set",
            "telescope.array.element=dipole",
            "--out",
            "w.h5",
        ],
        &["spherical_wave"],
    );

    // an OSKAR folder: files at its root, and what settings say of them
    write("low.tm");
    place.write("low.tm/position.txt", "116.7 -26.8\n");
    place.write("low.tm/layout.txt", "0 0\n100 0\n0 200\n");
    std::fs::create_dir_all(place.path("low.tm/s")).unwrap();
    place.write("low.tm/s/layout.txt", "0 0\n3 1\n-2 4\n");
    let settings = |more: &str| {
        let text = format!(
            "[sky]\noskar_sky_model/file=one.osm\n[observation]\nphase_centre_ra_deg=30\nphase_centre_dec_deg=-30\n\
             start_frequency_hz=150e6\nstart_time_utc=60512.9\nlength=600\n[telescope]\ninput_directory=low.tm\n{more}"
        );
        place.write("settings.ini", &text);
    };
    let run = || see(&["observe", "--oskar-settings", "settings.ini"]);
    settings("");
    let used = run();
    settings(
        "aperture_array/element_pattern/enable_numerical=false\naperture_array/element_pattern/dipole_length=0.001\n",
    );
    let functional = run();
    settings("aperture_array/element_pattern/enable_numerical=false\n");
    let dipoles = run();
    assert!(used.provenance.contains("spherical waves") && dipoles.provenance.contains("dipoles of 0.5"));
    let apart = [near(&used.vis, &functional.vis), near(&used.vis, &dipoles.vis)];
    assert!(apart[0] < 1e-6 && apart[1] > 1e-3, "{apart:?}");
    settings("aperture_array/element_pattern/functional_type=Isotropic (unpolarised)\n");
    assert!(run().provenance.contains("isotropic elements"));
    settings("pol_mode=Scalar\n");
    place.refused(&["observe", "--oskar-settings", "settings.ini", "--out", "w.h5"], &["pol_mode", "Full"]);
    settings("");
    for (name, what) in [("spherical_wave_feko_te_re_0_150.txt", "FEKO"), ("fit_x_0_150.bin", "this kind")] {
        let path = place.write(&format!("low.tm/s/element_pattern_{name}"), "0 0 0\n");
        place.refused(
            &["observe", "--oskar-settings", "settings.ini", "--out", "w.h5"],
            &[what, "not supported", "low.tm", name],
        );
        std::fs::remove_file(path).unwrap();
    }
}
