//! The same gas in the layout of every simulation that is read: sums, units, detection, fallbacks, errors.
//!
//! Layouts follow the projects' descriptions: SIMBA and CAMELS (camels.readthedocs.io, "Suite differences"), EAGLE (The
//! EAGLE team 2017, arXiv 1706.09899), SWIFT (its documentation, "Snapshots").

use hdf5::types::{FixedAscii, VarLenUnicode};
use hdf5::{Dataset, File, Group, Location};
use skyfringe::error::Watch;
use skyfringe::formats::snapshot::{CellSelection, Format, ReadOptions, read_gas};
use skyfringe::sky::h2::H2Model;
use skyfringe::sky::neutral::HiModel;
use skyfringe::sky::rahmati::UvBackground;
use skyfringe::sky::snapshot::{LoadedGalaxy, Selection, SnapshotRequest, info, load};
use skyfringe::units::{K_B_J_K, M_P_KG, MSUN_KG, PC_M};
use std::path::{Path, PathBuf};

const A: f64 = 0.5;
const H: f64 = 0.7;
const KPC_CM: f64 = PC_M * 1e5;
const MSUN_G: f64 = MSUN_KG * 1e3;
/// Side of the box, physical kpc.
const BOX_KPC: f64 = 400.0;
const X: f64 = 0.74;
const METALS: f64 = 0.02;
/// HI and H2 over all hydrogen.
const HI: f64 = 0.7;
const H2: f64 = 0.1;
const ELECTRONS: f64 = 0.25;
const T_K: f64 = 7000.0;

/// Physical kpc, about the middle of the box; the last is over the boundary from the first.
const POSITIONS: [[f64; 3]; 3] = [[1.0, 200.0, 200.0], [3.0, 201.0, 199.0], [399.0, 198.0, 202.5]];
const VELOCITIES: [[f64; 3]; 3] = [[10.0, -20.0, 30.0], [-40.0, 50.0, 60.0], [0.0, 100.0, -5.0]];
const MASSES_MSUN: [f64; 3] = [2e6, 3e6, 5e6];
const DENSITIES_MSUN_KPC3: [f64; 3] = [1e6, 2e6, 4e6];
const RATES_MSUN_YR: [f64; 3] = [0.0, 0.0, 0.5];

