//! From values to positions: stretches of colour bars, ranges of values, nice ticks.

/// How values are spread over a colour map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stretch {
    /// Evenly.
    Linear,
    /// asinh(v / (fraction x largest absolute value)): linear near zero, logarithmic beyond, for
    /// either sign. Smaller fractions show fainter structure.
    Asinh(f64),
    /// Logarithmically; values at or below the lower end of the range have its colour.
    Log,
}

impl Stretch {
    /// Position of `value` in the range, 0 at its lower and 1 at its upper end (not clamped).
    pub fn position(self, value: f64, range: [f64; 2]) -> f64 {
        let [lo, hi] = range;
        let bend = |v: f64| match self {
            Stretch::Linear => v,
            Stretch::Asinh(fraction) => (v / (fraction.abs().max(1e-12) * lo.abs().max(hi.abs()))).asinh(),
            Stretch::Log => v.max(f64::MIN_POSITIVE).log10(),
        };
        (bend(value) - bend(lo)) / (bend(hi) - bend(lo))
    }
}

/// Which values the ends of a colour bar stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRange {
    /// Smallest to largest value.
    Full,
    /// These two values.
    Fixed(f64, f64),
    /// These two percentiles, 0 to 100.
    Percentiles(f64, f64),
    /// Symmetric about zero, to this percentile of the absolute values.
    Symmetric(f64),
}

impl ValueRange {
    /// The two values for `data`, finite and rising whatever the data: values that are not finite
    /// are left out, no values give 0 to 1, equal values a range about them, and a logarithmic
    /// stretch a positive range of at most six decades.
    pub fn resolve(self, data: impl Iterator<Item = f64>, stretch: Stretch) -> [f64; 2] {
        let mut finite: Vec<f64> = match self {
            ValueRange::Fixed(..) => Vec::new(),
            ValueRange::Symmetric(_) => data.map(f64::abs).filter(|v| v.is_finite()).collect(),
            ValueRange::Full | ValueRange::Percentiles(..) => data.filter(|v| v.is_finite()).collect(),
        };
        let mut at = |percent: f64| {
            let last = finite.len().checked_sub(1)?;
            let x = (percent / 100.0).clamp(0.0, 1.0) * last as f64;
            let (_, lower, above) = finite.select_nth_unstable_by(x as usize, f64::total_cmp);
            let upper = above.iter().copied().min_by(f64::total_cmp).unwrap_or(*lower);
            Some(*lower + (upper - *lower) * x.fract())
        };
        let mut at = |percent| at(percent).unwrap_or(f64::NAN);
        let [mut lo, mut hi] = match self {
            ValueRange::Full => [at(0.0), at(100.0)],
            ValueRange::Fixed(lo, hi) => [lo.min(hi), lo.max(hi)],
            ValueRange::Percentiles(a, b) => [at(a.min(b)), at(a.max(b))],
            ValueRange::Symmetric(p) => {
                let half = at(p);
                [-half, half]
            }
        };
        if !lo.is_finite() || !hi.is_finite() {
            [lo, hi] = [0.0, 1.0];
        }
        if stretch == Stretch::Log {
            hi = if hi > 0.0 { hi } else { 1.0 };
            lo = lo.max(hi * 1e-6);
        }
        if hi - lo <= 1e-12 * lo.abs().max(hi.abs()) {
            let half = if lo == 0.0 { 1.0 } else { 0.5 * lo.abs() };
            [lo, hi] = if stretch == Stretch::Log { [0.5 * lo, 2.0 * hi] } else { [lo - half, hi + half] };
        }
        [lo, hi]
    }
}

/// How an axis spreads its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AxisScale {
    /// Evenly.
    #[default]
    Linear,
    /// Logarithmically (positive values).
    Log,
}

/// Where an axis has ticks and what stands there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ticks {
    /// Values of the labelled ticks, rising.
    pub values: Vec<f64>,
    /// Their labels, without [`Ticks::exponent`].
    pub labels: Vec<String>,
    /// Values of the small ticks between them.
    pub minor: Vec<f64>,
    /// The labels are to be multiplied by ten to this power.
    pub exponent: i32,
}

/// At most about `most` round values in the range (its ends in either order), with labels of
/// equal decimals. A degenerate range has no ticks; `most` above 100 counts as 100.
pub fn nice_ticks(range: [f64; 2], most: usize) -> Ticks {
    let most = most.min(100);
    let (lo, hi) = (range[0].min(range[1]), range[0].max(range[1]));
    let span = hi - lo;
    // below 1e-290 the step itself could round to zero
    if !span.is_finite() || span <= (1e-12 * lo.abs().max(hi.abs())).max(1e-290) || most == 0 {
        return Ticks::default();
    }
    let (step, parts) = nice_step(span / most as f64);
    let multiples = |step: f64| {
        let first = (lo / step - 1e-9).ceil() as i64;
        let last = (hi / step + 1e-9).floor() as i64;
        (first..=last).map(move |k| k as f64 * step)
    };
    let values: Vec<f64> = multiples(step).collect();
    let small = step / f64::from(parts);
    let minor = multiples(small).filter(|v| !values.iter().any(|t| (t - v).abs() < 0.1 * small)).collect();
    let largest = lo.abs().max(hi.abs());
    let power = |v: f64| v.log10().floor() as i32;
    let exponent = common_exponent(largest);
    let decimals = (-(power(step * 1.0001) - exponent)).max(0) as usize;
    let labels = values.iter().map(|v| number(v / 10f64.powi(exponent), decimals)).collect();
    Ticks { values, labels, minor, exponent }
}

