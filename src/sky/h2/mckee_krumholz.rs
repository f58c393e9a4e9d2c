/// H2/(HI + H2) of clouds of surface density `cloud_column`, Msun/pc^2 (clumping times that of the gas), with dust `d`
/// in units of the Milky Way's.
///
/// McKee & Krumholz (2010, ApJ 709, 308), eq. 93, for cold clouds in pressure equilibrium with warm gas, where
/// chi = 3.1 (1 + 3.1 D^0.365)/4.1 whatever the radiation (Krumholz, McKee & Tumlinson 2009, ApJ 693, 216).
pub fn fraction(cloud_column: f64, d: f64) -> f64 {
    let chi = 3.1 * (1.0 + 3.1 * d.powf(0.365)) / 4.1;
    shielded(chi, optical_depth(cloud_column, d))
}

/// Density of cold clouds in pressure equilibrium with warm gas, cm^-3, as Krumholz (2013) writes it.
pub fn two_phase_density_cm3(d: f64, u: f64) -> f64 {
    23.0 * u * 4.1 / (1.0 + 3.1 * d.powf(0.365))
}

/// Dissociation by radiation over absorption by dust in clouds of density `n_cm3`, as Krumholz (2013) writes it.
pub fn chi(u: f64, n_cm3: f64) -> f64 {
    7.2 * u / (0.1 * n_cm3)
}

/// Optical depth of clouds of `cloud_column` Msun/pc^2 to dissociating radiation.
pub fn optical_depth(cloud_column: f64, d: f64) -> f64 {
    0.066 * cloud_column * d
}

/// Molecular fraction behind what shields it: 1 - 0.75 s/(1 + 0.25 s), s = ln(1 + 0.6 chi + 0.01 chi^2)/(0.6 tau),
/// 0 from s = 2 on.
pub fn shielded(chi: f64, tau: f64) -> f64 {
    let needed = (0.6 * chi + 0.01 * chi * chi).ln_1p() / 0.6;
    // s >= 2, written so that no dust (tau = 0) is no special case
    if needed >= 2.0 * tau {
        return 0.0;
    }
    let s = needed / tau;
    1.0 - 0.75 * s / (1.0 + 0.25 * s)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python: `chi = 3.1*(1+3.1*D**.365)/4.1; tau = .066*5*D*S; s = log(1+.6*chi+.01*chi**2)/(.6*tau);
    /// f = 1-.75*s/(1+.25*s)`.
    #[test]
    fn equals_the_paper_worked_out_apart() {
        for (column, d, expected) in [(10.0, 1.0, 0.638865044), (50.0, 0.3, 0.793070603), (5.0, 2.0, 0.597875614)] {
            let f = fraction(5.0 * column, d);
            assert!((f - expected).abs() < 1e-8, "{column} {d}: {f}");
        }
    }

    #[test]
    fn nothing_is_molecular_below_the_column_that_shields() {
        // s = 2 for tau = ln(1 + 0.6 chi + 0.01 chi^2)/1.2; chi = 3.1: tau = 0.90321
        assert_eq!(shielded(3.1, 0.9032), 0.0);
        assert!(shielded(3.1, 0.9033) > 0.0 && shielded(3.1, 0.9033) < 1e-3);
        assert_eq!(fraction(1e4, 0.0), 0.0);
        assert_eq!(shielded(0.0, 1.0), 1.0);
    }

    /// The coefficients of K13 are the rounded ones of this paper: 7.2 x 10/(23 x 4.1) for 3.1/4.1, 1 % more.
    #[test]
    fn two_phase_clouds_have_this_papers_chi_at_any_radiation() {
        for (d, u) in [(0.1, 0.3), (1.0, 1.0), (2.0, 100.0)] {
            let ratio = chi(u, two_phase_density_cm3(d, u)) / (3.1 * (1.0 + 3.1 * d.powf(0.365)) / 4.1);
            assert!((ratio - 1.00982).abs() < 1e-5, "{ratio}");
        }
    }
}