fn energy_km2_s2() -> f64 {
    let weight = 4.0 / (1.0 + 3.0 * X + 4.0 * X * ELECTRONS);
    1.5 * K_B_J_K * T_K / (weight * M_P_KG) * 1e-6
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn attribute(place: &Location, name: &str, value: f64) {
    place.new_attr::<f64>().shape([1]).create(name).unwrap().write_raw(&[value]).unwrap();
}

fn number(place: &Location, name: &str, value: f64) {
    place.new_attr::<f64>().create(name).unwrap().write_scalar(&value).unwrap();
}

fn text(place: &Location, name: &str, value: &str) {
    let value: VarLenUnicode = value.parse().unwrap();
    place.new_attr::<VarLenUnicode>().create(name).unwrap().write_scalar(&value).unwrap();
}

fn column(group: &Group, name: &str, values: &[f64], factor: f64) -> Dataset {
    let values: Vec<f64> = values.iter().map(|v| v * factor).collect();
    group.new_dataset_builder().with_data(&values).create(name).unwrap()
}

fn same(group: &Group, name: &str, value: f64) -> Dataset {
    column(group, name, &[value; 3], 1.0)
}

fn vectors(group: &Group, name: &str, values: &[[f64; 3]; 3], factor: f64) -> Dataset {
    let table = ndarray::Array2::from_shape_fn((3, 3), |(i, k)| values[i][k] * factor);
    group.new_dataset_builder().with_data(&table).create(name).unwrap()
}

fn table(group: &Group, name: &str, row: &[f64]) -> Dataset {
    let table = ndarray::Array2::from_shape_fn((3, row.len()), |(_, k)| row[k]);
    group.new_dataset_builder().with_data(&table).create(name).unwrap()
}

fn names(group: &Group, name: &str, values: &[&str]) {
    let values: Vec<FixedAscii<32>> = values.iter().map(|v| FixedAscii::from_ascii(v).unwrap()).collect();
    group.new_dataset_builder().with_data(&values).create(name).unwrap();
}

/// A file with GADGET's header, code units of ckpc/h and 1e10 Msun/h with TNG's kpc and solar mass.
fn gadget(path: &Path) -> (File, Group) {
    let file = File::create(path).unwrap();
    let header = file.create_group("Header").unwrap();
    for (name, value) in [
        ("Time", A),
        ("Redshift", 1.0 / A - 1.0),
        ("HubbleParam", H),
        ("Omega0", 0.3),
        ("OmegaLambda", 0.7),
        ("BoxSize", BOX_KPC * H / A),
        ("NumFilesPerSnapshot", 1.0),
    ] {
        number(&header, name, value);
    }
    let gas = file.create_group("PartType0").unwrap();
    vectors(&gas, "Coordinates", &POSITIONS, H / A);
    vectors(&gas, "Velocities", &VELOCITIES, 1.0 / A.sqrt());
    column(&gas, "Masses", &MASSES_MSUN, 1e-10 * H);
    column(&gas, "Density", &DENSITIES_MSUN_KPC3, 1e-10 * H * (A / H).powi(3));
    same(&gas, "InternalEnergy", energy_km2_s2());
    column(&gas, "StarFormationRate", &RATES_MSUN_YR, 1.0);
    (file, gas)
}

/// IllustrisTNG's suite of CAMELS is the same without CenterOfMass.
fn tng(path: &Path) {
    let (_file, gas) = gadget(path);
    same(&gas, "ElectronAbundance", ELECTRONS);
    same(&gas, "NeutralHydrogenAbundance", HI + H2);
    table(&gas, "GFM_Metals", &[X, 1.0 - X - METALS, METALS]);
}

/// The cells of SIMBA with dust state species per hydrogen nucleus, the others per mass of gas.
fn simba(path: &Path, dusty: bool) {
    let (_file, gas) = gadget(path);
    let per = if dusty { 1.0 } else { X };
    same(&gas, "GrackleHI", (HI + H2) * per);
    same(&gas, "GrackleHII", (1.0 - HI - H2) * per);
    same(&gas, "NeutralHydrogenAbundance", (HI + H2) * per);
    same(&gas, "ElectronAbundance", ELECTRONS * per);
    same(&gas, "FractionH2", H2);
    same(&gas, "SmoothingLength", 3.0);
    table(&gas, "Metallicity", &[METALS, 1.0 - X - METALS, 0.01]);
}

fn eagle(path: &Path) {
    let file = File::create(path).unwrap();
    let header = file.create_group("Header").unwrap();
    for (name, value) in [
        ("ExpansionFactor", A),
        // here the age in code units
        ("Time", 0.06),
        ("Redshift", 1.0 / A - 1.0),
        ("HubbleParam", H),
        ("Omega0", 0.3),
        ("OmegaLambda", 0.7),
        ("BoxSize", BOX_KPC * H / A * 1e-3),
        ("NumFilesPerSnapshot", 1.0),
    ] {
        number(&header, name, value);
    }
    number(&file.create_group("Units").unwrap(), "UnitLength_in_cm", 1e3 * KPC_CM);
    file.create_group("RuntimePars").unwrap();
    let gas = file.create_group("PartType0").unwrap();
    let unit = |data: Dataset, cgs: f64, a: f64, h: f64| {
        number(&data, "CGSConversionFactor", cgs);
        number(&data, "aexp-scale-exponent", a);
        number(&data, "h-scale-exponent", h);
    };
    let (length, mass) = (1e3 * KPC_CM, 1e10 * MSUN_G);
    unit(vectors(&gas, "Coordinates", &POSITIONS, H / A * 1e-3), length, 1.0, -1.0);
    unit(vectors(&gas, "Velocity", &VELOCITIES, 1.0 / A.sqrt()), 1e5, 0.5, 0.0);
    unit(column(&gas, "Mass", &MASSES_MSUN, 1e-10 * H), mass, 0.0, -1.0);
    let density = 1e-10 * 1e9 * A.powi(3) / H.powi(2);
    unit(column(&gas, "Density", &DENSITIES_MSUN_KPC3, density), mass / length.powi(3), -3.0, 2.0);
    unit(same(&gas, "InternalEnergy", energy_km2_s2()), 1e10, 0.0, 0.0);
    unit(same(&gas, "Temperature", T_K), 1.0, 0.0, 0.0);
    unit(column(&gas, "StarFormationRate", &RATES_MSUN_YR, 1.0), MSUN_G / (365.25 * 86400.0), 0.0, 0.0);
    unit(same(&gas.create_group("ElementAbundance").unwrap(), "Hydrogen", X), 1.0, 0.0, 0.0);
}

/// COLIBRE's species, or SWIFT-EAGLE's HI and H2 masses.
fn swift(path: &Path, species: bool) {
    let file = File::create(path).unwrap();
    let header = file.create_group("Header").unwrap();
    text(&header, "Code", "SWIFT");
    attribute(&header, "Redshift", 1.0 / A - 1.0);
    attribute(&header, "Scale-factor", A);
    header.new_attr_builder().with_data(&[BOX_KPC / A * 1e-3; 3]).create("BoxSize").unwrap();
    let cosmology = file.create_group("Cosmology").unwrap();
    for (name, value) in [("h", H), ("Omega_m", 0.3), ("Omega_lambda", 0.7)] {
        attribute(&cosmology, name, value);
    }
    attribute(&file.create_group("Units").unwrap(), "Unit length in cgs (U_L)", 1e3 * KPC_CM);
    let columns = file.create_group("SubgridScheme").unwrap().create_group("NamedColumns").unwrap();
    let gas = file.create_group("PartType0").unwrap();
    let unit = |data: Dataset, cgs: f64, a: f64| {
        attribute(&data, "Conversion factor to CGS (not including cosmological corrections)", cgs);
        let physical = "Conversion factor to physical CGS (including cosmological corrections)";
        if species {
            attribute(&data, physical, cgs * A.powf(a));
        }
        attribute(&data, "a-scale exponent", a);
        attribute(&data, "h-scale exponent", 0.0);
    };
    let (length, mass) = (1e3 * KPC_CM, 1e10 * MSUN_G);
    unit(vectors(&gas, "Coordinates", &POSITIONS, 1e-3 / A), length, 1.0);
    unit(vectors(&gas, "Velocities", &VELOCITIES, 1.0), 1e5, 0.0);
    unit(column(&gas, "Masses", &MASSES_MSUN, 1e-10), mass, 0.0);
    unit(column(&gas, "Densities", &DENSITIES_MSUN_KPC3, 1e-1 * A.powi(3)), mass / length.powi(3), -3.0);
    unit(same(&gas, "InternalEnergies", energy_km2_s2() * A.powi(2)), 1e10, -2.0);
    unit(same(&gas, "Temperatures", T_K), 1.0, 0.0);
    // negative: the scale factor when it last formed stars
    let rates = RATES_MSUN_YR.map(|r| if r > 0.0 { r } else { -0.4 });
    unit(column(&gas, "StarFormationRates", &rates, 1.0), MSUN_G / (365.25 * 86400.0), 0.0);
    table(&gas, "ElementMassFractions", &[X, 1.0 - X - METALS, METALS]);
    names(&columns, "ElementMassFractions", &["Hydrogen", "Helium", "Carbon"]);
    if species {
        table(&gas, "SpeciesFractions", &[ELECTRONS, HI, 1.0 - HI - H2, 0.0, 0.5 * H2]);
        names(&columns, "SpeciesFractions", &["elec", "HI", "HII", "Hm", "H2"]);
    } else {
        unit(column(&gas, "AtomicHydrogenMasses", &MASSES_MSUN, 1e-10 * X * HI), mass, 0.0);
        unit(column(&gas, "MolecularHydrogenMasses", &MASSES_MSUN, 1e-10 * X * H2), mass, 0.0);
    }
}

fn arrays(path: &Path) {
    let file = File::create(path).unwrap();
    for (name, value) in
        [("redshift", 1.0 / A - 1.0), ("h", H), ("omega_m", 0.3), ("omega_lambda", 0.7), ("box_size", BOX_KPC * H / A)]
    {
        number(&file, name, value);
    }
    text(&file, "box_units", "ckpc/h");
    let with = |data: Dataset, unit: &str| text(&data, "units", unit);
    with(vectors(&file, "positions", &POSITIONS, 1e-3 / A), "cMpc");
    vectors(&file, "velocities", &VELOCITIES, 1.0);
    with(column(&file, "mass", &MASSES_MSUN, H), "Msun/h");
    with(column(&file, "density", &DENSITIES_MSUN_KPC3, 1e-9), "Msun/pc^3");
    same(&file, "temperature", T_K);
    same(&file, "hydrogen_fraction", X);
    with(column(&file, "hi_mass", &MASSES_MSUN, 1e-10 * X * HI), "1e10 Msun");
    column(&file, "star_formation_rate", &RATES_MSUN_YR, 1.0);
}

fn ask(path: &Path, format: Option<Format>, model: HiModel) -> skyfringe::Result<LoadedGalaxy> {
    let selection = Selection::All { centre_ckpc_h: None };
    let request = SnapshotRequest { path: path.into(), format, selection, allow_missing_chunks: false, model };
    load(&request, &Watch::silent())
}

fn model(h2: H2Model) -> HiModel {
    HiModel { star_forming_correction: false, h2, sigma_turb_km_s: 0.0, ..HiModel::default() }
}

fn error(path: &Path, format: Option<Format>) -> String {
    ask(path, format, HiModel::default()).unwrap_err().to_string()
}

#[track_caller]
fn close(got: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((got / expected - 1.0).abs() < tolerance, "{what}: {got:e}, expected {expected:e}");
}

/// What every format must give for the cells above; `hi` over all hydrogen.
fn check(galaxy: &LoadedGalaxy, format: Format, hi: f64) {
    let name = format.words();
    let cells = &galaxy.cells;
    assert_eq!((galaxy.header.format, cells.len()), (format, 3));
    close(cells.scale_factor, A, 1e-12, name);
    close(galaxy.cosmology.h, H, 1e-12, name);
    close(galaxy.header.box_size, BOX_KPC * H / A, 1e-9, name);
    close(galaxy.totals.gas_msun, 1e7, 1e-6, name);
    close(galaxy.totals.hydrogen_msun, X * 1e7, 1e-6, name);
    close(galaxy.totals.hi_msun, X * hi * 1e7, 1e-6, name);
    close(galaxy.totals.sfr_msun_yr, 0.5, 1e-6, name);
    for i in 0..3 {
        for k in 0..3 {
            // cell 0 is where the others are counted from, over the boundary
            let apart = cells.position_kpc[i][k] - cells.position_kpc[0][k];
            let d = POSITIONS[i][k] - POSITIONS[0][k];
            let expected = d - BOX_KPC * (d / BOX_KPC).round();
            assert!((apart - expected).abs() < 1e-4, "{name}: {apart} {expected}");
            assert!((cells.velocity_km_s[i][k] - VELOCITIES[i][k]).abs() < 1e-6, "{name}");
        }
        close(cells.hi_mass_msun[i], MASSES_MSUN[i] * X * hi, 1e-6, name);
        close(cells.volume_kpc3[i], MASSES_MSUN[i] / DENSITIES_MSUN_KPC3[i], 1e-6, name);
        // sigma^2 = k T/m_H; star-forming gas has the model's 8000 K
        let t = if RATES_MSUN_YR[i] > 0.0 { 8000.0 } else { T_K };
        close(cells.sigma_km_s[i], (K_B_J_K * t / 1.673_532_838e-27).sqrt() * 1e-3, 1e-6, name);
    }
}

#[test]
fn every_format_gives_the_same_gas() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name);
    // the file's own molecules are left out; "none" calls all neutral hydrogen atomic
    let own = H2Model::BlitzRosolowsky2006;
    simba(&path("dusty.hdf5"), true);
    simba(&path("pristine.hdf5"), false);
    for name in ["dusty.hdf5", "pristine.hdf5"] {
        check(&ask(&path(name), None, model(own)).unwrap(), Format::Simba, HI);
        check(&ask(&path(name), Some(Format::Camels), model(own)).unwrap(), Format::Camels, HI);
        check(&ask(&path(name), None, model(H2Model::None)).unwrap(), Format::Simba, HI + H2);
    }
    for (name, species) in [("colibre.hdf5", true), ("swift-eagle.hdf5", false)] {
        swift(&path(name), species);
        let galaxy = ask(&path(name), None, model(own)).unwrap();
        check(&galaxy, Format::Swift, HI);
        close(galaxy.totals.h2_msun, X * H2 * 1e7, 1e-6, "H2");
        assert!(galaxy.notes.iter().any(|n| n.contains("molecular hydrogen as the file states it")));
        check(&ask(&path(name), None, model(H2Model::None)).unwrap(), Format::Swift, HI + H2);
    }
    tng(&path("tng.hdf5"));
    check(&ask(&path("tng.hdf5"), None, model(H2Model::None)).unwrap(), Format::Tng, HI + H2);
    check(&ask(&path("tng.hdf5"), Some(Format::Camels), model(H2Model::None)).unwrap(), Format::Camels, HI + H2);
    // HI that is stated as such is not divided again
    arrays(&path("arrays.hdf5"));
    let galaxy = ask(&path("arrays.hdf5"), None, HiModel { sigma_turb_km_s: 0.0, ..HiModel::default() }).unwrap();
    check(&galaxy, Format::Arrays, HI);
}

