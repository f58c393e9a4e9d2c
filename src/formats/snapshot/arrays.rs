//! Plain arrays: named data sets at the root of an HDF5 file, with their units as attributes.

use super::layout::{
    ASSUMED_COSMOLOGY, ASSUMED_HYDROGEN, Column, Field, Format, Gas, GasFields, Layout, Scalar, Vector,
    assumed_cosmology,
};
use super::physical::{FromCgs, KPC_CM, MSUN_G, YEAR_S};
use super::{Header, TNG_UNIT_LENGTH_CM, TNG_UNIT_MASS_G, TNG_UNIT_VELOCITY_CM_S, hdf, npz};
use crate::error::{Error, Result};
use hdf5::{File, Group};
use std::path::Path;

const NEEDS: &str = "positions [n, 3], velocities [n, 3], mass, density or smoothing_length, temperature or \
     internal_energy, each with an attribute `units` or in kpc, km/s, Msun, g/cm^3, K, (km/s)^2";
const HINT: &str = "docs/snapshots.md lists the arrays and their units";

const POSITIONS: [&str; 2] = ["positions", "coordinates"];

const MASSES: [&str; 2] = ["mass", "masses"];

/// The arrays that are read, and what they measure.
const ARRAYS: [(&str, Kind); 17] = [
    (POSITIONS[0], Kind::Length),
    (POSITIONS[1], Kind::Length),
    ("velocities", Kind::Velocity),
    (MASSES[0], Kind::Mass),
    (MASSES[1], Kind::Mass),
    ("density", Kind::Density),
    ("smoothing_length", Kind::Length),
    ("internal_energy", Kind::Energy),
    ("temperature", Kind::Temperature),
    ("electron_abundance", Kind::Number),
    ("hydrogen_fraction", Kind::Number),
    ("metallicity", Kind::Number),
    ("star_formation_rate", Kind::MassRate),
    ("neutral_fraction", Kind::Number),
    ("molecular_fraction", Kind::Number),
    ("hi_mass", Kind::Mass),
    ("hi_fraction", Kind::Number),
];

/// Attributes of the root that are numbers.
const NUMBERS: [&str; 6] = ["redshift", "scale_factor", "h", "omega_m", "omega_lambda", "box_size"];
/// Attributes of the root that are texts.
const TEXTS: [&str; 2] = ["box_units", "title"];

/// Arrays of which a file may have one only: they state the same quantity.
const EITHER: [&[&str]; 3] = [&POSITIONS, &MASSES, &["neutral_fraction", "hi_mass", "hi_fraction"]];

/// Whether `name` is an attribute of the root that is a number.
pub(super) fn is_number(name: &str) -> bool {
    NUMBERS.contains(&name)
}

/// Whether `name` is an attribute of the root that is a text.
pub(super) fn is_text(name: &str) -> bool {
    TEXTS.contains(&name)
}

/// Whether there are positions at the root of the file, or it is an archive of numpy.
pub(super) fn resembles(file: &File) -> bool {
    npz::is_archive(file) || POSITIONS.iter().any(|name| hdf::dataset(file, name).is_some())
}

pub(super) struct Arrays;

