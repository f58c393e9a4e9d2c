//! Brightness temperatures of HI: the cosmological map and the kinematic cube.

use super::cube::{SkyCube, solid_angle_sr};
use super::placing::Placement;
use crate::error::{Error, Result};
use crate::gridding::ImageGeometry;
use crate::units::hi::{column_per_k_km_s, mass_per_mpc2_jy_hz};
use crate::units::{G_SI, M_H_KG, MSUN_KG, PC_M};
use ndarray::{Array2, Array3};
use std::f64::consts::PI;

/// The frame in which a temperature is stated; the header's TBFRAME.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TbFrame {
    /// What an observer at z = 0 measures: T_rest / (1 + z).
    Observed,
    /// In the rest frame of the object.
    Rest,
}

impl TbFrame {
    /// The header's value: "OBSERVED" or "REST".
    pub fn keyword(self) -> &'static str {
        match self {
            TbFrame::Observed => "OBSERVED",
            TbFrame::Rest => "REST",
        }
    }
}

/// Present-day critical density 3 H0^2 / (8 pi G), Msun per kpc^3.
pub fn critical_density_msun_kpc3(h: f64) -> f64 {
    let h0_s = 1e5 * h / (1e6 * PC_M);
    3.0 * h0_s * h0_s / (8.0 * PI * G_SI) * (1e3 * PC_M).powi(3) / MSUN_KG
}

/// What turns comoving surface densities of HI into the temperatures of product (a), and back.
///
/// T_b = coefficient * h * H0 / (a^2 H(a)) * rho_HI / rho_c mK (Villaescusa-Navarro et al. 2018,
/// eq. 21) with comoving rho_HI = (comoving surface density) / depth and present-day rho_c. It is
/// an observed-frame temperature: no further (1 + z). All that an inversion needs stands here, and
/// all of it goes into the header.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TbScale {
    /// The coefficient, mK: 190.0 from A10, or 189 to follow the published convention.
    pub coefficient_mk: f64,
    /// The comoving length over which a column is spread, comoving kpc; header TBDEPTH. One value
    /// for a whole set of maps makes them comparable.
    pub depth_ckpc: f64,
    /// Redshift of the Hubble flow.
    pub redshift: f64,
    /// H0 / (100 km/s/Mpc).
    pub h: f64,
    /// H(z), km/s/Mpc.
    pub hubble_km_s_mpc: f64,
}

impl TbScale {
    /// mK for a comoving density of one Msun per comoving kpc^3.
    pub fn mk_per_density(&self) -> f64 {
        let expansion = 100.0 * self.h * (1.0 + self.redshift).powi(2) / self.hubble_km_s_mpc;
        self.coefficient_mk * self.h * expansion / critical_density_msun_kpc3(self.h)
    }

    /// Temperature (mK, observed frame) of a comoving surface density, Msun per comoving kpc^2.
    pub fn tb_mk(&self, comoving_msun_ckpc2: f64) -> f64 {
        self.mk_per_density() * comoving_msun_ckpc2 / self.depth_ckpc
    }

    /// The inverse of [`TbScale::tb_mk`].
    pub fn comoving_msun_ckpc2(&self, tb_mk: f64) -> f64 {
        tb_mk * self.depth_ckpc / self.mk_per_density()
    }

    /// HI mass of a whole map, Msun, from its temperatures and the physical area of its pixels.
    pub fn hi_mass_msun(&self, tb_map_mk: &Array2<f64>, pixel_kpc2: &Array2<f64>) -> f64 {
        let comoving = (1.0 + self.redshift).powi(2);
        tb_map_mk.iter().zip(pixel_kpc2).map(|(t, area)| self.comoving_msun_ckpc2(*t) * area * comoving).sum()
    }
}

/// Column density, cm^-2, of one Msun of HI per physical kpc^2: 1.2479e14.
pub fn column_cm2_per_msun_kpc2() -> f64 {
    MSUN_KG / M_H_KG / (1e5 * PC_M).powi(2)
}