#[test]
fn eagle_has_its_neutral_gas_from_the_ultraviolet_background() {
    let folder = Folder::new();
    eagle(&folder.path("eagle.hdf5"));
    let galaxy = ask(&folder.path("eagle.hdf5"), None, model(H2Model::None)).unwrap();
    assert!(galaxy.notes.iter().any(|n| n.contains("Rahmati et al. 2013")), "{:?}", galaxy.notes);
    let background = UvBackground::at(1.0).unwrap();
    let mut sum = 0.0;
    for i in 0..3 {
        // nuclei per cm^3, from Msun/kpc^3
        let n_h = X * DENSITIES_MSUN_KPC3[i] * MSUN_KG / (1e3 * PC_M).powi(3) / M_P_KG * 1e-6;
        let t = if RATES_MSUN_YR[i] > 0.0 { 1e4 } else { T_K };
        let hi = X * MASSES_MSUN[i] * background.neutral_fraction(n_h, t);
        close(galaxy.cells.hi_mass_msun[i], hi, 1e-6, "HI");
        sum += hi;
    }
    // the rest, with that HI
    check_rest(&galaxy, sum);
    assert!(sum > 0.3 * X * 1e7 && sum < X * 1e7, "{sum:e}");
}

fn check_rest(galaxy: &LoadedGalaxy, hi_msun: f64) {
    close(galaxy.totals.hi_msun, hi_msun, 1e-9, "HI");
    close(galaxy.totals.gas_msun, 1e7, 1e-6, "gas");
    close(galaxy.header.box_size, BOX_KPC * H / A, 1e-9, "box");
    for i in 0..3 {
        close(galaxy.cells.volume_kpc3[i], MASSES_MSUN[i] / DENSITIES_MSUN_KPC3[i], 1e-6, "volume");
        let t = if RATES_MSUN_YR[i] > 0.0 { 8000.0 } else { T_K };
        close(galaxy.cells.sigma_km_s[i], (K_B_J_K * t / 1.673_532_838e-27).sqrt() * 1e-3, 1e-6, "sigma");
        for k in 0..3 {
            assert!((galaxy.cells.velocity_km_s[i][k] - VELOCITIES[i][k]).abs() < 1e-6);
        }
    }
}