impl Layout for Arrays {
    fn header(&self, file: &File, path: &Path) -> Result<Header> {
        require_known_names(file, path)?;
        require_one_of_each(file, path)?;
        let number = |name: &str| number(file, name, path);
        let positive = |name: &str, value: f64| -> Result<f64> {
            if value > 0.0 {
                return Ok(value);
            }
            Err(Error::input(format!("the attribute {name} is not positive")).found(value).place(path.display()))
        };
        let mut assumptions = Vec::new();
        let stated = [number("h")?, number("omega_m")?, number("omega_lambda")?];
        let [h, omega0, omega_lambda] = match stated {
            [Some(h), Some(m), Some(l)] => [h, m, l],
            [None, None, None] => {
                assumptions.push(assumed_cosmology("attributes h, omega_m, omega_lambda"));
                ASSUMED_COSMOLOGY
            }
            _ => {
                let there = ["h", "omega_m", "omega_lambda"].into_iter().zip(stated).filter(|(_, v)| v.is_some());
                return Err(Error::input("a cosmology of which a part is missing")
                    .found(there.map(|(name, _)| name).collect::<Vec<_>>().join(", "))
                    .expected("h, omega_m and omega_lambda, or none of them")
                    .place(path.display()));
            }
        };
        let time = match (number("scale_factor")?, number("redshift")?) {
            (Some(a), Some(z)) if (a * (1.0 + z) - 1.0).abs() > 1e-6 => {
                return Err(Error::input("scale_factor and redshift contradict each other")
                    .found(format!("scale_factor {a}, redshift {z}"))
                    .expected("scale_factor = 1/(1 + redshift), or one of the two")
                    .place(path.display())
                    .hint("leave out the one that is wrong"));
            }
            (Some(a), _) => a,
            (None, Some(z)) => 1.0 / (1.0 + z),
            (None, None) => {
                assumptions.push("no attribute redshift: 0 assumed".into());
                1.0
            }
        };
        let time = positive("redshift (as scale factor)", time)?;
        let h = positive("h", h)?;
        let cells = POSITIONS.iter().find_map(|name| hdf::dataset(file, name));
        if cells.is_none() && npz::is_archive(file) {
            let group = file.as_group().map_err(|e| hdf::unreadable("the root", &e, path))?;
            let gas = Gas { group: &group, path, format: Format::Arrays, needs: NEEDS, hint: HINT };
            return Err(gas.missing("positions"));
        }
        let mut header = Header {
            format: Format::Arrays,
            two_phase_star_formation: false,
            time,
            redshift: 1.0 / time - 1.0,
            hubble_param: h,
            omega0,
            omega_lambda,
            omega_baryon: 0.0,
            box_size: 0.0,
            num_files: 1,
            gas_cells_total: cells.map_or(0, |data| data.shape().first().copied().unwrap_or(0) as u64),
            unit_length_in_cm: TNG_UNIT_LENGTH_CM,
            unit_mass_in_g: TNG_UNIT_MASS_G,
            unit_velocity_in_cm_per_s: TNG_UNIT_VELOCITY_CM_S,
            simulation_name: hdf::text_attribute(file, "title").unwrap_or_default(),
            assumptions,
        };
        if let Some(side) = number("box_size")? {
            let words = if file.attr("box_units").is_ok() {
                hdf::text_attribute(file, "box_units").unwrap_or("(not a text)".into())
            } else {
                header.assumptions.push("no box_units: kpc assumed".into());
                "kpc".into()
            };
            let factor = unit(Kind::Length, &words, &header)
                .ok_or_else(|| unknown("the attribute box_units", Kind::Length, &words, path))?;
            header.box_size = positive("box_size", side)? * factor;
        }
        Ok(header)
    }

    fn gas(&self, file: &File) -> Option<Group> {
        file.as_group().ok()
    }

    fn needs(&self) -> (&'static str, &'static str) {
        (NEEDS, HINT)
    }

    fn fields(&self, gas: &Gas, _: &File, header: &Header) -> Result<GasFields> {
        let vector = |names: &[&str], kind: Kind| -> Result<Vector> {
            let field = gas.required(names)?;
            require_three_columns(&field, gas.path)?;
            let factor = factor(&field, kind, header, gas.path)?;
            Ok(field.vector(factor))
        };
        let column = |names: &[&str], kind: Kind| -> Result<Option<Column>> {
            let Some(field) = gas.optional(names) else { return Ok(None) };
            let factor = factor(&field, kind, header, gas.path)?;
            Ok(Some(field.column(0, factor)))
        };
        let scalar = |names: &[&str], kind: Kind| -> Result<Option<Scalar>> {
            Ok(column(names, kind)?.map(|c| Scalar { columns: vec![c], combine: |v| v[0] }))
        };
        let mass = scalar(&MASSES, Kind::Mass)?.ok_or_else(|| gas.missing("mass"))?;
        let mut fields =
            GasFields::new(vector(&POSITIONS, Kind::Length)?, vector(&["velocities"], Kind::Velocity)?, mass);
        fields.density = scalar(&["density"], Kind::Density)?;
        fields.smoothing_length = scalar(&["smoothing_length"], Kind::Length)?;
        fields.internal_energy = scalar(&["internal_energy"], Kind::Energy)?;
        fields.temperature_k = scalar(&["temperature"], Kind::Temperature)?;
        fields.electron_abundance = scalar(&["electron_abundance"], Kind::Number)?;
        fields.hydrogen_fraction = scalar(&["hydrogen_fraction"], Kind::Number)?;
        fields.metallicity = scalar(&["metallicity"], Kind::Number)?;
        fields.star_formation_rate = scalar(&["star_formation_rate"], Kind::MassRate)?;
        // over the mass of hydrogen, by the fraction that holds where the file states none
        let of_hydrogen = |name: &str| -> Result<Option<Scalar>> {
            let (Some(part), Some(all)) = (column(&[name], Kind::Mass)?, column(&MASSES, Kind::Mass)?) else {
                return Ok(None);
            };
            Ok(Some(match column(&["hydrogen_fraction"], Kind::Number)? {
                Some(x) => Scalar { columns: vec![part, all, x], combine: |v| share(v[0], v[1] * v[2]) },
                None => Scalar { columns: vec![part, all], combine: |v| share(v[0], ASSUMED_HYDROGEN * v[1]) },
            }))
        };
        let atoms = match of_hydrogen("hi_mass")? {
            Some(hi) => Some(hi),
            None => scalar(&["hi_fraction"], Kind::Number)?,
        };
        if let Some(hi) = atoms {
            // what is stated is HI already: no molecules are split off
            fields.molecular_abundance = Some(Scalar { columns: vec![first_again(gas)?], combine: |_| 0.0 });
            fields.neutral_abundance = Some(hi);
        } else {
            fields.neutral_abundance = scalar(&["neutral_fraction"], Kind::Number)?;
            fields.molecular_abundance = scalar(&["molecular_fraction"], Kind::Number)?;
        }
        fields.stand_ins = assumed_units(gas);
        fields.complete(gas, "density or smoothing_length", "temperature or internal_energy")
    }
}

