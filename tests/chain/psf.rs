//! Runs without visibilities (`image.method`) against the same runs with them.

use crate::noise::{self, relative_error, rms};
use crate::{card, close, cube, eor, number, run, settings};
use ndarray::Axis;
use skyfringe::formats::fits::{CardValue, FitsCube};
use skyfringe::run::{Unseen, chain};
use std::path::Path;

/// MeerKAT+: two kinds of dishes, samples beyond Nyquist, rows too low, much w.
fn configuration(polarisations: &str, image: &str) -> String {
    format!(
        "[sky]\ngalaxy = {{ seed = 6, cells = 20000 }}\ndistance = \"15 Mpc\"\nchannels = 4\n\
         [telescope]\nname = \"meerkat-plus\"\n[observation]\ndec = \"-5 deg\"\nlength = \"2 h\"\nsteps = 3\n\
         hour_angle_start = \"2.2 h\"\nmin_elevation = \"33 deg\"\npolarisations = \"{polarisations}\"\n\
         [noise]\nsefd = {{ ska-mid = \"272 Jy\", meerkat = \"406 Jy\" }}\nadd = false\n[prediction]\nepsilon = 1e-9\n\
         [output]\nprecision = \"double\"\n\
         [image]\nsize = 120\ncell = \"10 arcsec\"\nweight = \"briggs:0.3\"\nepsilon = 1e-9\n{image}\n"
    )
}

fn text<'a>(cube: &'a FitsCube, key: &str) -> Option<&'a str> {
    match card(cube, key) {
        Some(CardValue::Text(text)) => Some(text),
        None => None,
        other => panic!("{key}: {other:?}"),
    }
}

fn record(folder: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join("run.json")).unwrap()).unwrap()
}

/// Largest difference of two cubes over the peak of the second.
fn difference(a: &FitsCube, b: &FitsCube) -> f64 {
    let peak = b.data.iter().fold(0.0f32, |p, v| p.max(v.abs()));
    f64::from((&a.data - &b.data).iter().fold(0.0f32, |p, v| p.max(v.abs())) / peak)
}

/// Half a unit in the last place of two cubes of 32-bit floats.
const ROUNDING: f64 = 1.2e-7;

#[test]
fn both_routes_give_the_same_cubes_within_the_bound() {
    for polarisations in ["I", "XX,XY,YX,YY"] {
        let with = run(&configuration(polarisations, ""));
        assert!(with.path().join("visibilities.h5").exists());
        let [dirty, psf] = ["dirty.fits", "psf.fits"].map(|name| cube(with.path(), name));
        assert!(text(&dirty, "ROUTE").is_none() && card(&dirty, "PSFBOUND").is_none());
        let mut bounds = Vec::new();
        for (more, epsilon, choice) in [("", 1e-3, "psf"), ("psf_epsilon = 1e-6", 1e-6, "auto")] {
            let without = run(&configuration(polarisations, &format!("method = \"{choice}\"\n{more}")));
            assert!(!without.path().join("visibilities.h5").exists());
            let (our_dirty, our_psf) = (cube(without.path(), "dirty.fits"), cube(without.path(), "psf.fits"));
            let bound = number(&our_dirty, "PSFBOUND");
            let off = difference(&our_dirty, &dirty);
            eprintln!("{polarisations} {choice} {epsilon:e}: difference {off:.2e}, bound {bound:.2e}");
            assert!(bound > 0.0 && bound <= epsilon, "{bound:e}");
            assert!(off < bound + ROUNDING, "difference {off:e}, bound {bound:e}");
            bounds.push(bound);
            assert_eq!(text(&our_dirty, "ROUTE"), Some("psf"));
            assert_eq!((number(&our_dirty, "PSFEPS"), number(&our_dirty, "PSFCLASS")), (epsilon, 3.0));
            assert!(number(&our_dirty, "PSFNODES") > 1.0);
            assert!(card(&our_dirty, "GRIDEPS").is_none() && card(&our_psf, "GRIDEPS").is_some());

            // the PSF is made by the gridder either way
            assert!(difference(&our_psf, &psf) < 1e-9 + ROUNDING);
            assert_eq!(our_psf.beams, psf.beams);
            assert_eq!(our_dirty.beams, dirty.beams);
            // and all that is told of samples and weights is the same
            assert!(number(&dirty, "NNYQUIST") > 0.0);
            for key in ["NVIS", "NNYQUIST", "WNYQUIST", "NOISESIG", "SENSLOSS", "WSUM"] {
                assert_eq!(number(&our_dirty, key), number(&dirty, key), "{key}");
            }
            let (ours, theirs) = (record(without.path()), record(with.path()));
            for fact in ["samples_used", "samples_beyond_nyquist", "beam", "noise"] {
                assert_eq!(ours["facts"][fact], theirs["facts"][fact], "{fact}");
            }
            close(ours["facts"]["psf"]["bound"].as_f64().unwrap(), bound, 1e-12, "bound of record and header");
            assert!(ours["notes"].to_string().contains("too low"), "{}", ours["notes"]);
            assert_eq!(ours["products"]["sky.fits"], theirs["products"]["sky.fits"]);
        }
        assert!(bounds[1] < 1e-2 * bounds[0], "a smaller epsilon gives a smaller bound: {bounds:?}");
    }
}

