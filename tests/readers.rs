//! What readers do with files that lack something, with group catalogues, with archives of numpy, and with input that is
//! wrong in the ways of issue reports: units, mixed snapshots, the edge of the box, memory.

use ndarray::Array2;
use skyfringe::error::Watch;
use skyfringe::formats::fits::{CardValue, read_cube};
use skyfringe::formats::snapshot::{
    CellSelection, Format, GasTable, Header, ReadOptions, Snapshot, TNG_UNIT_LENGTH_CM, TNG_UNIT_MASS_G,
    TNG_UNIT_VELOCITY_CM_S, first_gas_cells, read_catalogue, read_gas, subhalo_gas, write_snapshot,
};
use skyfringe::sky::h2::H2Model;
use skyfringe::sky::neutral::HiModel;
use skyfringe::sky::rahmati::UvBackground;
use skyfringe::sky::snapshot::{
    LoadedGalaxy, Selection, SnapshotRequest, SubhaloFilter, SubhaloGasSource, list_subhalos, load, nth_subhalo,
};
use skyfringe::units::{K_B_J_K, M_P_KG, MSUN_KG, PC_M};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const A: f64 = 0.5;
const H: f64 = 0.7;
const BOX: f64 = 1000.0;

fn header(files: usize, cells: u64) -> Header {
    Header {
        format: Format::Tng,
        two_phase_star_formation: true,
        time: A,
        redshift: 1.0 / A - 1.0,
        hubble_param: H,
        omega0: 0.3,
        omega_lambda: 0.7,
        omega_baryon: 0.05,
        box_size: BOX,
        num_files: files,
        gas_cells_total: cells,
        unit_length_in_cm: TNG_UNIT_LENGTH_CM,
        unit_mass_in_g: TNG_UNIT_MASS_G,
        unit_velocity_in_cm_per_s: TNG_UNIT_VELOCITY_CM_S,
        simulation_name: "test".into(),
        assumptions: Vec::new(),
    }
}

/// Cells that differ from each other in everything but their fractions.
fn cells_at(position: &[[f64; 3]]) -> GasTable {
    let n = position.len();
    let rising = |first: f64, step: f64| (0..n).map(|i| first + step * i as f64).collect::<Vec<f64>>();
    GasTable {
        position: position.to_vec(),
        velocity: (0..n).map(|i| [10.0 * i as f64, 3.0, -2.0]).collect(),
        mass: rising(1e-4, 1e-5),
        density: rising(1e-5, 2e-5),
        internal_energy: vec![100.0; n],
        electron_abundance: vec![0.1; n],
        neutral_abundance: vec![0.5; n],
        star_formation_rate: (0..n).map(|i| if i % 3 == 2 { 0.1 } else { 0.0 }).collect(),
        hydrogen_fraction: vec![0.75; n],
        metallicity: vec![0.01; n],
        magnetic_field: vec![[0.0, 1.0, 0.0]; n],
        ..GasTable::default()
    }
}

fn write(path: &Path, position: &[[f64; 3]], files: usize, total: u64) {
    write_snapshot(path, &Snapshot { header: header(files, total), gas: cells_at(position), notes: vec![] }).unwrap();
}

fn edit(path: &Path, change: impl Fn(&hdf5::File)) {
    let file = hdf5::File::open_rw(path).unwrap();
    change(&file);
    file.close().unwrap();
}

fn plain() -> HiModel {
    HiModel { star_forming_correction: false, h2: H2Model::None, ..HiModel::default() }
}

fn ask(path: &Path, selection: Selection, model: HiModel) -> skyfringe::Result<LoadedGalaxy> {
    let request = SnapshotRequest { path: path.into(), format: None, selection, allow_missing_chunks: false, model };
    load(&request, &Watch::silent())
}

fn all(path: &Path) -> skyfringe::Result<LoadedGalaxy> {
    ask(path, Selection::All { centre_ckpc_h: None }, plain())
}

fn error_of<T: std::fmt::Debug>(result: skyfringe::Result<T>) -> String {
    result.unwrap_err().to_string()
}

#[track_caller]
fn close(got: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((got / expected - 1.0).abs() < tolerance, "{what}: {got:e}, expected {expected:e}");
}

/// The program, its standard output and its standard error.
fn run(folder: &Path, words: &[&str]) -> (bool, String, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_skyfringe"))
        .args(words)
        .current_dir(folder)
        .env("HDF5_USE_FILE_LOCKING", "FALSE")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ran.status.success(), text(&ran.stdout), text(&ran.stderr))
}

const CONFIG: &str = "[sky]\ndistance = \"10 Mpc\"\nchannels = 4\n[telescope]\nname = \"meerkat\"\n[observation]\n\
     ra = \"30 deg\"\ndec = \"-35 deg\"\nlength = \"1 h\"\nsteps = 2\n[image]\nsize = 64\ncell = \"4 arcsec\"\n";

fn around(middle: f64, n: usize) -> Vec<[f64; 3]> {
    (0..n).map(|i| [middle + i as f64, middle - 0.5 * i as f64, middle + 0.25 * (i * i) as f64]).collect()
}

