//! `sky maps`: stars and dark matter of files, the products, the words, bad input.

mod common;

use common::reference_data;
use hdf5::File;
use skyfringe::error::Watch;
use skyfringe::formats::snapshot::{
    CellSelection, Format, ParticleKind, ReadOptions, group_of_subhalo, read_particles, write_snapshot,
};
use skyfringe::sky::galaxy::{GalaxyParams, make_galaxy};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs the program in `folder`.
fn skyfringe(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skyfringe"));
    command.current_dir(folder).env("HDF5_USE_FILE_LOCKING", "FALSE").args(words);
    command.output().unwrap()
}

fn ok(folder: &Path, words: &[&str]) -> (String, String) {
    let output = skyfringe(folder, words);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{words:?}\n{}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

/// The message of a command that fails, and leaves nothing behind.
fn refused(folder: &Path, words: &[&str]) -> String {
    let output = skyfringe(folder, words);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{words:?}\n{text}");
    assert!(!folder.join("none").exists(), "{words:?}");
    text
}

/// A made galaxy of 2000 cells in g.hdf5: `stars` in PartType4, every fifth a wind particle, and dark matter.
fn cutout(folder: &Path, particles: bool) -> PathBuf {
    let path = folder.join("g.hdf5");
    let made = make_galaxy(&GalaxyParams { n_cells: 2000, ..GalaxyParams::random(4) }).unwrap();
    write_snapshot(&path, &made).unwrap();
    if particles {
        let file = File::open_rw(&path).unwrap();
        let header = file.group("Header").unwrap();
        header.attr("MassTable").unwrap().write(&ndarray::arr1(&[0.0, 2e-5, 0.0, 0.0, 0.0, 0.0])).unwrap();
        let centre = 0.5 * made.header.box_size;
        let lattice = |n: usize, spacing: f64| {
            ndarray::Array2::from_shape_fn((n * n * n, 3), |(i, k)| {
                let at = [i % n, i / n % n, i / (n * n)][k] as f64;
                centre + spacing * (at - 0.5 * (n as f64 - 1.0))
            })
        };
        let stars = file.create_group("PartType4").unwrap();
        stars.new_dataset_builder().with_data(&lattice(8, 1.0)).create("Coordinates").unwrap();
        stars.new_dataset_builder().with_data(&vec![1e-5f32; 512]).create("Masses").unwrap();
        let birth: Vec<f32> = (0..512).map(|i| if i % 5 == 0 { -0.5 } else { 0.9 }).collect();
        stars.new_dataset_builder().with_data(&birth).create("GFM_StellarFormationTime").unwrap();
        let dark = file.create_group("PartType1").unwrap();
        dark.new_dataset_builder().with_data(&lattice(10, 5.0)).create("Coordinates").unwrap();
    }
    path
}

/// A number among the cards of a FITS file.
fn card(path: &Path, key: &str) -> f64 {
    let bytes = std::fs::read(path).unwrap();
    let card = bytes.chunks(80).find(|c| c.starts_with(format!("{key:<8}=").as_bytes())).unwrap();
    String::from_utf8_lossy(&card[10..]).split('/').next().unwrap().trim().parse().unwrap()
}

#[test]
fn genuine_stars_and_dark_matter_have_their_masses() {
    let Some(data) = reference_data("genuine_stars_and_dark_matter_have_their_masses") else { return };
    let path = data.join("tng50-4-subbox0/output/snapdir_2332");
    // within 60 ckpc/h, by h5py and numpy: sums of Masses where GFM_StellarFormationTime > 0, MassTable[1] times the count
    let rows = [
        ([25279.0, 8527.0, 26907.0], 1, 3.519793711151738e7, 9.385650397692189e10),
        ([26049.0, 10200.0, 27254.0], 30, 1.0212682470638587e9, 1.8074346557931992e11),
        ([26809.0, 10772.0, 28429.0], 7, 2.8050601757911056e8, 9.246259550201712e10),
    ];
    for (centre, count, stars, dark) in rows {
        let options = ReadOptions {
            selection: CellSelection::Sphere { centre, radius: 60.0 },
            allow_missing_chunks: true,
            ..ReadOptions::default()
        };
        let mass = |kind| {
            let particles = read_particles(&path, &options, kind, &Watch::silent()).unwrap();
            (particles.mass.len(), particles.mass.iter().sum::<f64>() * 1e10 / 0.6774)
        };
        let (got, msun) = mass(ParticleKind::Stars);
        assert!(got == count && (msun / stars - 1.0).abs() < 1e-9, "{got} {msun}");
        let (_, msun) = mass(ParticleKind::DarkMatter);
        assert!((msun / dark - 1.0).abs() < 1e-9, "{msun}");
    }
}

#[test]
fn all_domains_of_the_genuine_galaxies_are_drawn() {
    let Some(data) = reference_data("all_domains_of_the_genuine_galaxies_are_drawn") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = data.join("tng50-4-subbox0/output/snapdir_2332");
    for centre in ["25279 8527 26907", "26049 10200 27254", "26809 10772 28429"] {
        let selection = format!("sky.centre={centre} ckpc/h");
        let words = ["sky", "maps", path.to_str().unwrap(), "--set", &selection, "--set", "sky.radius=60 ckpc/h"];
        let more = ["--set", "sky.allow_missing_chunks=true", "--size", "64", "--format", "fits", "--out", "m"];
        let (text, _) = ok(folder.path(), &[&words[..], &more[..]].concat());
        assert!(text.contains("(13 files)"), "{text}");
        let out = folder.path().join("m");
        // the field of the selection holds it all but for kernels over its edge
        for (name, key, most) in [("hi", "MHI", 0.02), ("stars", "MSTARS", 0.02), ("gas", "MGAS", 0.07)] {
            let (total, outside) = (card(&out.join(format!("{name}.fits")), "TOTAL"), format!("{name}.fits"));
            assert!((card(&out.join(&outside), key) / total - 1.0).abs() < 1e-12);
            assert!(card(&out.join(&outside), "OUTSIDE") < most * total, "{name}");
        }
    }
}

#[test]
fn stars_leave_out_wind_and_dark_matter_takes_the_mass_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = cutout(folder.path(), true);
    let read = |selection, kind| {
        let options = ReadOptions { selection, ..ReadOptions::default() };
        read_particles(&path, &options, kind, &Watch::silent()).unwrap()
    };
    let stars = read(CellSelection::All, ParticleKind::Stars);
    assert_eq!(stars.mass.len(), 512 - 103);
    assert!(stars.notes[0].contains("103 wind particles"), "{:?}", stars.notes);
    // counted with the wind
    let some = read(CellSelection::Range { first: 10, count: 5 }, ParticleKind::Stars);
    assert_eq!(some.position, stars.position[8..12]);
    let dark = read(CellSelection::All, ParticleKind::DarkMatter);
    assert_eq!((dark.mass.len(), dark.mass[999]), (1000, 2e-5));

    let file = File::open_rw(&path).unwrap();
    file.group("PartType4").unwrap().unlink("GFM_StellarFormationTime").unwrap();
    file.group("PartType1").unwrap().unlink("Coordinates").unwrap();
    drop(file);
    let stars = read(CellSelection::All, ParticleKind::Stars);
    assert!(stars.mass.len() == 512 && stars.notes[0].contains("wind counts as stars"), "{:?}", stars.notes);
    let error = read_particles(&path, &ReadOptions::default(), ParticleKind::DarkMatter, &Watch::silent()).unwrap_err();
    assert!(error.to_string().contains("PartType1/Coordinates is missing"), "{error}");
    let other = ReadOptions { format: Some(Format::Arrays), ..ReadOptions::default() };
    assert!(read_particles(&path, &other, ParticleKind::Stars, &Watch::silent()).is_err());
}

