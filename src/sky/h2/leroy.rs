use super::of_ratio;

/// H2/(HI + H2) for the pressure P/k, K cm^-3.
///
/// Leroy et al. (2008, AJ 136, 2782): H2/HI = (P/k / 1.7e4 K cm^-3)^0.8, the power law that describes their 23 galaxies.
/// Theirs is the hydrostatic pressure of the midplane. Diemer et al. (2018, section 2.5.1) find cell by cell use of it
/// unphysical: it makes molecules in thin warm gas. It stands here because others use it so.
pub fn fraction(pressure_over_k: f64) -> f64 {
    of_ratio((pressure_over_k.max(0.0) / 1.7e4).powf(0.8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_is_molecular_at_the_pressure_of_the_fit() {
        assert_eq!(fraction(1.7e4), 0.5);
        assert_eq!(fraction(0.0), 0.0);
        // ten times the pressure: 10^0.8 = 6.309573
        assert!((fraction(1.7e5) - 6.309573 / 7.309573).abs() < 1e-6);
    }
}