#[test]
fn mini_snapshots_have_their_neutral_gas_from_the_ultraviolet_background() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mini.hdf5");
    write(&path, &around(500.0, 6), 1, 6);
    edit(&path, |f| {
        for name in ["NeutralHydrogenAbundance", "GFM_Metals", "CenterOfMass", "MagneticField"] {
            f.unlink(&format!("PartType0/{name}")).unwrap();
        }
    });
    let galaxy = all(&path).unwrap();
    let background = UvBackground::at(1.0).unwrap();
    let code = cells_at(&around(500.0, 6));
    for i in 0..6 {
        // code density to nuclei per cm^3, and the temperature of the energy and the electrons, by hand
        let msun_kpc3 = code.density[i] * 1e10 * H * H / A.powi(3);
        let n_h = 0.76 * msun_kpc3 * 1.989e30 / (1e3 * PC_M).powi(3) / M_P_KG * 1e-6;
        let weight = 4.0 / (1.0 + 3.0 * 0.76 + 4.0 * 0.76 * 0.1);
        let t = if i % 3 == 2 { 1e4 } else { 2.0 / 3.0 * 100e6 * weight * M_P_KG / K_B_J_K };
        let hi = 0.76 * code.mass[i] * 1e10 / H * background.neutral_fraction(n_h, t);
        // Msun is TNG's in masses and the IAU's in densities
        close(galaxy.cells.hi_mass_msun[i], hi, 1e-3, "HI");
    }
    for note in ["no CenterOfMass", "no hydrogen fraction: 0.76", "no neutral fraction", "Rahmati et al. 2013"] {
        assert!(galaxy.notes.iter().any(|n| n.contains(note)), "{note} in {:?}", galaxy.notes);
    }
    // star-forming cells get their two phases, whatever the background says
    let corrected =
        ask(&path, Selection::All { centre_ckpc_h: None }, HiModel { h2: H2Model::None, ..HiModel::default() });
    let corrected = corrected.unwrap();
    for i in 0..6 {
        let same = corrected.cells.hi_mass_msun[i] == galaxy.cells.hi_mass_msun[i];
        assert_eq!(same, i % 3 != 2, "cell {i}");
    }

    // the products say so themselves
    std::fs::write(folder.path().join("run.toml"), CONFIG).unwrap();
    let (ok, _, err) = run(folder.path(), &["run", "run.toml", "--out", "out", "--set", "sky.snapshot=mini.hdf5"]);
    assert!(ok, "{err}");
    for product in ["sky.fits", "sky-tb.fits", "dirty.fits", "psf.fits"] {
        let cube = read_cube(&folder.path().join("out").join(product)).unwrap();
        // records are cut at 72 characters
        let history: String =
            cube.cards.iter().filter(|c| c.key == "HISTORY").map(|c| format!("{:<72}", c.comment)).collect();
        for words in ["gas: no neutral fraction", "Rahmati", "gas: no CenterOfMass", "gas: no hydrogen fraction: 0.76"]
        {
            assert!(history.contains(words), "{product}: {words} in {history}");
        }
    }
}

/// Chunks of two files with 10 cells about the middle, in a folder.
fn two_chunks(folder: &Path) {
    write(&folder.join("snap_001.0.hdf5"), &around(500.0, 4), 2, 10);
    write(&folder.join("snap_001.1.hdf5"), &around(510.0, 6), 2, 10);
}

/// Group 0: subhalos 0 (2 cells), 1 (1 cell), one loose cell; group 1: subhalos 2 (3), 3 (none), 4 (1), loose cells.
fn catalogue(folder: &Path) {
    let file = |k: usize, group: [i32; 3], subhalos: &[(i32, i32, f32, f32)]| {
        let file = hdf5::File::create(folder.join(format!("fof_subhalo_tab_001.{k}.hdf5"))).unwrap();
        let head = file.create_group("Header").unwrap();
        for (name, value) in [
            ("Time", A),
            ("Redshift", 1.0),
            ("HubbleParam", H),
            ("Omega0", 0.3),
            ("OmegaLambda", 0.7),
            ("BoxSize", BOX),
        ] {
            head.new_attr::<f64>().create(name).unwrap().write_scalar(&value).unwrap();
        }
        head.new_attr::<i32>().create("NumFiles").unwrap().write_scalar(&2i32).unwrap();
        let groups = file.create_group("Group").unwrap();
        let lengths = ndarray::arr2(&[[group[0], 0, 0, 0, 0, 0]]);
        groups.new_dataset_builder().with_data(&lengths).create("GroupLenType").unwrap();
        groups.new_dataset_builder().with_data(&[group[1]]).create("GroupFirstSub").unwrap();
        let set = file.create_group("Subhalo").unwrap();
        let n = subhalos.len();
        let types = |of: &dyn Fn(usize) -> [f32; 2]| {
            Array2::from_shape_fn((n, 6), |(i, t)| match t {
                0 => of(i)[0],
                4 => of(i)[1],
                _ => 0.0,
            })
        };
        let add =
            |name: &str, data: Array2<f32>| drop(set.new_dataset_builder().with_data(&data).create(name).unwrap());
        let lengths = Array2::from_shape_fn((n, 6), |(i, t)| if t == 0 { subhalos[i].0 } else { 7 });
        set.new_dataset_builder().with_data(&lengths).create("SubhaloLenType").unwrap();
        let parents: Vec<i32> = subhalos.iter().map(|s| s.1).collect();
        set.new_dataset_builder().with_data(&parents).create("SubhaloGrNr").unwrap();
        add("SubhaloPos", Array2::from_elem((n, 3), 500.0));
        add("SubhaloMassType", types(&|i| [subhalos[i].2, 2.0 * subhalos[i].3]));
        add("SubhaloMassInRadType", types(&|i| [0.0, subhalos[i].3]));
        add("SubhaloHalfmassRadType", types(&|_| [14.0, 7.0]));
        set.new_dataset_builder().with_data(&vec![0.5f32; n]).create("SubhaloSFR").unwrap();
        let flags: Vec<u8> = subhalos.iter().map(|s| u8::from(s.3 != 9.0)).collect();
        set.new_dataset_builder().with_data(&flags).create("SubhaloFlag").unwrap();
    };
    // cells, group, gas and stars (1e10 Msun/h); stars of 9: no galaxy by its flag
    file(0, [4, 0, 2], &[(2, 0, 2.1e-4, 0.7), (1, 0, 1.2e-4, 0.07), (3, 1, 4e-4, 0.35)]);
    file(1, [6, 2, 3], &[(0, 1, 0.0, 0.7), (1, 1, 2e-4, 9.0)]);
}

