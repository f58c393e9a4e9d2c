//! `sky compare-h2`.

use super::Place;
use super::skies::snapshot;

/// The rows of a CSV file, head included.
fn rows(place: &Place, name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(place.path(name)).unwrap();
    text.lines().map(|line| line.split(',').map(String::from).collect()).collect()
}

#[test]
fn compare_h2_prints_and_writes_a_row_for_each_model() {
    let place = Place::with_configurations();
    snapshot(&place, "g.hdf5");
    let out = place.run(&["sky", "compare-h2", "g.hdf5", "--out", "h2.csv"]).ok();
    let rows = rows(&place, "h2.csv");
    assert_eq!(rows[0].join(","), "model,hi_msun,h2_msun,hi_over_h2,hi_half_mass_radius_kpc");
    let words: Vec<&str> = rows[1..].iter().map(|row| row[0].as_str()).collect();
    assert_eq!(words, ["none", "BR06", "L08", "GK11", "GD14", "MK10", "K13"]);
    let number = |row: usize, column: usize| rows[row][column].parse::<f64>().unwrap();
    for row in 1..8 {
        let (hi, h2) = (number(row, 1), number(row, 2));
        assert!((hi + h2 - number(1, 1)).abs() < 3e-6 * number(1, 1), "{rows:?}");
        assert!(out.contains(&format!("{hi:.4e}")) && out.contains(rows[row][0].as_str()), "{out}");
        match h2 > 0.0 {
            true => assert!((number(row, 3) / (hi / h2) - 1.0).abs() < 1e-5, "{rows:?}"),
            false => assert_eq!(rows[row][3], ""),
        }
        assert!((0.1..100.0).contains(&number(row, 4)), "{rows:?}");
    }
    assert!(out.contains("1000 gas cells") && out.contains("Krumholz 2013"), "{out}");

    // the mass that `run` puts on the sky is that of the row
    let changes = ["--set", "sky.snapshot=g.hdf5", "--set", "sky.h2=K13", "--out", "out", "--quiet"];
    let ran = place.run(&[&["run", "no-sky.toml"], &changes[..]].concat());
    ran.ok();
    let header = place.run(&["sky", "info", "out/sky.fits"]).ok();
    let sky = std::fs::read(place.path("out/sky.fits")).unwrap();
    let cards = String::from_utf8_lossy(&sky[..2880 * 4]).into_owned();
    assert!(cards.contains("H2MODEL = 'K13"), "{header}");
    let at = cards.find("MHI     =").unwrap();
    let mass: f64 = cards[at + 9..at + 40].split('/').next().unwrap().trim().parse().unwrap();
    assert!((mass / number(7, 1) - 1.0).abs() < 1e-5, "{mass} {rows:?}");
}

#[test]
fn compare_h2_takes_selections_configurations_and_made_galaxies() {
    let place = Place::with_configurations();
    snapshot(&place, "g.hdf5");
    let all = place.run(&["sky", "compare-h2", "g.hdf5"]).ok();
    let change = "sky.snapshot=g.hdf5";
    let same = place.run(&["sky", "compare-h2", "no-sky.toml", "--set", change]).ok();
    assert_eq!(all, same);
    let dark = place.run(&["sky", "compare-h2", "g.hdf5", "--set", "sky.uv_escape_fraction=0"]).ok();
    assert!(dark != all && dark.contains("0.0014 of the Milky Way's"), "{dark}");
    // seen face-on: another column for the models that look at one, nothing new for those of pressure
    let projected = place.run(&["sky", "compare-h2", "g.hdf5", "--set", "sky.h2_geometry=projected"]).ok();
    let row = |text: &str, word: &str| text.lines().find(|l| l.trim_start().starts_with(word)).unwrap().to_string();
    assert_eq!(row(&projected, "BR06"), row(&all, "BR06"));
    ["GK11", "GD14", "MK10", "K13"].iter().for_each(|word| assert_ne!(row(&projected, word), row(&all, word)));
    let made = place.run(&["sky", "compare-h2", "small.toml"]).ok();
    assert!(made.contains("built-in galaxy 3: 2000 gas cells"), "{made}");

    place.write("sky.osm", "30.0 -30.0 1.0\n");
    let refused = |words: &[&str], says: &[&str]| place.refused(&[&["sky", "compare-h2"], words].concat(), says);
    refused(&["no-sky.toml", "--set", "sky.components=sky.osm"], &["need gas cells", "sky.osm", "sky.snapshot"]);
    refused(&["g.hdf5", "--set", "sky.h2=GK10"], &["GK10", "\"GK11\"", "did you mean"]);
    refused(&["g.hdf5", "--set", "sky.h2_geometry=flat"], &["h2_geometry", "flat", "projected"]);
    refused(&["g.hdf5", "--set", "sky.h2_pixel=0 kpc"], &["h2_pixel", "above 0"]);
    refused(&["g.hdf5", "--set", "sky.uv_escape_fraction=2"], &["uv_escape_fraction", "2"]);
    refused(&["g.hdf5", "--set", "sky.centre=1 1 1 ckpc/h"], &["needs a centre and a radius"]);
    refused(&["g.hdf5", "--out", "missing/h2.csv"], &["output folder", "missing"]);
    refused(&["nowhere.hdf5"], &["nowhere.hdf5"]);
    std::fs::create_dir(place.path("empty")).unwrap();
    refused(&["empty", "--out", "h2.csv"], &["holds no snapshot"]);
}