#[test]
fn one_command_writes_all_domains_in_many_orientations() {
    let folder = tempfile::tempdir().unwrap();
    cutout(folder.path(), true);
    let words = ["sky", "maps", "g.hdf5", "--size", "32", "--width", "60 kpc", "--seed", "5"];
    let more = ["--orientations", "configured,random:2,equal-area:3,step:z:90deg:2", "--out", "m"];
    let (text, notes) = ok(folder.path(), &[&words[..], &more[..]].concat());
    assert!(text.contains("orientations: 8, 32 x 32 pixels of 1.8750 kpc"), "{text}");
    assert!(notes.contains("103 wind particles"), "{notes}");
    let out = folder.path().join("m");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 12 * 8 + 2);

    let (about, _) = ok(folder.path(), &["sky", "info", "m/maps.hdf5"]);
    assert!(about.contains("hi ") && about.contains("8 orientation(s), 32 x 32 pixels, cm-2"), "{about}");

    let file = File::open(out.join("maps.hdf5")).unwrap();
    let names: Vec<String> = file
        .dataset("orientation_name")
        .unwrap()
        .read_raw::<hdf5::types::VarLenUnicode>()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names[..3], ["configured", "random 0", "random 1"]);
    assert_eq!(names[7], "step 1 about z");
    let euler = file.dataset("orientation_euler_deg").unwrap().read_2d::<f64>().unwrap();
    let hi = file.dataset("hi").unwrap();
    assert_eq!(hi.shape(), [8, 32, 32]);
    let units = hi.attr("units").unwrap().read_scalar::<hdf5::types::VarLenUnicode>().unwrap();
    assert_eq!(units.as_str(), "cm-2");
    assert!((file.attr("cell_kpc").unwrap().read_scalar::<f64>().unwrap() - 1.875).abs() < 1e-9);
    let mass = file.dataset("hi-mass").unwrap().read::<f32, ndarray::Ix3>().unwrap();
    for view in 0..8 {
        // the FITS file of the same map
        let fits = out.join(format!("hi-mass-{view:03}.fits"));
        let bytes = std::fs::read(&fits).unwrap();
        let header = bytes.chunks(2880).position(|b| b.chunks(80).any(|c| c.starts_with(b"END  "))).unwrap() + 1;
        let pixels = bytes[2880 * header..].chunks_exact(4).map(|b| f32::from_be_bytes(b.try_into().unwrap()));
        assert!(pixels.zip(mass.index_axis(ndarray::Axis(0), view)).all(|(a, b)| a == *b), "{view}");
        assert!((card(&fits, "EULERB") - euler[[view, 1]]).abs() < 1e-12);
        let inside: f64 = mass.index_axis(ndarray::Axis(0), view).iter().map(|v| f64::from(*v)).sum();
        assert!(((inside + card(&fits, "OUTSIDE")) / card(&fits, "MHI") - 1.0).abs() < 1e-6);
    }
    // stars: 409 of 1e5/h Msun
    let stars = card(&out.join("stars-000.fits"), "MSTARS");
    assert!((stars / (409e5 / card(&out.join("hi-000.fits"), "HUBBLE0") * 100.0) - 1.0).abs() < 1e-6, "{stars}");

    // the configured orientation as Euler angles gives the same maps
    let angles = [0, 1, 2].map(|k| euler[[1, k]].to_string()).join(" ");
    let change = format!("sky.euler={angles} deg");
    let again = ["--set", &change, "--format", "hdf5", "--domains", "hi-mass,b-los", "--out", "again"];
    ok(folder.path(), &[&words[..], &again[..]].concat());
    let other = File::open(folder.path().join("again/maps.hdf5")).unwrap();
    for name in ["hi-mass", "b-los"] {
        let a = file.dataset(name).unwrap().read::<f32, ndarray::Ix3>().unwrap();
        let b = other.dataset(name).unwrap().read::<f32, ndarray::Ix3>().unwrap();
        let (a, b) = (a.index_axis(ndarray::Axis(0), 1), b.index_axis(ndarray::Axis(0), 0));
        let peak = a.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-5 * peak), "{name}");
    }
    assert!(!folder.path().join("again/hi-mass.fits").exists() && other.dataset("hi").is_err());
}