fn places() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (snapshot, groups) = (folder.path().join("snapdir_001"), folder.path().join("groups_001"));
    std::fs::create_dir(&snapshot).unwrap();
    std::fs::create_dir(&groups).unwrap();
    two_chunks(&snapshot);
    catalogue(&groups);
    (folder, snapshot, groups)
}

fn offsets_file(path: &Path, firsts: &[i64]) {
    let file = hdf5::File::create(path).unwrap();
    let table = Array2::from_shape_fn((firsts.len(), 6), |(i, t)| if t == 0 { firsts[i] } else { -1 });
    file.create_group("Subhalo").unwrap().new_dataset_builder().with_data(&table).create("SnapByType").unwrap();
}

#[test]
fn subhalos_are_listed_by_mass_with_the_hi_of_their_cells() {
    let (folder, snapshot, groups) = places();
    let list = |filter: &SubhaloFilter, gas: Option<&SubhaloGasSource>| {
        list_subhalos(&groups, filter, gas, &Watch::silent()).unwrap()
    };
    let numbers = |filter: SubhaloFilter| list(&filter, None).rows.iter().map(|r| r.index).collect::<Vec<_>>();
    // 3 has no gas, 4 is a clump
    assert_eq!(numbers(SubhaloFilter::default()), [0, 1, 2]);
    let everything = list(&SubhaloFilter::default(), None);
    assert_eq!((everything.total, everything.notes.len()), (5, 0));
    let row = &everything.rows[0];
    close(row.stellar_msun, 1e10, 1e-6, "stars within twice the half-mass radius");
    close(row.gas_msun, 3e6, 1e-6, "gas");
    close(row.gas_half_mass_kpc, 14.0 * A / H, 1e-6, "radius of the gas");
    close(row.stellar_half_mass_kpc, 7.0 * A / H, 1e-6, "radius of the stars");
    assert_eq!((row.position_ckpc_h, row.sfr_msun_yr, row.gas_cells, row.hi_msun), ([500.0; 3], 0.5, 2, None));
    assert_eq!(numbers(SubhaloFilter { stellar_msun: Some([2e9, 6e9]), ..Default::default() }), [2]);
    assert_eq!(numbers(SubhaloFilter { gas_msun: Some([2e6, 1e9]), ..Default::default() }), [0, 2]);

    // HI of the list is that of each subhalo when it is loaded alone, batched or one by one
    for model in [plain(), HiModel { h2: H2Model::GnedinKravtsov2011, ..HiModel::default() }] {
        let gas = SubhaloGasSource { snapshot: snapshot.clone(), format: None, offsets: None, model: model.clone() };
        for row in list(&SubhaloFilter::default(), Some(&gas)).rows {
            let selection = Selection::Subhalo { catalogue: groups.clone(), offsets: None, index: row.index };
            let alone = ask(&snapshot, selection, model.clone()).unwrap();
            close(row.hi_msun.unwrap(), alone.totals.hi_msun, 1e-12, "HI");
        }
    }
    let offsets = folder.path().join("offsets_001.hdf5");
    offsets_file(&offsets, &[0, 2, 4, 7, 7]);
    let gas =
        SubhaloGasSource { snapshot: snapshot.clone(), format: None, offsets: Some(offsets.clone()), model: plain() };
    // the neutral half of X of the mass: 0: 2.1e-4, 1: 1.2e-4, 2: 1e-4 + 1.1e-4 + 1.2e-4 in code masses
    let neutral = |code: f64| code * 1e10 / H * 0.75 * 0.5;
    let masses: Vec<f64> =
        list(&SubhaloFilter::default(), Some(&gas)).rows.iter().map(|r| r.hi_msun.unwrap()).collect();
    for (got, code) in masses.iter().zip([2.1e-4, 1.2e-4, 3.3e-4]) {
        close(*got, neutral(code), 1e-6, "HI");
    }
    let between = SubhaloFilter { hi_msun: Some([neutral(1.3e-4), neutral(3.4e-4)]), ..Default::default() };
    let nth = |n: usize| nth_subhalo(&groups, &between, n, &gas, &Watch::silent());
    assert_eq!((nth(0).unwrap(), nth(1).unwrap()), (0, 2));
    assert!(error_of(nth(2)).contains("fewer subhalos"));
    assert!(error_of(list_subhalos(&groups, &between, None, &Watch::silent())).contains("need the snapshot's gas"));

    // the sums of one and of all
    let counted = first_gas_cells(&groups, None, &[0, 1, 2, 4]).unwrap();
    let one: Vec<u64> = [0, 1, 2, 4].iter().map(|i| subhalo_gas(&groups, None, *i).unwrap().first).collect();
    assert_eq!(counted, one);
    assert_eq!(counted, [0, 2, 4, 7]);
    assert!(error_of(first_gas_cells(&groups, None, &[5])).contains("number below 5"));
    assert!(error_of(first_gas_cells(&groups, Some(&offsets), &[5])).contains("number below 5"));
}