/// Opens the file again and changes it.
fn edit(path: &Path, change: impl Fn(&File)) {
    let file = File::open_rw(path).unwrap();
    change(&file);
    file.close().unwrap();
}

#[test]
fn what_is_missing_has_its_fallback_and_a_note() {
    let folder = Folder::new();
    let path = folder.path("arrays.hdf5");
    arrays(&path);
    // a density from the smoothing length: 4/3 pi h^3 = the volume of each cell
    edit(&path, |file| {
        for name in ["density", "hydrogen_fraction", "hi_mass", "star_formation_rate"] {
            file.unlink(name).unwrap();
        }
        let lengths =
            [0, 1, 2].map(|i| (MASSES_MSUN[i] / DENSITIES_MSUN_KPC3[i] * 3.0 / (4.0 * std::f64::consts::PI)).cbrt());
        column(file, "smoothing_length", &lengths, 1.0);
        same(file, "hi_fraction", 0.5);
        file.delete_attr("h").unwrap();
    });
    let error = ask(&path, None, HiModel::default()).unwrap_err().to_string();
    assert!(error.contains("a part is missing") && error.contains("omega_m, omega_lambda"), "{error}");
    let file = File::open_rw(&path).unwrap();
    ["redshift", "omega_m", "omega_lambda"].iter().for_each(|name| file.delete_attr(name).unwrap());
    file.close().unwrap();
    let galaxy = ask(&path, None, HiModel::default()).unwrap();
    for note in ["no density", "hydrogen fraction: 0.76", "no star formation rate", "h = 0.6774", "redshift: 0"] {
        assert!(galaxy.notes.iter().any(|n| n.contains(note)), "{note} in {:?}", galaxy.notes);
    }
    close(galaxy.totals.hi_msun, 0.5 * 0.76 * (1e7 * H / 0.6774), 1e-6, "HI");
    assert_eq!(galaxy.cells.scale_factor, 1.0);

    // an internal energy alone: the temperature of the equilibrium gives that energy back
    let path = folder.path("energy.hdf5");
    swift(&path, true);
    edit(&path, |file| {
        for name in ["Temperatures", "SpeciesFractions"] {
            file.unlink(&format!("PartType0/{name}")).unwrap();
        }
    });
    let galaxy = ask(&path, None, model(H2Model::None)).unwrap();
    let t = galaxy.cells.sigma_km_s[0].powi(2) * 1e6 * 1.673_532_838e-27 / K_B_J_K;
    let n_h = X * DENSITIES_MSUN_KPC3[0] * MSUN_KG / (1e3 * PC_M).powi(3) / M_P_KG * 1e-6;
    let f = UvBackground::at(1.0).unwrap().neutral_fraction(n_h, t);
    close(galaxy.cells.hi_mass_msun[0], MASSES_MSUN[0] * X * f, 1e-6, "HI");
    let electrons = (1.0 - f) * (1.0 + (1.0 - X) / (4.0 * X));
    let weight = 4.0 / (1.0 + 3.0 * X + 4.0 * X * electrons);
    close(1.5 * K_B_J_K * t / (weight * M_P_KG) * 1e-6, energy_km2_s2(), 1e-6, "energy");
}

