//! Good HDF5 files: one of every kind that is read.

use super::seeds::{images, written};
use hdf5::types::{FixedAscii, VarLenUnicode};
use hdf5::{Dataset, File, Group, Location, Result};
use ndarray::{Array2, Array3, ArrayD, IxDyn};
use skyfringe::error::Watch;
use skyfringe::formats::Attribute;
use skyfringe::formats::fits::{CubeHeader, read_axes};
use skyfringe::formats::hdf_cube::write_hdf_cube;
use skyfringe::formats::maps::{MapField, MapFile, MapView, MapWriter};
use skyfringe::formats::shard::{
    ArrayValues, ColumnKind, ColumnValues, Compression, ShardArray, ShardColumn, ShardField, ShardGroup, ShardHeader,
    ShardWriter,
};
use skyfringe::formats::visibilities::{Polarisations, Precision, write_visibilities};
use skyfringe::telescope::Telescope;
use skyfringe::time::{EarthOrientation, Frame};
use skyfringe::units::RaDec;
use skyfringe::visibilities::{Track, new_table};

/// A file as h5py writes it.
fn made(build: impl Fn(&File) -> Result<()>) -> Vec<u8> {
    written(|path| build(&File::create(path).unwrap()).unwrap())
}

fn numbers(place: &Location, all: &[(&str, f64)]) -> Result<()> {
    all.iter().try_for_each(|(name, value)| place.new_attr::<f64>().create(*name)?.write_scalar(value))
}

fn text(place: &Location, name: &str, value: &str) -> Result<()> {
    let value: VarLenUnicode = value.parse().map_err(|e| hdf5::Error::from(format!("{e:?}")))?;
    place.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&value)
}

/// Three rows of the numbers `row`; without an axis of columns where it is one.
fn rows(place: &Group, name: &str, row: &[f64]) -> Result<Dataset> {
    match row {
        [one] => place.new_dataset_builder().with_data(&[*one; 3]).create(name),
        _ => {
            place.new_dataset_builder().with_data(&Array2::from_shape_fn((3, row.len()), |(_, k)| row[k])).create(name)
        }
    }
}

fn sets(place: &Group, all: &[(&str, &[f64])]) -> Result<()> {
    all.iter().try_for_each(|(name, row)| rows(place, name, row).map(drop))
}

const HEADER: &[(&str, f64)] = &[
    ("Time", 0.5),
    ("Redshift", 1.0),
    ("HubbleParam", 0.7),
    ("Omega0", 0.3),
    ("OmegaLambda", 0.7),
    ("BoxSize", 400.0),
    ("NumFilesPerSnapshot", 1.0),
];

const GAS: &[(&str, &[f64])] = &[
    ("Coordinates", &[1.0, 200.0, 200.0]),
    ("Velocities", &[10.0, -20.0, 30.0]),
    ("Masses", &[1e-4]),
    ("Density", &[1e-3]),
    ("InternalEnergy", &[100.0]),
    ("StarFormationRate", &[0.1]),
    ("ElectronAbundance", &[0.2]),
];

pub fn tng() -> Vec<Vec<u8>> {
    let build = |file: &File| -> Result<()> {
        let header = file.create_group("Header")?;
        numbers(&header, HEADER)?;
        text(&header, "SimulationName", "TNG")?;
        header.new_attr_builder().with_data(&[3u32, 3, 0, 0, 3, 0]).create("NumPart_Total")?;
        header.new_attr_builder().with_data(&[3i32, 3, 0, 0, 3, 0]).create("NumPart_ThisFile")?;
        header.new_attr_builder().with_data(&[0.0, 1e-3, 0.0, 0.0, 0.0, 0.0]).create("MassTable")?;
        let gas = file.create_group("PartType0")?;
        sets(&gas, GAS)?;
        sets(
            &gas,
            &[
                ("NeutralHydrogenAbundance", &[0.8]),
                ("GFM_Metals", &[0.74, 0.24, 0.02]),
                ("MagneticField", &[1.0, 2.0, 3.0]),
                ("CenterOfMass", &[1.0, 200.0, 200.0]),
            ],
        )?;
        let masses = gas.dataset("Masses")?;
        numbers(&masses, &[("a_scaling", 0.0), ("h_scaling", -1.0), ("to_cgs", 1.989e43)])?;
        sets(&file.create_group("PartType1")?, &[("Coordinates", &[1.0, 2.0, 3.0]), ("Velocities", &[1.0, 2.0, 3.0])])?;
        let stars = file.create_group("PartType4")?;
        sets(&stars, &[("Coordinates", &[1.0, 2.0, 3.0]), ("Masses", &[1e-4]), ("GFM_StellarFormationTime", &[0.4])])
    };
    vec![made(build)]
}

