//! What the commands do when all is well: words, streams, checks.

use super::{PRODUCTS, Place, names};
use skyfringe::formats::visibilities::read_visibilities;

#[test]
fn help_comes_without_being_asked_for_and_names_defaults() {
    let place = Place::new();
    for (words, says) in [
        (&[][..], &["Usage: skyfringe", "quickstart.toml", "telescope", "observe"][..]),
        (&["telescope"], &["list", "show"]),
        (&["sky"], &["galaxies", "info"]),
    ] {
        place.run(words).bad_words(says);
    }
    place.run(&["run"]).bad_words(&["--out <DIR>", "<CONFIG>"]);
    place.run(&["runn"]).bad_words(&["similar subcommand", "run"]);
    place.run(&["run", "x.toml", "--outt", "y"]).bad_words(&["--out"]);
    for (words, says) in [
        (&["--help"][..], &["quickstart.toml", "all-keys.toml", "[default: all cores]"][..]),
        (&["run", "--help"], &["--set <TABLE.KEY=VALUE>", "--check", "--resume", "preview.png", "all-keys.toml"]),
        (&["observe", "--help"], &["--oskar-settings", "--uvw-from", "docs/formats.md"]),
        (&["image", "--help"], &["[default: 512]", "[default: briggs:0]", "[default: 1e-5]", "2asec"]),
        (&["telescope", "show", "--help"], &["--plot", "OSKAR telescope folder"]),
        (&["sky", "galaxies", "--help"], &["[default: 1]", "IllustrisTNG"]),
        (&["sky", "info", "--help"], &["OSKAR sky list", "--stellar-mass", "--snapshot"]),
        (&["sky", "power", "--help"], &["--psf", "docs/eor.md", "uniform"]),
    ] {
        let out = place.run(words).ok();
        for word in says {
            assert!(out.contains(word), "{words:?}: \"{word}\" is not in\n{out}");
        }
    }
    assert!(place.run(&["--version"]).ok().starts_with("skyfringe 0."));
}

#[test]
fn progress_is_on_standard_error_only_and_can_be_silenced() {
    let place = Place::with_configurations();
    let ran = place.run(&["run", "small.toml", "--out", "out"]);
    assert!(ran.err.contains("visibilities") && ran.err.contains("images") && ran.err.contains("note"), "{}", ran.err);
    let loud = ran.ok();
    assert!(loud.starts_with("out: sky.fits") && loud.contains("HI mass") && !loud.contains("note"), "{loud}");
    let ran = place.run(&["run", "small.toml", "--out", "out", "--quiet"]);
    assert_eq!(ran.err, "");
    assert_eq!(ran.ok(), loud);
    // errors are not progress
    place.refused(&["run", "small.toml", "--out", "out", "--quiet", "--set", "a.b=1"], &["unknown table"]);
    assert!(place.run(&["--quiet", "telescope", "list"]).ok().contains("ska-mid-aa4"));
}

#[test]
fn a_check_writes_nothing_and_tells_what_would_be_done() {
    let place = Place::with_configurations();
    let before = place.names();
    let low = [
        "--set",
        "observation.length=12 h",
        "--set",
        "observation.steps=12",
        "--set",
        "image.size=128",
        "--set",
        "observation.min_elevation=30 deg",
    ];
    let out = place.run(&[&["run", "small.toml", "--check", "--out", "out"], &low[..]].concat()).ok();
    assert_eq!(place.names(), before);
    for word in ["valid", "seed 3, 2000 gas cells", "ska-mid-aa1", "12 of 1 h", "128 x 128 pixels", "MB", "threads"] {
        assert!(out.contains(word), "\"{word}\" is not in\n{out}");
    }
    // what it says of flagged rows is what the visibilities then have
    let words = out.lines().find(|l| l.contains("flagged")).unwrap().split_whitespace().collect::<Vec<_>>();
    let (flagged, rows): (usize, usize) = (words[1].parse().unwrap(), words[3].parse().unwrap());
    assert!(flagged > 0 && flagged < rows, "{out}");
    let ran = place.run(&[&["observe", "small.toml", "--out", "v.h5"], &low[..]].concat());
    assert!(ran.err.contains(&format!("{flagged} of {rows} rows are flagged")), "{}", ran.err);
    ran.ok();
    let table = read_visibilities(&place.path("v.h5")).unwrap();
    assert_eq!(table.flag.outer_iter().filter(|f| f.iter().all(|f| *f)).count(), flagged);
    // observe's check speaks of no images
    let out = place.run(&["observe", "small.toml", "--check"]).ok();
    assert!(!out.contains("pixels") && out.contains("samples"), "{out}");
}

/// Peak of resident memory of a run of the program, bytes.
fn peak_memory(place: &Place, words: &[&str]) -> f64 {
    let child = place.command(words).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn();
    let id = child.unwrap().id() as libc::pid_t;
    let mut status = 0;
    // SAFETY: a plain structure of numbers, and a child that nobody else waits for
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::wait4(id, &mut status, 0, &mut usage), id);
        usage
    };
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status}");
    usage.ru_maxrss as f64 * 1024.0
}

