use crate::assert_says;
use proptest::prelude::*;
use skyfringe::formats::config::Document;
use skyfringe::units::{ARCSEC_RAD, Dimension};
use std::path::{Path, PathBuf};

const TEXT: &str = r#"
seed = 7

[sky]
name = "ngc"        # a comment
distance = "20 Mpc"
centre = "26049 10200 27254 ckpc/h"
offsets = ["1 kpc", "20 pc"]
steps = 8
fraction = 0.5
smooth = true
method = "fft"
snapshot = "../data/snap"
start = 2026-03-20T00:00:00
tags = ["a", "b"]

[sky.galaxy]
mass = "1e10 Msun"
"#;

fn document() -> Document {
    Document::parse(TEXT, "c.toml").unwrap()
}

#[test]
fn every_kind_of_value_is_read() {
    let document = document();
    let sky = document.section("sky").unwrap();
    assert_eq!(document.root().integer("seed", 0..).unwrap(), Some(7));
    assert_eq!(sky.text("name").unwrap().unwrap(), "ngc");
    assert_eq!(sky.quantity("distance", Dimension::Distance).unwrap(), Some(20.0));
    let centre = sky.quantities("centre", Dimension::ComovingKpcH).unwrap().unwrap();
    assert_eq!(centre, [26049.0, 10200.0, 27254.0]);
    assert_eq!(sky.quantities("offsets", Dimension::SmallDistance).unwrap().unwrap(), [1.0, 0.02]);
    assert_eq!(sky.integer("steps", 1..=100).unwrap(), Some(8));
    assert_eq!(sky.float("fraction", 0.0..=1.0).unwrap(), Some(0.5));
    assert_eq!(sky.float("steps", ..).unwrap(), Some(8.0));
    assert_eq!(sky.boolean("smooth").unwrap(), Some(true));
    assert_eq!(sky.choice("method", &["fft", "direct"]).unwrap(), Some("fft"));
    assert_eq!(sky.path("snapshot").unwrap(), Some(PathBuf::from("../data/snap")));
    assert_eq!(sky.text("start").unwrap().unwrap(), "2026-03-20T00:00:00");
    assert_eq!(sky.texts("tags").unwrap().unwrap(), ["a", "b"]);
    assert_eq!(sky.texts("name").unwrap().unwrap(), ["ngc"]);
    let galaxy = sky.section("galaxy").unwrap();
    assert_eq!(galaxy.quantity("mass", Dimension::Mass).unwrap(), Some(1e10));
    galaxy.finish().unwrap();
    sky.finish().unwrap();
    document.finish().unwrap();
    // absent keys and tables
    assert_eq!(sky.quantity("cell", Dimension::Angle).unwrap(), None);
    assert!(!sky.has("cell") && sky.has("steps"));
    let absent = document.section("image").unwrap();
    assert!(!absent.is_present());
    assert_eq!(absent.integer("size", 1..).unwrap(), None);
    absent.finish().unwrap();
    assert_says::<()>(
        Err(absent.missing("size", "a number of pixels")),
        &["image.size", "a number of pixels", "c.toml"],
    );
}

#[test]
fn every_wrong_value_says_where_what_and_what_instead() {
    let document = document();
    let sky = document.section("sky").unwrap();
    let at = |line: &str, key: &str| format!("c.toml, line {line}, key {key}");
    assert_says(sky.quantity("distance", Dimension::Angle), &["20 Mpc", "arcsec", &at("6", "sky.distance")]);
    assert_says(sky.quantity("steps", Dimension::Angle), &["8", "no unit", "deg", &at("9", "sky.steps")]);
    assert_says(sky.quantity("centre", Dimension::ComovingKpcH), &["3 numbers", &at("7", "sky.centre")]);
    assert_says(sky.quantity("smooth", Dimension::Angle), &["true", "quantity", &at("11", "sky.smooth")]);
    assert_says(sky.quantities("offsets", Dimension::Angle), &["1 kpc", &at("8", "sky.offsets")]);
    assert_says(sky.quantities("galaxy", Dimension::Angle), &["a table", &at("17", "sky.galaxy")]);
    assert_says(sky.integer("steps", 1..=5), &["8", "at least 1 and at most 5", &at("9", "sky.steps")]);
    assert_says(sky.integer("steps", ..5), &["an integer of less than 5"]);
    assert_says(sky.integer("fraction", ..), &["0.5", "an integer", &at("10", "sky.fraction")]);
    assert_says(sky.float("name", 0.0..), &["\"ngc\"", "a number of at least 0"]);
    assert_says(sky.float("fraction", 0.6..), &["0.5"]);
    assert_says(sky.boolean("name"), &["true or false", &at("5", "sky.name")]);
    assert_says(sky.text("steps"), &["8", "double quotes"]);
    assert_says(sky.texts("offsets").map(|_| sky.texts("steps")).unwrap(), &["8", "double quotes"]);
    assert_says(
        sky.choice("method", &["direct", "fftw"]),
        &["\"fft\"", "\"direct\", \"fftw\"", "did you mean \"fftw\""],
    );
    assert_says(sky.choice("steps", &["direct"]), &["8", "one of \"direct\"", &at("9", "sky.steps")]);
    assert_says(sky.section("steps"), &["8", "a table [sky.steps]"]);
    assert_says(document.section("seed"), &["7", "a table [seed]", "c.toml, line 2, key seed"]);
}