fn simba() -> Vec<u8> {
    made(|file| {
        let header = file.create_group("Header")?;
        numbers(&header, HEADER)?;
        let gas = file.create_group("PartType0")?;
        sets(&gas, GAS)?;
        sets(
            &gas,
            &[
                ("GrackleHI", &[0.7]),
                ("GrackleHII", &[0.2]),
                ("FractionH2", &[0.1]),
                ("SmoothingLength", &[3.0]),
                ("Metallicity", &[0.02, 0.24]),
            ],
        )
    })
}

fn eagle() -> Vec<u8> {
    made(|file| {
        let header = file.create_group("Header")?;
        numbers(&header, HEADER)?;
        numbers(&header, &[("ExpansionFactor", 0.5)])?;
        let units = file.create_group("Units")?;
        numbers(&units, &[("UnitLength_in_cm", 3.08e24)])?;
        file.create_group("RuntimePars")?;
        let gas = file.create_group("PartType0")?;
        sets(&gas, GAS)?;
        sets(&gas, &[("Temperature", &[7000.0])])?;
        sets(&gas.create_group("ElementAbundance")?, &[("Hydrogen", &[0.74])])?;
        for name in
            ["Coordinates", "Velocities", "Masses", "Density", "InternalEnergy", "Temperature", "StarFormationRate"]
        {
            let (data, units) = (
                gas.dataset(name)?,
                [("CGSConversionFactor", 1e20), ("aexp-scale-exponent", 1.0), ("h-scale-exponent", -1.0)],
            );
            numbers(&data, &units)?;
        }
        Ok(())
    })
}

fn swift() -> Vec<u8> {
    made(|file| {
        let header = file.create_group("Header")?;
        header.new_attr_builder().with_data(&[1.0]).create("Redshift")?;
        header.new_attr_builder().with_data(&[0.5]).create("Scale-factor")?;
        header.new_attr_builder().with_data(&[0.8; 3]).create("BoxSize")?;
        let cosmology = file.create_group("Cosmology")?;
        numbers(&cosmology, &[("h", 0.7), ("Omega_m", 0.3), ("Omega_lambda", 0.7)])?;
        let units = file.create_group("Units")?;
        numbers(&units, &[("Unit length in cgs (U_L)", 3.08e24)])?;
        let gas = file.create_group("PartType0")?;
        let all: &[(&str, &[f64])] = &[
            ("Coordinates", &[0.1, 0.2, 0.3]),
            ("Velocities", &[1.0, 2.0, 3.0]),
            ("Masses", &[1e-4]),
            ("Densities", &[1e-3]),
            ("Temperatures", &[7000.0]),
            ("StarFormationRates", &[-0.4]),
        ];
        sets(&gas, all)?;
        for (name, _) in all {
            let data = gas.dataset(name)?;
            let units = "Conversion factor to CGS (not including cosmological corrections)";
            numbers(&data, &[(units, 1e20), ("a-scale exponent", 1.0), ("h-scale exponent", 0.0)])?;
        }
        sets(&gas, &[("ElementMassFractions", &[0.74, 0.24]), ("SpeciesFractions", &[0.2, 0.7, 0.05])])?;
        let columns = file.create_group("SubgridScheme")?.create_group("NamedColumns")?;
        for (name, words) in
            [("ElementMassFractions", &["Hydrogen", "Helium"][..]), ("SpeciesFractions", &["elec", "HI", "H2"])]
        {
            let words: Vec<FixedAscii<32>> = words.iter().filter_map(|w| FixedAscii::from_ascii(w).ok()).collect();
            columns.new_dataset_builder().with_data(&words).create(name)?;
        }
        Ok(())
    })
}

