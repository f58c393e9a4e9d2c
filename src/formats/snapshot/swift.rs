//! SWIFT (COLIBRE, FLAMINGO, SWIFT-EAGLE): units as attributes, columns with names.

use super::layout::{ASSUMED_COSMOLOGY, Field, Format, Gas, GasFields, Layout, Scalar, assumed_cosmology};
use super::physical::{FromCgs, KPC_CM};
use super::tng::{gas_cells_total, positive};
use super::{Header, TNG_UNIT_LENGTH_CM, TNG_UNIT_MASS_G, TNG_UNIT_VELOCITY_CM_S, hdf};
use crate::error::{Error, Result};
use crate::formats::hdf_values::texts;
use hdf5::File;
use std::path::Path;

pub(super) const NEEDS: &str = "Coordinates, Velocities, Masses, Densities or SmoothingLengths, Temperatures or \
     InternalEnergies, each with SWIFT's unit attributes";
pub(super) const HINT: &str = "docs/snapshots.md lists the fields of SWIFT; sky.format names another format";

const PHYSICAL_CGS: &str = "Conversion factor to physical CGS (including cosmological corrections)";
const CGS: &str = "Conversion factor to CGS (not including cosmological corrections)";

/// Whether the file states SWIFT's units.
pub(super) fn resembles(file: &File) -> bool {
    file.group("Units").is_ok_and(|units| units.attr("Unit length in cgs (U_L)").is_ok())
}

pub(super) struct Swift;

impl Layout for Swift {
    fn header(&self, file: &File, path: &Path) -> Result<Header> {
        let group = hdf::group(file, "Header", path)?;
        let units = hdf::group(file, "Units", path)?;
        let cosmology = file.group("Cosmology").ok();
        let parameter = |name: &str| hdf::attribute(cosmology.as_ref()?, name).map(|v| v[0]);
        let redshift = hdf::attribute(&group, "Redshift").map(|v| v[0]).or_else(|| parameter("Redshift"));
        let scale = hdf::attribute(&group, "Scale-factor").map(|v| v[0]).or_else(|| parameter("Scale-factor"));
        let time = scale.or(redshift.map(|z| 1.0 / (1.0 + z))).unwrap_or(1.0);
        let mut assumptions = Vec::new();
        let stated = ["h", "Omega_m", "Omega_lambda"].map(parameter);
        let [hubble_param, omega0, omega_lambda] = match stated {
            [Some(h), Some(m), Some(l)] => [h, m, l],
            _ => {
                assumptions.push(assumed_cosmology("Cosmology/h, Omega_m, Omega_lambda"));
                ASSUMED_COSMOLOGY
            }
        };
        let unit_length_cm = hdf::attribute(&units, "Unit length in cgs (U_L)").map_or(0.0, |v| v[0]);
        let box_size = hdf::attribute(&group, "BoxSize").map_or(0.0, |v| v[0]);
        let hubble_param = positive("Cosmology/h", hubble_param, path)?;
        Ok(Header {
            format: Format::Swift,
            two_phase_star_formation: false,
            time: positive("Scale-factor", time, path)?,
            redshift: redshift.unwrap_or(1.0 / time - 1.0),
            hubble_param,
            omega0,
            omega_lambda,
            omega_baryon: parameter("Omega_b").unwrap_or(0.0),
            box_size: box_size * unit_length_cm / KPC_CM * hubble_param,
            num_files: hdf::attribute(&group, "NumFilesPerSnapshot").map_or(1.0, |v| v[0]).max(1.0) as usize,
            gas_cells_total: gas_cells_total(&group),
            unit_length_in_cm: TNG_UNIT_LENGTH_CM,
            unit_mass_in_g: TNG_UNIT_MASS_G,
            unit_velocity_in_cm_per_s: TNG_UNIT_VELOCITY_CM_S,
            simulation_name: hdf::text_attribute(&group, "RunName").unwrap_or_default(),
            assumptions,
        })
    }

    fn needs(&self) -> (&'static str, &'static str) {
        (NEEDS, HINT)
    }