#[test]
fn results_do_not_depend_on_the_threads() {
    let folder = tempfile::tempdir().unwrap();
    cutout(folder.path(), true);
    let bytes = |threads: &str| {
        let words = ["sky", "maps", "g.hdf5", "--size", "48", "--orientations", "2", "--out", threads];
        ok(folder.path(), &[&words[..], &["--threads", threads]].concat());
        let name = |name: &str| std::fs::read(folder.path().join(threads).join(name)).unwrap();
        (name("maps.hdf5"), name("maps.png"), name("dm-001.fits"))
    };
    assert!(bytes("1") == bytes("3"));
}

#[test]
fn the_hi_of_the_maps_is_that_of_run() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[sky]\ngalaxy = { seed = 3, cells = 2000 }\ndistance = \"20 Mpc\"\nchannels = 4\n\
                  [observation]\nsteps = 1\n[image]\nsize = 64\ncell = \"12 arcsec\"\n[telescope]\nname = \"meerkat\"\n";
    std::fs::write(folder.path().join("c.toml"), config).unwrap();
    ok(folder.path(), &["run", "c.toml", "--out", "r"]);
    ok(folder.path(), &["sky", "maps", "c.toml", "--domains", "tb", "--format", "fits", "--out", "m"]);
    let pixels = |path: &str| -> Vec<f32> {
        let bytes = std::fs::read(folder.path().join(path)).unwrap();
        let header = bytes.chunks(2880).position(|b| b.chunks(80).any(|c| c.starts_with(b"END  "))).unwrap() + 1;
        let data = &bytes[2880 * header..][..4 * 64 * 64];
        data.chunks_exact(4).map(|b| f32::from_be_bytes(b.try_into().unwrap())).collect()
    };
    let (run, maps) = (pixels("r/sky-tb.fits"), pixels("m/tb.fits"));
    let peak = run.iter().fold(0.0f32, |m, v| m.max(*v));
    assert!(peak > 0.0 && run.iter().zip(&maps).all(|(a, b)| (a - b).abs() <= 1e-6 * peak));
}

