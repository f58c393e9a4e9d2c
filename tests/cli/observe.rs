//! `observe`: parts that fit into memory, stations with themselves, pointing files.

use super::Place;
use skyfringe::formats::visibilities::{VisibilityTable, read_visibilities};

const LIST: &str = "Format = RaD, DecD, I, Q, U, V\n30 -30 1 0.1 0 0\n30.2 -30.1 2 0 0.3 0.1\n29.7 -29.9 0.5 0 0 0\n";

const COMPONENTS: &str = r#"
[sky]
components = "sky.osm"
band_centre = "1.4 GHz"
channel_width = "100 kHz"
channels = 16

[telescope]
name = "ska-mid-aa1"

[observation]
steps = 150
length = "5 h"
polarisations = "XX,XY,YX,YY"

[noise]
sefd = "400 Jy"
"#;

fn place() -> Place {
    let place = Place::with_configurations();
    place.write("sky.osm", LIST);
    place.write("list.toml", COMPONENTS);
    place
}

fn bytes(place: &Place, name: &str) -> Vec<u8> {
    std::fs::read(place.path(name)).unwrap()
}

fn read(place: &Place, name: &str) -> VisibilityTable {
    read_visibilities(&place.path(name)).unwrap()
}

/// Time steps one after the other: the file is the same, byte by byte.
#[test]
fn what_fits_into_little_memory_is_the_same_file() {
    let place = place();
    place.run(&["observe", "list.toml", "--out", "whole.h5"]).ok();
    let whole = read(&place, "whole.h5");
    assert_eq!(whole.vis.dim(), (28 * 150, 16, 4));
    place.run(&["observe", "list.toml", "--memory", "2MB", "--out", "parts.h5"]).ok();
    assert!(bytes(&place, "whole.h5") == bytes(&place, "parts.h5"));
    // and with less than one time step takes: channels apart
    let narrow = ["--set", "observation.steps=1", "--set", "sky.channels=300", "--set", "observation.length=60 s"];
    place.run(&[&["observe", "list.toml", "--out", "whole.h5"][..], &narrow].concat()).ok();
    place.run(&[&["observe", "list.toml", "--memory", "1MB", "--out", "parts.h5"][..], &narrow].concat()).ok();
    let (a, b) = (read(&place, "whole.h5"), read(&place, "parts.h5"));
    assert_eq!((&a.vis, &a.weight, &a.flag, &a.freq_hz), (&b.vis, &b.weight, &b.flag, &b.freq_hz));
    assert_eq!((&a.uvw_m, &a.antenna2, &a.provenance), (&b.uvw_m, &b.antenna2, &b.provenance));
}

/// Cubes take all time steps of a few channels, which share their FFTs.
#[test]
fn cubes_are_predicted_channel_by_channel() {
    let place = place();
    let words = ["observe", "small.toml", "--set", "observation.steps=400", "--set", "noise.sefd=\"400 Jy\""];
    place.run(&[&words[..], &["--out", "whole.h5"]].concat()).ok();
    let ran = place.run(&[&words[..], &["--memory", "1500kB", "--out", "parts.h5"]].concat());
    assert!(!ran.err.contains("time steps are predicted apart"), "{}", ran.err);
    ran.ok();
    let (a, b) = (read(&place, "whole.h5"), read(&place, "parts.h5"));
    assert_eq!((&a.vis, &a.weight, &a.flag), (&b.vis, &b.weight, &b.flag));
    place.refused(&["observe", "small.toml", "--memory", "much", "--out", "x.h5"], &["--memory", "\"much\"", "8GB"]);
}