#[test]
fn wrong_files_give_one_error_that_names_field_and_format() {
    let folder = Folder::new();
    type Write = fn(&Path);
    let cases: [(&str, Write, &str, &[&str]); 9] = [
        (
            "a.hdf5",
            |p| simba(p, true),
            "PartType0/InternalEnergy",
            &["InternalEnergy is missing", "SIMBA (GIZMO) format"],
        ),
        ("b.hdf5", |p| simba(p, true), "PartType0/Masses", &["PartType0/Masses is missing", "SIMBA"]),
        ("c.hdf5", eagle, "PartType0/Mass", &["PartType0/Mass is missing", "EAGLE format", "Velocity"]),
        ("d.hdf5", eagle, "PartType0/Density", &["Density or SmoothingLength is missing", "EAGLE format"]),
        ("e.hdf5", |p| swift(p, true), "PartType0/Velocities", &["PartType0/Velocities is missing", "SWIFT format"]),
        ("f.hdf5", |p| swift(p, true), "SubgridScheme", &["columns of PartType0/ElementMassFractions have no names"]),
        (
            "g.hdf5",
            arrays,
            "velocities",
            &["the field velocities is missing", "plain arrays format", "docs/snapshots.md"],
        ),
        ("h.hdf5", arrays, "temperature", &["temperature or internal_energy is missing", "plain arrays"]),
        ("i.hdf5", tng, "PartType0/Density", &["PartType0/Density is missing", "IllustrisTNG format"]),
    ];
    for (name, write, gone, says) in cases {
        let path = folder.path(name);
        write(&path);
        edit(&path, |file| file.unlink(gone).unwrap());
        let text = error(&path, None);
        for part in says.iter().chain(&[name]) {
            assert!(text.contains(part), "{gone}: {part} in {text}");
        }
    }
    // units that are not there, or not known
    let path = folder.path("eagle.hdf5");
    eagle(&path);
    edit(&path, |f| f.dataset("PartType0/Mass").unwrap().delete_attr("h-scale-exponent").unwrap());
    let text = error(&path, None);
    assert!(text.contains("PartType0/Mass does not state its units") && text.contains("h-scale-exponent"), "{text}");
    let path = folder.path("swift.hdf5");
    swift(&path, false);
    edit(&path, |f| f.dataset("PartType0/Masses").unwrap().delete_attr("a-scale exponent").unwrap());
    let text = error(&path, None);
    assert!(text.contains("PartType0/Masses does not state its units (SWIFT format)"), "{text}");
    let path = folder.path("arrays.hdf5");
    arrays(&path);
    edit(&path, |f| {
        let mass = f.dataset("mass").unwrap();
        mass.delete_attr("units").unwrap();
        text_units(&mass, "pounds");
    });
    let words = error(&path, None);
    assert!(words.contains("pounds") && words.contains("\"Msun\"") && words.contains("array mass"), "{words}");
    // more HI than hydrogen
    let path = folder.path("heavy.hdf5");
    arrays(&path);
    edit(&path, |f| {
        f.unlink("hi_mass").unwrap();
        column(f, "hi_mass", &MASSES_MSUN, 1.0);
    });
    assert!(error(&path, None).contains("hi_mass with mass with hydrogen_fraction holds an impossible value"));
    // a format that is not that of the file
    tng(&folder.path("tng.hdf5"));
    let text = error(&folder.path("tng.hdf5"), Some(Format::Eagle));
    assert!(text.contains("does not state its units (EAGLE format)") || text.contains("EAGLE"), "{text}");
    assert!(error(&folder.path("tng.hdf5"), Some(Format::Swift)).contains("the group Units is missing"));
    assert!(error(&folder.path("tng.hdf5"), Some(Format::Arrays)).contains("the field mass is missing"));
    // subhaloes of files that are not ordered by them
    let selection = CellSelection::Range { first: 0, count: 2 };
    simba(&folder.path("order.hdf5"), true);
    let options = ReadOptions { selection, ..ReadOptions::default() };
    let text = read_gas(&folder.path("order.hdf5"), &options, &Watch::silent()).unwrap_err().to_string();
    assert!(text.contains("ordered by subhalo") && text.contains("SIMBA") && text.contains("sky.radius"), "{text}");
    // a redshift without a known background
    let path = folder.path("early.hdf5");
    eagle(&path);
    edit(&path, |f| {
        let header = f.group("Header").unwrap();
        header.attr("ExpansionFactor").unwrap().write_scalar(&0.1).unwrap();
        header.attr("Redshift").unwrap().write_scalar(&9.0).unwrap();
    });
    let text = error(&path, None);
    assert!(text.contains("no self-shielding is known") && text.contains("early.hdf5"), "{text}");
    // numpy's archive, of which nothing but the start is there
    let path = folder.path("arrays.npz");
    std::fs::write(&path, b"PK\x03\x04 and so on").unwrap();
    let text = error(&path, None);
    assert!(text.contains("archive is truncated or damaged") && text.contains("arrays.npz"), "{text}");
}