#[test]
fn what_a_file_lacks_is_left_out_or_named() {
    let folder = tempfile::tempdir().unwrap();
    cutout(folder.path(), false);
    let words = ["sky", "maps", "g.hdf5", "--size", "16", "--format", "hdf5"];
    let (text, notes) = ok(folder.path(), &[&words[..], &["--out", "m"]].concat());
    assert!(notes.contains("left out, for want of their fields: stars, dm"), "{notes}");
    assert!(!text.contains("stars"), "{text}");
    let error = refused(folder.path(), &[&words[..], &["--domains", "hi,stars", "--out", "none"]].concat());
    assert!(error.contains("there are no stars in the files") && error.contains("g.hdf5"), "{error}");
    {
        let file = File::open_rw(folder.path().join("g.hdf5")).unwrap();
        file.group("PartType0").unwrap().unlink("MagneticField").unwrap();
    }
    let error = refused(folder.path(), &[&words[..], &["--domains", "b", "--out", "none"]].concat());
    assert!(error.contains("nothing for b") && error.contains("g.hdf5"), "{error}");
}

#[test]
fn bad_words_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    cutout(folder.path(), false);
    let with = |words: &[&str]| refused(folder.path(), &[&["sky", "maps", "g.hdf5", "--out", "none"], words].concat());
    let says = |words: &[&str], expected: &[&str]| {
        let error = with(words);
        assert!(expected.iter().all(|e| error.contains(e)), "{error}");
    };
    says(&["--domains", "hi,velocity"], &["no such domain", "velocity", "hi-mass, tb"]);
    says(&["--width", "60"], &["--width"]);
    says(&["--width", "-1 kpc"], &["not positive"]);
    says(&["--orientations", "sideways"], &["these are no orientations", "step:AXIS:ANGLE"]);
    says(&["--format", "png"], &["fits, hdf5 or both"]);
    says(&["--subhalos", "1,x"], &["5,7,9"]);
    says(&["--subhalos", "1"], &["group_catalogue"]);
    says(&["--set", "sky.tb_depth=-1 Mpc"], &["tb_depth"]);
    std::fs::write(folder.path().join("sky.osm"), "30.0 -30.0 1.0\n").unwrap();
    std::fs::write(folder.path().join("c.toml"), "[sky]\ncomponents = \"sky.osm\"\n").unwrap();
    let error = refused(folder.path(), &["sky", "maps", "c.toml", "--out", "none"]);
    assert!(error.contains("need the particles of a simulation"), "{error}");
}