/// The attribute `name` of the root; None where there is none.
///
/// # Errors
/// One that is no single finite number, or a data set of this name.
fn number(file: &File, name: &str, path: &Path) -> Result<Option<f64>> {
    let refused = |found: String| {
        Error::input(format!("the attribute {name} cannot be used (plain arrays format)"))
            .found(found)
            .expected("one finite number")
            .place(path.display())
            .hint("in HDF5 an attribute of the root, as in file.attrs[\"redshift\"] = 0.5; in .npz redshift=0.5")
    };
    if file.link_exists(name) {
        let shape = hdf::dataset(file, name).map_or(Vec::new(), |data| data.shape());
        return Err(refused(if shape.is_empty() {
            "a data set".into()
        } else {
            format!("an array of shape {shape:?}")
        }));
    }
    if file.attr(name).is_err() {
        return Ok(None);
    }
    match hdf::attribute(file, name).as_deref() {
        Some(&[value]) if value.is_finite() => Ok(Some(value)),
        Some(&[value]) => Err(refused(value.to_string())),
        Some(values) => Err(refused(format!("{} numbers", values.len()))),
        None => Err(refused(match hdf::text_attribute(file, name) {
            Some(text) => format!("the text \"{text}\""),
            None => "no number".into(),
        })),
    }
}

/// An error for a name that is read in small letters only.
fn require_known_names(file: &File, path: &Path) -> Result<()> {
    let known: Vec<&str> = ARRAYS.iter().map(|a| a.0).chain(NUMBERS).chain(TEXTS).collect();
    let names = [hdf::attribute_names(file).unwrap_or_default(), hdf::member_names(file).unwrap_or_default()].concat();
    for name in names {
        if let Some(right) = known.iter().find(|right| right.eq_ignore_ascii_case(&name) && **right != name) {
            return Err(Error::input("a name is not written as it is read (plain arrays format)")
                .found(&name)
                .expected(right)
                .place(path.display())
                .hint(HINT));
        }
    }
    Ok(())
}

/// An error where two arrays state one quantity.
fn require_one_of_each(file: &File, path: &Path) -> Result<()> {
    for names in EITHER {
        let there: Vec<&str> = names.iter().copied().filter(|name| file.link_exists(name)).collect();
        if there.len() > 1 {
            return Err(Error::input("one quantity is given twice (plain arrays format)")
                .found(there.join(" and "))
                .expected(format!("one of {}", names.join(", ")))
                .place(path.display())
                .hint("save the file with the array that is meant"));
        }
    }
    Ok(())
}

/// An error unless there is one row of three numbers a cell.
fn require_three_columns(field: &Field, path: &Path) -> Result<()> {
    let shape = field.data.shape();
    if matches!(shape[..], [_, 3]) {
        return Ok(());
    }
    let error = Error::input(format!("the array {} has an unexpected shape", field.name))
        .found(format!("{shape:?}"))
        .expected("[n, 3]: a row for every cell")
        .place(path.display());
    Err(if shape.first() == Some(&3) {
        error.hint(format!("transpose it: {0} = {0}.T", field.name))
    } else {
        error.hint(HINT)
    })
}

/// A note for each array whose units are not stated.
fn assumed_units(gas: &Gas) -> Vec<String> {
    let unstated = |(name, kind): &(&str, Kind)| {
        let field = gas.optional(&[name]).filter(|_| *kind != Kind::Number)?;
        field.data.attr("units").is_err().then(|| format!("no units of {name}: {} assumed", kind.units()[0].0))
    };
    ARRAYS.iter().filter_map(unstated).collect()
}

