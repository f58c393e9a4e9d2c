//! The reader on a genuine IllustrisTNG snapshot, on files of our own writer, and on bad input.

use skyfringe::error::Watch;
use skyfringe::formats::snapshot::{
    CellSelection, Format, GasTable, Header, ReadOptions, Snapshot, TNG_UNIT_LENGTH_CM, TNG_UNIT_MASS_G,
    TNG_UNIT_VELOCITY_CM_S, find_snapshot, read_gas, subhalo_gas, write_snapshot,
};
use skyfringe::sky::galaxy::{GalaxyParams, Order, write_galaxies};
use skyfringe::sky::h2::{H2Model, H2Settings};
use skyfringe::sky::neutral::HiModel;
use skyfringe::sky::snapshot::{LoadedGalaxy, Selection, SnapshotRequest, compare_h2, from_snapshot, info, load};
use std::path::{Path, PathBuf};

/// The folder of the genuine snapshot, or None with a line that says which test was skipped.
fn tng(test: &str) -> Option<PathBuf> {
    let data = std::env::var_os("SKYFRINGE_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let folder = data.join("tng50-4-subbox0/output/snapdir_2332");
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var("SKYFRINGE_REQUIRE_DATA").is_ok_and(|v| v == "1");
    assert!(!required, "{test}: no reference data at {}", folder.display());
    eprintln!("SKIPPED {test}: no reference data");
    None
}

/// The stored neutral hydrogen, uncorrected.
fn uncorrected() -> HiModel {
    HiModel { star_forming_correction: false, h2: H2Model::None, ..HiModel::default() }
}

fn request(path: &Path, selection: Selection, model: HiModel) -> SnapshotRequest {
    SnapshotRequest { path: path.to_path_buf(), format: None, selection, allow_missing_chunks: true, model }
}

fn load_all(path: &Path, model: HiModel) -> LoadedGalaxy {
    let selection = Selection::All { centre_ckpc_h: None };
    load(&request(path, selection, model), &Watch::silent()).unwrap()
}

/// Centre (ckpc/h), stored neutral hydrogen, and corrected neutral, HI and H2 masses (Msun) within
/// 60 ckpc/h. Stored: SOURCES.md of the data. Corrected: recorded from an independent calculation
/// in numpy of the formulas of docs/snapshots.md (cells by h5py, distance of CenterOfMass):
/// `u_c = 1.5*kB*1e3/(mp*4/(1+3X)); u_h = 1.5*kB*T_h/(mp*4/(3+5X));
/// f = where(SFR>0, clip((u_h-u)/(u_h-u_c),0,1), NeutralHydrogenAbundance);
/// R = (2/3*rho*u*f/kB/4.3e4)**0.92; neutral = sum(M*X*f); HI = sum(M*X*f/(1+R))`.
const GALAXIES: [([f64; 3], f64, f64, f64, f64); 3] = [
    ([25279.0, 8527.0, 26907.0], 3.25e9, 3.36620e9, 3.31266e9, 5.35372e7),
    ([26049.0, 10200.0, 27254.0], 5.91e9, 6.31515e9, 6.15440e9, 1.60752e8),
    // no star formation: only the molecular part differs
    ([26809.0, 10772.0, 28429.0], 4.40e9, 4.40265e9, 4.39275e9, 9.89976e6),
];

fn close(got: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((got / expected - 1.0).abs() < tolerance, "{what}: {got:e}, expected {expected:e}");
}

#[test]
fn genuine_snapshot_has_the_known_cells_and_masses() {
    let Some(folder) = tng("genuine_snapshot_has_the_known_cells_and_masses") else { return };
    // the folder and its parent are the same snapshot
    for path in [folder.as_path(), folder.parent().unwrap()] {
        let galaxy = load_all(path, uncorrected());
        assert_eq!(galaxy.cells.len(), 24789);
        close(galaxy.totals.gas_msun, 1.10026e12, 1e-5, "gas");
        close(galaxy.totals.hi_msun, 3.19605e10, 1e-5, "neutral H");
        assert_eq!(galaxy.totals.hi_msun, galaxy.totals.stored_neutral_msun);
        // more digits of the 0.6749 of SOURCES.md: h5py sum of StarFormationRate in float64
        close(galaxy.totals.sfr_msun_yr, 0.674857434, 1e-5, "SFR");
        assert!(galaxy.notes.iter().any(|n| n.contains("10 of 11 chunks") && n.contains("absent: 7")));
    }
}

#[test]
fn each_genuine_chunk_has_its_known_mass() {
    let Some(folder) = tng("each_genuine_chunk_has_its_known_mass") else { return };
    let table = [
        (0, 79.01, 5),
        (1, 2.87110e8, 829),
        (3, 3.68098e9, 4965),
        (4, 9.55294e9, 7187),
        (5, 1.779253e10, 7991),
        (6, 1.57220e5, 864),
        (8, 4.78297e3, 37),
        (10, 6.46741e8, 2911),
    ];
    for (chunk, mass, cells) in table {
        let galaxy = load_all(&folder.join(format!("snap_2332.{chunk}.hdf5")), uncorrected());
        assert_eq!(galaxy.cells.len(), cells, "chunk {chunk}");
        // SOURCES.md prints 4 to 7 digits
        close(galaxy.totals.hi_msun, mass, 6e-5, &format!("chunk {chunk}"));
    }
    for chunk in [2, 9] {
        let path = folder.join(format!("snap_2332.{chunk}.hdf5"));
        let error = load(&request(&path, Selection::All { centre_ckpc_h: None }, uncorrected()), &Watch::silent());
        assert!(error.unwrap_err().to_string().contains("no gas in the selection"));
    }
}

#[test]
fn missing_genuine_chunk_is_an_error_unless_allowed() {
    let Some(folder) = tng("missing_genuine_chunk_is_an_error_unless_allowed") else { return };
    let mut request = request(&folder, Selection::All { centre_ckpc_h: None }, uncorrected());
    request.allow_missing_chunks = false;
    let text = load(&request, &Watch::silent()).unwrap_err().to_string();
    assert!(text.contains("absent: 7") && text.contains("allow_missing_chunks"), "{text}");
    request.path = folder.join("snap_2332.4.hdf5");
    let text = load(&request, &Watch::silent()).unwrap_err().to_string();
    assert!(text.contains("1 of 11 chunks") && text.contains("snapdir"), "{text}");
}

#[test]
fn three_genuine_galaxies_have_their_known_neutral_hydrogen() {
    let Some(folder) = tng("three_genuine_galaxies_have_their_known_neutral_hydrogen") else { return };
    for (centre, stored, neutral, hi, h2) in GALAXIES {
        let selection = Selection::Sphere { centre_ckpc_h: centre, radius_ckpc_h: 60.0 };
        let plain = load(&request(&folder, selection.clone(), uncorrected()), &Watch::silent()).unwrap();
        close(plain.totals.hi_msun, stored, 0.01, "stored neutral H");
        let full = load(&request(&folder, selection, HiModel::default()), &Watch::silent()).unwrap();
        close(full.totals.stored_neutral_msun, stored, 0.01, "stored neutral H");
        close(full.totals.neutral_msun, neutral, 1e-4, "corrected neutral H");
        close(full.totals.hi_msun, hi, 1e-4, "HI");
        close(full.totals.h2_msun, h2, 1e-4, "H2");
        let (cells, totals) = (&full.cells, &full.totals);
        close(cells.total_hi_msun(), totals.hi_msun, 1e-12, "sum of cells");
        close(totals.hi_msun + totals.h2_msun, totals.neutral_msun, 1e-12, "HI + H2");
        // every cell is within 60 ckpc/h = 88.6 kpc
        let far = cells.position_kpc.iter().map(|p| p.iter().map(|x| x * x).sum::<f64>().sqrt()).fold(0.0, f64::max);
        assert!(far < 60.0 / 0.6774 && far > 80.0, "{far}");
        let (low, high) = cells.sigma_km_s.iter().fold((f64::MAX, 0f64), |(a, b), s| (a.min(*s), b.max(*s)));
        // 1e4 K is 9.083 km/s, with 5 km/s of turbulence 10.37
        assert!(low > 5.0 && high < 10.38, "{low} {high}");
    }
}

/// H2 mass (Msun) and HI half-mass radius (kpc) of [`GALAXIES`] by BR06, L08, GK11, GD14, MK10 and K13. Recorded from an
/// independent calculation in numpy (h5py; radiation as the sum over all pairs of cells; K13 by repeated substitution of
/// its pressure as the paper prints it): with f and P/k as above,
/// `Sigma = sqrt(5/3*2/3*u*rho/G)*X*f; D = Z/0.0127; L = V**(1/3);
/// U = max(0.1*3.2844e-6/3.43e-8*sum(SFR_j/max(d2_j, 4/9*(3*V_j/(4*pi))**(2/3))), 0.001362389)`.
const MODELS: [[(f64, f64); 6]; 3] = [
    [(5.35372e7, 8.9305), (1.59432e8, 9.1322), (1.60982e7, 8.9305), (2.83950e8, 9.1322), (0.0, 8.9305), (0.0, 8.9305)],
    [
        (1.60752e8, 15.9201),
        (3.37920e8, 16.0762),
        (5.23256e8, 16.1953),
        (8.22659e8, 16.4429),
        (3.93745e8, 16.1953),
        (3.91417e8, 16.1953),
    ],
    [
        (9.89976e6, 24.9009),
        (4.29245e7, 24.9009),
        (5.31349e8, 26.1188),
        (5.52406e8, 26.1188),
        (0.0, 24.9009),
        (8.62176e8, 26.6376),
    ],
];

#[test]
fn three_genuine_galaxies_have_the_h2_of_each_model() {
    let Some(folder) = tng("three_genuine_galaxies_have_the_h2_of_each_model") else { return };
    for ((centre, _, neutral, ..), expected) in GALAXIES.into_iter().zip(MODELS) {
        let selection = Selection::Sphere { centre_ckpc_h: centre, radius_ckpc_h: 60.0 };
        // opening 0: the radiation of every pair of cells
        let exact = H2Settings { uv_opening: 0.0, ..H2Settings::default() };
        let model = HiModel { h2_settings: exact, ..HiModel::default() };
        let table = request(&folder, selection.clone(), model).compare_h2(&Watch::silent()).unwrap();
        assert_eq!(table.rows.len(), 7);
        close(table.rows[0].hi_msun, neutral, 1e-4, "all atomic");
        assert_eq!((table.rows[0].model, table.rows[0].h2_msun), (H2Model::None, 0.0));
        for (row, (h2, radius)) in table.rows[1..].iter().zip(expected) {
            let what = format!("{} of the galaxy at {centre:?}", row.model.word());
            if h2 == 0.0 {
                assert!(row.h2_msun < 1.0, "{what}: {}", row.h2_msun);
            } else {
                close(row.h2_msun, h2, 1e-4, &what);
            }
            close(row.hi_half_mass_kpc, radius, 1e-4, &what);
            close(row.hi_msun + row.h2_msun, neutral, 1e-4, &what);
            // plausible for gas-rich galaxies of this mass: most of it is atomic
            assert!(row.hi_msun > 0.75 * neutral, "{what}: {}", row.hi_msun);
        }
        let h2 = |word: &str| table.rows.iter().find(|row| row.model.word() == word).unwrap().h2_msun;
        // P/k is below 2.1e7 K cm^-3; GD14 keeps molecules without dust; K13 adds to MK10 but for rounded coefficients
        assert!(h2("L08") > h2("BR06") && h2("GD14") > h2("GK11") && h2("K13") >= 0.99 * h2("MK10"));

        // the tree that is the default, and the way of `run`
        for row in &table.rows {
            let model = HiModel { h2: row.model, ..HiModel::default() };
            let galaxy = load(&request(&folder, selection.clone(), model), &Watch::silent()).unwrap();
            close(galaxy.totals.hi_msun, row.hi_msun, 2e-3, row.model.word());
        }
    }
}

#[test]
fn a_snapshot_without_metallicity_has_the_suns() {
    let folder = tempfile::tempdir().unwrap();
    write_galaxies(&Order { seed: 4, ..Order::default() }, 1, folder.path(), &Watch::silent()).unwrap();
    let path = folder.path().join("galaxy_0000.hdf5");
    let options = ReadOptions { metallicity: true, ..ReadOptions::default() };
    let mut snapshot = read_gas(&path, &options, &Watch::silent()).unwrap();
    let table = |snapshot: &Snapshot| compare_h2(snapshot, None, &HiModel::default(), &Watch::silent()).unwrap();
    let with = table(&snapshot);
    assert!(with.mean_dust_mw < 0.95 && !with.notes.iter().any(|n| n.contains("metallicity")), "{:?}", with.notes);
    snapshot.gas.metallicity = Vec::new();
    let without = table(&snapshot);
    assert_eq!(without.mean_dust_mw, 1.0);
    assert!(without.notes.iter().any(|n| n.contains("GFM_Metallicity") && n.contains("0.0127")), "{:?}", without.notes);
    // models of pressure alone do not look at it
    assert_eq!(without.rows[..3], with.rows[..3]);
    assert_ne!(without.rows[3], with.rows[3]);
}

/// A header of a small box at z = 1 with `files` files of `cells` gas cells in all.
fn header(files: usize, cells: u64) -> Header {
    Header {
        format: Format::Tng,
        two_phase_star_formation: true,
        time: 0.5,
        redshift: 1.0,
        hubble_param: 0.7,
        omega0: 0.3,
        omega_lambda: 0.7,
        omega_baryon: 0.05,
        box_size: 1000.0,
        num_files: files,
        gas_cells_total: cells,
        unit_length_in_cm: TNG_UNIT_LENGTH_CM,
        unit_mass_in_g: TNG_UNIT_MASS_G,
        unit_velocity_in_cm_per_s: TNG_UNIT_VELOCITY_CM_S,
        simulation_name: "test".into(),
        assumptions: Vec::new(),
    }
}

/// Neutral cells of 1e-4 code masses at `position`; cell i moves with 10 i along x.
fn cells_at(position: &[[f64; 3]]) -> GasTable {
    let n = position.len();
    GasTable {
        position: position.to_vec(),
        velocity: (0..n).map(|i| [10.0 * i as f64, 0.0, 0.0]).collect(),
        mass: vec![1e-4; n],
        density: vec![1e-5; n],
        internal_energy: vec![100.0; n],
        electron_abundance: vec![0.0; n],
        neutral_abundance: vec![0.5; n],
        star_formation_rate: vec![0.0; n],
        hydrogen_fraction: vec![0.75; n],
        metallicity: vec![0.01; n],
        magnetic_field: vec![[0.0, 1.0, 0.0]; n],
        ..GasTable::default()
    }
}

/// Writes one chunk a slice of `positions`, named snap_001.K.hdf5, into a new folder.
fn snapshot_of(chunks: &[&[[f64; 3]]]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let total = chunks.iter().map(|c| c.len() as u64).sum();
    for (k, positions) in chunks.iter().enumerate() {
        let snapshot = Snapshot { header: header(chunks.len(), total), gas: cells_at(positions), notes: vec![] };
        write_snapshot(&folder.path().join(format!("snap_001.{k}.hdf5")), &snapshot).unwrap();
    }
    folder
}

fn read_all(path: &Path) -> skyfringe::Result<Snapshot> {
    read_gas(path, &ReadOptions::default(), &Watch::silent())
}

fn error_of<T: std::fmt::Debug>(result: skyfringe::Result<T>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn what_is_written_is_read_again_and_bytes_repeat() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot =
        Snapshot { header: header(1, 2), gas: cells_at(&[[1.0, 2.0, 3.0], [999.0, 0.5, 4.0]]), notes: vec![] };
    let (one, two) = (folder.path().join("one.hdf5"), folder.path().join("two.hdf5"));
    write_snapshot(&one, &snapshot).unwrap();
    // a time stamp would differ after more than a second
    std::thread::sleep(std::time::Duration::from_millis(1100));
    write_snapshot(&two, &snapshot).unwrap();
    assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap());
    let options = ReadOptions { magnetic_field: true, metallicity: true, ..ReadOptions::default() };
    let read = read_gas(&one, &options, &Watch::silent()).unwrap();
    assert_eq!(read.header, snapshot.header);
    assert_eq!(read.notes, Vec::<String>::new());
    assert_eq!(read.gas.position, snapshot.gas.position);
    assert_eq!(read.gas.velocity, snapshot.gas.velocity);
    assert_eq!(read.gas.magnetic_field, snapshot.gas.magnetic_field);
    close(read.gas.mass[0], 1e-4, 1e-7, "mass");
    close(read.gas.metallicity[1], 0.01, 1e-7, "metallicity");
    assert_eq!(read.gas.hydrogen_fraction, [0.75, 0.75]);
}