/// Product (b): T(v) = N_HI(v) / (1.822e18 dv), K, [channel, y, x], from the flux densities.
///
/// N_HI is the mass of a pixel over Omega D_A^2, with the SIN pixel's Omega = cell^2 / n, and
/// dv = c (1 + z) dnu_obs / nu0 in the rest frame. [`TbFrame::Observed`] is T / (1 + z). It is tied
/// to the flux densities by S = 2 k T_obs nu^2 Omega / c^2 with nu = nu0 / (1 + z), the line's
/// frequency at the object's redshift, for every channel: only so do both this formula and
/// M = 49.7 D_L^2 sum S dnu hold exactly. Reading S back with each plane's own frequency differs
/// by 2 v/c (0.1 % at 150 km/s).
pub fn kinematic_cube_k(cube: &SkyCube, placement: &Placement, frame: TbFrame) -> Result<Array3<f64>> {
    let d_a_kpc = placement.angular_diameter_distance_mpc() * 1e3;
    let dv_km_s = placement.rest_width_km_s(cube.channel_width_hz);
    let mass_per_jy = mass_per_mpc2_jy_hz() * placement.luminosity_distance_mpc.powi(2) * cube.channel_width_hz;
    let redshift = match frame {
        TbFrame::Observed => 1.0 + placement.redshift,
        TbFrame::Rest => 1.0,
    };
    let k_per_msun_kpc2 = column_cm2_per_msun_kpc2() / (column_per_k_km_s() * dv_km_s * redshift);
    let areas = pixel_areas_kpc2(cube, d_a_kpc)?;
    let mut kelvin = cube.flux_jy.clone();
    for mut plane in kelvin.outer_iter_mut() {
        plane.zip_mut_with(&areas, |value, area| *value *= mass_per_jy * k_per_msun_kpc2 / area);
    }
    Ok(kelvin)
}

/// Physical area of every pixel at the object, Omega D_A^2, kpc^2, [y, x].
///
/// Error: the image reaches beyond the hemisphere.
pub fn pixel_areas_kpc2(cube: &SkyCube, angular_diameter_distance_kpc: f64) -> Result<Array2<f64>> {
    geometry_areas_kpc2(cube.geometry(), angular_diameter_distance_kpc)
}

/// [`pixel_areas_kpc2`] of the pixels of an image.
///
/// Error: the image reaches beyond the hemisphere.
pub fn geometry_areas_kpc2(geometry: ImageGeometry, angular_diameter_distance_kpc: f64) -> Result<Array2<f64>> {
    let mut beyond = false;
    let areas = Array2::from_shape_fn((geometry.ny, geometry.nx), |(y, x)| {
        solid_angle_sr(geometry, y, x).map(|omega| omega * angular_diameter_distance_kpc.powi(2)).unwrap_or_else(|| {
            beyond = true;
            f64::INFINITY
        })
    });
    if beyond {
        return Err(beyond_hemisphere(geometry.nx, geometry.ny, geometry.dm));
    }
    Ok(areas)
}

/// The error of an image whose corners have no direction.
pub(super) fn beyond_hemisphere(nx: usize, ny: usize, cell_rad: f64) -> Error {
    Error::input("the image reaches beyond the hemisphere, where a SIN pixel has no direction")
        .found(format!("{nx} x {ny} pixels of {cell_rad:.3e} rad"))
        .expected("corners with l^2 + m^2 < 1")
        .hint("take a smaller cell or fewer pixels")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::hi::tb_coefficient_mk;

    #[test]
    fn constants_equal_published_ones() {
        // 2.775e11 h^2 Msun/Mpc^3; 1.2479e20 cm^-2 per Msun/pc^2 (hi-physics notes, 5b)
        assert!((critical_density_msun_kpc3(0.7) / (277.5 * 0.49) - 1.0).abs() < 1e-3);
        assert!((column_cm2_per_msun_kpc2() / 1.2479e14 - 1.0).abs() < 3e-4, "{}", column_cm2_per_msun_kpc2());
    }

    #[test]
    fn tb_scale_is_the_formula_and_inverts() {
        let scale = TbScale {
            coefficient_mk: tb_coefficient_mk(),
            depth_ckpc: 200.0,
            redshift: 1.0,
            h: 0.6774,
            hubble_km_s_mpc: 120.0,
        };
        let overdensity = 300.0;
        let surface = overdensity * critical_density_msun_kpc3(scale.h) * scale.depth_ckpc;
        let expected = tb_coefficient_mk() * 0.6774 * 67.74 * 4.0 / 120.0 * overdensity;
        assert!((scale.tb_mk(surface) / expected - 1.0).abs() < 1e-12);
        assert!((scale.comoving_msun_ckpc2(expected) / surface - 1.0).abs() < 1e-12);
    }
}
