//! Published relations between the masses, sizes and speeds of galaxies.

use crate::units::{G_SI, MSUN_KG, PC_M};

/// Schechter function of HI masses: knee, log10 Msun, and slope (Jones et al. 2018, ALFALFA).
pub const HI_MASS_FUNCTION: (f64, f64) = (9.94, -1.25);
/// Baryons over HI beside the stars: helium (McGaugh 2012).
const GAS_OVER_HI: f64 = 1.33;
/// Weighted medians of log10 M_HI/M_star at log10 M_star (Catinella et al. 2018, xGASS, table 1).
pub const GAS_FRACTION_DEX: [[f64; 2]; 8] = [
    [9.14, -0.092],
    [9.44, -0.320],
    [9.74, -0.656],
    [10.07, -0.854],
    [10.34, -1.278],
    [10.65, -1.223],
    [10.95, -1.707],
    [11.20, -1.785],
];
/// Scatter of log10 M_HI at fixed stellar mass taken here.
const GAS_FRACTION_SCATTER_DEX: f64 = 0.4;

/// G in kpc (km/s)^2/Msun.
pub fn g_kpc() -> f64 {
    G_SI * MSUN_KG / (1e3 * PC_M) * 1e-6
}

/// R_HI of the mass-size relation, kpc: log10 D_HI = 0.506 log10 M_HI - 3.293 (Wang et al. 2016; its scatter is 0.06
/// dex).
pub fn hi_radius_kpc(hi_mass_msun: f64) -> f64 {
    0.5 * 10f64.powf(0.506 * hi_mass_msun.log10() - 3.293)
}

/// Mass of stars and of HI with its helium, Msun.
pub fn baryons_msun(hi_mass_msun: f64, stellar_mass_msun: f64) -> f64 {
    stellar_mass_msun + GAS_OVER_HI * hi_mass_msun
}

/// Flat rotation speed of the baryonic Tully-Fisher relation, km/s: M_b = 47 (V/km/s)^4 Msun (McGaugh 2012).
pub fn rotation_km_s(baryons_msun: f64) -> f64 {
    (baryons_msun / 47.0).powf(0.25)
}

/// Mass fraction of metals of the gas: 12 + log10(O/H) = 5.61 + 0.29 log10 M_star (Berg et al. 2012), at most twice the
/// Sun's; solar is 8.69 and 0.0134 (Asplund et al. 2009).
pub fn metal_fraction(stellar_mass_msun: f64) -> f64 {
    let oxygen = 5.61 + 0.29 * stellar_mass_msun.log10();
    0.0134 * 10f64.powf(oxygen - 8.69).min(2.0)
}

/// Concentration r_200/r_s of a halo (Dutton & Maccio 2014, eq. 8, z = 0).
pub fn concentration(m200_msun: f64, h: f64) -> f64 {
    10f64.powf(0.905 - 0.101 * (m200_msun * h / 1e12).log10())
}

/// The HI mass where a share `u` of the galaxies between `low` and `high` Msun is lighter, by the mass function.
pub fn hi_mass_msun(u: f64, [low, high]: [f64; 2]) -> f64 {
    if low == high {
        return low;
    }
    let (knee, slope) = HI_MASS_FUNCTION;
    // number a dex goes as m^(alpha + 1) e^-m
    let weight = |log: f64| {
        let m = 10f64.powf(log - knee);
        m.powf(slope + 1.0) * (-m).exp()
    };
    10f64.powf(inverse(u, low.log10(), high.log10(), weight))
}

