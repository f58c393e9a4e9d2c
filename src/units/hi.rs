//! The 21 cm line: one Einstein coefficient, and every other coefficient computed from it.
//!
//! Published coefficients disagree by up to 1.2 % because papers mix values of A10 (2.85e-15 to
//! 2.8843e-15 s^-1). Here A10 is fixed once and nothing else is typed in.

use super::{C_M_S, G_SI, H_PLANCK_J_S, JY_SI, K_B_J_K, M_H_KG, MSUN_KG, PC_M};
use std::f64::consts::PI;

/// Rest frequency of the HI hyperfine line, Hz.
pub const NU0_HZ: f64 = 1_420_405_751.768;
/// Spontaneous emission coefficient of the line, s^-1 (Wild 1952; Furlanetto, Oh & Briggs 2006).
pub const A10_S: f64 = 2.8689e-15;

/// N_HI / integral T_b dv for optically thin gas, cm^-2 per (K km/s): 1.822e18.
///
/// N = 32 pi k nu0^2 / (3 h c^3 A10) * integral T dv, rest frame (Meyer et al. 2017, eq. 10).
pub fn column_per_k_km_s() -> f64 {
    32.0 * PI * K_B_J_K * NU0_HZ * NU0_HZ / (3.0 * H_PLANCK_J_S * C_M_S.powi(3) * A10_S) * 1e3 * 1e-4
}

/// M_HI / (D_L^2 integral S dnu_obs), Msun per (Mpc^2 Jy Hz): 49.7.
///
/// M = 16 pi m_H / (3 h nu0 A10) * D_L^2 integral S dnu (Meyer et al. 2017, eq. 45), at any redshift.
pub fn mass_per_mpc2_jy_hz() -> f64 {
    16.0 * PI * M_H_KG / (3.0 * H_PLANCK_J_S * NU0_HZ * A10_S) * JY_SI * (1e6 * PC_M).powi(2) / MSUN_KG
}

/// M_HI / (D^2 integral S dv) at z = 0, Msun per (Mpc^2 Jy km/s): 2.356e5.
pub fn mass_per_mpc2_jy_km_s() -> f64 {
    mass_per_mpc2_jy_hz() * NU0_HZ / C_M_S * 1e3
}

/// Coefficient of T_b = coefficient * h * H0 / (a^2 H(a)) * rho_HI / rho_c, mK: 190.0.
///
/// From 3 h c^3 A10 n_HI / (32 pi k nu0^2 dv_par/dr) with comoving n_HI and present-day critical
/// density (Villaescusa-Navarro et al. 2018, eq. 21, who print 189 for A10 = 2.85e-15).
pub fn tb_coefficient_mk() -> f64 {
    // H0 = 100 h km/s/Mpc; rho_c / H0 = 3 H0 / (8 pi G), so one power of h stays outside.
    let h100_s = 1e5 / (1e6 * PC_M);
    let n_hi = 3.0 * h100_s / (8.0 * PI * G_SI) / M_H_KG;
    3.0 * H_PLANCK_J_S * C_M_S.powi(3) * A10_S / (32.0 * PI * K_B_J_K * NU0_HZ * NU0_HZ) * n_hi * 1e3
}

/// Flux density of one pixel, Jy, from the observed brightness temperature: 2 k T nu^2 Omega / c^2.
pub fn flux_jy_from_temperature(temperature_k: f64, freq_hz: f64, solid_angle_sr: f64) -> f64 {
    2.0 * K_B_J_K * temperature_k * (freq_hz / C_M_S).powi(2) * solid_angle_sr / JY_SI
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_equal_the_published_ones_for_this_a10() {
        // hi-physics literature values for A10 = 2.8689e-15, to their printed digits
        assert!((column_per_k_km_s() / 1.822e18 - 1.0).abs() < 4e-4, "{}", column_per_k_km_s());
        assert!((mass_per_mpc2_jy_km_s() / 2.356e5 - 1.0).abs() < 4e-4, "{}", mass_per_mpc2_jy_km_s());
        assert!((mass_per_mpc2_jy_hz() / 49.7 - 1.0).abs() < 1e-3, "{}", mass_per_mpc2_jy_hz());
        assert!((tb_coefficient_mk() / 190.0 - 1.0).abs() < 5e-4, "{}", tb_coefficient_mk());
    }

    #[test]
    fn column_and_mass_coefficients_close() {
        // M = m_H N_HI Omega D^2 with S = 2 k T nu^2 Omega / c^2 must be the same statement twice
        let (t_k, dv_km_s, omega, d_mpc) = (3.0, 10.0, 1e-8, 20.0);
        let d_cm = d_mpc * 1e6 * PC_M * 100.0;
        let from_column = column_per_k_km_s() * t_k * dv_km_s * omega * d_cm * d_cm * M_H_KG / MSUN_KG;
        let s_jy = flux_jy_from_temperature(t_k, NU0_HZ, omega);
        let from_flux = mass_per_mpc2_jy_km_s() * d_mpc * d_mpc * s_jy * dv_km_s;
        assert!((from_column / from_flux - 1.0).abs() < 1e-12);
    }
}