#[test]
fn spheres_wrap_around_the_box_and_units_are_physical() {
    let folder = snapshot_of(&[&[[2.0, 500.0, 500.0], [998.0, 500.0, 500.0]], &[[50.0, 500.0, 500.0]]]);
    let selection = Selection::Sphere { centre_ckpc_h: [999.0, 500.0, 500.0], radius_ckpc_h: 5.0 };
    let galaxy = load(&request(folder.path(), selection, uncorrected()), &Watch::silent()).unwrap();
    assert_eq!(galaxy.cells.len(), 2);
    // 3 and -1 ckpc/h at a = 0.5, h = 0.7
    close(galaxy.cells.position_kpc[0][0], 3.0 * 0.5 / 0.7, 1e-12, "position");
    close(galaxy.cells.position_kpc[1][0], -0.5 / 0.7, 1e-12, "position");
    close(galaxy.cells.hi_mass_msun[0], 1e6 / 0.7 * 0.75 * 0.5, 1e-6, "mass");
    close(galaxy.cells.volume_kpc3[0], 10.0 * (0.5f64 / 0.7).powi(3), 1e-6, "volume");
    // velocities 0 and 10 code units, sqrt(0.5) each
    assert_eq!(galaxy.cells.velocity_km_s[0][0], 0.0);
    close(galaxy.cells.velocity_km_s[1][0], 10.0 * 0.5f64.sqrt(), 1e-6, "velocity");
    assert_eq!(galaxy.cells.scale_factor, 0.5);
    close(galaxy.cosmology.h, 0.7, 1e-12, "h");
    // without a centre it is found in the HI, across the boundary
    let all = load_all(folder.path(), uncorrected());
    assert_eq!(all.cells.len(), 3);
    let x = all.centre_ckpc_h[0];
    assert!(!(51.0..=997.0).contains(&x), "{x}");
    assert!(all.notes[0].contains("centre found"));
}