#[test]
fn the_program_lists_and_picks_subhalos() {
    let (folder, snapshot, groups) = places();
    let at = folder.path();
    let (ok, out, err) = run(at, &["sky", "info", "groups_001"]);
    assert!(ok && out.contains("5 subhalos, 3 with gas"), "{out}{err}");
    let words =
        ["sky", "info", "groups_001", "--stellar-mass", "2e9 1e11 Msun", "--snapshot", "snapdir_001", "--out", "t.csv"];
    let (ok, out, err) = run(at, &words);
    assert!(ok && out.contains("2 with gas and within the ranges"), "{out}{err}");
    let table = std::fs::read_to_string(at.join("t.csv")).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().map(|l| l.split(',').collect()).collect();
    assert_eq!(
        (rows.len(), rows[0][0], rows[1][0], rows[2][0], rows[0].len()),
        (3, "subhalo", "0", "2", rows[1].len())
    );
    // that is the galaxy of sky.subhalo
    let hi: f64 = rows[2][6].parse().unwrap();
    let selection = Selection::Subhalo { catalogue: groups.clone(), offsets: None, index: 2 };
    close(hi, ask(&snapshot, selection, HiModel::default()).unwrap().totals.hi_msun, 1e-5, "HI");

    offsets_file(&at.join("offsets.hdf5"), &[0, 2, 4, 7, 7]);
    std::fs::write(at.join("run.toml"), CONFIG).unwrap();
    let pick = |more: &[&str], out: &str| {
        let mut words = vec!["run", "run.toml", "--out", out, "--set", "sky.snapshot=snapdir_001"];
        words.extend(["--set", "sky.group_catalogue=groups_001"]);
        more.iter().for_each(|m| words.extend(["--set", m]));
        run(at, &words)
    };
    let mass = |out: &str| {
        let cube = read_cube(&at.join(out).join("sky.fits")).unwrap();
        let name = cube.cards.iter().find(|c| c.key == "OBJECT").map(|c| c.value.clone());
        let mass = cube
            .cards
            .iter()
            .find_map(|c| if let ("MHI", CardValue::Float(m)) = (c.key.as_str(), &c.value) { Some(*m) } else { None });
        (name, mass.unwrap())
    };
    let (ok, _, err) = pick(&["sky.subhalo=2", "sky.offsets=offsets.hdf5"], "by-number");
    assert!(ok, "{err}");
    let (ok, _, err) = pick(&["sky.stellar_mass=2e9 1e11 Msun", "sky.nth=1"], "by-mass");
    assert!(ok, "{err}");
    assert_eq!(mass("by-number"), mass("by-mass"));
    close(mass("by-number").1, hi, 1e-5, "HI");
    assert_eq!(mass("by-mass").0, Some(CardValue::Text("snapdir_001 subhalo 2".into())));

    // bad words, nothing written
    for (more, says) in [
        (&["sky.subhalo=2", "sky.nth=1"][..], "the subhalo is given twice"),
        (&["sky.subhalo=3"], "the subhalo has no gas"),
        (&["sky.subhalo=7"], "no such subhalo"),
        (&["sky.stellar_mass=1e9 Msun"], "the smallest and the largest mass"),
        (&["sky.hi_mass_range=1e9 2e9 kpc"], "Msun"),
        (&["sky.hi_mass_range=1e9 2e9 Msun"], "fewer subhalos"),
    ] {
        let (ok, _, err) = pick(more, "bad");
        assert!(!ok && err.contains(says) && !err.contains("panicked"), "{more:?}: {err}");
        assert!(!at.join("bad").exists(), "{more:?}");
    }
    for (words, says) in [
        (&["sky", "info", "groups_001", "--hi-mass", "1e9 1e10 Msun"][..], "--snapshot"),
        (&["sky", "info", "snapdir_001", "--gas-mass", "1e9 1e10 Msun"], "belong to group catalogues"),
        (&["sky", "info", "groups_001", "--gas-mass", "1e10 1e9 Msun"], "not a range of masses"),
        (&["sky", "info", "snapdir_001", "--format", "gadget"], "an unknown format"),
        (&["sky", "info", "snapdir_001", "--format", "eagle"], "EAGLE"),
    ] {
        let (ok, out, err) = run(at, words);
        assert!(!ok && err.contains(says) && out.is_empty(), "{words:?}: {err}");
    }
}

