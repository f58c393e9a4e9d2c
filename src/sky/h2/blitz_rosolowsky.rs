use super::of_ratio;

/// H2/(HI + H2) for the pressure P/k, K cm^-3.
///
/// Blitz & Rosolowsky (2006, ApJ 650, 933): H2/HI = (P/k / 4.3e4 K cm^-3)^0.92, their fit to 14 galaxies. Theirs is the
/// hydrostatic pressure of the midplane.
pub fn fraction(pressure_over_k: f64) -> f64 {
    of_ratio((pressure_over_k.max(0.0) / 4.3e4).powf(0.92))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_is_molecular_at_the_pressure_of_the_fit() {
        assert_eq!(fraction(4.3e4), 0.5);
        assert_eq!(fraction(0.0), 0.0);
        // ten times the pressure: 10^0.92 = 8.3176
        assert!((fraction(4.3e5) - 8.31764 / 9.31764).abs() < 1e-6);
    }
}