#[test]
fn subhalos_come_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    cutout(folder.path(), true);
    // subhalo 0: no gas; 1: 1500 cells, 400 stars, 600 of dark matter; 2: the rest
    let centre = 0.5 * make_galaxy(&GalaxyParams { n_cells: 100, ..GalaxyParams::random(4) }).unwrap().header.box_size;
    {
        let file = File::create(folder.path().join("fof_subhalo_tab_099.0.hdf5")).unwrap();
        let header = file.create_group("Header").unwrap();
        header.new_attr::<i32>().create("NumFiles").unwrap().write_scalar(&1i32).unwrap();
        let lengths = ndarray::arr2(&[[0, 0, 0, 0, 0, 0], [1500, 600, 0, 0, 400, 0], [500, 400, 0, 0, 112, 0]]);
        let group = file.create_group("Group").unwrap();
        group
            .new_dataset_builder()
            .with_data(&ndarray::arr2(&[[2000, 1000, 0, 0, 512, 0]]))
            .create("GroupLenType")
            .unwrap();
        group.new_dataset_builder().with_data(&[0i32]).create("GroupFirstSub").unwrap();
        let set = file.create_group("Subhalo").unwrap();
        set.new_dataset_builder().with_data(&lengths).create("SubhaloLenType").unwrap();
        set.new_dataset_builder().with_data(&[0i32, 0, 0]).create("SubhaloGrNr").unwrap();
        let position = ndarray::Array2::from_elem((3, 3), centre as f32);
        set.new_dataset_builder().with_data(&position).create("SubhaloPos").unwrap();
        let radii = ndarray::Array2::from_elem((3, 6), 4f32);
        set.new_dataset_builder().with_data(&radii).create("SubhaloHalfmassRadType").unwrap();
    }
    let words = ["sky", "maps", "g.hdf5", "--set", "sky.group_catalogue=fof_subhalo_tab_099.0.hdf5", "--size", "16"];
    let more = ["--domains", "gas,stars,dm", "--format", "fits"];
    ok(folder.path(), &[&words[..], &more[..], &["--subhalos", "2,1", "--out", "m"]].concat());
    let mass =
        |subhalo: u32, name: &str| card(&folder.path().join(format!("m/subhalo-{subhalo}/{name}.fits")), "TOTAL");
    // positions counted with the wind: stars 0, 5, 10, ... are wind
    let h = card(&folder.path().join("m/subhalo-1/gas.fits"), "HUBBLE0") / 100.0;
    assert!((mass(1, "stars") * h / (320.0 * 1e5) - 1.0).abs() < 1e-6);
    assert!((mass(2, "stars") * h / (89.0 * 1e5) - 1.0).abs() < 1e-6);
    assert!((mass(2, "dm") * h / (400.0 * 2e5) - 1.0).abs() < 1e-6);
    let all = ["sky", "maps", "g.hdf5", "--domains", "gas", "--size", "16", "--format", "fits", "--out", "all"];
    ok(folder.path(), &all);
    let whole = card(&folder.path().join("all/gas.fits"), "TOTAL");
    assert!(((mass(1, "gas") + mass(2, "gas")) / whole - 1.0).abs() < 1e-9);
    // skais-mapper takes the whole group, and the half-mass radius from the catalogue
    let skais = ["--compat", "skais", "--domains", "gas", "--subhalos", "2", "--out", "skais"];
    let (text, _) = ok(folder.path(), &[&words[..], &skais[..]].concat());
    assert!(text.contains(&format!("pixels of {:.4} kpc", 8.0 / h / 16.0)), "{text}");
    let group = group_of_subhalo(&folder.path().join("fof_subhalo_tab_099.0.hdf5"), 2).unwrap();
    assert_eq!(group.particles[1], CellSelection::Range { first: 0, count: 1000 });
    assert_eq!(
        (group.particles[4].clone(), group.half_mass_radius[0]),
        (CellSelection::Range { first: 0, count: 512 }, 4.0)
    );
    let error = refused(folder.path(), &[&words[..], &["--subhalos", "1,0", "--out", "none"]].concat());
    assert!(error.contains("the subhalo has no gas") && error.contains("subhalo 0"), "{error}");
    let error = refused(folder.path(), &[&words[..], &["--subhalos", "7", "--out", "none"]].concat());
    assert!(error.contains("no such subhalo"), "{error}");
}