#[test]
fn catalogues_and_offsets_of_other_snapshots_are_refused() {
    let (folder, snapshot, groups) = places();
    let subhalo = |offsets: Option<PathBuf>| {
        ask(&snapshot, Selection::Subhalo { catalogue: groups.clone(), offsets, index: 2 }, plain())
    };
    let offsets = folder.path().join("offsets.hdf5");
    offsets_file(&offsets, &[0, 2, 9, 9, 9]);
    let text = error_of(subhalo(Some(offsets.clone())));
    assert!(
        text.contains("do not belong to the snapshot") && text.contains("9 to 12") && text.contains("has 10"),
        "{text}"
    );
    assert!(subhalo(None).is_ok());
    for k in 0..2 {
        edit(&groups.join(format!("fof_subhalo_tab_001.{k}.hdf5")), |f| {
            let header = f.group("Header").unwrap();
            header.attr("Time").unwrap().write_scalar(&0.25).unwrap();
            header.attr("Redshift").unwrap().write_scalar(&3.0).unwrap();
        });
    }
    let text = error_of(subhalo(None));
    assert!(
        text.contains("belongs to another snapshot") && text.contains("redshift 3.0") && text.contains("1.0"),
        "{text}"
    );
    edit(&groups.join("fof_subhalo_tab_001.1.hdf5"), |f| {
        f.group("Header").unwrap().attr("Time").unwrap().write_scalar(&0.2502).unwrap();
    });
    let text = error_of(read_catalogue(&groups, |_, _| true, &Watch::silent()));
    assert!(text.contains("different group catalogues"), "{text}");
}

#[test]
fn chunks_of_different_snapshots_are_refused() {
    let changes: [(&str, f64); 4] = [("Time", 0.502), ("Redshift", 1.001), ("HubbleParam", 0.71), ("BoxSize", 999.0)];
    for (name, value) in changes {
        let folder = tempfile::tempdir().unwrap();
        two_chunks(folder.path());
        edit(&folder.path().join("snap_001.1.hdf5"), |f| {
            f.group("Header").unwrap().attr(name).unwrap().write_scalar(&value).unwrap();
        });
        let text = error_of(all(folder.path()));
        for part in ["belong to different snapshots", name, &value.to_string(), "snap_001.1.hdf5"] {
            assert!(text.contains(part), "{name}: {part} in {text}");
        }
    }
    // a redshift that is not that of the scale factor, h that is not there, h of 0
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.hdf5");
    write(&path, &around(500.0, 6), 1, 6);
    edit(&path, |f| f.group("Header").unwrap().attr("HubbleParam").unwrap().write_scalar(&0.0).unwrap());
    assert!(error_of(all(&path)).contains("HubbleParam is not positive"));
    edit(&path, |f| {
        f.group("Header").unwrap().delete_attr("HubbleParam").unwrap();
        if let Ok(parameters) = f.group("Parameters") {
            parameters.delete_attr("HubbleParam").ok();
        }
    });
    let text = error_of(all(&path));
    assert!(text.contains("HubbleParam is missing") && text.contains("one.hdf5"), "{text}");
    write(&path, &around(500.0, 6), 1, 6);
    edit(&path, |f| f.group("Header").unwrap().attr("Redshift").unwrap().write_scalar(&3.0).unwrap());
    let text = error_of(all(&path));
    assert!(text.contains("scale factor and redshift contradict each other") && text.contains("Redshift 3"), "{text}");
}

#[test]
fn a_selection_over_the_edge_of_the_box_is_the_one_in_its_middle() {
    let folder = tempfile::tempdir().unwrap();
    // 40 cells within 30 ckpc/h and 20 beyond, about a point; the same moved over three faces of the box at once
    let offsets: Vec<[f64; 3]> = (0..60)
        .map(|i| {
            let (r, t, p) = (if i < 40 { 0.7 * i as f64 } else { 31.0 + i as f64 }, 0.7 * i as f64, 1.9 * i as f64);
            [r * t.sin() * p.cos(), r * t.sin() * p.sin(), r * t.cos()]
        })
        .collect();
    let galaxy = |centre: [f64; 3], name: &str| {
        let path = folder.path().join(name);
        let positions: Vec<[f64; 3]> =
            offsets.iter().map(|o| [0, 1, 2].map(|k| (centre[k] + o[k]).rem_euclid(BOX))).collect();
        write(&path, &positions, 1, 60);
        let sphere = Selection::Sphere { centre_ckpc_h: centre, radius_ckpc_h: 30.0 };
        (ask(&path, sphere, plain()).unwrap(), all(&path).unwrap())
    };
    let (middle, middle_all) = galaxy([500.0, 500.0, 500.0], "middle.hdf5");
    let (edge, edge_all) = galaxy([999.5, 0.25, 1000.0], "edge.hdf5");
    assert_eq!(middle.cells.len(), 40);
    assert_eq!((edge.cells.len(), edge.totals), (middle.cells.len(), middle.totals));
    assert_eq!(edge.cells.velocity_km_s, middle.cells.velocity_km_s);
    // positions are single precision in the file: of CenterOfMass, 3e-5 ckpc/h at 500
    let near =
        |a: &[[f64; 3]], b: &[[f64; 3]]| a.iter().flatten().zip(b.iter().flatten()).all(|(x, y)| (x - y).abs() < 1e-4);
    assert!(near(&edge.cells.position_kpc, &middle.cells.position_kpc));
    // also about a centre that is found
    assert!(near(&edge_all.cells.position_kpc, &middle_all.cells.position_kpc));
}