#[test]
fn missing_chunks_are_named_and_empty_chunks_are_fine() {
    let cell: &[[f64; 3]] = &[[1.0, 1.0, 1.0]];
    let folder = snapshot_of(&[cell, &[], cell, cell]);
    assert_eq!(read_all(folder.path()).unwrap().gas.len(), 3);
    // the parent of one snapdir, and of two
    let parent = tempfile::tempdir().unwrap();
    std::fs::create_dir(parent.path().join("snapdir_001")).unwrap();
    for k in 0..4 {
        let name = format!("snap_001.{k}.hdf5");
        std::fs::copy(folder.path().join(&name), parent.path().join("snapdir_001").join(&name)).unwrap();
    }
    assert_eq!(read_all(parent.path()).unwrap().gas.len(), 3);
    std::fs::create_dir(parent.path().join("snapdir_002")).unwrap();
    assert!(error_of(read_all(parent.path())).contains("snapdir_001, snapdir_002"));

    for k in [0, 2] {
        std::fs::remove_file(folder.path().join(format!("snap_001.{k}.hdf5"))).unwrap();
    }
    let text = error_of(read_all(folder.path()));
    assert!(text.contains("2 of 4 chunks; absent: 0, 2"), "{text}");
    let options = ReadOptions { allow_missing_chunks: true, ..ReadOptions::default() };
    let read = read_gas(folder.path(), &options, &Watch::silent()).unwrap();
    assert_eq!((read.gas.len(), read.notes.as_slice()), (1, &["2 of 4 chunks read; absent: 0, 2".to_string()][..]));
    let text = info(folder.path(), None, &Watch::silent()).unwrap().to_string();
    for part in ["absent: 0, 2", "1 here, 3 in the whole", "1e10 Msun/h", "GFM_Metals", "[cell, 10]", "ckpc/h"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    // an extra file of another name
    std::fs::write(folder.path().join("other.hdf5"), b"x").unwrap();
    assert!(error_of(find_snapshot(folder.path(), None)).contains("several names"));
}

#[test]
fn subhalo_cells_are_counted_through_groups_and_chunks() {
    let x = |i: usize| [i as f64, 0.0, 0.0];
    let first: Vec<_> = (0..4).map(x).collect();
    let second: Vec<_> = (4..10).map(x).collect();
    let folder = snapshot_of(&[&first, &second]);
    let catalogue = tempfile::tempdir().unwrap();
    // group 0: subhalos 0 (2 cells), 1 (1 cell), one loose cell; group 1: subhalos 2 (3), 3 (none), 4 (1)
    let write = |k: usize, groups: [[i32; 3]; 1], subhalos: &[[i32; 2]]| {
        let file = hdf5::File::create(catalogue.path().join(format!("fof_subhalo_tab_001.{k}.hdf5"))).unwrap();
        file.create_group("Header").unwrap().new_attr::<i32>().create("NumFiles").unwrap().write_scalar(&2i32).unwrap();
        let group = file.create_group("Group").unwrap();
        let lengths = ndarray::arr2(&groups.map(|g| [g[0], 0, 0, 0, 0, 0]));
        group.new_dataset_builder().with_data(&lengths).create("GroupLenType").unwrap();
        group.new_dataset_builder().with_data(&groups.map(|g| g[1])).create("GroupFirstSub").unwrap();
        let set = file.create_group("Subhalo").unwrap();
        let lengths =
            ndarray::Array2::from_shape_fn((subhalos.len(), 6), |(i, t)| if t == 0 { subhalos[i][0] } else { 7 });
        set.new_dataset_builder().with_data(&lengths).create("SubhaloLenType").unwrap();
        let parent: Vec<i32> = subhalos.iter().map(|s| s[1]).collect();
        set.new_dataset_builder().with_data(&parent).create("SubhaloGrNr").unwrap();
        let position = ndarray::Array2::from_shape_fn((subhalos.len(), 3), |(i, _)| (10 * k + i) as f32);
        set.new_dataset_builder().with_data(&position).create("SubhaloPos").unwrap();
    };
    write(0, [[4, 0, 2]], &[[2, 0], [1, 0], [3, 1]]);
    write(1, [[6, 2, 3]], &[[0, 1], [1, 1]]);
    let firsts = [(0, 0, 2), (1, 2, 1), (2, 4, 3), (4, 7, 1)];
    for (index, first, count) in firsts {
        let gas = subhalo_gas(catalogue.path(), None, index).unwrap();
        assert_eq!((gas.first, gas.count), (first, count), "subhalo {index}");
    }
    assert_eq!(subhalo_gas(catalogue.path(), None, 4).unwrap().position, [11.0; 3]);
    assert!(error_of(subhalo_gas(catalogue.path(), None, 3)).contains("no gas"));
    assert!(error_of(subhalo_gas(catalogue.path(), None, 5)).contains("number below 5"));
    // the offsets file is believed
    let offsets = catalogue.path().with_extension("offsets.hdf5");
    {
        let file = hdf5::File::create(&offsets).unwrap();
        let table = ndarray::Array2::from_shape_fn((5, 6), |(i, t)| if t == 0 { 4i64 } else { i as i64 });
        let group = file.create_group("Subhalo").unwrap();
        group.new_dataset_builder().with_data(&table).create("SnapByType").unwrap();
    }
    assert_eq!(subhalo_gas(catalogue.path(), Some(&offsets), 4).unwrap().first, 4);
    std::fs::remove_file(&offsets).unwrap();
    // cells 4, 5, 6 of the snapshot lie at x = 4, 5, 6; SubhaloPos is (2, 2, 2)
    let selection = Selection::Subhalo { catalogue: catalogue.path().into(), offsets: None, index: 2 };
    let galaxy = load(&request(folder.path(), selection.clone(), uncorrected()), &Watch::silent()).unwrap();
    let place: Vec<f64> = galaxy.cells.position_kpc.iter().map(|p| p[0] * 0.7 / 0.5).collect();
    assert!(place.iter().zip([2.0, 3.0, 4.0]).all(|(a, b)| (a - b).abs() < 1e-9), "{place:?}");
    // counting through chunks needs all of them, allowed or not
    std::fs::remove_file(folder.path().join("snap_001.0.hdf5")).unwrap();
    let text = error_of(load(&request(folder.path(), selection, uncorrected()), &Watch::silent()));
    assert!(text.contains("counted through all chunks"), "{text}");
}

/// Replaces a data set of PartType0 by what `change` makes of the group.
fn edited(change: impl Fn(&hdf5::Group)) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cutout.hdf5");
    let positions: Vec<_> = (0..50).map(|i| [i as f64, 0.0, 0.0]).collect();
    write_snapshot(&path, &Snapshot { header: header(1, 50), gas: cells_at(&positions), notes: vec![] }).unwrap();
    let file = hdf5::File::open_rw(&path).unwrap();
    change(&file.group("PartType0").unwrap());
    file.close().unwrap();
    (folder, path)
}