/// The power of ten that labels up to `largest` leave out: a multiple of 3, as prefixes are.
fn common_exponent(largest: f64) -> i32 {
    if (1e-2..1e5).contains(&largest) { 0 } else { 3 * (largest.log10().floor() as i32).div_euclid(3) }
}

/// The smallest round step (1, 2 or 5 times a power of ten) of at least `atleast`, and the number
/// of small steps that look right within it.
fn nice_step(atleast: f64) -> (f64, u32) {
    let unit = 10f64.powi(atleast.log10().floor() as i32);
    for (factor, parts) in [(1.0, 5), (2.0, 4), (5.0, 5)] {
        if factor * unit >= atleast * (1.0 - 1e-9) {
            return (factor * unit, parts);
        }
    }
    (10.0 * unit, 5)
}

/// Ticks of a logarithmic axis: powers of ten, and 2 and 5 times them where there are few. A range that is not positive
/// and rising has none.
pub fn log_ticks(range: [f64; 2], most: usize) -> Ticks {
    let (lo, hi) = (range[0].min(range[1]), range[0].max(range[1]));
    if !(lo > 0.0 && hi > lo && hi.is_finite()) {
        return Ticks::default();
    }
    let decades: Vec<i32> = ((lo.log10() - 1.0).floor() as i32..=hi.log10().ceil() as i32).collect();
    let inside = |v: f64| v >= lo * (1.0 - 1e-9) && v <= hi * (1.0 + 1e-9);
    let choose = |factors: &[f64]| -> Vec<f64> {
        let all = decades.iter().flat_map(|d| factors.iter().map(move |f| f * 10f64.powi(*d)));
        all.filter(|v| inside(*v)).collect()
    };
    let mut values = choose(&[1.0]);
    if values.len() < 3 {
        let finer = [choose(&[1.0, 2.0, 5.0]), choose(&[1.0, 3.0])].into_iter().find(|v| v.len() <= most.max(2));
        values = finer.unwrap_or(values);
    }
    if values.len() < 2 {
        return nice_ticks(range, most);
    }
    let every = values.len().div_ceil(most.max(1)).max(1);
    let values: Vec<f64> = values.into_iter().step_by(every).collect();
    // one form for all: plain numbers, or powers of ten where some would be long
    let plain = values.iter().all(|v| (0.9e-3..1.1e4).contains(v));
    let label = |v: &f64| if plain { short_number(*v) } else { power_of_ten(*v) };
    let labels = values.iter().map(label).collect();
    let minor = choose(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    let minor = minor.into_iter().filter(|m| !values.iter().any(|v| (v / m - 1.0).abs() < 1e-6)).collect();
    Ticks { values, labels, minor, exponent: 0 }
}

/// Ticks of a colour bar that is `length` labels high at most: round values whose positions are
/// at least one label apart.
pub(super) fn stretched_ticks(range: [f64; 2], stretch: Stretch, most: usize) -> Ticks {
    match stretch {
        Stretch::Linear => nice_ticks(range, most),
        Stretch::Log => log_ticks(range, most),
        Stretch::Asinh(_) => {
            let largest = range[0].abs().max(range[1].abs());
            let top = largest.log10().floor() as i32;
            let mut values: Vec<f64> = Vec::new();
            let gap = 1.0 / most.max(1) as f64;
            let mut candidates = vec![0.0];
            for factors in [[1.0].as_slice(), &[3.0], &[2.0, 5.0]] {
                for decade in (top - 5..=top).rev() {
                    for factor in factors {
                        let v = factor * 10f64.powi(decade);
                        candidates.extend([v, -v]);
                    }
                }
            }
            for v in candidates {
                let p = stretch.position(v, range);
                let free = values.iter().all(|t| (stretch.position(*t, range) - p).abs() >= gap);
                if (-1e-9..=1.0 + 1e-9).contains(&p) && free {
                    values.push(v);
                }
            }
            values.sort_by(f64::total_cmp);
            let exponent = common_exponent(largest);
            let labels = values.iter().map(|v| short_number(v / 10f64.powi(exponent))).collect();
            Ticks { values, labels, minor: Vec::new(), exponent }
        }
    }
}

/// A number with a proper minus sign and no negative zero.
fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().any(|c| ('1'..='9').contains(&c)) => format!("−{digits}"),
        Some(digits) => digits.to_string(),
        None => text,
    }
}