fn text_units(data: &Dataset, unit: &str) {
    text(data, "units", unit);
}

/// Written by swiftsimio 12.4.0, tests/python/swiftsimio_snapshot.py: no cosmology, no density, no chemistry.
#[test]
fn what_the_writer_of_swiftsimio_makes_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/swiftsimio-12.4.hdf5");
    let galaxy = ask(&path, None, model(H2Model::None)).unwrap();
    let cells = &galaxy.cells;
    assert_eq!((galaxy.header.format, cells.len(), cells.scale_factor), (Format::Swift, 4, 0.5));
    // unyt's solar mass and parsec are not quite the IAU's
    close(galaxy.totals.gas_msun, 1e7, 1e-5, "gas");
    close(galaxy.header.box_size, 1e3 * 0.6774, 1e-5, "box");
    for (i, (axis, kpc)) in [(0, 0.5), (1, 1.0), (2, 1.5)].into_iter().enumerate() {
        let apart = cells.position_kpc[i + 1][axis] - cells.position_kpc[0][axis];
        assert!((apart - kpc).abs() < 1e-4, "{apart}");
    }
    // a smoothing length of 2 ckpc is 1 kpc
    close(cells.volume_kpc3[0], 4.0 / 3.0 * std::f64::consts::PI, 1e-4, "volume");
    close(cells.velocity_km_s[2][0], 10.0, 1e-6, "velocity");
    let read = read_gas(&path, &ReadOptions::default(), &Watch::silent()).unwrap();
    close(read.gas.internal_energy[3], 100.0, 1e-6, "energy");
    assert!(galaxy.notes.iter().any(|n| n.contains("Cosmology/h") && n.contains("0.6774")), "{:?}", galaxy.notes);
}

