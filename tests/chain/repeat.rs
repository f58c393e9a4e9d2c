//! The same configuration gives the same bytes: with any number of threads, and taken up in the middle.

use std::path::Path;
use std::process::Command;

const PRODUCTS: [&str; 7] =
    ["sky.fits", "sky-tb.fits", "sky-kinematic.fits", "visibilities.h5", "dirty.fits", "psf.fits", "preview.png"];

fn configuration(precision: &str) -> String {
    format!(
        "[sky]\ngalaxy = {{ seed = 6, cells = 10000 }}\ndistance = \"15 Mpc\"\nchannels = 5\n\
         [telescope]\nname = \"meerkat-plus\"\n[observation]\ndec = \"-33 deg\"\nlength = \"2 h\"\nsteps = 3\n\
         hour_angle_start = \"3.2 h\"\nmin_elevation = \"33 deg\"\npolarisations = \"XX,XY,YX,YY\"\n\
         [noise]\nsefd = {{ ska-mid = \"272 Jy\", meerkat = \"406 Jy\" }}\nseed = 9\n\
         [image]\nsize = 90\ncell = \"10 arcsec\"\nweight = \"briggs:0.3\"\n\
         [output]\nprecision = \"{precision}\"\nkinematic_cube = true\n"
    )
}

#[track_caller]
fn skyfringe(config: &Path, out: &Path, more: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_skyfringe"))
        .args(["run".as_ref(), config.as_os_str(), "--out".as_ref(), out.as_os_str()])
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[track_caller]
fn same(a: &Path, b: &Path) {
    for name in PRODUCTS {
        let [x, y] = [a, b].map(|folder| std::fs::read(folder.join(name)).unwrap());
        assert!(x == y, "{name} differs: {} and {} bytes", x.len(), y.len());
    }
}

fn record(folder: &Path) -> serde_json::Value {
    let mut record: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("run.json")).unwrap()).unwrap();
    record.as_object_mut().unwrap().remove("seconds").expect("timings");
    record
}

#[test]
fn products_do_not_depend_on_threads_and_resumed_runs_end_like_others() {
    for precision in ["single", "double"] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (config, one, two) = (path("run.toml"), path("one"), path("two"));
        std::fs::write(&config, configuration(precision)).unwrap();
        skyfringe(&config, &one, &["--threads", "1"]);
        skyfringe(&config, &two, &["--threads", "2"]);
        same(&one, &two);
        let uninterrupted = record(&two);
        assert_eq!(record(&one), uninterrupted);
        // some rows are too low, some samples beyond Nyquist: both must be told again by a resumed run
        let notes = uninterrupted["notes"].to_string();
        assert!(notes.contains("too low") && notes.contains("Nyquist"), "{notes}");

        for name in PRODUCTS.iter().filter(|n| !["sky.fits", "visibilities.h5"].contains(n)) {
            std::fs::remove_file(two.join(name)).unwrap();
        }
        let said = skyfringe(&config, &two, &["--threads", "2", "--resume"]);
        assert!(said.contains("kept"), "{said}");
        same(&one, &two);
        assert_eq!(record(&two), uninterrupted);

        // visibilities that are not those of the record are made again
        let mut bytes = std::fs::read(two.join("visibilities.h5")).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(two.join("visibilities.h5"), bytes).unwrap();
        let said = skyfringe(&config, &two, &["--resume"]);
        assert!(!said.contains("is kept"), "{said}");
        same(&one, &two);

        // and so are those of another configuration
        let said = skyfringe(&config, &two, &["--resume", "--set", "noise.seed=10"]);
        assert!(said.contains("nothing to take up"), "{said}");
        assert_ne!(std::fs::read(one.join("dirty.fits")).unwrap(), std::fs::read(two.join("dirty.fits")).unwrap());
        assert_eq!(std::fs::read(one.join("sky.fits")).unwrap(), std::fs::read(two.join("sky.fits")).unwrap());
    }
}

#[test]
fn observe_and_image_are_the_stages_of_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (config, out) = (path("run.toml"), path("out"));
    std::fs::write(&config, configuration("single")).unwrap();
    skyfringe(&config, &out, &[]);
    let command = |words: &[&std::ffi::OsStr]| {
        let output = Command::new(env!("CARGO_BIN_EXE_skyfringe")).args(words).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let alone = path("alone.h5");
    command(&["observe".as_ref(), config.as_os_str(), "--out".as_ref(), alone.as_os_str()]);
    assert!(std::fs::read(&alone).unwrap() == std::fs::read(out.join("visibilities.h5")).unwrap());
    let prefix = path("again");
    let words = ["--size", "90", "--scale", "10asec", "--weight", "briggs:0.3", "--epsilon", "1e-5"];
    let mut image: Vec<&std::ffi::OsStr> = vec!["image".as_ref(), alone.as_os_str()];
    image.extend(words.iter().map(std::ffi::OsStr::new));
    image.extend(["--out".as_ref(), prefix.as_os_str()]);
    command(&image);
    for name in ["dirty", "psf"] {
        let again = crate::cube(folder.path(), &format!("again-{name}.fits"));
        let first = crate::cube(&out, &format!("{name}.fits"));
        assert_eq!(again.data, first.data, "{name}");
        assert_eq!((again.sky, &again.beams), (first.sky, &first.beams));
        assert_eq!(again.spectral.freq_hz, first.spectral.freq_hz);
    }
    let noise = |cube: &skyfringe::formats::fits::FitsCube| crate::number(cube, "NOISESIG");
    assert_eq!(noise(&crate::cube(folder.path(), "again-dirty.fits")), noise(&crate::cube(&out, "dirty.fits")));
}
