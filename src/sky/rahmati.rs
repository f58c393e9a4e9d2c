//! Neutral fraction of hydrogen in the cosmic ultraviolet background, where a simulation does not state it.

use crate::error::{Error, Result};

/// Self-shielding against the ultraviolet background at one redshift.
///
/// Rahmati et al. (2013, MNRAS 430, 2427), eq. A1 and table A1:
/// Gamma/Gamma_UVB = (1 - f) [1 + (n/n0)^beta]^alpha1 + f [1 + n/n0]^alpha2. The rates of the background in that table
/// are those of Haardt & Madau (2001).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UvBackground {
    /// lg of the self-shielding density, hydrogen nuclei per cm^3.
    lg_n0: f64,
    /// Photoionisation rate of optically thin gas, 1/s.
    rate_s: f64,
    alpha1: f64,
    alpha2: f64,
    beta: f64,
    f: f64,
}

/// Table A1 of Rahmati et al. (2013) for z = 0 to 5: lg n0, Gamma_UVB, alpha1, alpha2, beta, f.
const TABLE_A1: [[f64; 6]; 6] = [
    [-2.94, 8.34e-14, -3.98, -1.09, 1.29, 0.01],
    [-2.29, 7.4e-13, -2.94, -0.90, 1.21, 0.03],
    [-2.06, 1.50e-12, -2.22, -1.09, 1.75, 0.03],
    [-2.13, 1.16e-12, -1.99, -0.88, 1.72, 0.04],
    [-2.23, 7.91e-13, -2.05, -0.75, 1.93, 0.02],
    [-2.35, 5.43e-13, -2.63, -0.57, 1.77, 0.01],
];

impl UvBackground {
    /// The background at `redshift`: linear in all parameters between the table's redshifts.
    ///
    /// Error: a redshift outside 0 to 5, where the table ends.
    pub fn at(redshift: f64) -> Result<UvBackground> {
        // snapshots of z = 0 may state a rounding error below it
        if !(-1e-3..=5.0).contains(&redshift) {
            return Err(Error::input("no self-shielding is known at this redshift")
                .found(format!("redshift {redshift}"))
                .expected("0 to 5, the range of Rahmati et al. (2013)")
                .hint("use files that state the neutral fraction"));
        }
        let z = redshift.max(0.0);
        let low = (z as usize).min(TABLE_A1.len() - 2);
        let t = z - low as f64;
        let [lg_n0, rate_s, alpha1, alpha2, beta, f] =
            [0, 1, 2, 3, 4, 5].map(|k| TABLE_A1[low][k] + t * (TABLE_A1[low + 1][k] - TABLE_A1[low][k]));
        Ok(UvBackground { lg_n0, rate_s, alpha1, alpha2, beta, f })
    }

    /// Photoionisation rate in gas of `n_h_cm3` hydrogen nuclei per cm^3, 1/s.
    pub fn rate_s(&self, n_h_cm3: f64) -> f64 {
        let over = n_h_cm3 / 10f64.powf(self.lg_n0);
        let shielded = (1.0 - self.f) * (1.0 + over.powf(self.beta)).powf(self.alpha1);
        self.rate_s * (shielded + self.f * (1.0 + over).powf(self.alpha2))
    }

