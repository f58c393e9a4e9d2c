//! From physical cgs units to those of the table.

use super::Header;
use crate::units::{MSUN_KG, PC_M};

/// Centimetres in a kpc.
pub(super) const KPC_CM: f64 = PC_M * 1e5;
/// Grams in a solar mass.
pub(super) const MSUN_G: f64 = MSUN_KG * 1e3;
/// Seconds in a Julian year.
pub(super) const YEAR_S: f64 = 365.25 * 86_400.0;

/// Factors that turn physical cgs values into the table's units (ckpc/h, 1e10 Msun/h, km sqrt(a)/s), with the IAU's kpc
/// and solar mass.
#[derive(Debug, Clone, Copy)]
pub(super) struct FromCgs {
    pub length: f64,
    pub velocity: f64,
    pub mass: f64,
    pub density: f64,
    pub energy: f64,
    /// To Msun/yr.
    pub mass_rate: f64,
}

impl FromCgs {
    pub fn of(header: &Header) -> FromCgs {
        let (a, h) = (header.time, header.hubble_param);
        let length = h / (a * KPC_CM);
        let mass = h / (1e10 * MSUN_G);
        FromCgs {
            length,
            velocity: 1e-5 / a.sqrt(),
            mass,
            density: mass / length.powi(3),
            energy: 1e-10,
            mass_rate: YEAR_S / MSUN_G,
        }
    }
}