#[test]
#[cfg(target_os = "linux")]
fn the_expected_memory_is_within_a_factor_of_two() {
    let place = Place::with_configurations();
    let cases: [&[&str]; 3] = [
        &[],
        &["--set", "image.size=700", "--set", "image.cell=4 arcsec", "--set", "sky.channels=10"],
        &["--set", "telescope.name=ska-mid-aa4", "--set", "observation.steps=12", "--set", "noise.sefd=300 Jy"],
    ];
    for changes in cases {
        let out = place.run(&[&["run", "small.toml", "--check", "--threads", "2"], changes].concat()).ok();
        let line = out.lines().find(|l| l.contains("memory")).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let unit = if words[3] == "GB" { 1e9 } else { 1e6 };
        let expected = words[2].parse::<f64>().unwrap() * unit;
        let found = peak_memory(&place, &[&["run", "small.toml", "--out", "out", "--threads", "2"], changes].concat());
        let ratio = expected / found;
        assert!((0.5..2.0).contains(&ratio), "{changes:?}: expected {expected:e}, found {found:e}");
        let disk: u64 = names(&place.path("out"))
            .iter()
            .map(|name| std::fs::metadata(place.path("out").join(name)).unwrap().len())
            .sum();
        let line = out.lines().find(|l| l.contains("disk")).unwrap();
        let stated = line.split_whitespace().nth(2).unwrap().parse::<f64>().unwrap() * 1e6;
        // stated in whole megabytes
        assert!((stated - disk as f64).abs() < 2e6 + 0.2 * disk as f64, "{line}: {disk}");
    }
}

#[test]
fn visibilities_of_a_file_are_predicted_again_on_its_uvw() {
    let place = Place::with_configurations();
    let same = ["--set", "output.precision=double", "--set", "image.cell=16 arcsec", "--set", "telescope.beam=none"];
    place.run(&[&["observe", "small.toml", "--out", "F.h5"], &same[..]].concat()).ok();
    let ran = place.run(&[&["observe", "small.toml", "--uvw-from", "F.h5", "--out", "G.h5"], &same[..]].concat());
    assert!(ran.err.contains("no beam, no horizon, no noise"), "{}", ran.err);
    ran.ok();
    let (f, g) = (read_visibilities(&place.path("F.h5")).unwrap(), read_visibilities(&place.path("G.h5")).unwrap());
    assert_eq!((&f.uvw_m, &f.freq_hz, &f.flag), (&g.uvw_m, &g.freq_hz, &g.flag));
    let peak = f.vis.iter().map(|v| v.norm()).fold(0.0, f64::max);
    let worst = f.vis.iter().zip(&g.vis).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max);
    assert!(peak > 0.0 && worst < 1e-12 * peak, "{worst} of {peak}");

    let linear = [&same[..], &["--set", "observation.polarisations=XX,XY,YX,YY"]].concat();
    place.run(&[&["observe", "small.toml", "--out", "L.h5"], &linear[..]].concat()).ok();
    place.refused(
        &[&["observe", "small.toml", "--uvw-from", "L.h5", "--out", "M.h5"], &same[..]].concat(),
        &["Stokes I only", "XX,XY,YX,YY", "L.h5"],
    );
}

#[test]
fn telescopes_are_listed_shown_and_drawn() {
    let place = Place::new();
    let root = env!("CARGO_MANIFEST_DIR");
    let list = place.run(&["telescope", "list"]).ok();
    assert!(list.lines().next().unwrap().contains("stations") && list.lines().count() > 30, "{list}");
    let file = std::fs::read_dir(format!("{root}/telescopes")).unwrap().next().unwrap().unwrap().path();
    let preset = place.run(&["telescope", "show", "ska-mid-aa1"]).ok();
    for word in ["8 of type ska-mid, diameter 15 m", "shortest", "longest", "simms", "reference point"] {
        assert!(preset.contains(word), "\"{word}\" is not in\n{preset}");
    }
    assert!(place.run(&["telescope", "show", file.to_str().unwrap()]).ok().contains("stations"));

    std::fs::create_dir_all(place.path("t.tm/station")).unwrap();
    place.write("t.tm/position.txt", "116.7644482 -26.82472208 0\n");
    place.write("t.tm/layout.txt", "0 0 0\n100 0 0\n0 300 0\n");
    place.write("t.tm/station/layout.txt", "0 0\n");
    let out = place.run(&["telescope", "show", "t.tm", "--plot", "t.png", "--stations"]).ok();
    assert!(out.contains("3 of type oskar") && out.contains("shortest  100.00 m"), "{out}");
    assert!(out.contains("east 100.00 m, north 0.00 m") && out.contains("picture  t.png"), "{out}");
    assert!(std::fs::read(place.path("t.png")).unwrap().starts_with(b"\x89PNG"));

    place.refused(&["telescope", "show", "meerkatt"], &["\"meerkatt\"", "did you mean \"meerkat\"?", "telescope list"]);
    place.refused(&["telescope", "show", "vla"], &["\"vla\"", "vla-a"]);
    place.refused(&["telescope", "show", "ska-mid-aa4@0"], &["version", "ska-mid-aa4@simms"]);
    std::fs::create_dir(place.path("empty")).unwrap();
    place.refused(&["telescope", "show", "empty"], &["no position.txt", "empty"]);
    place.write("text", "hello\n");
    place.refused(&["telescope", "show", "text"], &["not a telescope file", "hello", "text, line 1"]);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let place = Place::with_configurations();
    let mut sums = Vec::new();
    for threads in ["1", "3"] {
        place.run(&["run", "small.toml", "--out", threads, "--threads", threads, "--set", "noise.sefd=300 Jy"]).ok();
        let text = std::fs::read_to_string(place.path(threads).join("run.json")).unwrap();
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        sums.push(record["products"].clone());
        assert_eq!(names(&place.path(threads)), PRODUCTS);
    }
    assert_eq!(sums[0], sums[1]);
    place.run(&["telescope", "list", "--threads", "0"]).bad_words(&["--threads"]);
}
