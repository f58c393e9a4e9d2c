//! How much of the neutral hydrogen is molecular.

/// Model of the molecular fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum H2Model {
    /// All neutral hydrogen is atomic.
    None,
    /// Pressure law of Blitz & Rosolowsky (2006).
    #[default]
    BlitzRosolowsky2006,
}

/// H2/(HI + H2) for the pressure P/k, K cm^-3.
///
/// Blitz & Rosolowsky (2006): H2/HI = (P/k / 4.3e4 K cm^-3)^0.92, their fit to 14 galaxies.
pub fn blitz_rosolowsky_2006(pressure_over_k: f64) -> f64 {
    let ratio = (pressure_over_k.max(0.0) / 4.3e4).powf(0.92);
    ratio / (1.0 + ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_is_molecular_at_the_pressure_of_the_fit() {
        assert_eq!(blitz_rosolowsky_2006(4.3e4), 0.5);
        assert_eq!(blitz_rosolowsky_2006(0.0), 0.0);
        // ten times the pressure: 10^0.92 = 8.3176
        assert!((blitz_rosolowsky_2006(4.3e5) - 8.31764 / 9.31764).abs() < 1e-6);
    }
}
