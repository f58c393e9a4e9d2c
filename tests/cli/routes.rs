//! The word image.method, and `bench fast`.

use super::{PRODUCTS, Place, Ran, SMALL, names};
use std::process::Stdio;
use std::time::Duration;

/// Twelve dishes of four sizes: ten kinds of baselines.
fn mixed_array() -> String {
    let mut text = "skyfringe-telescope 1\nname: mixed\nversion: 1\nsource: made for a test\nframe: ECEF WGS84\n\
                    reference: 21.44 -30.71 1096\nstations: 12\n"
        .to_string();
    for k in 0..12 {
        let (x, y) = (37.0 * f64::from(k), 11.0 * f64::from(k * k));
        let diameter = [10, 12, 15, 18][k as usize % 4];
        text += &format!("D{k:02} {:.3} {:.3} {:.3} {diameter} dish\n", 5_109_272.0 - x, 2_006_809.0 + y, -3_239_131.0);
    }
    text
}

/// What a galaxy leaves behind without visibilities.
fn without_visibilities() -> Vec<&'static str> {
    PRODUCTS.into_iter().filter(|name| *name != "visibilities.h5").collect()
}

#[test]
fn a_run_without_visibilities_says_so_and_leaves_none() {
    let place = Place::with_configurations();
    let psf = ["run", "small.toml", "--set", "image.method=psf"];
    let said = place.run(&[&psf[..], &["--check"]].concat()).ok();
    assert!(said.contains("no visibilities") && said.contains("1 kinds of baselines"), "{said}");
    let ran = place.run(&[&psf[..], &["--out", "out"]].concat());
    assert!(ran.err.contains("visibilities.h5 is not written") && ran.err.contains("of the peak"), "{}", ran.err);
    let said = ran.ok();
    assert!(said.contains("route  PSFs, within") && !said.contains("visibilities.h5"), "{said}");
    assert_eq!(names(&place.path("out")), without_visibilities());
    // equal runs give equal products, whatever the threads, and also taken up again
    for (words, out) in [(&["--threads", "1"][..], "one"), (&["--threads", "2"], "two"), (&["--resume"], "out")] {
        place.run(&[&psf[..], &["--out", out, "--quiet"], words].concat()).ok();
        for name in without_visibilities().into_iter().filter(|name| *name != "run.json") {
            let [a, b] = ["one", out].map(|folder| std::fs::read(place.path(folder).join(name)).unwrap());
            assert!(a == b, "{name} of {out}");
        }
    }
    // an earlier run's visibilities are not passed off as this one's
    place.run(&["run", "small.toml", "--out", "both", "--quiet"]).ok();
    let ran = place.run(&[&psf[..], &["--out", "both"]].concat());
    assert!(ran.err.contains("visibilities.h5 in this folder is of an earlier run"), "{}", ran.err);
    let record = std::fs::read_to_string(place.path("both/run.json")).unwrap();
    assert!(!record.contains("\"visibilities.h5\""), "{record}");
}

#[test]
fn many_kinds_of_dishes_are_refused_or_predicted() {
    let place = Place::with_configurations();
    place.write("mixed.txt", mixed_array());
    let mixed = SMALL.replace("name = \"ska-mid-aa1\"", "file = \"mixed.txt\"\nbeam = \"gaussian\"");
    place.write("mixed.toml", mixed + "cell = \"30 arcsec\"\n");
    let psf = ["run", "mixed.toml", "--set", "image.method=psf"];
    let says = ["10 classes of baselines", "more than 6", "image.method = \"psf\"", "\"auto\""];
    place.refused(&[&psf[..], &["--out", "out"]].concat(), &says);
    place.refused(&[&psf[..], &["--check"]].concat(), &says);

    let auto = ["run", "mixed.toml", "--set", "image.method=auto"];
    let said = place.run(&[&auto[..], &["--check"]].concat()).ok();
    assert!(said.contains("route  visibilities: 10 classes"), "{said}");
    let ran = place.run(&[&auto[..], &["--out", "out"]].concat());
    assert!(ran.err.contains("visibilities are predicted: 10 classes of baselines"), "{}", ran.err);
    assert!(ran.ok().contains("route  visibilities, chosen by auto"));
    assert_eq!(names(&place.path("out")), PRODUCTS);
    // without beams all baselines are alike
    let ran = place.run(&[&auto[..], &["--set", "telescope.beam=none", "--out", "bare"]].concat());
    assert!(ran.ok().contains("route  PSFs"));

    // a list of components has no pixels
    place.write("sky.osm", "30.0 -35.0 1.0\n");
    let mut words = vec!["run", "no-sky.toml", "--out", "list", "--set", "sky.components=sky.osm"];
    words.extend(["--set", "sky.band_centre=1.4 GHz", "--set", "sky.channel_width=100 kHz"]);
    words.extend(["--set", "image.method=auto", "--set", "image.cell=10 arcsec", "--set", "observation.dec=-35 deg"]);
    let ran = place.run(&words);
    assert!(ran.err.contains("visibilities are predicted: a list of components"), "{}", ran.err);
    ran.ok();
}