#[test]
fn bad_files_give_one_clear_error_each() {
    let (folder, path) = edited(|_| {});
    assert_eq!(read_all(&path).unwrap().gas.len(), 50);

    let text = folder.path().join("text.hdf5");
    std::fs::write(&text, "not at all HDF5").unwrap();
    assert!(error_of(read_all(&text)).contains("not an HDF5 file"));
    assert!(error_of(read_all(&folder.path().join("absent.hdf5"))).contains("cannot open"));
    assert!(error_of(read_all(tempfile::tempdir().unwrap().path())).contains("no snapshot"));

    let bytes = std::fs::read(&path).unwrap();
    let cut = folder.path().join("cut.hdf5");
    for length in [9, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&cut, &bytes[..length]).unwrap();
        let text = error_of(read_all(&cut));
        assert!(text.contains("truncated") && text.contains("cut.hdf5"), "{length}: {text}");
    }

    for (field, hint) in [("Masses", "cutout"), ("ElectronAbundance", "cutout"), ("StarFormationRate", "cutout")] {
        let (_folder, path) = edited(|group| group.unlink(field).unwrap());
        let text = error_of(read_all(&path));
        let named = text.contains(&format!("PartType0/{field} is missing"));
        assert!(named && text.contains(hint) && text.contains("cutout.hdf5"), "{text}");
    }
    // GFM_Metals may be absent, CenterOfMass too
    let (_folder, path) = edited(|group| {
        group.unlink("GFM_Metals").unwrap();
        group.unlink("CenterOfMass").unwrap();
    });
    let galaxy = load_all(&path, uncorrected());
    assert!(galaxy.notes.iter().any(|n| n.contains("0.76")));
    close(galaxy.totals.hydrogen_msun / galaxy.totals.gas_msun, 0.76, 1e-12, "X");

    let (_folder, path) = edited(|group| {
        let set = group.dataset("CenterOfMass").unwrap();
        let mut values = set.read_2d::<f32>().unwrap();
        values[[7, 1]] = f32::NAN;
        set.write(&values).unwrap();
    });
    let text = error_of(read_all(&path));
    assert!(text.contains("CenterOfMass") && text.contains("NaN in row 7"), "{text}");

    let (_folder, path) = edited(|group| {
        group.unlink("Density").unwrap();
        group.new_dataset_builder().with_data(&vec![1.0f32; 49]).create("Density").unwrap();
    });
    assert!(error_of(read_all(&path)).contains("another number of rows"));
    let (_folder, path) = edited(|group| {
        group.unlink("Density").unwrap();
        group.new_dataset_builder().with_data(&vec![-1.0f32; 50]).create("Density").unwrap();
    });
    assert!(error_of(read_all(&path)).contains("impossible value"));
    let (_folder, path) = edited(|group| {
        group.unlink("Velocities").unwrap();
        group.new_dataset_builder().with_data(&vec![1.0f32; 50]).create("Velocities").unwrap();
    });
    assert!(error_of(read_all(&path)).contains("unexpected shape"));
}