/// A near galaxy covers hundreds of beams: more than plans are made for at first, and too many for single precision.
#[test]
fn extended_emission_is_planned_for() {
    let near = |image: &str| {
        configuration("I", &format!("psf_epsilon = 1e-5\n{image}"))
            .replace("15 Mpc", "4 Mpc")
            .replace("briggs:0.3", "uniform")
            .replace("size = 120", "size = 200")
    };
    let (without, with) = (run(&near("method = \"psf\"")), run(&near("")));
    let (dirty, expected) = (cube(without.path(), "dirty.fits"), cube(with.path(), "dirty.fits"));
    let (bound, off) = (number(&dirty, "PSFBOUND"), difference(&dirty, &expected));
    let flux = record(without.path())["facts"]["psf"]["flux_over_peak"].as_f64().unwrap();
    eprintln!("flux over peak {flux:.0}: difference {off:.2e}, bound {bound:.2e}");
    assert!(flux > 100.0 && bound <= 1e-5 && off < bound + ROUNDING, "{flux} {off:e} {bound:e}");
}

#[test]
fn noise_without_visibilities_equals_the_header() {
    let with_psf = |noise: &str| noise::configuration(noise, "") + "method = \"psf\"\n";
    let (noisy, clean) = (run(&with_psf("")), run(&with_psf("add = false")));
    let of = |folder: &tempfile::TempDir| cube(folder.path(), "dirty.fits");
    let (noisy, clean) = (of(&noisy), of(&clean));
    let psf = cube(run(&with_psf("add = false")).path(), "psf.fits");
    let expected = number(&noisy, "NOISESIG");
    assert_eq!(expected, number(&cube(run(&noise::configuration("", "")).path(), "dirty.fits"), "NOISESIG"));
    assert!(number(&noisy, "NOISECOV") < 0.02 && card(&clean, "NOISECOV").is_none());
    let channels = noisy.data.len_of(Axis(0));
    let error = relative_error(&psf.data.index_axis(Axis(0), channels / 2).mapv(f64::from));
    let noise = noisy.data.mapv(f64::from) - clean.data.mapv(f64::from);
    for plane in noise.outer_iter() {
        let off = (rms(plane.iter().copied()) / expected - 1.0) / error;
        assert!(off.abs() < 5.0, "a channel's rms is off by {off:.1} standard errors of {error:.3}");
    }
    let all = rms(noise.iter().copied()) / expected - 1.0;
    let error_all = error / (channels as f64).sqrt();
    eprintln!("without visibilities: rms/NOISESIG - 1 = {all:.2e}, standard error {error_all:.2e}");
    assert!(all.abs() < 4.0 * error_all, "{all:.2e}, standard error {error_all:.2e}");
}

/// SKA-Low on 6.4 degrees, to an accuracy that transforms of double precision do not have.
#[test]
fn what_the_bound_does_not_allow_is_predicted_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sky.fits");
    eor::made(&path, "mK", "TOPOCENT");
    let configuration = |image: &str| {
        format!(
            "[sky]\nfits = \"{}\"\nspecsys = \"TOPOCENT\"\n[telescope]\nname = \"ska-low-aa1\"\n\
             [observation]\nra = \"0 deg\"\ndec = \"-27 deg\"\nlength = \"1 h\"\nsteps = 1\n\
             [image]\nweight = \"natural\"\npsf_epsilon = 1e-11\n{image}",
            path.display()
        )
    };
    let out = folder.path().join("refused");
    let refused =
        chain::run(&settings(&configuration("method = \"psf\"")), &out, false, &Unseen).unwrap_err().to_string();
    assert!(refused.contains("the error bound is") && refused.contains("1e-11 of the peak"), "{refused}");
    assert!(refused.contains("image.method") && !out.exists(), "{refused}");

    let (auto, with) = (run(&configuration("method = \"auto\"")), run(&configuration("")));
    let (dirty, expected) = (cube(auto.path(), "dirty.fits"), cube(with.path(), "dirty.fits"));
    assert_eq!(dirty.data, expected.data);
    assert_eq!(text(&dirty, "ROUTE"), Some("visibilities"));
    let why = text(&dirty, "ROUTEWHY").unwrap().to_string();
    assert!(why.contains("the error bound is"), "{why}");
    assert_eq!(record(auto.path())["facts"]["visibilities_because"], why.as_str());
    assert!(text(&expected, "ROUTE").is_none());

    // taken up again, the reason is still told
    let before = record(auto.path());
    std::fs::remove_file(auto.path().join("dirty.fits")).unwrap();
    chain::run(&settings(&configuration("method = \"auto\"")), auto.path(), true, &Unseen).unwrap();
    let again = record(auto.path());
    for part in ["products", "facts", "notes"] {
        assert_eq!(again[part], before[part], "{part}");
    }

    // to the default accuracy no visibilities are needed
    let near = run(&configuration("method = \"psf\"").replace("1e-11", "1e-3"));
    let dirty = cube(near.path(), "dirty.fits");
    let off = difference(&dirty, &expected);
    // the visibility route's own gridding is of 1e-5
    assert!(off < number(&dirty, "PSFBOUND") + 1e-5, "{off:e}");
}