    /// Neutral fraction of hydrogen in ionisation equilibrium at `n_h_cm3` and `temperature_k`.
    ///
    /// Rahmati et al. (2013), appendix A: case A recombination of Hui & Gnedin (1997), collisions of Theuns et al.
    /// (1998), electrons from hydrogen alone. Gas below 1 K counts as 1 K.
    pub fn neutral_fraction(&self, n_h_cm3: f64, temperature_k: f64) -> f64 {
        let temperature_k = temperature_k.max(1.0);
        let lambda = 315_614.0 / temperature_k;
        let recombination = 1.269e-13 * lambda.powf(1.503) / (1.0 + (lambda / 0.522).powf(0.47)).powf(1.923);
        let collisions =
            1.17e-10 * temperature_k.sqrt() * (-157_809.0 / temperature_k).exp() / (1.0 + (temperature_k / 1e5).sqrt());
        let a = recombination + collisions;
        let b = 2.0 * recombination + self.rate_s(n_h_cm3) / n_h_cm3 + collisions;
        // the smaller root of a f^2 - b f + recombination = 0, in the form that does not cancel
        2.0 * recombination / (b + (b * b - 4.0 * a * recombination).max(0.0).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_as_the_table_says() {
        let now = UvBackground::at(0.0).unwrap();
        // at n0: 0.99 x 2^-3.98 + 0.01 x 2^-1.09 = 0.0674364
        assert!((now.rate_s(10f64.powf(-2.94)) / (8.34e-14 * 0.067_436_357) - 1.0).abs() < 1e-5);
        assert!((now.rate_s(1e-8) / 8.34e-14 - 1.0).abs() < 1e-3);
        // half-way between z = 1 and 2 every parameter is the mean
        let between = UvBackground::at(1.5).unwrap();
        assert!((between.rate_s - 0.5 * (7.4e-13 + 1.5e-12)).abs() < 1e-20 && (between.beta - 1.48).abs() < 1e-12);
        assert_eq!(UvBackground::at(5.0).unwrap().rate_s, 5.43e-13);
        for bad in [5.1, -0.1, f64::NAN] {
            assert!(UvBackground::at(bad).unwrap_err().to_string().contains("0 to 5"));
        }
    }

    #[test]
    fn fractions_equal_those_of_an_independent_program() {
        // Hdecompose 0.1.1 (PyPI): neutral_frac(z, n_H, T, onlyA1=True), whose lineage is Rahmati's own IDL
        for (z, n, t, expected) in [
            (0.0, 1e-4, 2e4, 3.639_943_430_8e-4),
            (0.0, 1e-2, 1e4, 0.878_275_744_51),
            (0.5, 3e-3, 1.2e4, 0.039_747_927_81),
            (1.0, 3e-3, 1.5e4, 4.254_074_134_3e-3),
            (3.0, 0.1, 8e3, 0.740_874_006_60),
            (4.5, 1e-2, 3e4, 2.685_951_682_8e-3),
        ] {
            let f = UvBackground::at(z).unwrap().neutral_fraction(n, t);
            assert!((f / expected - 1.0).abs() < 1e-8, "z {z}: {f:e}, expected {expected:e}");
        }
    }

    #[test]
    fn the_equilibrium_balances_and_has_the_known_limits() {
        for (z, n, t) in [(0.0, 1e-4, 2e4), (0.0, 1e-2, 1e4), (1.0, 3e-3, 1.5e4), (3.0, 0.1, 8e3), (4.5, 1e-2, 3e5)] {
            let background = UvBackground::at(z).unwrap();
            let f = background.neutral_fraction(n, t);
            // ionisations by light and by collisions against recombinations, per nucleus
            let lambda: f64 = 315_614.0 / t;
            let alpha = 1.269e-13 * lambda.powf(1.503) / (1.0 + (lambda / 0.522).powf(0.47)).powf(1.923);
            let beta = 1.17e-10 * t.sqrt() * (-157_809.0 / t).exp() / (1.0 + (t / 1e5).sqrt());
            let (gain, loss) = (f * (background.rate_s(n) + beta * (1.0 - f) * n), alpha * (1.0 - f) * (1.0 - f) * n);
            assert!((gain / loss - 1.0).abs() < 1e-9, "z {z} n {n}: {gain:e} {loss:e}");
        }
        let now = UvBackground::at(0.0).unwrap();
        assert!(now.neutral_fraction(10.0, 1e4) > 0.99);
        assert!(now.neutral_fraction(1e-6, 1e4) < 1e-3);
        assert!(now.neutral_fraction(10.0, 1e6) < 1e-4);
    }
}