fn arrays() -> Vec<u8> {
    made(|file| {
        numbers(file, &[("redshift", 1.0), ("h", 0.7), ("omega_m", 0.3), ("omega_lambda", 0.7), ("box_size", 800.0)])?;
        text(file, "box_units", "kpc")?;
        sets(
            file,
            &[
                ("positions", &[1.0, 200.0, 200.0]),
                ("velocities", &[10.0, -20.0, 30.0]),
                ("density", &[1e-24]),
                ("temperature", &[7000.0]),
                ("hydrogen_fraction", &[0.74]),
                ("hi_mass", &[1e5]),
            ],
        )?;
        let mass = rows(file, "mass", &[1e6])?;
        text(&mass, "units", "Msun")
    })
}

pub fn snapshots() -> Vec<Vec<u8>> {
    [tng(), vec![simba(), eagle(), swift(), arrays()]].concat()
}

pub fn catalogues() -> Vec<Vec<u8>> {
    let build = |file: &File| -> Result<()> {
        let header = file.create_group("Header")?;
        numbers(&header, HEADER)?;
        numbers(&header, &[("NumFiles", 1.0)])?;
        let six: &[f64] = &[5.0, 1.0, 0.0, 0.0, 2.0, 0.0];
        let groups = file.create_group("Group")?;
        sets(&groups, &[("GroupLenType", &[20.0, 5.0, 0.0, 0.0, 9.0, 0.0]), ("GroupFirstSub", &[0.0])])?;
        sets(
            &file.create_group("Subhalo")?,
            &[
                ("SubhaloPos", &[1.0, 2.0, 3.0]),
                ("SubhaloLenType", six),
                ("SubhaloGrNr", &[0.0]),
                ("SubhaloMassType", six),
                ("SubhaloMassInRadType", six),
                ("SubhaloHalfmassRadType", six),
                ("SubhaloSFR", &[0.1]),
                ("SubhaloFlag", &[1.0]),
            ],
        )
    };
    vec![made(build)]
}

pub fn offsets() -> Vec<Vec<u8>> {
    vec![made(|file| sets(&file.create_group("Subhalo")?, &[("SnapByType", &[7.0, 0.0, 0.0, 0.0, 0.0, 0.0])]))]
}

pub fn visibilities() -> Vec<Vec<u8>> {
    let telescope = Telescope::preset("ska-mid-aa0.5").unwrap();
    let track = Track {
        phase_centre: RaDec::from_deg(30.0, -35.0),
        earth: EarthOrientation::new(Frame::Oskar),
        start_mjd_utc: 60_000.0,
        step_s: 60.0,
        steps: 2,
        pointing: Default::default(),
        correlations: Default::default(),
    };
    [Polarisations::I, Polarisations::Linear]
        .iter()
        .map(|products| {
            let (table, ..) = new_table(&telescope, &track, &[1.4e9, 1.41e9], 1e6, *products, -1.6).unwrap();
            written(|path| write_visibilities(path, &table, Precision::Single, &Watch::silent()).unwrap())
        })
        .collect()
}

