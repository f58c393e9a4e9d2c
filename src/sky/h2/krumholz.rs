use super::mckee_krumholz::{chi, optical_depth, shielded, two_phase_density_cm3};
use super::{H2Settings, Surroundings};
use crate::units::{G_SI, K_B_J_K, MSUN_KG, PC_M};
use std::f64::consts::PI;

/// Pressure that turbulence, magnetic fields and cosmic rays add: all over thermal.
const ALPHA: f64 = 5.0;
/// Shape of the layer of gas.
const ZETA_D: f64 = 0.33;
/// Sound speed of the warm gas, m/s.
const WARM_M_S: f64 = 8e3;
/// Its share of the mass.
const WARM_SHARE: f64 = 0.5;
/// Highest temperature of cold clouds, K.
const COLD_MAX_K: f64 = 243.0;

/// H2/(HI + H2) of neutral hydrogen of surface density `column`, Msun/pc^2.
///
/// Krumholz (2013, MNRAS 436, 2747), eq. 10: as McKee & Krumholz (2010), but clouds are at least as dense as the
/// thermal pressure of the midplane makes them, n = P_th/(1.1 k 243 K). That pressure is made by atomic gas and
/// so depends on the fraction; it falls as the fraction rises, so that one fraction alone agrees with itself.
pub fn fraction(column: f64, around: &Surroundings, settings: &H2Settings) -> f64 {
    let (d, u) = (around.dust_mw, around.uv_mw);
    let tau = optical_depth(settings.clumping * column, d);
    let two_phase = two_phase_density_cm3(d, u);
    let density = |f: f64| hydrostatic_density_cm3(column, f, settings.stars_and_dark_msun_pc3).max(two_phase);
    let at = |f: f64| shielded(chi(u, density(f)), tau);
    let (mut low, mut high) = (0.0, at(0.0));
    if high == 0.0 || density(0.0) == two_phase {
        return high;
    }
    while high - low > 1e-12 {
        let middle = 0.5 * (low + high);
        if at(middle) > middle {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// Density of cold clouds by the pressure of the midplane, cm^-3: eq. 6,
/// P_th = pi G Sigma_HI^2/(4 alpha) (1 + 2R + sqrt((1 + 2R)^2 + 32 zeta_d alpha f_w c_w^2 rho_sd/(pi G Sigma_HI^2))),
/// R = f/(1 - f), with Sigma_HI = (1 - f) Sigma multiplied in, which leaves no division by 1 - f.
fn hydrostatic_density_cm3(column: f64, f: f64, stars_and_dark_msun_pc3: f64) -> f64 {
    let sigma = column * MSUN_KG / (PC_M * PC_M);
    let rho_sd = stars_and_dark_msun_pc3 * MSUN_KG / PC_M.powi(3);
    let gas = sigma * sigma * (1.0 - f * f);
    let others = 32.0 * ZETA_D * ALPHA * WARM_SHARE * WARM_M_S * WARM_M_S * rho_sd / (PI * G_SI);
    let pressure = PI * G_SI / (4.0 * ALPHA) * (gas + gas.hypot(others.sqrt() * sigma * (1.0 - f)));
    pressure / (1.1 * K_B_J_K * COLD_MAX_K) * 1e-6
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python, in cgs with G in pc (km/s)^2/Msun, by repeated substitution with R = f/(1 - f) as the paper prints it
    /// (until two rounds agree to 1e-14); radiation weak enough for the pressure to matter, and strong.
    #[test]
    fn equals_the_paper_iterated_apart() {
        let cases = [
            (20.0, 1.0, 0.05, 0.8856775549898),
            (8.0, 1.0, 0.01, 0.8255348268561),
            (10.0, 1.0, 1.0, 0.6368748636255),
            (50.0, 0.3, 5.0, 0.7917710849007),
            (5.0, 2.0, 0.1, 0.5957969046128),
        ];
        for (column, dust_mw, uv_mw, expected) in cases {
            let around = Surroundings { dust_mw, uv_mw, ..Surroundings::SOLAR };
            let f = fraction(column, &around, &H2Settings::default());
            // G and the solar mass there have six digits
            assert!((f - expected).abs() < 2e-6, "{column} {dust_mw} {uv_mw}: {f}");
        }
    }

    #[test]
    fn the_fraction_agrees_with_its_own_pressure() {
        let settings = H2Settings::default();
        for (column, d, u) in [(3.0, 1.0, 0.01), (30.0, 0.1, 0.002), (200.0, 1.0, 0.1)] {
            let f = fraction(column, &Surroundings { dust_mw: d, uv_mw: u, ..Surroundings::SOLAR }, &settings);
            let n = hydrostatic_density_cm3(column, f, 0.01).max(two_phase_density_cm3(d, u));
            let again = shielded(chi(u, n), optical_depth(5.0 * column, d));
            assert!((f - again).abs() < 1e-10, "{column} {d} {u}: {f} {again}");
        }
    }

    #[test]
    fn without_radiation_all_is_molecular_and_without_dust_nothing() {
        let at = |dust_mw, uv_mw| {
            fraction(10.0, &Surroundings { dust_mw, uv_mw, ..Surroundings::SOLAR }, &H2Settings::default())
        };
        assert!(at(1.0, 0.0) > 1.0 - 1e-11);
        assert_eq!(at(0.0, 0.1), 0.0);
    }
}
