//! Widths of line profiles: W20, W50.

/// Width, km/s, between the outermost points where a profile falls to `level` (0.2: W20; 0.5: W50) of its highest value,
/// found from outside inwards by straight lines between channels.
///
/// `velocities_km_s` rise or fall and are the channels' centres. `None` where the profile has no positive value or where
/// it is still above that level in the first or the last channel. The channels widen what they resolve barely: a
/// Gaussian's width squared grows by 2 ln(1/level) dv^2/3.
pub fn line_width_km_s(velocities_km_s: &[f64], profile: &[f64], level: f64) -> Option<f64> {
    let wanted = level * profile.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max);
    let n = profile.len().min(velocities_km_s.len());
    if wanted <= 0.0 {
        return None;
    }
    let first = (0..n).find(|c| profile[*c] >= wanted)?;
    let last = (0..n).rev().find(|c| profile[*c] >= wanted)?;
    if first == 0 || last + 1 == n {
        return None;
    }
    // the point between channel `outer`, below, and `inner`, not below
    let crossing = |outer: usize, inner: usize| {
        let share = (wanted - profile[outer]) / (profile[inner] - profile[outer]);
        velocities_km_s[outer] + share * (velocities_km_s[inner] - velocities_km_s[outer])
    };
    Some((crossing(last + 1, last) - crossing(first - 1, first)).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gaussian_has_its_widths() {
        for dv in [1.0, 5.0] {
            for sigma in [10.0f64, 30.0] {
                let velocities: Vec<f64> = (-200..=200).map(|c| 3.3 - dv * f64::from(c)).collect();
                let profile: Vec<f64> = velocities.iter().map(|v| (-0.5 * (v / sigma).powi(2)).exp()).collect();
                for level in [0.2f64, 0.5] {
                    let expected = 2.0 * sigma * (2.0 * (1.0 / level).ln()).sqrt();
                    let got = line_width_km_s(&velocities, &profile, level).unwrap();
                    // a straight line for a curve: dv^2/8 times second over first derivative
                    let allowed = 1e-3 * (10.0 * dv / sigma).powi(2);
                    assert!((got / expected - 1.0).abs() < allowed, "{dv} {sigma} {level}: {got} {expected}");
                }
            }
        }
    }

    #[test]
    fn outermost_crossings_count_and_lines_that_are_cut_have_none() {
        let v: Vec<f64> = (0..9).map(|c| 10.0 * f64::from(c)).collect();
        // two horns with a deep gap between them
        let horns = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.8, 0.0, 0.0];
        assert!((line_width_km_s(&v, &horns, 0.5).unwrap() - (63.75 - 5.0)).abs() < 1e-12);
        assert!(line_width_km_s(&v, &[1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 0.5).is_none());
        assert!(line_width_km_s(&v, &[0.0; 9], 0.5).is_none());
        assert!(line_width_km_s(&[], &[], 0.5).is_none());
    }
}
