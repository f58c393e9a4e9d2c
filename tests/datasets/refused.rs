//! Bad input, each with one clear message and nothing left behind.

use super::{Place, SMALL};

#[test]
fn configurations_that_cannot_be_are_refused() {
    let place = Place::new();
    place.write("c.toml", SMALL);
    let cases = [
        ("dataset.fields=[\"tb\", \"dirt\"]", "no such field"),
        ("dataset.fields=[\"tb\", \"tb\"]", "twice"),
        ("dataset.scaling.dirty=log", "below 0"),
        ("dataset.scaling.hi=asinh", "does not hold"),
        ("dataset.scaling.tb=cube", "dataset.scaling.tb"),
        ("dataset.scaling.tv=asinh", "did you mean"),
        ("dataset.split.train=0.9", "sum of 1"),
        ("dataset.cutouts=x", "given twice"),
        ("dataset.orientations=random:0", "orientations"),
        ("dataset.compression=zip", "deflate:1"),
        ("dataset.bandwidth=3 GHz", "wider"),
        ("dataset.bandwidth=3 km", "bandwidth"),
        ("dataset.instruments.a=[\"sky.distance=3 Mpc\"]", "not its own"),
        ("dataset.instruments.a=[\"telescope.name=nowhere\"]", "nowhere"),
        ("dataset.galaxis=3", "galaxies"),
        ("dataset.fields=[\"psf\"]", "no samples"),
        ("image.size=auto", "same pixels"),
        ("image.cell=auto", "same pixels"),
        ("dataset.fields=[\"dirty-cube\"]", "same channels"),
        ("sky.spectral_axis=vopt", "sky.spectral_axis"),
        ("observation.dec=80 deg", "never high enough"),
        ("observation.correlations=both", "stations with themselves"),
        ("observation.pointing=drift", "drift"),
    ];
    for (change, words) in cases {
        let message = place.refused(&["dataset", "build", "c.toml", "--out", "none", "--set", change]);
        assert!(message.contains(words), "{change}: {message}");
    }
    let two = ["--set", "dataset.instruments.a=[]", "--set", "dataset.instruments.b=[\"image.size=64\"]"];
    let message = place.refused(&[&["dataset", "build", "c.toml", "--out", "none"][..], &two[..]].concat());
    assert!(message.contains("numbers of pixels"), "{message}");
    let galaxy = "galaxy = { kind = \"disc\", seed = 2, cells = 3000 }";
    place.write("read.toml", &SMALL.replace(galaxy, "snapshot = \"x.hdf5\""));
    let message = place.refused(&["dataset", "build", "read.toml", "--out", "none"]);
    assert!(message.contains("number of made galaxies"), "{message}");
    place.write("run.toml", "[sky]\ndistance = \"3 Mpc\"\n");
    assert!(place.refused(&["dataset", "build", "run.toml", "--out", "none"]).contains("no table [dataset]"));
    for (shard, words) in [("2/2", "0/4"), ("x", "0/4")] {
        let message = place.refused(&["dataset", "build", "c.toml", "--out", "none", "--shard", shard]);
        assert!(message.contains(words), "{message}");
    }
    let message = place.refused(&["dataset", "build", "c.toml", "--out", "none", "--limit-memory", "1 kg"]);
    assert!(message.contains("--limit-memory"), "{message}");
    for command in ["verify", "info", "merge"] {
        assert!(place.refused(&["dataset", command, "nowhere"]).contains("no data set"), "{command}");
    }
}

#[test]
fn little_memory_is_told_before_any_sample() {
    let place = Place::new();
    place.write("c.toml", SMALL);
    let message = place.refused(&["dataset", "build", "c.toml", "--out", "d", "--limit-memory", "1MB"]);
    assert!(message.contains("not enough memory"), "{message}");
    assert!(!place.path("d/shard-00000.h5").exists());
}

#[test]
fn a_band_too_narrow_for_a_line_fails_the_sample_and_says_the_width_needed() {
    let place = Place::new();
    place.write("c.toml", SMALL);
    let message = place.refused(&["dataset", "build", "c.toml", "--out", "d", "--set", "dataset.bandwidth=200 kHz"]);
    assert!(message.contains("every sample failed") && message.contains("holds it"), "{message}");
    assert!(place.path("d/manifest.json").exists());
    let info = place.ok(&["dataset", "info", "d"]);
    assert!(info.contains("does not hold enough of the line") && info.contains("holds it"), "{info}");
}

#[test]
fn another_data_set_in_the_folder_is_left_alone() {
    let place = Place::new();
    place.build(&[], "d");
    let before = super::bytes(&place.path("d"));
    let message = place.refused(&["dataset", "build", "c.toml", "--out", "d", "--set", "dataset.seed=4"]);
    assert!(message.contains("another configuration") && message.contains("seed"), "{message}");
    assert!(before == super::bytes(&place.path("d")));
    // a plan that was edited is not that of the shards
    let plan = std::fs::read_to_string(place.path("d/plan.json")).unwrap();
    let edited = plan.replacen("\"split\":\"train\"", "\"split\":\"validation\"", 1);
    assert_ne!(edited, plan);
    place.write("d/plan.json", &edited);
    let message = place.refused(&["dataset", "build", "c.toml", "--out", "d"]);
    assert!(message.contains("another plan.json"), "{message}");
    std::fs::remove_file(place.path("d/plan.json")).unwrap();
    assert!(place.refused(&["dataset", "build", "c.toml", "--out", "d"]).contains("no plan.json"));
    place.write("d/plan.json", &plan);
    // with the words of the plan it is found complete
    assert!(place.build(&[], "d").contains("manifest.json"));
    assert!(before == super::bytes(&place.path("d")));
}