#[test]
fn a_cutout_larger_than_memory_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    two_chunks(folder.path());
    let with = |selection: CellSelection, most_bytes: f64| {
        let options = ReadOptions { selection, most_bytes: Some(most_bytes), ..ReadOptions::default() };
        read_gas(folder.path(), &options, &Watch::silent())
    };
    let text = error_of(with(CellSelection::All, 3000.0));
    for part in ["does not fit into memory", "10 gas cells: about", "at most", "sky.radius"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    // the estimate comes from the header: cells that are nowhere to be read count, too
    for k in 0..2 {
        edit(&folder.path().join(format!("snap_001.{k}.hdf5")), |f| {
            let total = f.group("Header").unwrap().attr("NumPart_Total").unwrap();
            let mut all: Vec<i64> = total.read_raw().unwrap();
            all[0] = 4_000_000_000;
            total.write_raw(&all.iter().map(|n| *n as u32).collect::<Vec<u32>>()).unwrap();
        });
    }
    let text = error_of(with(CellSelection::All, 1e11));
    assert!(text.contains("4000000000 gas cells: about 1600.0 GB") && text.contains("100.0 GB"), "{text}");
    // a part of it is read
    let sphere = |radius: f64| CellSelection::Sphere { centre: [500.0; 3], radius };
    assert_eq!(with(sphere(1.0), 3000.0).unwrap().gas.len(), 1);
    assert!(error_of(with(sphere(100.0), 3000.0)).contains("10 gas cells so far"));
    assert_eq!(with(CellSelection::Range { first: 3, count: 4 }, 3000.0).unwrap().gas.len(), 4);
    assert!(error_of(with(CellSelection::Range { first: 0, count: 10 }, 3000.0)).contains("10 gas cells: about"));
}

#[test]
fn centre_and_radius_have_the_units_of_any_simulation() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(&at.join("cutout.hdf5"), &around(500.0, 6), 1, 6);
    std::fs::write(at.join("run.toml"), CONFIG).unwrap();
    let mut seen = Vec::new();
    for (i, (centre, radius)) in [
        ("500 500 500 ckpc/h", "3 ckpc/h"),
        ("0.5 0.5 0.5 cMpc/h", "0.003 cMpc/h"),
        ("714.285714286 714.285714286 714.285714286 ckpc", "0.00428571428571 cMpc"),
        ("357.142857143 357.142857143 357.142857143 kpc", "2.14285714286 kpc"),
        ("0.25 0.25 0.25 Mpc/h", "1.5 kpc/h"),
    ]
    .into_iter()
    .enumerate()
    {
        let (out, c, r) = (format!("out-{i}"), format!("sky.centre={centre}"), format!("sky.radius={radius}"));
        let words = ["run", "run.toml", "--out", &out, "--set", "sky.snapshot=cutout.hdf5", "--set", &c, "--set", &r];
        let (ok, _, err) = run(at, &words);
        assert!(ok, "{centre}: {err}");
        let cube = read_cube(&at.join(out).join("sky.fits")).unwrap();
        let mass = cube.cards.iter().find(|c| c.key == "MHI").unwrap();
        let CardValue::Float(mass) = mass.value else { panic!("{mass:?}") };
        seen.push(mass);
    }
    let sphere = Selection::Sphere { centre_ckpc_h: [500.0; 3], radius_ckpc_h: 3.0 };
    let galaxy = ask(&at.join("cutout.hdf5"), sphere, HiModel::default()).unwrap();
    assert_eq!(galaxy.cells.len(), 3);
    close(seen[0], galaxy.totals.hi_msun, 1e-9, "HI");
    seen.iter().for_each(|mass| close(*mass, seen[0], 1e-9, "HI in other units"));
    for (key, says) in [
        ("sky.centre=1 2 3 pc", "ckpc, cMpc, kpc"),
        ("sky.radius=1 2 kpc", "one length above 0"),
        ("sky.radius=-3 ckpc", "above 0"),
    ] {
        let (ok, _, err) = run(at, &["run", "run.toml", "--check", "--set", "sky.snapshot=cutout.hdf5", "--set", key]);
        assert!(!ok && err.contains(says), "{key}: {err}");
    }
}

