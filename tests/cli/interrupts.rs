//! Ctrl-C: no half-written product, exit status 130, and `--resume`.

use super::{PRODUCTS, Place, Ran, names};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Large enough that every stage takes a while, with noise, so that equal products mean equal seeds.
const LONG: &str = r#"
[sky]
galaxy = { seed = 3, cells = 2000 }
channels = 8

[telescope]
name = "ska-mid-aa1"

[observation]
steps = 2

[noise]
sefd = "272 Jy"

[image]
size = 900
cell = "4 arcsec"
"#;

fn start(place: &Place, words: &[&str]) -> Child {
    place.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until `name` is there, or the program has ended.
fn wait_for(place: &Place, child: &mut Child, name: &str) {
    let begin = Instant::now();
    while !place.path(name).exists() && child.try_wait().unwrap().is_none() {
        assert!(begin.elapsed() < Duration::from_secs(300), "{name} never came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn interrupt(child: &Child) {
    // SAFETY: the child has not been waited for, so that its number is its own
    unsafe {
        libc::kill(child.id() as i32, libc::SIGINT);
    }
}

fn record(place: &Place, folder: &str) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(place.path(folder).join("run.json")).unwrap()).unwrap()
}

#[test]
fn an_interrupted_run_leaves_whole_products_and_is_taken_up() {
    let place = Place::new();
    place.write("long.toml", LONG);
    let words = ["run", "long.toml", "--out", "out"];

    // in the middle of the images: sky and visibilities are finished
    let mut child = start(&place, &words);
    wait_for(&place, &mut child, "out/visibilities.h5");
    interrupt(&child);
    let ran = Ran::new(child.wait_with_output().unwrap());
    assert_eq!(ran.status, Some(130), "{ran:?}");
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("error: interrupted") && ran.err.contains("--resume"), "{}", ran.err);
    assert_eq!(names(&place.path("out")), ["run.json", "sky-tb.fits", "sky.fits", "visibilities.h5"], "{}", ran.err);
    assert_eq!(record(&place, "out")["complete"], false);
    assert!(place.run(&["sky", "info", "out/visibilities.h5"]).ok().contains("56 rows x 8 channels"));

    // another configuration does not take it up
    let other = [&words[..], &["--resume", "--set", "noise.seed=2", "--set", "image.size=64"]].concat();
    std::fs::create_dir(place.path("other")).unwrap();
    for name in names(&place.path("out")) {
        std::fs::copy(place.path("out").join(&name), place.path("other").join(&name)).unwrap();
    }
    let ran = place.run(&other.iter().map(|w| if *w == "out" { "other" } else { w }).collect::<Vec<_>>());
    assert!(ran.err.contains("nothing to take up"), "{}", ran.err);
    ran.ok();

    let ran = place.run(&[&words[..], &["--resume"]].concat());
    assert!(ran.err.contains("visibilities.h5 is kept"), "{}", ran.err);
    ran.ok();
    assert_eq!(names(&place.path("out")), PRODUCTS);
    assert_eq!(record(&place, "out")["complete"], true);

    // the same products as without an interruption
    place.run(&["run", "long.toml", "--out", "whole"]).ok();
    let (resumed, whole) = (record(&place, "out"), record(&place, "whole"));
    for name in PRODUCTS.iter().filter(|name| **name != "run.json") {
        assert_eq!(resumed["products"][name], whole["products"][name], "{name}");
    }
}

#[test]
fn interrupts_in_every_command_leave_nothing() {
    let place = Place::new();
    place.write("long.toml", LONG);
    let before = place.names();
    // while the visibilities are made, before there is any product
    let mut child = start(&place, &["observe", "long.toml", "--out", "x.h5"]);
    std::thread::sleep(Duration::from_millis(100));
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(place.names(), before);
    // many galaxies: those that are finished stay
    let mut child = start(&place, &["sky", "galaxies", "--count", "1000", "--out", "made"]);
    wait_for(&place, &mut child, "made/galaxy_0000.hdf5");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(names(&place.path("made")).iter().all(|name| name.starts_with("galaxy_") && name.ends_with(".hdf5")));
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_still_leaves_no_partial_file() {
    let place = Place::new();
    place.write("long.toml", LONG);
    let mut child = start(&place, &["run", "long.toml", "--out", "out"]);
    wait_for(&place, &mut child, "out/sky.fits");
    for _ in 0..2 {
        interrupt(&child);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let left = names(&place.path("out"));
    assert!(left.iter().all(|name| PRODUCTS.contains(&name.as_str())), "{left:?}");
}

#[test]
fn a_terminated_run_ends_like_an_interrupted_one() {
    let place = Place::new();
    place.write("long.toml", LONG);
    let mut child = start(&place, &["run", "long.toml", "--out", "out"]);
    wait_for(&place, &mut child, "out/sky.fits");
    // SAFETY: as in `interrupt`
    unsafe {
        libc::kill(child.id() as i32, libc::SIGTERM);
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let left = names(&place.path("out"));
    assert!(
        left.iter().all(|name| ["sky.fits", "sky-tb.fits", "run.json", "visibilities.h5"].contains(&name.as_str())),
        "{left:?}"
    );
}
