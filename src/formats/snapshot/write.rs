use super::{DarkMatterTable, Header, Snapshot, StarTable};
use crate::error::Result;
use crate::formats::visibilities::library::write_failed;
use hdf5::file::LibraryVersion;
use hdf5::types::VarLenAscii;
use hdf5::{File, Group, H5Type};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use std::path::Path;

/// Unit attributes of a field, as genuine files have them: exponents of a, h, length, mass and
/// velocity, and the value of one code unit in cgs.
struct Scaling {
    a: f64,
    h: f64,
    length: f64,
    mass: f64,
    velocity: f64,
    /// Whether the field is a bare number, whose `to_cgs` TNG sets to 0.
    bare: bool,
}

const fn scaling(a: f64, h: f64, length: f64, mass: f64, velocity: f64) -> Scaling {
    Scaling { a, h, length, mass, velocity, bare: false }
}

const PLACE: Scaling = scaling(1.0, -1.0, 1.0, 0.0, 0.0);
const SPEED: Scaling = scaling(0.5, 0.0, 0.0, 0.0, 1.0);
const MASS: Scaling = scaling(0.0, -1.0, 0.0, 1.0, 0.0);
const BARE: Scaling = Scaling { a: 0.0, h: 0.0, length: 0.0, mass: 0.0, velocity: 0.0, bare: true };

/// Share of each metal of `GFM_Metals` (C, N, O, Ne, Mg, Si, Fe, others) in the metal mass: the
/// Sun's (Asplund et al. 2009, table 1, mass fractions over Z = 0.0134).
const METAL_SHARES: [f64; 8] = [0.177, 0.052, 0.428, 0.094, 0.053, 0.050, 0.097, 0.049];

/// Writes the gas of `snapshot` to `path` (a staged path) in the layout of an IllustrisTNG file, one file of
/// `header.num_files`.
///
/// Groups Header, Config, Parameters and PartType0, single precision but for `Coordinates`, with
/// the unit attributes of genuine files. Equal input gives equal bytes (no time stamps), readable
/// by HDF5 1.10 tools. Empty optional columns are left out.
pub fn write_snapshot(path: &Path, snapshot: &Snapshot) -> Result<()> {
    write_snapshot_with(path, snapshot, &StarTable::default(), &DarkMatterTable::default())
}

/// As [`write_snapshot`], with stars (group PartType4) and dark matter (PartType1) beside the gas. The header counts
/// them all; those of other files of the snapshot are not known.
pub fn write_snapshot_with(
    path: &Path,
    snapshot: &Snapshot,
    stars: &StarTable,
    dark_matter: &DarkMatterTable,
) -> Result<()> {
    write(path, snapshot, stars, dark_matter).map_err(|e| write_failed(path, &e))
}

fn write(path: &Path, snapshot: &Snapshot, stars: &StarTable, dark_matter: &DarkMatterTable) -> hdf5::Result<()> {
    let (header, gas) = (&snapshot.header, &snapshot.gas);
    let file = File::with_options()
        .with_fapl(|p| p.libver_bounds(LibraryVersion::Earliest, LibraryVersion::V110))
        .with_fcpl(|p| p.obj_track_times(false))
        .create(path)?;
    let group = |name: &str| file.create_group_builder().obj_track_times(false).create(name);
    write_header(&group("Header")?, header, gas.len(), stars, dark_matter)?;
    let config = group("Config")?;
    number(&config, "NTYPES", 6.0)?;
    text(&config, "PERIODIC", "")?;
    text(&config, "OUTPUT_CENTER_OF_MASS", "")?;
    let parameters = group("Parameters")?;
    for (name, value) in [
        ("BoxSize", header.box_size),
        ("HubbleParam", header.hubble_param),
        ("Omega0", header.omega0),
        ("OmegaBaryon", header.omega_baryon),
        ("OmegaLambda", header.omega_lambda),
        ("UnitLength_in_cm", header.unit_length_in_cm),
        ("UnitMass_in_g", header.unit_mass_in_g),
        ("UnitVelocity_in_cm_per_s", header.unit_velocity_in_cm_per_s),
    ] {
        number(&parameters, name, value)?;
    }
    if !gas.is_empty() {
        write_gas(&group("PartType0")?, snapshot)?;
    }
    if !dark_matter.position.is_empty() {
        write_dark_matter(&group("PartType1")?, header, dark_matter)?;
    }
    if !stars.position.is_empty() {
        write_stars(&group("PartType4")?, header, stars)?;
    }
    file.flush()?;
    file.close()
}