#[test]
fn keys_that_nobody_asked_for_are_errors_with_a_suggestion() {
    let text = "[sky]\ncell = 1\ndistanse = \"20 Mpc\"\n[telescop]\nname = \"x\"\n[sky.galaxy]\nmas = 1\n";
    let document = Document::parse(text, "c.toml").unwrap();
    let sky = document.section("sky").unwrap();
    sky.integer("cell", ..).unwrap();
    sky.quantity("distance", Dimension::Distance).unwrap();
    assert_says(sky.finish(), &["unknown key in [sky]", "sky.distanse", "did you mean \"distance\"", "line 3"]);
    assert_says(document.finish(), &["sky.distanse"]);
    sky.has("distanse");
    sky.section("galaxy").unwrap().float("mass", ..).unwrap();
    // a table that was opened is checked by the document even if its own finish was forgotten
    assert_says(document.finish(), &["sky.galaxy.mas", "did you mean \"mass\"", "line 7"]);
    sky.section("galaxy").unwrap().has("mas");
    document.section("telescope").unwrap();
    assert_says(document.finish(), &["unknown table", "telescop", "did you mean \"telescope\"", "line 4"]);
    assert_says(
        Document::parse("zzzzzz = 1", "c.toml").unwrap().finish(),
        &["unknown key at the top", "zzzzzz", "nothing"],
    );
}

#[test]
fn overrides_win_and_say_so() {
    let mut document = document();
    for assignment in [
        "sky.distance=30 Mpc",
        "sky.steps = 12",
        "sky.name=\"m 31\"",
        "sky.start=2027-01-01T12:00:00",
        "image.cell=2asec",
        "image.robust=-0.5",
        "image.label=2026",
        "image.deep.flag=true",
        "image.title=a=b",
        "sky.tags=[\"c\"]",
    ] {
        document.set(assignment).unwrap();
    }
    let sky = document.section("sky").unwrap();
    assert_eq!(sky.quantity("distance", Dimension::Distance).unwrap(), Some(30.0));
    assert_eq!(sky.integer("steps", ..).unwrap(), Some(12));
    assert_eq!(sky.text("name").unwrap().unwrap(), "m 31");
    assert_eq!(sky.text("start").unwrap().unwrap(), "2027-01-01T12:00:00");
    assert_eq!(sky.texts("tags").unwrap().unwrap(), ["c"]);
    let image = document.section("image").unwrap();
    assert_eq!(image.quantity("cell", Dimension::Angle).unwrap(), Some(2.0 * ARCSEC_RAD));
    assert_eq!(image.float("robust", ..).unwrap(), Some(-0.5));
    assert_eq!(image.text("label").unwrap().unwrap(), "2026");
    assert_eq!(image.text("title").unwrap().unwrap(), "a=b");
    assert_eq!(image.section("deep").unwrap().boolean("flag").unwrap(), Some(true));
    image.finish().unwrap();
    assert_says(image.integer("robust", ..), &["-0.5", "--set image.robust"]);

    let mut document = self::document();
    document.set("sky.cel=1").unwrap();
    document.section("sky").unwrap().has("cell");
    assert_says(document.set("sky.distance"), &["without \"=\"", "sky.distance", "table.key=value"]);
    assert_says(document.set("=3"), &["readable key"]);
    assert_says(document.set("sky..x=3"), &["readable key", "sky..x=3"]);
    assert_says(document.set("sky.name.x=3"), &["not a table", "name = \"ngc\""]);
    assert_says(document.set("sky=3"), &["whole table", "sky.KEY=VALUE"]);
    assert_says(document.set("sky.tags=[1"), &["not TOML", "[1", "--set"]);
    assert_says(document.set("sky.x=99999999999999999999"), &["too large", "--set"]);
}

#[test]
fn text_that_is_no_toml_names_the_line() {
    let parse = |text: &str| Document::parse(text, "c.toml");
    assert_says(
        parse("[sky]\ndistance = 20 Mpc\n"),
        &["not valid TOML", "distance = 20 Mpc", "line 2", "double quotes"],
    );
    assert_says(parse("a = 1\na = 2\n"), &["line 2"]);
    assert_says(parse("a = 99999999999999999999"), &["too large", "c.toml"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    assert_says(Document::read(&path), &["cannot read", "c.toml"]);
    std::fs::write(&path, b"a = \"\xff\"").unwrap();
    assert_says(Document::read(&path), &["not UTF-8 at position 5", "c.toml"]);
    std::fs::write(&path, TEXT).unwrap();
    assert!(Document::read(Path::new(&path)).unwrap().section("sky").unwrap().is_present());
}

#[test]
fn the_canonical_text_is_the_content_and_nothing_else() {
    let mut a = Document::parse("[b]\ny = 1 # c\nx = \"2 Mpc\"\n[a]\nz = [1, 2.5]\n", "a.toml").unwrap();
    let mut b = Document::parse("a.z = [ 1, 2.5 ]\nb = { x = '3 Mpc' }\n", "b.toml").unwrap();
    b.set("b.x=2 Mpc").unwrap();
    b.set("b.y=1").unwrap();
    assert_eq!(a.canonical(), b.canonical());
    assert_eq!(Document::parse(&a.canonical(), "again").unwrap().canonical(), a.canonical());
    a.set("b.y=2").unwrap();
    assert_ne!(a.canonical(), b.canonical());
    assert_eq!(a.present_keys(), ["a.z", "b.x", "b.y"]);
    let section = a.section("b").unwrap();
    section.has("y");
    section.section("inner").unwrap().has("k");
    a.root().has("top");
    assert_eq!(a.known_keys(), ["b.inner.k", "b.y", "top"]);
}

proptest! {
    #[test]
    fn no_text_and_no_override_panics(text in ".{0,80}", assignment in "[a-z.=\"\\[{]{0,20}") {
        if let Ok(mut document) = Document::parse(&text, "p.toml") {
            let _ = document.set(&assignment);
            let again = Document::parse(&document.canonical(), "again").unwrap();
            prop_assert_eq!(again.canonical(), document.canonical());
        }
    }
}