/// The object of tests/python/skais_reference.py and, in its group `skais`, what skais-mapper 0.1.16 made of it.
fn skais_reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/skais-mapper-0.1.16.hdf5")
}

#[test]
fn pixels_are_those_of_skais_mapper_where_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = skais_reference();
    // the half-mass radius of 12 ckpc/h, twice, at a = 1/1.5
    let width = format!("{} kpc", 24.0 / 1.5 / 0.6774);
    let words = ["sky", "maps", path.to_str().unwrap(), "--compat", "skais", "--width", &width, "--size", "32"];
    let place = ["--set", "sky.centre=310 420 530 ckpc/h", "--set", "sky.radius=100 ckpc/h", "--out", "m"];
    let turns = ["--orientations", "rotxy:0deg:0deg,rotxy:40deg:65deg,rotxy:120deg:35deg"];
    let (text, _) = ok(folder.path(), &[&words[..], &place[..], &turns[..]].concat());
    assert!(text.contains("hi, hi/21cm, gas, star, dm, temp, bfield"), "{text}");
    let (ours, theirs) = (File::open(folder.path().join("m/maps-skais.hdf5")).unwrap(), File::open(&path).unwrap());
    for group in ["gas", "hi", "hi/21cm", "temp", "bfield", "star", "dm"] {
        let maps = ours.dataset(&format!("{group}/images")).unwrap().read::<f32, ndarray::Ix3>().unwrap();
        for (view, turn) in ["0_0", "40_65", "120_35"].into_iter().enumerate() {
            let name = format!("skais/{}_{turn}", group.replace('/', "-"));
            let wanted = theirs.dataset(&name).unwrap().read_2d::<f32>().unwrap();
            let got = maps.index_axis(ndarray::Axis(0), view);
            let peak = wanted.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            let off = got.iter().zip(&wanted).map(|(a, b)| (a - b).abs() / peak).fold(0.0f32, f32::max);
            eprintln!("{name}: {off:.1e} of the peak");
            assert!(peak > 0.0 && off < 1e-6, "{name}: {off}");
        }
    }
}

#[test]
fn skais_needs_a_cube_and_its_own_domains() {
    let folder = tempfile::tempdir().unwrap();
    let path = skais_reference();
    let words = ["sky", "maps", path.to_str().unwrap(), "--compat", "skais", "--size", "16", "--out", "none"];
    let says = |more: &[&str], expected: &str| {
        let error = refused(folder.path(), &[&words[..], more].concat());
        assert!(error.contains(expected), "{error}");
    };
    let sphere = ["--set", "sky.centre=310 420 530 ckpc/h", "--set", "sky.radius=30 ckpc/h"];
    says(&["--width", "20 kpc"], "sky.subhalo, or sky.centre and sky.radius");
    says(&sphere, "twice the half-mass radius");
    says(&[&sphere[..], &["--width", "60 kpc"]].concat(), "at least");
    says(&[&sphere[..], &["--width", "20 kpc", "--domains", "sfr"]].concat(), "no maps of this domain");
    says(&["--format", "fits"], "no FITS files");
    let other = ["sky", "maps", path.to_str().unwrap(), "--compat", "martini", "--out", "none"];
    assert!(refused(folder.path(), &other).contains("expected: skais"));
}