    fn fields(&self, gas: &Gas, file: &File, header: &Header) -> Result<GasFields> {
        let to = FromCgs::of(header);
        let scalar = |name: &str, factor: f64| -> Result<_> {
            let Some(field) = gas.optional(&[name]) else { return Ok(None) };
            let cgs = cgs_factor(&field, header, gas.path)?;
            Ok(Some(field.scaled(cgs * factor)))
        };
        let vector = |name: &str, factor: f64| -> Result<_> {
            let field = gas.required(&[name])?;
            let cgs = cgs_factor(&field, header, gas.path)?;
            Ok(field.vector(cgs * factor))
        };
        let mass = scalar("Masses", to.mass)?.ok_or_else(|| gas.missing("Masses"))?;
        let mut fields = GasFields::new(vector("Coordinates", to.length)?, vector("Velocities", to.velocity)?, mass);
        fields.density = scalar("Densities", to.density)?;
        fields.smoothing_length = scalar("SmoothingLengths", to.length)?;
        fields.internal_energy = scalar("InternalEnergies", to.energy)?;
        fields.temperature_k = scalar("Temperatures", 1.0)?;
        if let Some(mut rate) = scalar("StarFormationRates", to.mass_rate)? {
            // a negative rate is the time since which the particle forms no stars
            rate.combine = |v| v[0].max(0.0);
            fields.star_formation_rate = Some(rate);
        }
        let column = |name: &str, wanted: &str| -> Result<Option<_>> {
            let Some(field) = gas.optional(&[name]) else { return Ok(None) };
            let index = column_named(file, &field, wanted, gas.path)?;
            Ok(index.map(|index| field.column(index, 1.0)))
        };
        let hydrogen = || column("ElementMassFractions", "Hydrogen");
        fields.hydrogen_fraction = hydrogen()?.map(|c| Scalar { columns: vec![c], combine: |v| v[0] });
        fields.metallicity = gas.optional(&["MetalMassFractions"]).map(|f| f.plain());
        let masses = || scalar("Masses", to.mass).map(|m| m.map(|m| m.columns).unwrap_or_default());
        let atoms = scalar("AtomicHydrogenMasses", to.mass)?;
        let molecules = scalar("MolecularHydrogenMasses", to.mass)?;
        if let (Some(hi), Some(h2)) = (column("SpeciesFractions", "HI")?, column("SpeciesFractions", "H2")?) {
            // particles a hydrogen nucleus: two nuclei in H2
            let again = column("SpeciesFractions", "H2")?;
            fields.neutral_abundance =
                Some(Scalar { columns: vec![hi, h2], combine: |v| v[0].max(0.0) + 2.0 * v[1].max(0.0) });
            fields.molecular_abundance = again.map(|c| Scalar { columns: vec![c], combine: |v| 2.0 * v[0].max(0.0) });
            fields.electron_abundance =
                column("SpeciesFractions", "elec")?.map(|c| Scalar { columns: vec![c], combine: |v| v[0].max(0.0) });
        } else if let (Some(hi), Some(h2), Some(x)) = (atoms, molecules, hydrogen()?) {
            let Some(h2_again) = scalar("MolecularHydrogenMasses", to.mass)? else { return Err(gas.missing("Masses")) };
            let x_again = hydrogen()?;
            let mut columns = hi.columns;
            columns.extend(h2.columns);
            columns.extend(masses()?);
            columns.push(x);
            fields.neutral_abundance = Some(Scalar { columns, combine: |v| (v[0] + v[1]) / (v[2] * v[3]) });
            let mut columns = h2_again.columns;
            columns.extend(masses()?);
            columns.extend(x_again);
            fields.molecular_abundance = Some(Scalar { columns, combine: |v| v[0] / (v[1] * v[2]) });
        }
        fields.complete(gas, "Densities or SmoothingLengths", "Temperatures or InternalEnergies")
    }
}

/// Physical cgs units in one number of the file.
fn cgs_factor(field: &Field, header: &Header, path: &Path) -> Result<f64> {
    let attribute = |name: &str| {
        let value = hdf::attribute(&field.data, name).map(|v| v[0]);
        value.filter(|v| v.is_finite())
    };
    if let Some(factor) = attribute(PHYSICAL_CGS) {
        return Ok(factor);
    }
    match (attribute(CGS), attribute("a-scale exponent")) {
        (Some(cgs), Some(a)) => {
            let h = attribute("h-scale exponent").unwrap_or(0.0);
            Ok(cgs * header.time.powf(a) * header.hubble_param.powf(h))
        }
        _ => Err(Error::input(format!("the field {} does not state its units (SWIFT format)", field.name))
            .expected(format!("the attribute \"{PHYSICAL_CGS}\", or \"{CGS}\" with \"a-scale exponent\""))
            .place(path.display())
            .hint("sky.format names another format where the file is none of SWIFT's")),
    }
}

/// The column of `field` that `SubgridScheme/NamedColumns` calls `wanted`; None where no column has that name.
///
/// Error: a table without names, whose columns would have to be guessed.
fn column_named(file: &File, field: &Field, wanted: &str, path: &Path) -> Result<Option<usize>> {
    let short = field.name.trim_start_matches("PartType0/");
    let names = file
        .dataset(&format!("SubgridScheme/NamedColumns/{short}"))
        .or_else(|_| file.dataset(&format!("Cells/NamedColumns/{short}")))
        .ok()
        .and_then(|data| texts(&data).ok());
    let Some(names) = names else {
        return Err(Error::input(format!("the columns of {} have no names (SWIFT format)", field.name))
            .found(format!("no table SubgridScheme/NamedColumns/{short}"))
            .expected("the names of the columns, as SWIFT writes them")
            .place(path.display())
            .hint("copy the group SubgridScheme from the original snapshot"));
    };
    Ok(names.iter().position(|name| name.trim_matches(|c: char| c == '\0' || c.is_whitespace()) == wanted))
}
