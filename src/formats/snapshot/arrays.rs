//! Plain arrays: named data sets at the root of an HDF5 file, with their units as attributes.

use super::layout::{
    ASSUMED_COSMOLOGY, ASSUMED_HYDROGEN, Column, Field, Format, Gas, GasFields, Layout, Scalar, assumed_cosmology,
};
use super::physical::{FromCgs, KPC_CM, MSUN_G, YEAR_S};
use super::{Header, TNG_UNIT_LENGTH_CM, TNG_UNIT_MASS_G, TNG_UNIT_VELOCITY_CM_S, hdf};
use crate::error::{Error, Result};
use hdf5::{File, Group};
use std::path::Path;

const NEEDS: &str = "positions [n, 3], velocities [n, 3], mass, density or smoothing_length, temperature or \
     internal_energy, each with an attribute `units` or in kpc, km/s, Msun, g/cm^3, K, (km/s)^2";
const HINT: &str = "docs/snapshots.md lists the arrays and their units";

const POSITIONS: [&str; 2] = ["positions", "coordinates"];

/// Whether there are positions at the root of the file.
pub(super) fn resembles(file: &File) -> bool {
    POSITIONS.iter().any(|name| hdf::dataset(file, name).is_some())
}

pub(super) struct Arrays;

impl Layout for Arrays {
    fn header(&self, file: &File, path: &Path) -> Result<Header> {
        let number = |names: &[&str]| -> Result<Option<f64>> {
            let Some(value) = names.iter().find_map(|name| hdf::attribute(file, name)).map(|v| v[0]) else {
                return Ok(None);
            };
            if !value.is_finite() {
                return Err(Error::input(format!("the attribute {} is not finite", names[0])).place(path.display()));
            }
            Ok(Some(value))
        };
        let positive = |name: &str, value: f64| -> Result<f64> {
            if value > 0.0 {
                return Ok(value);
            }
            Err(Error::input(format!("the attribute {name} is not positive")).found(value).place(path.display()))
        };
        let mut assumptions = Vec::new();
        let stated = [number(&["h"])?, number(&["omega_m"])?, number(&["omega_lambda"])?];
        let [h, omega0, omega_lambda] = match stated {
            [Some(h), Some(m), Some(l)] => [h, m, l],
            _ => {
                assumptions.push(assumed_cosmology("attributes h, omega_m, omega_lambda"));
                ASSUMED_COSMOLOGY
            }
        };
        let time = match (number(&["scale_factor"])?, number(&["redshift"])?) {
            (Some(a), _) => a,
            (None, Some(z)) => 1.0 / (1.0 + z),
            (None, None) => {
                assumptions.push("no attribute redshift: 0 assumed".into());
                1.0
            }
        };
        let time = positive("redshift (as scale factor)", time)?;
        let h = positive("h", h)?;
        let cells = resembles(file).then(|| self.gas(file)).flatten();
        let cells = cells.and_then(|g| POSITIONS.iter().find_map(|name| hdf::dataset(&g, name)));
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
        if let Some(side) = number(&["box_size"])? {
            let words = hdf::text_attribute(file, "box_units").unwrap_or("kpc".into());
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
        let vector = |names: &[&str], kind: Kind| -> Result<_> {
            let field = gas.required(names)?;
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
        let masses = ["mass", "masses"];
        let mass = scalar(&masses, Kind::Mass)?.ok_or_else(|| gas.missing("mass"))?;
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
            let (Some(part), Some(all)) = (column(&[name], Kind::Mass)?, column(&masses, Kind::Mass)?) else {
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
        fields.complete(gas, "density or smoothing_length", "temperature or internal_energy")
    }
}

/// A column to count rows by.
fn first_again(gas: &Gas) -> Result<Column> {
    Ok(gas.required(&["mass", "masses"])?.column(0, 1.0))
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