/// An archive as numpy writes it: names with their .npy bytes, stored or deflated.
fn npz(path: &Path, deflated: bool, arrays: &[(&str, Vec<u8>)]) {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in arrays {
        let name = format!("{name}.npy");
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        let packed = if deflated {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        } else {
            bytes.clone()
        };
        let offset = out.len() as u32;
        let mut common = Vec::new();
        for part in [20u16, 0, if deflated { 8 } else { 0 }, 0, 33] {
            common.extend(part.to_le_bytes());
        }
        for part in [crc.sum(), packed.len() as u32, bytes.len() as u32] {
            common.extend(part.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        // numpy forces zip64: an extra field of 20 bytes in the local header
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(20u16.to_le_bytes());
        out.extend(name.as_bytes());
        out.extend([1, 0, 16, 0]);
        out.extend((bytes.len() as u64).to_le_bytes());
        out.extend((packed.len() as u64).to_le_bytes());
        out.extend(&packed);
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&common);
        directory.extend([0; 12]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let at = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((arrays.len() as u16).to_le_bytes());
    out.extend((arrays.len() as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    std::fs::write(path, out).unwrap();
}

fn npy(descr: &str, fortran: bool, shape: &str, bytes: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\0".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(bytes);
    out
}

fn doubles(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn text(words: &str) -> Vec<u8> {
    npy(&format!("<U{}", words.len()), false, "()", words.chars().flat_map(|c| (c as u32).to_le_bytes()))
}

fn column(values: &[f64]) -> Vec<u8> {
    npy("<f8", false, &format!("({},)", values.len()), doubles(values))
}

/// The arrays of a small galaxy: physical kpc at z = 1.
fn arrays() -> Vec<(&'static str, Vec<u8>)> {
    let x: Vec<f64> = (0..6).map(|i| i as f64 * 0.001).collect();
    let flat: Vec<f64> = x.iter().flat_map(|x| [*x, 2.0 * x, -x]).collect();
    // columns first, as a transposed array is saved
    let by_column: Vec<f64> = [1.0, 2.0, -1.0].iter().flat_map(|s| x.iter().map(move |x| s * x)).collect();
    assert_eq!(flat.len(), by_column.len());
    vec![
        ("positions", npy("<f8", true, "(6, 3)", doubles(&by_column))),
        ("positions_units", text("Mpc")),
        ("velocities", npy(">f4", false, "(6, 3)", (0..18).flat_map(|i| (i as f32).to_be_bytes()))),
        ("mass", npy("<i8", false, "(6,)", (1..7i64).flat_map(|i| (i * 1_000_000).to_le_bytes()))),
        ("density", column(&[1e-24; 6])),
        ("temperature", npy("<i2", false, "(6,)", (0..6).flat_map(|_| 7000i16.to_le_bytes()))),
        ("neutral_fraction", npy("<f4", false, "(6,)", (0..6).flat_map(|_| 0.5f32.to_le_bytes()))),
        ("redshift", npy("<f8", false, "(1,)", doubles(&[1.0]))),
        ("h", npy("<f8", false, "()", doubles(&[0.7]))),
        ("omega_m", npy("<f8", false, "()", doubles(&[0.3]))),
        ("omega_lambda", npy("<f8", false, "()", doubles(&[0.7]))),
    ]
}

#[test]
fn archives_of_numpy_are_plain_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("galaxy.npz");
    for deflated in [false, true] {
        npz(&path, deflated, &arrays());
        let galaxy = all(&path).unwrap();
        assert_eq!((galaxy.header.format, galaxy.cells.len(), galaxy.cells.scale_factor), (Format::Arrays, 6, 0.5));
        close(galaxy.totals.gas_msun, 21e6, 1e-9, "gas");
        close(galaxy.totals.hi_msun, 0.76 * 0.5 * 21e6, 1e-9, "HI");
        for i in 0..6 {
            let apart = [0, 1, 2].map(|k| galaxy.cells.position_kpc[i][k] - galaxy.cells.position_kpc[0][k]);
            for (got, of) in apart.iter().zip([1.0, 2.0, -1.0]) {
                assert!((got - of * i as f64).abs() < 1e-6, "{apart:?}");
            }
            for k in 0..3 {
                assert!((galaxy.cells.velocity_km_s[i][k] - (3 * i + k) as f64).abs() < 1e-9);
            }
            close(
                galaxy.cells.volume_kpc3[i],
                (i + 1) as f64 * 1e6 * MSUN_KG * 1e3 / 1e-24 / (PC_M * 1e5).powi(3),
                1e-6,
                "volume",
            );
        }
        assert_eq!(galaxy.cells.hi_mass_msun.len(), 6);
        assert!(galaxy.notes.iter().any(|n| n.contains("no hydrogen fraction")), "{:?}", galaxy.notes);
    }
    let (ok, out, err) = run(folder.path(), &["sky", "info", "galaxy.npz"]);
    assert!(ok && out.contains("plain arrays snapshot") && out.contains("6 here") && out.contains("Mpc"), "{out}{err}");
    let (ok, out, err) = run(folder.path(), &["sky", "compare-h2", "galaxy.npz"]);
    assert!(ok && out.contains("BR06"), "{out}{err}");

    // one wrong array each
    let with = |name: &str, bytes: Vec<u8>| {
        let mut all: Vec<_> = arrays().into_iter().filter(|a| a.0 != name).collect();
        all.push((name, bytes));
        all.iter().map(|a| (a.0.to_string(), a.1.clone())).collect::<Vec<_>>()
    };
    for (name, bytes, says) in [
        ("positions_units", text("furlongs"), "furlongs"),
        ("mass", npy("|O", false, "(6,)", [0; 48]), "dtype |O"),
        ("mass", npy("<U3", false, "(6,)", [0; 72]), "a table of texts"),
        ("mass", npy("<f8", false, "(6, 1, 1)", doubles(&[1.0; 6])), "3 axes"),
        ("mass", npy("<f8", false, "(6,)", doubles(&[1.0; 4])), "breaks off"),
        ("mass", npy("<f8", false, "(2,)", doubles(&[1.0; 2])), "another number of rows"),
        ("mass", column(&[-1.0; 6]), "impossible value"),
        ("density", column(&[0.0; 6]), "impossible value"),
        ("velocities", column(&[1.0; 6]), "unexpected shape"),
        ("mass", b"no npy at all, but something".to_vec(), "not a .npy file"),
        ("redshift", text("0.5"), "the attribute redshift cannot be used"),
        ("redshift", column(&[0.5, 0.6]), "an array of shape [2]"),
        ("redshift", column(&[f64::NAN]), "NaN"),
        ("h", text("x"), "the text \"x\""),
        ("Redshift", column(&[0.5]), "expected: redshift"),
        ("Density", column(&[1.0; 6]), "expected: density"),
        ("scale_factor", column(&[0.3]), "scale_factor 0.3, redshift 1"),
        ("masses", column(&[1.0; 6]), "mass and masses"),
        ("coordinates", column(&[1.0; 18]), "positions and coordinates"),
        ("hi_fraction", column(&[0.1; 6]), "neutral_fraction and hi_fraction"),
        ("box_size", column(&[1.0]), "the positions do not fit into the box"),
        ("masses_units", text("kg"), "masses_units are the units of no array"),
        ("density_units", column(&[1.0]), "density_units holds no units"),
        ("positions", npy("<f8", false, "(3, 6)", doubles(&[0.0; 18])), "positions = positions.T"),
        ("density", column(&[-1.0; 6]), "correct the array"),
    ] {
        let arrays = with(name, bytes);
        let arrays: Vec<(&str, Vec<u8>)> = arrays.iter().map(|(n, b)| (n.as_str(), b.clone())).collect();
        npz(&path, true, &arrays);
        let text = error_of(all(&path));
        assert!(text.contains(says) && text.contains("galaxy.npz"), "{name}: {says} in {text}");
    }
    let without: Vec<_> = arrays().into_iter().filter(|a| !a.0.starts_with("positions")).collect();
    npz(&path, true, &without);
    assert!(error_of(all(&path)).contains("the field positions is missing (plain arrays format)"));
    std::fs::write(folder.path().join("mass.npy"), column(&[1.0; 6])).unwrap();
    for command in ["info", "compare-h2"] {
        let (ok, _, err) = run(folder.path(), &["sky", command, "mass.npy"]);
        assert!(!ok && err.contains("expected: an .npz archive"), "{err}");
    }
    // every kind of damage is an error, not a panic
    npz(&path, true, &arrays());
    let whole = std::fs::read(&path).unwrap();
    for length in (4..whole.len()).step_by(97) {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(error_of(all(&path)).contains("galaxy.npz"), "{length}");
    }
    let mut refused = 0;
    for at in (0..whole.len()).step_by(11) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x5a;
        std::fs::write(&path, &bytes).unwrap();
        refused += usize::from(all(&path).is_err());
    }
    // what is left are dates, versions and other words that nobody reads
    assert!(refused > whole.len() / 11 / 2, "{refused}");
}

#[test]
fn attributes_of_plain_arrays_are_used_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.hdf5");
    let attribute = |f: &hdf5::File, name: &str, values: &[f64]| {
        f.new_attr_builder().with_data(values).create(name).unwrap();
    };
    let words = |f: &hdf5::File, name: &str, text: &str| {
        let text: hdf5::types::VarLenUnicode = text.parse().unwrap();
        f.new_attr::<hdf5::types::VarLenUnicode>().create(name).unwrap().write_scalar(&text).unwrap();
    };
    let make = |change: &dyn Fn(&hdf5::File)| {
        let file = hdf5::File::create(&path).unwrap();
        let table = Array2::from_shape_fn((6, 3), |(i, k)| (i + k) as f64);
        for name in ["positions", "velocities"] {
            file.new_dataset_builder().with_data(&table).create(name).unwrap();
        }
        for (name, value) in [("mass", 1e6), ("density", 1e-24), ("temperature", 7000.0)] {
            file.new_dataset_builder().with_data(&[value; 6]).create(name).unwrap();
        }
        change(&file);
        file.close().unwrap();
    };
    // what is said of the redshift holds, and units that nobody states are notes
    make(&|f| {
        [("redshift", 1.0), ("scale_factor", 0.5), ("box_size", 5.5)].iter().for_each(|a| attribute(f, a.0, &[a.1]))
    });
    let galaxy = all(&path).unwrap();
    close(galaxy.cells.scale_factor, 0.5, 1e-12, "a");
    for note in
        ["no units of positions: kpc", "no units of mass: Msun", "no units of density: g/cm^3", "no box_units: kpc"]
    {
        assert!(galaxy.notes.iter().any(|n| n.contains(note)), "{note} in {:?}", galaxy.notes);
    }
    let galaxy = ask(&path, Selection::All { centre_ckpc_h: None }, HiModel { h2: H2Model::Krumholz2013, ..plain() });
    let notes = galaxy.unwrap().notes;
    assert!(notes.iter().any(|n| n.contains("no field metallicity: ")), "{notes:?}");
    type Change<'a> = &'a dyn Fn(&hdf5::File);
    let cases: [(Change, &str); 9] = [
        (&|f| words(f, "redshift", "0.5"), "the text \"0.5\""),
        (&|f| attribute(f, "redshift", &[0.5, 0.6]), "2 numbers"),
        (&|f| words(f, "omega_m", "x"), "the attribute omega_m cannot be used"),
        (&|f| attribute(f, "Redshift", &[0.5]), "expected: redshift"),
        (&|f| attribute(f, "h", &[f64::INFINITY]), "inf"),
        (&|f| drop(f.new_dataset_builder().with_data(&[0.5]).create("redshift").unwrap()), "an array of shape [1]"),
        // five wide, and up to 7: beyond 3/2 of a box
        (&|f| attribute(f, "box_size", &[4.9]), "the positions do not fit into the box"),
        (&|f| attribute(f, "box_size", &[1.0]), "the positions do not fit into the box"),
        (&|f| [("box_size", 9.0), ("box_units", 1.0)].iter().for_each(|a| attribute(f, a.0, &[a.1])), "(not a text)"),
    ];
    for (change, says) in cases {
        make(change);
        let text = error_of(all(&path));
        assert!(text.contains(says) && text.contains("plain.hdf5"), "{says} in {text}");
    }
}
