//! CAMELS: the IllustrisTNG suite in AREPO's layout, the SIMBA suite in GIZMO's, one file a snapshot.

use super::layout::{Format, Gas, GasFields, Layout};
use super::tng::{Tng, gadget_header};
use super::{Header, hdf, simba, tng};
use crate::error::{Error, Result};
use hdf5::File;
use std::path::Path;

pub(super) struct Camels;

impl Layout for Camels {
    fn header(&self, file: &File, path: &Path) -> Result<Header> {
        let header = gadget_header(file, path, Format::Camels)?;
        Ok(Header { two_phase_star_formation: !simba::resembles(file), ..header })
    }

    fn needs(&self) -> (&'static str, &'static str) {
        (tng::NEEDS, tng::HINT)
    }

    fn fields(&self, gas: &Gas, file: &File, header: &Header) -> Result<GasFields> {
        if simba::resembles(file) {
            return simba::fields(&Gas { needs: simba::NEEDS, hint: simba::HINT, ..*gas });
        }
        if !gas.group.link_exists("GFM_Metals") && !gas.group.link_exists("NeutralHydrogenAbundance") {
            return Err(Error::input("the file is neither of CAMELS' IllustrisTNG suite nor of its SIMBA suite")
                .found(hdf::member_names(gas.group).unwrap_or_default().join(", "))
                .expected(format!("{} (IllustrisTNG), or {} (SIMBA)", tng::NEEDS, simba::NEEDS))
                .place(gas.path.display())
                .hint("other suites can be copied into plain arrays (docs/snapshots.md)"));
        }
        Tng.fields(gas, file, header)
    }
}