#[test]
fn each_format_runs_through_to_the_preview() {
    let folder = Folder::new();
    let path = folder.path("run.toml");
    let text = "[sky]\ndistance = \"10 Mpc\"\nchannels = 4\n[telescope]\nname = \"meerkat\"\n[observation]\n\
         ra = \"30 deg\"\ndec = \"-35 deg\"\nlength = \"1 h\"\nsteps = 2\n[image]\nsize = 64\ncell = \"4 arcsec\"\n";
    std::fs::write(&path, text).unwrap();
    type Write = fn(&Path);
    let files: [(&str, Write); 6] = [
        ("tng", tng),
        ("simba", |p| simba(p, false)),
        ("camels", |p| simba(p, true)),
        ("eagle", eagle),
        ("swift", |p| swift(p, false)),
        ("arrays", arrays),
    ];
    for (name, write) in files {
        let snapshot = folder.path(&format!("{name}.hdf5"));
        write(&snapshot);
        let out = folder.path(name);
        let ran = std::process::Command::new(env!("CARGO_BIN_EXE_skyfringe"))
            .args(["run".as_ref(), path.as_os_str(), "--out".as_ref(), out.as_os_str(), "--set".as_ref()])
            .arg(format!("sky.snapshot={}", snapshot.display()))
            .args(["--set", &format!("sky.format={name}")])
            // a program started while another test has a file open inherits the lock
            .env("HDF5_USE_FILE_LOCKING", "FALSE")
            .output()
            .unwrap();
        assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
        assert!(out.join("preview.png").is_file(), "{name}");
        let record = std::fs::read_to_string(out.join("run.json")).unwrap();
        let format = Format::named(name).unwrap();
        assert_eq!(record.contains(&format!("read in the {} format", format.words())), format != Format::Tng);
    }
}

