//! Where galaxies come from, and those that cannot be read.

use super::{Place, SMALL, bytes, texts};
use skyfringe::formats::shard::ColumnValues;

/// `SMALL` for three made cutouts in the folder "set", and these cutouts.
fn cutouts(place: &Place) {
    place.ok(&["sky", "galaxies", "--count", "3", "--cells", "2000", "--stars", "50", "--out", "set"]);
    let text = SMALL
        .replace("galaxies = 5", "cutouts = \"set\"")
        .replace("train = 0.6, validation = 0.2, test = 0.2", "train = 0.7, validation = 0.3, test = 0.0");
    place.write("c.toml", &text.replace("galaxy = { kind = \"disc\", seed = 2, cells = 3000 }", ""));
}

#[test]
fn a_damaged_cutout_fails_alone_and_is_made_when_it_is_mended() {
    let place = Place::new();
    cutouts(&place);
    place.build(&[], "good");
    let file = place.path("set/galaxy_0001.hdf5");
    let sound = std::fs::read(&file).unwrap();
    std::fs::write(&file, &sound[..sound.len() / 3]).unwrap();
    // planned with a sound file, so that the splits are the same
    std::fs::create_dir(place.path("d")).unwrap();
    std::fs::copy(place.path("good/plan.json"), place.path("d/plan.json")).unwrap();
    let text = place.build(&[], "d");
    assert!(text.contains("failed: 2"), "{text}");
    let info = place.ok(&["dataset", "info", "d"]);
    assert!(info.contains("failed: sample 2 (galaxy_0001)"), "{info}");
    let reader = place.shard("d", 0);
    assert_eq!(reader.column("ok"), Some(&ColumnValues::Flag(vec![true, true, false, false])));
    assert!(texts(&reader, "reason")[2].contains("galaxy_0001.hdf5"), "{:?}", texts(&reader, "reason"));
    assert!(reader.read(0, 2).unwrap().iter().all(|v| *v == 0.0));
    assert!(reader.read(0, 0).unwrap().iter().any(|v| *v != 0.0));
    assert!(std::fs::read_to_string(place.path("d/build.log")).unwrap().contains("FAILED"));
    std::fs::write(&file, &sound).unwrap();
    // without being asked nothing is made again
    assert!(place.build(&[], "d").contains("failed: 2"));
    let text = place.ok(&["dataset", "build", "c.toml", "--out", "d", "--retry-failed"]);
    assert!(text.contains("failed: 0"), "{text}");
    assert!(bytes(&place.path("good")) == bytes(&place.path("d")));
}

#[test]
fn a_cutout_that_was_never_sound_has_a_split_all_the_same() {
    let place = Place::new();
    cutouts(&place);
    std::fs::write(place.path("set/galaxy_0003.hdf5"), "no HDF5").unwrap();
    let text = place.build(&[], "d");
    assert!(text.contains("galaxies: 4 (1 could not be read)") && text.contains("failed: 2"), "{text}");
    let page = std::fs::read_to_string(place.path("d/overview.html")).unwrap();
    assert!(page.contains("galaxy_0003"), "no failures in the overview");
}

#[test]
fn a_file_that_was_exchanged_is_not_taken_for_the_planned_galaxy() {
    let place = Place::new();
    cutouts(&place);
    std::fs::write(place.path("set/aaa.hdf5"), "").unwrap();
    place.ok(&["dataset", "plan", "c.toml", "--out", "d"]);
    std::fs::copy(place.path("set/galaxy_0001.hdf5"), place.path("set/galaxy_0000.hdf5")).unwrap();
    assert!(place.build(&[], "d").contains("failed: 4"));
    let info = place.ok(&["dataset", "info", "d"]);
    assert!(info.contains("(aaa)") && info.contains("not that of the plan"), "{info}");
}

#[test]
fn a_list_keeps_progenitors_together() {
    let place = Place::new();
    cutouts(&place);
    let table = "# galaxies of two times\nid,group,file\na,one,set/galaxy_0000.hdf5\nb,two,set/galaxy_0001.hdf5\n\
                 c,three,set/galaxy_0002.hdf5\nd,one,older.hdf5\n";
    std::fs::copy(place.path("set/galaxy_0002.hdf5"), place.path("older.hdf5")).unwrap();
    place.write("list.csv", table);
    let text = std::fs::read_to_string(place.path("c.toml")).unwrap();
    place.write("c.toml", &text.replace("cutouts = \"set\"", "list = \"list.csv\""));
    place.build(&[], "d");
    let (first, second) = (place.shard("d", 0), place.shard("d", 1));
    assert_eq!(texts(&first, "galaxy"), ["a", "a", "b", "b"]);
    assert_eq!(texts(&second, "group"), ["three", "three", "one", "one"]);
    assert_eq!(texts(&first, "split")[0], texts(&second, "split")[2]);
    for (table, words) in [
        ("id,fil\na,x\n", "unknown column"),
        ("group\na\n", "lacks the column id"),
        ("id,file,x_ckpc_h\na,set/galaxy_0000.hdf5,3\n", "by half"),
        ("id,file,x_ckpc_h\na,set/galaxy_0000.hdf5,far\n", "no number"),
        ("id,file\na,f\na,g\n", "one name"),
        ("id,file\na,set/galaxy_0000.hdf5\nb,set/galaxy_0000.hdf5\n", "two groups"),
        ("id,file\na\n", "line 2"),
        ("id,file,subhalo\na,f,3\n", "no catalogue"),
        ("id\na\n", "needs a snapshot"),
        ("id\n", "no galaxies"),
    ] {
        place.write("list.csv", table);
        let message = place.refused(&["dataset", "plan", "c.toml", "--out", "e"]);
        assert!(message.contains(words), "{table}: {message}");
    }
}

#[test]
fn spheres_of_a_snapshot_are_galaxies() {
    let place = Place::new();
    cutouts(&place);
    let middle = |file: &str| {
        let header = skyfringe::formats::snapshot::snapshot_header(&place.path(file), None).unwrap();
        0.5 * header.box_size
    };
    let at = middle("set/galaxy_0000.hdf5");
    let text = std::fs::read_to_string(place.path("c.toml")).unwrap();
    let regions = format!("regions = [\"{at} {at} {at} 20 ckpc/h\", \"{at} {at} {at} 8 ckpc/h\"]");
    let text =
        text.replace("cutouts = \"set\"", &regions).replace("[sky]", "[sky]\nsnapshot = \"set/galaxy_0000.hdf5\"");
    place.write("c.toml", &text);
    place.build(&[], "d");
    let reader = place.shard("d", 0);
    assert_eq!(texts(&reader, "galaxy"), ["r00000", "r00000", "r00001", "r00001"]);
    let mass = super::numbers(&reader, "hi_mass_msun");
    assert!(mass[0] > mass[2] && mass[2] > 0.0, "{mass:?}");
}