/// A column to count rows by.
fn first_again(gas: &Gas) -> Result<Column> {
    Ok(gas.required(&MASSES)?.column(0, 1.0))
}

/// `part / whole`, 0 of nothing.
fn share(part: f64, whole: f64) -> f64 {
    if part == 0.0 { 0.0 } else { part / whole }
}

/// What a number measures.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Length,
    Velocity,
    Mass,
    Density,
    Energy,
    Temperature,
    MassRate,
    Number,
}

impl Kind {
    /// Units: name, value in physical cgs, powers of a and h. The first is the default.
    fn units(self) -> Vec<(&'static str, f64, i32, i32)> {
        let (km, msun_kpc3) = (1e5, MSUN_G / KPC_CM.powi(3));
        match self {
            Kind::Length => vec![
                ("kpc", KPC_CM, 0, 0),
                ("pc", 1e-3 * KPC_CM, 0, 0),
                ("Mpc", 1e3 * KPC_CM, 0, 0),
                ("cm", 1.0, 0, 0),
                ("m", 1e2, 0, 0),
                ("ckpc", KPC_CM, 1, 0),
                ("cMpc", 1e3 * KPC_CM, 1, 0),
                ("ckpc/h", KPC_CM, 1, -1),
                ("cMpc/h", 1e3 * KPC_CM, 1, -1),
            ],
            Kind::Velocity => vec![("km/s", km, 0, 0), ("m/s", 1e2, 0, 0), ("cm/s", 1.0, 0, 0)],
            Kind::Mass => vec![
                ("Msun", MSUN_G, 0, 0),
                ("1e10 Msun", 1e10 * MSUN_G, 0, 0),
                ("g", 1.0, 0, 0),
                ("kg", 1e3, 0, 0),
                ("Msun/h", MSUN_G, 0, -1),
                ("1e10 Msun/h", 1e10 * MSUN_G, 0, -1),
            ],
            Kind::Density => vec![
                ("g/cm^3", 1.0, 0, 0),
                ("kg/m^3", 1e-3, 0, 0),
                ("Msun/kpc^3", msun_kpc3, 0, 0),
                ("Msun/pc^3", 1e9 * msun_kpc3, 0, 0),
                ("Msun/ckpc^3", msun_kpc3, -3, 0),
            ],
            Kind::Energy => vec![
                ("(km/s)^2", km * km, 0, 0),
                ("km^2/s^2", km * km, 0, 0),
                ("erg/g", 1.0, 0, 0),
                ("J/kg", 1e4, 0, 0),
            ],
            Kind::Temperature => vec![("K", 1.0, 0, 0)],
            Kind::MassRate => vec![("Msun/yr", MSUN_G / YEAR_S, 0, 0), ("g/s", 1.0, 0, 0)],
            Kind::Number => vec![("1", 1.0, 0, 0), ("", 1.0, 0, 0)],
        }
    }
}

/// One `words` of `kind` in the table's units; None for a unit that is not known.
fn unit(kind: Kind, words: &str, header: &Header) -> Option<f64> {
    let (_, cgs, a, h) = kind.units().into_iter().find(|(name, ..)| *name == words.trim())?;
    let to = FromCgs::of(header);
    let factor = match kind {
        Kind::Length => to.length,
        Kind::Velocity => to.velocity,
        Kind::Mass => to.mass,
        Kind::Density => to.density,
        Kind::Energy => to.energy,
        Kind::MassRate => to.mass_rate,
        Kind::Temperature | Kind::Number => 1.0,
    };
    Some(cgs * header.time.powi(a) * header.hubble_param.powi(h) * factor)
}

/// The factor of the units that `field` states, or of the default.
fn factor(field: &Field, kind: Kind, header: &Header, path: &Path) -> Result<f64> {
    let default = kind.units()[0].0;
    let words = match field.data.attr("units") {
        Ok(_) => hdf::text_attribute(&field.data, "units").unwrap_or("(not a text)".into()),
        Err(_) => default.to_string(),
    };
    unit(kind, &words, header).ok_or_else(|| unknown(&format!("the array {}", field.name), kind, &words, path))
}

fn unknown(what: &str, kind: Kind, words: &str, path: &Path) -> Error {
    let names: Vec<String> = kind.units().iter().filter(|u| !u.0.is_empty()).map(|u| format!("\"{}\"", u.0)).collect();
    Error::input(format!("{what} has units that are not known here (plain arrays format)"))
        .found(format!("\"{words}\""))
        .expected(format!("one of {}", names.join(", ")))
        .place(path.display())
        .hint("set the attribute `units` of the array; without it the first of these holds")
}