/// The stellar mass where a share `u` of the galaxies with this HI mass is lighter, Msun.
///
/// P(M_star | M_HI) ~ phi(M_star) P(M_HI | M_star): the stellar mass function of Baldry et al. (2012, GAMA) and a
/// log-normal distribution about the xGASS medians, below them with the slope -0.3, which
/// gives irregulars ten times as much HI as stars at 1e7 Msun (a choice: xGASS ends at 10^9).
pub fn stellar_mass_msun(u: f64, hi_mass_msun: f64) -> f64 {
    let log_hi = hi_mass_msun.log10();
    let weight = |log: f64| {
        let m = 10f64.powf(log - 10.66);
        let phi = (3.96 * m.powf(-0.35) + 0.79 * m.powf(-1.47)) * m * (-m).exp();
        let away = (log_hi - log - gas_fraction_dex(log)) / GAS_FRACTION_SCATTER_DEX;
        phi * (-0.5 * away * away).exp()
    };
    10f64.powf(inverse(u, 4.5, 11.6, weight))
}

/// Median log10 M_HI/M_star at log10 stellar mass `log`.
fn gas_fraction_dex(log: f64) -> f64 {
    let table = &GAS_FRACTION_DEX;
    if log <= table[0][0] {
        return table[0][1] - 0.3 * (log - table[0][0]);
    }
    let after = table.iter().position(|[m, _]| *m > log).unwrap_or(table.len() - 1);
    let ([m0, f0], [m1, f1]) = (table[after - 1], table[after]);
    f0 + (f1 - f0) * (log - m0) / (m1 - m0)
}

/// Where the integral of `weight` from `low` reaches the share `u` of that to `high`.
fn inverse(u: f64, low: f64, high: f64, weight: impl Fn(f64) -> f64) -> f64 {
    let steps = 1000;
    let step = (high - low) / f64::from(steps);
    let parts: Vec<f64> = (0..steps).map(|i| weight(low + step * (f64::from(i) + 0.5))).collect();
    let mut left = u * parts.iter().sum::<f64>();
    for (i, part) in parts.iter().enumerate() {
        if left < *part {
            return low + step * (i as f64 + left / part);
        }
        left -= part;
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_have_their_published_values() {
        // Wang et al. (2016): M_HI = 1e9 gives D_HI = 10^(4.554 - 3.293) = 18.24 kpc
        assert!((hi_radius_kpc(1e9) - 9.120).abs() < 0.001);
        // McGaugh (2012): 47e8 Msun turns with 100 km/s
        assert!((rotation_km_s(47e8) - 100.0).abs() < 1e-9);
        // G Msun/kpc = 4.30091e-6 (km/s)^2
        assert!((g_kpc() / 4.30091e-6 - 1.0).abs() < 1e-5);
        // 1e8 Msun: 7.93; a sixth of the Sun's
        assert!((metal_fraction(1e8) / 0.0134 - 10f64.powf(-0.76)).abs() < 1e-9);
        assert!((concentration(1e12 / 0.7, 0.7) - 8.035).abs() < 0.001);
        assert!((gas_fraction_dex(9.59) + 0.488).abs() < 1e-9);
    }

    #[test]
    fn masses_follow_their_distribution() {
        let range = [1e8, 3e10];
        let masses: Vec<f64> = (0..4000).map(|i| hi_mass_msun((f64::from(i) + 0.5) / 4000.0, range)).collect();
        assert!(masses.is_sorted() && masses[0] >= 1e8 && masses[3999] <= 3e10);
        // numbers between 1e8 and 2e8 and between 4e8 and 8e8, by the integral of m^-1.25 e^-m, worked out apart with
        // scipy.integrate.quad: 1.4854
        let count = |low: f64, high: f64| masses.iter().filter(|m| (low..high).contains(m)).count() as f64;
        let ratio = count(1e8, 2e8) / count(4e8, 8e8);
        assert!((ratio / 1.4854 - 1.0).abs() < 0.02, "{ratio}");
        // heavier in HI is heavier in stars, and a larger share is lighter
        assert!(stellar_mass_msun(0.5, 1e10) > stellar_mass_msun(0.5, 1e9));
        assert!(stellar_mass_msun(0.2, 1e9) < stellar_mass_msun(0.8, 1e9));
        assert_eq!(hi_mass_msun(0.3, [5e9, 5e9]), 5e9);
    }
}
