//! SIMBA: GIZMO snapshots with Grackle's species.

use super::Header;
use super::layout::{Format, Gas, GasFields, Layout, Scalar};
use super::tng::gadget_header;
use crate::error::Result;
use hdf5::File;
use std::path::Path;

pub(super) const NEEDS: &str = "Coordinates, Velocities, Masses, Density or SmoothingLength, InternalEnergy, \
     ElectronAbundance, GrackleHI (with GrackleHII) or NeutralHydrogenAbundance";
pub(super) const HINT: &str = "docs/snapshots.md lists the fields of SIMBA; sky.format names another format";

/// Fields that only GIZMO's Grackle and dust modules write.
const DISTINCT: [&str; 4] = ["GrackleHI", "FractionH2", "Dust_Masses", "DelayTime"];

/// Electrons per hydrogen nucleus of fully ionised primordial gas, 1 + 2y with y = (1 - X)/4X, X = 0.76.
const FULLY_IONISED: f64 = 1.157_894_736_842_105_3;

/// Whether the gas has SIMBA's fields and not those of AREPO's enrichment.
pub(super) fn resembles(file: &File) -> bool {
    let Ok(gas) = file.group("PartType0") else { return false };
    let has = |name: &str| gas.link_exists(name);
    DISTINCT.iter().any(|name| has(name)) || has("Metallicity") && has("InternalEnergy") && !has("GFM_Metals")
}

pub(super) struct Simba;

impl Layout for Simba {
    fn header(&self, file: &File, path: &Path) -> Result<Header> {
        gadget_header(file, path, Format::Simba)
    }

    fn needs(&self) -> (&'static str, &'static str) {
        (NEEDS, HINT)
    }

    fn fields(&self, gas: &Gas, _: &File, _: &Header) -> Result<GasFields> {
        fields(gas)
    }
}

pub(super) fn fields(gas: &Gas) -> Result<GasFields> {
    let mut fields = GasFields::new(
        gas.required(&["Coordinates"])?.vector(1.0),
        gas.required(&["Velocities"])?.vector(1.0),
        gas.required(&["Masses"])?.plain(),
    );
    fields.density = gas.optional(&["Density"]).map(|f| f.plain());
    fields.smoothing_length = gas.optional(&["SmoothingLength"]).map(|f| f.plain());
    fields.internal_energy = Some(gas.required(&["InternalEnergy"])?.plain());
    // the species are per hydrogen nucleus where a cell has dust and mass fractions of the gas elsewhere, and so are
    // the electrons; both become the same by the sum of the hydrogen species
    let ions = || gas.optional(&["GrackleHII"]);
    let atoms = || gas.optional(&["GrackleHI"]);
    fields.neutral_abundance = match (atoms(), ions()) {
        (Some(hi), Some(hii)) => Some(Scalar {
            columns: vec![hi.column(0, 1.0), hii.column(0, 1.0)],
            combine: |v| if v[0] + v[1] > 0.0 { v[0] / (v[0] + v[1]) } else { 0.0 },
        }),
        _ => Some(gas.required(&["NeutralHydrogenAbundance", "GrackleHI"])?.plain()),
    };
    let electrons = gas.required(&["ElectronAbundance"])?;
    fields.electron_abundance = match (atoms(), ions()) {
        (Some(hi), Some(hii)) => Some(Scalar {
            columns: vec![electrons.column(0, 1.0), hi.column(0, 1.0), hii.column(0, 1.0)],
            combine: |v| if v[1] + v[2] > 0.0 { (v[0] / (v[1] + v[2])).min(FULLY_IONISED) } else { v[0] },
        }),
        _ => Some(electrons.plain()),
    };
    fields.molecular_abundance = gas.optional(&["FractionH2"]).map(|f| f.plain());
    fields.star_formation_rate = gas.optional(&["StarFormationRate"]).map(|f| f.plain());
    if let Some(metals) = gas.optional(&["Metallicity"]) {
        // the first column is all metals, the second helium
        if metals.data.shape().get(1).is_some_and(|n| *n >= 2)
            && let Some(again) = gas.optional(&["Metallicity"])
        {
            fields.hydrogen_fraction = Some(Scalar {
                columns: vec![metals.column(0, 1.0), again.column(1, 1.0)],
                combine: |v| 1.0 - v[0] - v[1],
            });
        }
        fields.metallicity = gas.optional(&["Metallicity"]).map(|f| f.plain());
    }
    fields.complete(gas, "Density or SmoothingLength", "InternalEnergy")
}
