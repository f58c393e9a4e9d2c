//! Line-of-sight velocities of gas cells about their object.

use super::cells::GasCells;
use super::orient::Rotation;
use super::placing::Placement;
use crate::error::{Error, Result};
use crate::units::{C_KM_S, doppler_velocity_km_s};

/// What happens to the object's mean velocity along the line of sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Systemic {
    /// The HI-mass-weighted mean is removed: the line stands at the placement's redshift.
    Zero,
    /// It stays and adds to the redshift.
    Keep,
}

/// How the velocities of an object's cells become those of their lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Motion {
    /// What is removed, in the observer's axes.
    mean_km_s: [f64; 3],
    mean_flow_km_s: f64,
    /// Hubble flow across the object; 0 without.
    hubble_km_s_kpc: f64,
}

impl Motion {
    /// Of the cells with HI, seen under `rotation`.
    pub fn new(
        cells: &GasCells,
        rotation: &Rotation,
        systemic: Systemic,
        hubble_flow: bool,
        placement: &Placement,
    ) -> Motion {
        let hubble_km_s_kpc = if hubble_flow { placement.hubble_km_s_mpc * 1e-3 } else { 0.0 };
        let (mut mean_km_s, mut mean_kpc) = ([0.0; 3], [0.0; 3]);
        if systemic == Systemic::Zero {
            let mut mass = 0.0;
            let gas = cells.hi_mass_msun.iter().zip(&cells.velocity_km_s).zip(&cells.position_kpc);
            for ((m, velocity), position) in gas.filter(|((m, _), _)| **m > 0.0) {
                (0..3).for_each(|k| mean_km_s[k] += m * velocity[k]);
                (0..3).for_each(|k| mean_kpc[k] += m * position[k]);
                mass += m;
            }
            // means turn as what they are means of
            mean_km_s = rotation.apply(mean_km_s.map(|v| v / mass));
            mean_kpc = rotation.apply(mean_kpc.map(|p| p / mass));
        }
        Motion { mean_km_s, mean_flow_km_s: hubble_km_s_kpc * mean_kpc[2], hubble_km_s_kpc }
    }

    /// Mean velocity that is removed, positive away, km/s.
    pub fn systemic_km_s(&self) -> f64 {
        self.mean_km_s[2] + self.mean_flow_km_s
    }

    /// Line-of-sight velocity of a cell that moves with `velocity_km_s` in the observer's axes and lies `away_kpc` behind
    /// the object's centre: the radial one with the Doppler shift of the cell ([`Placement::freq_hz`]); about the object's
    /// mean velocity it differs from the line of sight's component by v^2/2c at most, 0.15 km/s at 300 km/s.
    ///
    /// # Errors
    /// Gas that would be faster than light.
    #[inline]
    pub fn velocity_km_s(&self, velocity_km_s: [f64; 3], away_kpc: f64) -> Result<f64> {
        let beta = [0, 1, 2].map(|k| (velocity_km_s[k] - self.mean_km_s[k]) / C_KM_S);
        let flow = (self.hubble_km_s_kpc * away_kpc - self.mean_flow_km_s) / C_KM_S;
        let beta_squared = beta.iter().map(|b| b * b).sum::<f64>();
        if beta_squared >= 1.0 || flow <= -1.0 {
            return Err(too_fast(beta_squared, flow));
        }
        Ok(doppler_velocity_km_s((1.0 + flow) * (1.0 + beta[2]) / (1.0 - beta_squared).sqrt()))
    }
}

#[cold]
fn too_fast(beta_squared: f64, flow: f64) -> Error {
    let speed = C_KM_S * beta_squared.sqrt();
    Error::input("gas moves faster than light")
        .found(format!("{speed:.4e} km/s, and {:.4e} km/s of Hubble flow", C_KM_S * flow))
        .expected("velocities in km/s and a selection of one object")
        .hint("a very deep selection needs hubble_flow = false")
}
