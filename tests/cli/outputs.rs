//! Places that cannot be written to, and disks that fill up.

use super::{PRODUCTS, Place, names};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

#[test]
fn folders_that_cannot_take_products() {
    let place = Place::with_configurations();
    place.write("file", "");
    let run = |out: &str, says: &[&str]| place.refused(&["run", "small.toml", "--out", out], says);
    run("file", &["output folder is a file", "file", "choose another --out"]);
    run("file/below", &["cannot make the output folder", "file/below", "--out"]);
    run("/dev/full", &["output folder is a file", "/dev/full", "--out"]);
    // nobody, not even root, makes a folder there
    run("/proc/skyfringe", &["cannot make the output folder", "/proc/skyfringe", "--out"]);
    place.run(&["run", "small.toml", "--out", ""]).bad_words(&["--out"]);

    // a product's name is taken by something else
    std::fs::create_dir_all(place.path("taken/psf.fits")).unwrap();
    run("taken", &["taken/psf.fits", "not a regular file", "--out"]);
    std::fs::create_dir(place.path("linked")).unwrap();
    std::os::unix::fs::symlink("/dev/full", place.path("linked/visibilities.h5")).unwrap();
    run("linked", &["linked/visibilities.h5", "not a regular file"]);

    let observe = |out: &str, says: &[&str]| place.refused(&["observe", "small.toml", "--out", out], says);
    observe("nowhere/x.h5", &["cannot open the output folder", "nowhere"]);
    observe("file/x.h5", &["file"]);
    observe("taken", &["taken", "not a regular file"]);
    observe("/dev/full", &["/dev/full", "not a regular file"]);
    observe("/proc/x.h5", &["/proc", "cannot write"]);
    place.refused(&["telescope", "show", "vla-a", "--plot", "/dev/full"], &["/dev/full", "not a regular file"]);
    place.refused(&["telescope", "show", "vla-a", "--plot", "nowhere/x.png"], &["nowhere"]);
}

#[test]
fn folders_are_made_and_go_again_where_nothing_comes_of_it() {
    let place = Place::with_configurations();
    place.run(&["run", "small.toml", "--out", "a/b/c", "--quiet"]).ok();
    assert_eq!(names(&place.path("a/b/c")), PRODUCTS);
    let missed = ["--set", "sky.band_centre=1 GHz", "--set", "sky.channel_width=1 kHz"];
    place.refused(&[&["run", "small.toml", "--out", "x/y/z"], &missed[..]].concat(), &["misses the line"]);
    // one that was there before stays
    std::fs::create_dir(place.path("mine")).unwrap();
    place.refused(&[&["run", "small.toml", "--out", "mine/y"], &missed[..]].concat(), &["misses the line"]);
}

/// The program under a limit on the size of every file: beyond it, writing fails as on a full disk.
fn limited(place: &Place, words: &[&str], bytes: u64) -> Command {
    let mut command = place.command(words);
    // SAFETY: setrlimit is safe to call between fork and exec, and gets a valid structure
    unsafe {
        command.pre_exec(move || {
            let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
            match libc::setrlimit(libc::RLIMIT_FSIZE, &limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
    command
}

#[test]
fn a_disk_that_fills_up_leaves_whole_products_only() {
    let place = Place::with_configurations();
    place.run(&["run", "small.toml", "--out", "whole", "--quiet"]).ok();
    let size = |folder: &str, name: &str| std::fs::metadata(place.path(folder).join(name)).unwrap().len();
    let sizes = PRODUCTS.map(|name| size("whole", name));
    let largest = *sizes.iter().max().unwrap();
    // before anything, within each product, and one byte short of the largest
    let mut limits: Vec<u64> = sizes.iter().map(|s| s / 2).chain([0, 100, 5000, largest - 1]).collect();
    limits.sort_unstable();
    for limit in limits {
        let out = format!("limit-{limit}");
        let ran = super::Ran::new(limited(&place, &["run", "small.toml", "--out", &out], limit).output().unwrap());
        assert_eq!(ran.status, Some(2), "limit {limit}: {ran:?}");
        assert!(ran.err.contains("free some space") && !ran.err.contains("panicked"), "limit {limit}: {}", ran.err);
        // nothing at all, or whole products; the record is shorter while it is incomplete
        if place.path(&out).exists() {
            for name in names(&place.path(&out)) {
                assert!(PRODUCTS.contains(&name.as_str()), "limit {limit} left {name}");
                let (here, there) = (size(&out, &name), size("whole", &name));
                assert!(if name == "run.json" { here > 0 } else { here == there }, "limit {limit}: {name}");
            }
            if place.path(&out).join("run.json").exists() {
                let text = std::fs::read_to_string(place.path(&out).join("run.json")).unwrap();
                let record: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(record["complete"], false);
            }
        }
    }

    for words in [
        &["observe", "small.toml", "--out", "x.h5"][..],
        &["image", "whole/visibilities.h5", "--size", "64", "--scale", "16asec", "--out", "x"],
        &["sky", "galaxies", "--out", "made"],
        &["telescope", "show", "vla-a", "--plot", "x.png"],
    ] {
        let before = place.names();
        let ran = super::Ran::new(limited(&place, words, 3000).output().unwrap());
        assert_eq!(ran.status, Some(2), "{words:?}: {ran:?}");
        assert!(ran.err.contains("free some space"), "{words:?}: {}", ran.err);
        assert_eq!(place.names(), before, "{words:?}");
    }
}

#[test]
fn a_standard_output_that_is_full_or_gone() {
    let place = Place::with_configurations();
    let full = || Stdio::from(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let output = place.command(&["telescope", "list"]).stdout(full()).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("standard output") && err.contains("No space left"), "{err}");
    // where messages cannot be written either, the exit status tells
    let status = place.command(&["telescope", "show", "nonesuch"]).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(2));
    let status = place.command(&["run", "small.toml", "--out", "out"]).stdout(Stdio::null()).stderr(full()).status();
    assert_eq!(status.unwrap().code(), Some(0));
    assert_eq!(names(&place.path("out")), PRODUCTS);

    // readers that have seen enough
    let bin = env!("CARGO_BIN_EXE_skyfringe");
    for pipe in [
        format!("'{bin}' telescope list | head -2"),
        format!("'{bin}' telescope show ska-low-aa4 --stations | head -2"),
        format!("'{bin}' run small.toml --out piped 2>&1 | head -1"),
    ] {
        let script = format!("set -o pipefail; {pipe}");
        let output = Command::new("bash").args(["-c", &script]).current_dir(place.path(".")).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && err.is_empty(), "{pipe}: {} {err}", output.status);
    }
    assert_eq!(names(&place.path("piped")), PRODUCTS);
}