pub fn shards() -> Vec<Vec<u8>> {
    let field = |name: &str, shape: &[usize]| ShardField {
        name: name.into(),
        shape: shape.into(),
        unit: "mK".into(),
        attributes: vec![("scaling".into(), Attribute::Text("log".into()))],
    };
    let column = |name: &str, kind| ShardColumn { name: name.into(), unit: "".into(), description: "".into(), kind };
    let array = |name: &str, values| ShardArray { name: name.into(), unit: "Hz".into(), values };
    let arrays = vec![
        array("psf", ArrayValues::Single(ArrayD::zeros(IxDyn(&[2, 3, 4])))),
        array("freq_hz", ArrayValues::Double(ArrayD::zeros(IxDyn(&[2])))),
    ];
    let header = ShardHeader {
        samples: 3,
        first_sample: 300,
        fields: vec![field("tb", &[8, 6]), field("dirty-cube", &[3, 8, 6])],
        columns: vec![
            column("id", ColumnKind::Text),
            column("mass", ColumnKind::Number),
            column("galaxy", ColumnKind::Integer),
            column("ok", ColumnKind::Flag),
        ],
        groups: vec![ShardGroup { name: "ska-mid".into(), attributes: Vec::new(), arrays }],
        attributes: vec![("seed".into(), Attribute::Integer(-7))],
    };
    let write = |compression| {
        written(|path| {
            let mut writer = ShardWriter::create(path, &header, compression).unwrap();
            for (number, field) in header.fields.iter().enumerate() {
                let pixels = ArrayD::from_elem(IxDyn(&field.shape), 0.5f32);
                writer.put(number, 0, pixels.view()).unwrap();
            }
            let columns = vec![
                ColumnValues::Text(["a", "b", "c"].map(String::from).to_vec()),
                ColumnValues::Number(vec![1.0; 3]),
                ColumnValues::Integer(vec![1; 3]),
                ColumnValues::Flag(vec![true, false, false]),
            ];
            writer.put_columns(columns).unwrap();
            writer.finish().unwrap();
        })
    };
    vec![write(Compression::None), write(Compression::Deflate(1))]
}

pub fn cubes() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    std::fs::write(&image, &images()[0]).unwrap();
    let header: CubeHeader = read_axes(&image).unwrap();
    let (_, ny, nx) = header.shape;
    vec![written(|path| write_hdf_cube(path, &header, |_| Ok(Array2::zeros((ny, nx)))).unwrap())]
}

pub fn maps() -> Vec<Vec<u8>> {
    let view = MapView { name: "face-on".into(), euler_deg: [0.0; 3], rotation: [[0.0; 3]; 3] };
    let header = MapFile {
        shape: (4, 5),
        fields: vec![MapField {
            name: "hi".into(),
            attributes: vec![("units".into(), Attribute::Text("cm-2".into()))],
        }],
        views: vec![view],
        attributes: vec![("object".into(), Attribute::Text("a galaxy".into()))],
    };
    vec![written(|path| {
        let writer = MapWriter::create(path, &header).unwrap();
        writer.put(0, 0, Array2::zeros((4, 5)).view()).unwrap();
        writer.finish().unwrap();
    })]
}

fn parameters(place: &Group) -> Result<()> {
    let inputs = place.create_group("InputParameters")?;
    let options = inputs.create_group("simulation_options")?;
    numbers(&options, &[("BOX_LEN", 60.0)])?;
    let cosmology = inputs.create_group("cosmo_params")?;
    numbers(&cosmology, &[("hlittle", 0.68), ("OMm", 0.31)])
}

/// 21cmFAST's box, and one of somebody else.
pub fn coeval() -> Vec<Vec<u8>> {
    let own = |file: &File| -> Result<()> {
        let group = file.create_group("BrightnessTemp")?;
        numbers(&group, &[("redshift", 8.0)])?;
        parameters(&group)?;
        let fields = group.create_group("OutputFields")?;
        fields.new_dataset_builder().with_data(&Array3::<f32>::zeros((4, 4, 4))).create("brightness_temp").map(drop)
    };
    let other = |file: &File| -> Result<()> {
        let data = file.new_dataset_builder().with_data(&Array3::<f64>::zeros((4, 4, 4))).create("box")?;
        text(&data, "units", "mK")
    };
    vec![made(own), made(other)]
}

pub fn light_cones() -> Vec<Vec<u8>> {
    let build = |file: &File| -> Result<()> {
        numbers(file, &[("lowz_buffer_pixels", 1.0), ("highz_buffer_pixels", 1.0), ("last_completed_lcidx", -1.0)])?;
        parameters(file)?;
        let cones = file.create_group("lightcones")?;
        cones.new_dataset_builder().with_data(&Array3::<f64>::zeros((4, 4, 6))).create("brightness_temp")?;
        let distances: Vec<f64> = (0..6).map(|i| 8000.0 + f64::from(i)).collect();
        file.new_dataset_builder().with_data(&distances).create("lightcone_distances").map(drop)
    };
    vec![made(build)]
}

pub fn all() -> Vec<Vec<u8>> {
    [snapshots(), catalogues(), visibilities(), shards(), cubes(), maps(), coeval()].concat()
}