/// A round number with as few signs as it needs: 0.02, 300, 2×10⁶.
fn short_number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".into();
    }
    let power = (size * 1.000_001).log10().floor() as i32;
    if (-3..=4).contains(&power) {
        return number(
            value,
            (-power).max(0) as usize + usize::from(((size / 10f64.powi(power)).fract() - 0.5).abs() < 1e-3),
        );
    }
    power_of_ten(value)
}

/// A round number as 10⁻⁵ or 2×10⁶.
fn power_of_ten(value: f64) -> String {
    let size = value.abs();
    let power = (size * 1.000_001).log10().floor() as i32;
    let factor = (size / 10f64.powi(power)).round();
    let sign = if value < 0.0 { "−" } else { "" };
    let factor = if factor == 1.0 { String::new() } else { format!("{factor:.0}×") };
    format!("{sign}{factor}10^{{{}}}", number(f64::from(power), 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let t = nice_ticks([-10.3, 10.3], 5);
        assert_eq!(t.values, [-10.0, -5.0, 0.0, 5.0, 10.0]);
        assert_eq!(t.labels, ["−10", "−5", "0", "5", "10"]);
        assert_eq!(nice_ticks([10.3, -10.3], 5), t);
        let t = nice_ticks([0.0, 0.42], 5);
        assert_eq!(t.labels, ["0.0", "0.1", "0.2", "0.3", "0.4"]);
        let t = nice_ticks([0.0, 0.00042], 5);
        assert_eq!((t.exponent, t.labels.last().unwrap().as_str()), (-6, "400"));
        let t = nice_ticks([1e6, 9e6], 4);
        assert_eq!((t.exponent, t.labels[0].as_str()), (6, "2"));
        assert_eq!(nice_ticks([1419.2, 1421.6], 5).labels, ["1419.5", "1420.0", "1420.5", "1421.0", "1421.5"]);
    }

    #[test]
    fn degenerate_ranges_have_no_ticks_and_no_panic() {
        for range in [[0.0, 0.0], [3.0, 3.0], [f64::NAN, 1.0], [0.0, f64::INFINITY], [-5e-324, 5e-324], [-1e308, 1e308]]
        {
            assert_eq!(nice_ticks(range, 5), Ticks::default());
            let _ = log_ticks(range, 5);
        }
        assert_eq!(nice_ticks([0.0, 1.0], 0), Ticks::default());
    }

    #[test]
    fn ranges_are_finite_and_rising_for_any_data() {
        let odd: [&[f64]; 6] =
            [&[], &[f64::NAN], &[0.0; 4], &[7.0; 3], &[-2.0, f64::INFINITY], &[f64::NEG_INFINITY, f64::NAN, 1e-300]];
        let ranges = [
            ValueRange::Full,
            ValueRange::Percentiles(1.0, 99.0),
            ValueRange::Symmetric(99.0),
            ValueRange::Fixed(0.0, 0.0),
            ValueRange::Fixed(f64::NAN, 1.0),
        ];
        for data in odd {
            for range in ranges {
                for stretch in [Stretch::Linear, Stretch::Asinh(0.1), Stretch::Log] {
                    let r = range.resolve(data.iter().copied(), stretch);
                    assert!(r[0] < r[1] && r[0].is_finite() && r[1].is_finite(), "{data:?} {range:?} {r:?}");
                    assert_eq!(stretch.position(r[0], r), 0.0);
                    assert_eq!(stretch.position(r[1], r), 1.0);
                    let _ = stretched_ticks(r, stretch, 5);
                }
            }
        }
        let r = ValueRange::Percentiles(25.0, 75.0).resolve((0..=100).map(f64::from), Stretch::Linear);
        assert_eq!(r, [25.0, 75.0]);
        assert_eq!(ValueRange::Symmetric(100.0).resolve([-3.0, 2.0].into_iter(), Stretch::Linear), [-3.0, 3.0]);
    }

    #[test]
    fn stretched_ticks_keep_their_distance() {
        for range in [[-0.1, 1.0], [-1.0, 1.0], [0.0, 250.0]] {
            for fraction in [0.3, 0.01] {
                let stretch = Stretch::Asinh(fraction);
                let t = stretched_ticks(range, stretch, 8);
                assert!(t.values.len() >= 3 && t.values.contains(&0.0), "{t:?}");
                let p: Vec<f64> = t.values.iter().map(|v| stretch.position(*v, range)).collect();
                assert!(p.windows(2).all(|w| w[1] - w[0] >= 0.125), "{p:?}");
            }
        }
        let t = log_ticks([1e-3, 2.0], 6);
        assert_eq!(t.labels, ["0.001", "0.01", "0.1", "1"]);
        assert_eq!(log_ticks([1.0, 1e7], 4).labels, ["10^{0}", "10^{2}", "10^{4}", "10^{6}"]);
    }
}