#[test]
fn an_interrupt_while_psfs_are_made_leaves_nothing() {
    let place = Place::new();
    place.write("long.toml", SMALL.replace("size = 64", "size = 1200\ncell = \"3 arcsec\"\nmethod = \"psf\""));
    let before = place.names();
    let mut command = place.command(&["run", "long.toml", "--out", "out"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(400));
    // SAFETY: the child has not been waited for, so that its number is its own
    unsafe {
        libc::kill(child.id() as i32, libc::SIGINT);
    }
    let ran = Ran::new(child.wait_with_output().unwrap());
    assert_eq!(ran.status, Some(130), "{ran:?}");
    assert_eq!(place.names(), before, "{ran:?}");
}

#[test]
fn bench_fast_prints_one_json_object() {
    let place = Place::new();
    let small = ["bench", "fast", "--telescope", "meerkat-plus", "--npix", "48", "--cell", "8asec", "--channels", "3"];
    let more = ["--steps", "4", "--visibility-channels", "2", "--reps", "2"];
    let out = place.run(&[&small[..], &more].concat()).ok();
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let number = |key: &str| json[key].as_f64().unwrap_or_else(|| panic!("{key}: {out}"));
    for key in ["setup_cpu_s", "fast_cpu_s", "visibility_cpu_s", "ratio", "setup_peak_mib", "fast_peak_mib", "plan_mib"]
    {
        assert!(number(key) > 0.0, "{key}: {out}");
    }
    assert_eq!((number("npix"), number("channels"), number("steps"), number("classes")), (48.0, 3.0, 4.0, 3.0));
    assert!(number("difference_over_peak") <= number("bound") && number("bound") <= number("epsilon"), "{out}");
    let refused = |words: &[&str], says: &[&str]| place.refused(&[&["bench", "fast"][..], words].concat(), says);
    refused(&["--cell", "8"], &["no unit", "--cell"]);
    refused(&["--length", "-4h"], &["above 0", "--length"]);
    refused(&["--telescope", "ska-mit"], &["ska-mit", "--telescope"]);
    refused(&["--weight", "robust"], &["briggs:", "--weight"]);
    refused(&["--epsilon", "0"], &["1e-12 to 1e-2", "--epsilon"]);
    let wide = ["--telescope", "meerkat-plus", "--npix", "48", "--cell", "400asec", "--steps", "2"];
    refused(&[&wide[..], &["--channels", "2", "--epsilon", "1e-12"]].concat(), &["fast path", "--epsilon"]);
    place.run(&["bench", "fast", "--npix", "4"]).bad_words(&["--npix"]);
}

#[test]
fn bench_predict_prints_one_json_object_and_meets_its_errors() {
    let place = Place::new();
    for (stokes, precision, bound) in
        [("I", "f64", 3e-12), ("full", "f64", 3e-12), ("I", "f32", 3e-6), ("full", "f32", 3e-6)]
    {
        let small = ["bench", "predict", "--stations", "21", "--sources", "300", "--times", "2"];
        let out = place.run(&[&small[..], &["--stokes", stokes, "--precision", precision]].concat()).ok();
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        let number = |key: &str| json[key].as_f64().unwrap_or_else(|| panic!("{key}: {out}"));
        for key in ["cpu_seconds", "wall_seconds", "msbct_per_cpu_s", "share_of_fma_peak", "largest_phase_turns"] {
            assert!(number(key) > 0.0, "{key}: {out}");
        }
        assert_eq!((number("stations"), number("sources"), number("times")), (21.0, 300.0, 2.0));
        assert!(number("largest_error_of_rms") < bound, "{out}");
    }
    for (words, bound) in [
        (&["--smearing"][..], 3e-12),
        (&["--smearing", "sinc", "--precision", "f32"], 3e-6),
        (&["--smearing", "average", "--stokes", "full"], 1e-4),
        (&["--station-antennas", "30", "--stokes", "full"], 3e-12),
        (&["--station-antennas", "30", "--smearing", "average"], 1e-4),
    ] {
        let small = ["bench", "predict", "--stations", "17", "--sources", "200", "--times", "1"];
        let out = place.run(&[&small[..], words].concat()).ok();
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        let error = json["largest_error_of_rms"].as_f64().unwrap();
        assert!(error > 0.0 && error < bound, "{out}");
    }
    place.run(&["bench", "predict", "--stations", "1"]).bad_words(&["--stations"]);
    place.run(&["bench", "predict", "--smearing", "much"]).bad_words(&["--smearing"]);
}