fn write_header(
    group: &Group,
    header: &Header,
    cells: usize,
    stars: &StarTable,
    dark_matter: &DarkMatterTable,
) -> hdf5::Result<()> {
    // by type: gas, dark matter, unused, tracers, stars, black holes
    let (halo, born) = (dark_matter.position.len() as u64, stars.position.len() as u64);
    let particles =
        |gas: u64, shift: u32| ndarray::arr1(&[gas, halo, 0, 0, born, 0].map(|n| (n >> shift & 0xffff_ffff) as u32));
    number(group, "BoxSize", header.box_size)?;
    for flag in ["Flag_Cooling", "Flag_Feedback", "Flag_Sfr"] {
        integer(group, flag, 1)?;
    }
    for flag in ["Flag_DoublePrecision", "Flag_Metals", "Flag_StellarAge"] {
        integer(group, flag, 0)?;
    }
    number(group, "HubbleParam", header.hubble_param)?;
    let masses = ndarray::arr1(&[0.0, dark_matter.particle_mass, 0.0, 0.0, 0.0, 0.0]);
    group.new_attr_builder().with_data(&masses).create("MassTable")?;
    integer(group, "NumFilesPerSnapshot", header.num_files as i32)?;
    let here = particles(cells as u64, 0).mapv(|n| n as i32);
    group.new_attr_builder().with_data(&here).create("NumPart_ThisFile")?;
    let total = header.gas_cells_total;
    group.new_attr_builder().with_data(&particles(total, 0)).create("NumPart_Total")?;
    group.new_attr_builder().with_data(&particles(total, 32)).create("NumPart_Total_HighWord")?;
    number(group, "Omega0", header.omega0)?;
    number(group, "OmegaBaryon", header.omega_baryon)?;
    number(group, "OmegaLambda", header.omega_lambda)?;
    number(group, "Redshift", header.redshift)?;
    number(group, "Time", header.time)?;
    number(group, "UnitLength_in_cm", header.unit_length_in_cm)?;
    number(group, "UnitMass_in_g", header.unit_mass_in_g)?;
    number(group, "UnitVelocity_in_cm_per_s", header.unit_velocity_in_cm_per_s)?;
    if !header.simulation_name.is_empty() {
        text(group, "SimulationName", &header.simulation_name)?;
    }
    Ok(())
}

fn write_gas(group: &Group, snapshot: &Snapshot) -> hdf5::Result<()> {
    let (header, gas) = (&snapshot.header, &snapshot.gas);
    let fields = Fields { group, header };
    fields.vectors_f64("Coordinates", &gas.position, &PLACE)?;
    fields.vectors("CenterOfMass", &gas.position, &PLACE)?;
    fields.vectors("Velocities", &gas.velocity, &SPEED)?;
    fields.scalars("Masses", &gas.mass, &MASS)?;
    fields.scalars("Density", &gas.density, &scaling(-3.0, 2.0, -3.0, 1.0, 0.0))?;
    fields.scalars("InternalEnergy", &gas.internal_energy, &scaling(0.0, 0.0, 0.0, 0.0, 2.0))?;
    fields.scalars("ElectronAbundance", &gas.electron_abundance, &BARE)?;
    fields.scalars("NeutralHydrogenAbundance", &gas.neutral_abundance, &BARE)?;
    fields.scalars("StarFormationRate", &gas.star_formation_rate, &scaling(0.0, 0.0, -1.0, 1.0, 1.0))?;
    if !gas.hydrogen_fraction.is_empty() {
        let none = vec![0.0; gas.len()];
        let metals = if gas.metallicity.is_empty() { &none } else { &gas.metallicity };
        let table = Array2::from_shape_fn((gas.len(), 10), |(i, k)| {
            let (x, z) = (gas.hydrogen_fraction[i], metals[i]);
            (match k {
                0 => x,
                1 => 1.0 - x - z,
                _ => z * METAL_SHARES[k - 2],
            }) as f32
        });
        fields.write("GFM_Metals", table.view(), Some(&BARE))?;
    }
    if !gas.metallicity.is_empty() {
        fields.scalars("GFM_Metallicity", &gas.metallicity, &BARE)?;
    }
    if !gas.magnetic_field.is_empty() {
        // genuine files give this field no unit attributes either
        fields.write("MagneticField", single(&gas.magnetic_field).view(), None)?;
    }
    fields.ids(1, gas.len())
}