#[test]
fn stations_with_themselves_are_in_the_file_and_not_in_the_image() {
    let place = place();
    let few = ["--set", "observation.steps=2", "--set", "sky.channels=2", "--set", "noise.add=false"];
    place.run(&[&["observe", "list.toml", "--out", "cross.h5"][..], &few].concat()).ok();
    let both = [&few[..], &["--set", "observation.correlations=both"]].concat();
    place.run(&[&["observe", "list.toml", "--out", "both.h5"][..], &both].concat()).ok();
    let (cross, both) = (read(&place, "cross.h5"), read(&place, "both.h5"));
    assert_eq!((cross.uvw_m.nrows(), both.uvw_m.nrows()), (2 * 28, 2 * 36));
    let mut pairs = 0;
    for row in 0..72 {
        let vis = both.vis.index_axis(ndarray::Axis(0), row);
        if both.antenna1[row] != both.antenna2[row] {
            assert_eq!(vis, cross.vis.index_axis(ndarray::Axis(0), pairs));
            pairs += 1;
            continue;
        }
        // the power of all sources through the beam: Hermitian, and less than their sum of 3.5 Jy
        assert!(vis[[0, 0]].im.abs() < 1e-6 && vis[[0, 0]].re > 0.5 && vis[[0, 0]].re < 3.7, "{vis:?}");
        assert!((vis[[0, 1]] - vis[[0, 2]].conj()).norm() < 1e-6);
        assert_eq!(both.uvw_m.row(row).to_vec(), [0.0; 3]);
    }
    for name in ["cross", "both"] {
        let file = format!("{name}.h5");
        place.run(&["image", &file, "--size", "64", "--scale", "30asec", "--out", name]).ok();
    }
    assert!(bytes(&place, "cross-dirty.fits").len() > 2880);
    let pixels = |name: &str| skyfringe::formats::fits::read_cube(&place.path(name)).unwrap().data;
    assert_eq!(pixels("cross-dirty.fits"), pixels("both-dirty.fits"));
    let auto = [&few[..], &["--set", "observation.correlations=auto"]].concat();
    place.run(&[&["observe", "list.toml", "--out", "auto.h5"][..], &auto].concat()).ok();
    assert_eq!(read(&place, "auto.h5").uvw_m.nrows(), 2 * 8);
    let ran = place.run(&["image", "auto.h5", "--size", "64", "--scale", "30asec", "--out", "auto"]);
    assert!(ran.err.contains("no sample has weight"), "{}", ran.err);
}

#[test]
fn a_pointing_file_turns_beams_of_single_stations() {
    let place = place();
    let few = ["--set", "observation.steps=2", "--set", "sky.channels=1", "--set", "noise.add=false"];
    let observe = |out: &str, more: &[&str]| {
        place.run(&[&["observe", "list.toml", "--out", out][..], &few, more].concat()).ok();
        read(&place, out)
    };
    place.write("same.txt", "* RADEC 30 -30\n");
    place.write("other.txt", "# the second dish looks half a degree away\n* RADEC 30 -30\n1 RADEC 30 -29.5\n");
    let file = |name: &str| format!("observation.pointing_file={name}");
    let (plain, same) = (observe("plain.h5", &[]), observe("same.h5", &["--set", &file("same.txt")]));
    let other = observe("other.h5", &["--set", &file("other.txt")]);
    let differs =
        |a: &VisibilityTable, b: &VisibilityTable, row: usize| (a.vis[[row, 0, 0]] - b.vis[[row, 0, 0]]).norm();
    for row in 0..plain.uvw_m.nrows() {
        assert!(differs(&plain, &same, row) < 1e-5);
        let second = plain.antenna1[row] == 1 || plain.antenna2[row] == 1;
        assert_eq!(differs(&plain, &other, row) > 1e-3, second, "row {row}");
    }
    place.write("wrong.txt", "* RADEC 30 -30\n8 AZEL 0 90\n");
    let words = ["observe", "list.toml", "--out", "x.h5", "--set"];
    place.refused(&[&words[..], &[&file("wrong.txt")]].concat(), &["wrong.txt, line 2", "station 8", "0 to 7"]);
    place.write("wrong.txt", "0 EQUATORIAL 0 90\n");
    place.refused(&[&words[..], &[&file("wrong.txt")]].concat(), &["wrong.txt, line 1, column 3", "EQUATORIAL"]);
    let drift = ["--set", "observation.pointing=drift"];
    place.refused(&[&words[..], &[&file("same.txt")], &drift].concat(), &["pointing_file", "drift"]);
}