#[test]
fn empty_selections_and_ionised_gas_are_errors() {
    let (_folder, path) = edited(|_| {});
    let selection = CellSelection::Sphere { centre: [500.0; 3], radius: 10.0 };
    let options = ReadOptions { selection, ..ReadOptions::default() };
    let text = error_of(read_gas(&path, &options, &Watch::silent()));
    assert!(text.contains("no gas in the selection") && text.contains("0 of 50"), "{text}");
    let mut snapshot = read_all(&path).unwrap();
    snapshot.gas.neutral_abundance.fill(0.0);
    let text = error_of(from_snapshot(&snapshot, None, &uncorrected()));
    assert!(text.contains("no atomic hydrogen"), "{text}");
}

#[test]
fn reading_stops_when_asked_to() {
    let (_folder, path) = edited(|_| {});
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    assert!(read_gas(&path, &ReadOptions::default(), &Watch::stopped_by(stop)).unwrap_err().is_interrupt());
}

#[test]
fn made_galaxies_enter_by_the_same_door() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("set");
    let order = Order { seed: 11, ..Order::default() };
    let set = write_galaxies(&order, 2, &out, &Watch::silent()).unwrap();
    let files: Vec<_> = set.iter().map(|member| member.path.clone()).collect();
    assert_eq!(files, [out.join("galaxy_0000.hdf5"), out.join("galaxy_0001.hdf5")]);
    // nothing unfinished is left beside them
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 2);
    let asked = GalaxyParams::random(11);
    let galaxy = load_all(&files[0], HiModel::default());
    assert_eq!(galaxy.cells.len(), asked.n_cells);
    close(galaxy.totals.hi_msun, asked.hi_mass_msun, 1e-6, "HI mass");
    // the stored neutral fraction is that of the two phases, so the correction changes nothing
    close(galaxy.totals.neutral_msun, galaxy.totals.stored_neutral_msun, 1e-5, "neutral");
    let (speed, turning) = (asked.v_flat_km_s, galaxy.cells.velocity_km_s.iter());
    let fastest = turning.map(|v| v[0].hypot(v[1])).fold(0.0, f64::max);
    assert!(fastest > 0.8 * speed && fastest < 1.5 * speed, "{fastest} {speed}");
    // a set is the same however many are asked for, and its galaxies differ
    let again = write_galaxies(&order, 1, &folder.path().join("one"), &Watch::silent()).unwrap();
    assert_eq!(std::fs::read(&again[0].path).unwrap(), std::fs::read(&files[0]).unwrap());
    assert_ne!(load_all(&files[1], HiModel::default()).totals, galaxy.totals);
    assert!(info(&files[1], None, &Watch::silent()).unwrap().to_string().contains("skyfringe galaxy, seed"));
    assert!(error_of(write_galaxies(&order, 0, &out, &Watch::silent())).contains("no galaxies"));
    // a file where the folder should be
    assert!(write_galaxies(&order, 1, &files[0], &Watch::silent()).is_err());
}

#[test]
fn interrupted_galaxies_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let error = write_galaxies(&Order::default(), 3, folder.path(), &Watch::stopped_by(stop)).unwrap_err();
    assert!(error.is_interrupt());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