/// Dark matter has no masses of its own: one stands in the header. Its numbers follow those of the gas, the stars' come
/// from the top, so that each is given once.
fn write_dark_matter(group: &Group, header: &Header, table: &DarkMatterTable) -> hdf5::Result<()> {
    let fields = Fields { group, header };
    fields.vectors_f64("Coordinates", &table.position, &PLACE)?;
    fields.vectors("Velocities", &table.velocity, &SPEED)?;
    fields.ids(header.gas_cells_total + 1, table.position.len())
}

fn write_stars(group: &Group, header: &Header, table: &StarTable) -> hdf5::Result<()> {
    let fields = Fields { group, header };
    fields.vectors_f64("Coordinates", &table.position, &PLACE)?;
    fields.vectors("Velocities", &table.velocity, &SPEED)?;
    fields.scalars("Masses", &table.mass, &MASS)?;
    fields.scalars("GFM_StellarFormationTime", &table.formation_time, &BARE)?;
    fields.scalars("GFM_Metallicity", &table.metallicity, &BARE)?;
    fields.ids(1 << 48, table.position.len())
}

fn single(vectors: &[[f64; 3]]) -> Array2<f32> {
    Array2::from_shape_fn((vectors.len(), 3), |(i, k)| vectors[i][k] as f32)
}

struct Fields<'a> {
    group: &'a Group,
    header: &'a Header,
}

impl Fields<'_> {
    fn write<'d, T: H5Type, D: ndarray::Dimension>(
        &self,
        name: &str,
        data: ndarray::ArrayView<'d, T, D>,
        scaling: Option<&Scaling>,
    ) -> hdf5::Result<()> {
        let set = self.group.new_dataset_builder().with_data(data).obj_track_times(false).create(name)?;
        scaling.map_or(Ok(()), |s| self.attributes(&set, s))
    }

    fn scalars(&self, name: &str, values: &[f64], scaling: &Scaling) -> hdf5::Result<()> {
        let single: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        self.write(name, ArrayView1::from(&single), Some(scaling))
    }

    fn vectors(&self, name: &str, values: &[[f64; 3]], scaling: &Scaling) -> hdf5::Result<()> {
        self.write(name, single(values).view(), Some(scaling))
    }

    fn vectors_f64(&self, name: &str, values: &[[f64; 3]], scaling: &Scaling) -> hdf5::Result<()> {
        self.write(name, ArrayView2::from(values), Some(scaling))
    }

    /// `ParticleIDs` from `first` on.
    fn ids(&self, first: u64, count: usize) -> hdf5::Result<()> {
        self.write("ParticleIDs", Array1::from_iter(first..first + count as u64).view(), Some(&BARE))
    }

    fn attributes(&self, set: &hdf5::Dataset, s: &Scaling) -> hdf5::Result<()> {
        let to_cgs = if s.bare {
            0.0
        } else {
            self.header.unit_length_in_cm.powf(s.length)
                * self.header.unit_mass_in_g.powf(s.mass)
                * self.header.unit_velocity_in_cm_per_s.powf(s.velocity)
        };
        for (name, value) in [
            ("a_scaling", s.a),
            ("h_scaling", s.h),
            ("length_scaling", s.length),
            ("mass_scaling", s.mass),
            ("to_cgs", to_cgs),
            ("velocity_scaling", s.velocity),
        ] {
            set.new_attr::<f64>().create(name)?.write_scalar(&value)?;
        }
        Ok(())
    }
}

fn number(group: &Group, name: &str, value: f64) -> hdf5::Result<()> {
    group.new_attr::<f64>().create(name)?.write_scalar(&value)
}

fn integer(group: &Group, name: &str, value: i32) -> hdf5::Result<()> {
    group.new_attr::<i32>().create(name)?.write_scalar(&value)
}

fn text(group: &Group, name: &str, value: &str) -> hdf5::Result<()> {
    let value = VarLenAscii::from_ascii(value).map_err(|e| hdf5::Error::from(e.to_string()))?;
    group.new_attr::<VarLenAscii>().create(name)?.write_scalar(&value)
}