#[test]
fn formats_are_told_apart_and_described() {
    let folder = Folder::new();
    type Write = fn(&Path);
    let files: [(&str, Write, Format, &[&str]); 5] = [
        ("t.hdf5", tng, Format::Tng, &["IllustrisTNG snapshot", "GFM_Metals"]),
        ("s.hdf5", |p| simba(p, true), Format::Simba, &["SIMBA (GIZMO) snapshot", "GrackleHI"]),
        ("e.hdf5", eagle, Format::Eagle, &["EAGLE snapshot", "Temperature"]),
        ("w.hdf5", |p| swift(p, true), Format::Swift, &["SWIFT snapshot", "SpeciesFractions"]),
        ("a.hdf5", arrays, Format::Arrays, &["plain arrays snapshot", "hi_mass", "cMpc"]),
    ];
    for (name, write, format, says) in files {
        let path = folder.path(name);
        write(&path);
        assert_eq!(Format::detect(&File::open(&path).unwrap()), format);
        let text = info(&path, None, &Watch::silent()).unwrap().to_string();
        for part in says.iter().chain(&["560 ckpc/h", "3 here"]) {
            assert!(text.contains(part), "{part} in {text}");
        }
        let read = read_gas(&path, &ReadOptions::default(), &Watch::silent()).unwrap();
        let named = read.notes.iter().any(|n| n.contains(format.words()));
        assert_eq!(named, format != Format::Tng);
    }
    assert_eq!(Format::NAMES.map(Format::named).iter().flatten().count(), 6);
}
