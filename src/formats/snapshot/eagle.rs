//! EAGLE: GADGET-3 with `CGSConversionFactor`, `aexp-scale-exponent` and `h-scale-exponent` on every field.

use super::layout::{Field, Format, Gas, GasFields, Layout};
use super::physical::{FromCgs, KPC_CM};
use super::tng::{gas_cells_total, positive};
use super::{Header, TNG_UNIT_LENGTH_CM, TNG_UNIT_MASS_G, TNG_UNIT_VELOCITY_CM_S, hdf};
use crate::error::{Error, Result};
use hdf5::File;
use std::path::Path;

pub(super) const NEEDS: &str = "Coordinates, Velocity, Mass, Density or SmoothingLength, Temperature or InternalEnergy, each with the attributes \
     CGSConversionFactor, aexp-scale-exponent and h-scale-exponent";
pub(super) const HINT: &str = "docs/snapshots.md lists the fields of EAGLE; sky.format names another format";

/// Whether the positions have EAGLE's unit attributes.
pub(super) fn resembles(file: &File) -> bool {
    let position = file.dataset("PartType0/Coordinates");
    position.is_ok_and(|data| data.attr("aexp-scale-exponent").is_ok()) || file.link_exists("RuntimePars")
}

pub(super) struct Eagle;

impl Layout for Eagle {
    fn header(&self, file: &File, path: &Path) -> Result<Header> {
        let group = hdf::group(file, "Header", path)?;
        let optional = |name: &str| hdf::attribute(&group, name).map(|v| v[0]).filter(|v| v.is_finite());
        let number = |name: &str| {
            optional(name).ok_or_else(|| {
                Error::input(format!("the header attribute {name} is missing or not a number"))
                    .expected("the Header group of an EAGLE file")
                    .place(path.display())
            })
        };
        let redshift = number("Redshift")?;
        // Time may be an age
        let time = optional("ExpansionFactor").unwrap_or(1.0 / (1.0 + redshift));
        let hubble_param = positive("HubbleParam", number("HubbleParam")?, path)?;
        let unit_length_cm = file
            .group("Units")
            .ok()
            .and_then(|units| hdf::attribute(&units, "UnitLength_in_cm"))
            .map_or(1e3 * TNG_UNIT_LENGTH_CM, |v| v[0]);
        Ok(Header {
            format: Format::Eagle,
            two_phase_star_formation: false,
            time: positive("ExpansionFactor", time, path)?,
            redshift,
            hubble_param,
            omega0: number("Omega0")?,
            omega_lambda: number("OmegaLambda")?,
            omega_baryon: optional("OmegaBaryon").unwrap_or(0.0),
            // code lengths are comoving and per h
            box_size: number("BoxSize")? * unit_length_cm / KPC_CM,
            num_files: optional("NumFilesPerSnapshot").unwrap_or(1.0).max(1.0) as usize,
            gas_cells_total: gas_cells_total(&group),
            unit_length_in_cm: TNG_UNIT_LENGTH_CM,
            unit_mass_in_g: TNG_UNIT_MASS_G,
            unit_velocity_in_cm_per_s: TNG_UNIT_VELOCITY_CM_S,
            simulation_name: hdf::text_attribute(&group, "RunLabel").unwrap_or_default(),
            assumptions: Vec::new(),
        })
    }

    fn needs(&self) -> (&'static str, &'static str) {
        (NEEDS, HINT)
    }

    fn fields(&self, gas: &Gas, _: &File, header: &Header) -> Result<GasFields> {
        let to = FromCgs::of(header);
        let cgs = |field: &Field| cgs_factor(field, header, gas.path);
        let scalar = |names: &[&str], factor: f64| -> Result<_> {
            let Some(field) = gas.optional(names) else { return Ok(None) };
            let cgs = cgs(&field)?;
            Ok(Some(field.scaled(cgs * factor)))
        };
        let vector = |names: &[&str], factor: f64| -> Result<_> {
            let field = gas.required(names)?;
            let cgs = cgs(&field)?;
            Ok(field.vector(cgs * factor))
        };
        let mass = scalar(&["Mass", "Masses"], to.mass)?.ok_or_else(|| gas.missing("Mass"))?;
        let mut fields = GasFields::new(
            vector(&["Coordinates"], to.length)?,
            vector(&["Velocity", "Velocities"], to.velocity)?,
            mass,
        );
        fields.density = scalar(&["Density"], to.density)?;
        fields.smoothing_length = scalar(&["SmoothingLength"], to.length)?;
        fields.internal_energy = scalar(&["InternalEnergy"], to.energy)?;
        fields.temperature_k = scalar(&["Temperature"], 1.0)?;
        // code units are Msun/yr or g/s: the attribute tells
        fields.star_formation_rate = scalar(&["StarFormationRate"], to.mass_rate)?;
        let hydrogen = ["ElementAbundance/Hydrogen", "SmoothedElementAbundance/Hydrogen"];
        fields.hydrogen_fraction = gas.optional(&hydrogen).map(|f| f.plain());
        fields.metallicity = gas.optional(&["Metallicity", "SmoothedMetallicity"]).map(|f| f.plain());
        fields.complete(gas, "Density or SmoothingLength", "Temperature or InternalEnergy")
    }
}

/// Physical cgs units in one number of the file: CGSConversionFactor a^aexp h^hexp.
fn cgs_factor(field: &Field, header: &Header, path: &Path) -> Result<f64> {
    let attribute = |name: &str| {
        let value = hdf::attribute(&field.data, name).map(|v| v[0]);
        value.filter(|v| v.is_finite()).ok_or_else(|| {
            Error::input(format!("the field {} does not state its units (EAGLE format)", field.name))
                .found(format!("no attribute {name}"))
                .expected("the attributes CGSConversionFactor, aexp-scale-exponent and h-scale-exponent")
                .place(path.display())
                .hint("sky.format names another format where the file is none of EAGLE's")
        })
    };
    let cgs = attribute("CGSConversionFactor")?;
    let (a, h) = (attribute("aexp-scale-exponent")?, attribute("h-scale-exponent")?);
    Ok(cgs * header.time.powf(a) * header.hubble_param.powf(h))
}
