//! IllustrisTNG and Illustris: code units all through, which are those of the table.
//!
//! Mini snapshots lack `CenterOfMass`, `GFM_Metals`, `NeutralHydrogenAbundance` and `MagneticField`, the original Illustris
//! lacks `CenterOfMass`, `GFM_Metals` and `MagneticField` (data specifications of both projects).

use super::layout::{Format, Gas, GasFields, Layout};
use super::{Header, TNG_UNIT_LENGTH_CM, TNG_UNIT_MASS_G, TNG_UNIT_VELOCITY_CM_S, hdf};
use crate::error::{Error, Result};
use hdf5::{File, Group};
use std::path::Path;

/// What errors say that the format needs.
pub(super) const NEEDS: &str = "CenterOfMass or Coordinates, Velocities, Masses, Density, InternalEnergy, \
     ElectronAbundance, StarFormationRate";
/// What helps where a field is missing.
pub(super) const HINT: &str = "a cutout must be requested with all the fields of docs/snapshots.md";

pub(super) struct Tng;

impl Layout for Tng {
    fn header(&self, file: &File, path: &Path) -> Result<Header> {
        gadget_header(file, path, Format::Tng)
    }

    fn needs(&self) -> (&'static str, &'static str) {
        (NEEDS, HINT)
    }

    fn fields(&self, gas: &Gas, _: &File, _: &Header) -> Result<GasFields> {
        // the centre of mass is where a cell's gas is; Coordinates is its mesh-generating point
        let position = gas.required(&["CenterOfMass", "Coordinates"])?;
        let beside = position.name.ends_with("CenterOfMass").then(|| gas.optional(&["Coordinates"])).flatten();
        let mesh_points = position.name.ends_with("Coordinates");
        let mut fields = GasFields::new(
            position.vector(1.0),
            gas.required(&["Velocities"])?.vector(1.0),
            gas.required(&["Masses"])?.plain(),
        );
        fields.beside_position = beside.map(|f| f.vector(1.0));
        if mesh_points {
            fields.stand_ins.push("no CenterOfMass: cells are at their mesh-generating points, Coordinates".into());
        }
        fields.density = Some(gas.required(&["Density"])?.plain());
        fields.internal_energy = Some(gas.required(&["InternalEnergy"])?.plain());
        fields.electron_abundance = Some(gas.required(&["ElectronAbundance"])?.plain());
        fields.neutral_abundance = gas.optional(&["NeutralHydrogenAbundance"]).map(|f| f.plain());
        fields.star_formation_rate = Some(gas.required(&["StarFormationRate"])?.plain());
        fields.hydrogen_fraction = gas.optional(&["GFM_Metals"]).map(|f| f.plain());
        fields.metallicity = gas.optional(&["GFM_Metallicity"]).map(|f| f.plain());
        fields.magnetic_field = gas.optional(&["MagneticField"]).map(|f| f.vector(1.0));
        Ok(fields)
    }
}

/// The group `Header` as GADGET, AREPO and GIZMO write it; what it lacks is looked for in `Parameters`.
pub(super) fn gadget_header(file: &File, path: &Path, format: Format) -> Result<Header> {
    let group = hdf::group(file, "Header", path)?;
    let parameters = file.group("Parameters").ok();
    // the second names are those of later GIZMO
    let optional = |names: &[&str]| -> Option<f64> {
        let of =
            |g: &Group| names.iter().find_map(|name| hdf::attribute(g, name).map(|v| v[0]).filter(|v| v.is_finite()));
        of(&group).or_else(|| parameters.as_ref().and_then(of))
    };
    let number = |names: &[&str]| -> Result<f64> {
        optional(names).ok_or_else(|| {
            Error::input(format!("the header attribute {} is missing or not a number", names[0]))
                .expected(format!("the Header group of {} file", with_article(format)))
                .place(path.display())
        })
    };
    let unit = |names: &[&str], default: f64| positive(names[0], optional(names).unwrap_or(default), path);
    Ok(Header {
        format,
        two_phase_star_formation: format == Format::Tng,
        time: positive("Time", number(&["Time"])?, path)?,
        redshift: number(&["Redshift"])?,
        hubble_param: positive("HubbleParam", number(&["HubbleParam"])?, path)?,
        omega0: number(&["Omega0", "Omega_Matter"])?,
        omega_lambda: number(&["OmegaLambda", "Omega_Lambda"])?,
        omega_baryon: optional(&["OmegaBaryon", "Omega_Baryon"]).unwrap_or(0.0),
        box_size: number(&["BoxSize"])?,
        num_files: optional(&["NumFilesPerSnapshot"]).unwrap_or(1.0).max(1.0) as usize,
        gas_cells_total: gas_cells_total(&group),
        unit_length_in_cm: unit(&["UnitLength_in_cm", "UnitLength_In_CGS"], TNG_UNIT_LENGTH_CM)?,
        unit_mass_in_g: unit(&["UnitMass_in_g", "UnitMass_In_CGS"], TNG_UNIT_MASS_G)?,
        unit_velocity_in_cm_per_s: unit(&["UnitVelocity_in_cm_per_s", "UnitVelocity_In_CGS"], TNG_UNIT_VELOCITY_CM_S)?,
        simulation_name: hdf::text_attribute(&group, "SimulationName").unwrap_or_default(),
        assumptions: Vec::new(),
    })
}

/// `NumPart_Total[0]` with its high word.
pub(super) fn gas_cells_total(header: &Group) -> u64 {
    let low = hdf::attribute(header, "NumPart_Total").map_or(0, |v| v[0] as u64);
    let high = hdf::attribute(header, "NumPart_Total_HighWord").map_or(0, |v| v[0] as u64);
    low.saturating_add(high.saturating_mul(1 << 32))
}

/// `value`, or an error that names the attribute.
pub(super) fn positive(name: &str, value: f64, path: &Path) -> Result<f64> {
    if value > 0.0 {
        return Ok(value);
    }
    Err(Error::input(format!("the header attribute {name} is not positive")).found(value).place(path.display()))
}

fn with_article(format: Format) -> String {
    match format {
        Format::Tng => format!("an {}", format.words()),
        _ => format!("a {}", format.words()),
    }
}
