use crate::math::random::uniform_pair;
use std::collections::BTreeMap;

/// A mean over images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error, by drawing galaxies anew.
    pub error: f64,
    /// Standard deviation of the images' values.
    pub scatter: f64,
    /// Images that have a value.
    pub count: usize,
}

/// "boot".
const STREAM: u32 = 0x626f_6f74;

/// The mean of values, each with its galaxy's group, and its error from `draws` draws of as many groups with replacement
/// (Efron 1979): views of a galaxy are no independent values. None of no values.
pub fn bootstrap(values: &[(&str, f64)], draws: u32, seed: u64) -> Option<Estimate> {
    let mut groups: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (group, value) in values {
        let sum = groups.entry(group).or_default();
        *sum = (sum.0 + value, sum.1 + 1.0);
    }
    let groups: Vec<(f64, f64)> = groups.into_values().collect();
    let count = values.len();
    if count == 0 {
        return None;
    }
    let mean = values.iter().map(|(_, v)| v).sum::<f64>() / count as f64;
    let scatter = (values.iter().map(|(_, v)| (v - mean).powi(2)).sum::<f64>() / count as f64).sqrt();
    let drawn = |draw: u32| {
        let pick = |i: usize| {
            let [u, _] = uniform_pair([i as u32, draw, 0, STREAM], seed);
            groups[((u * groups.len() as f64) as usize).min(groups.len() - 1)]
        };
        let (sum, n) = (0..groups.len()).map(pick).fold((0.0, 0.0), |(s, n), (v, m)| (s + v, n + m));
        sum / n
    };
    let means: Vec<f64> = (0..draws).map(drawn).collect();
    let centre = means.iter().sum::<f64>() / f64::from(draws);
    let error = (means.iter().map(|m| (m - centre).powi(2)).sum::<f64>() / f64::from(draws - 1)).sqrt();
    Some(Estimate { mean, error, scatter, count })
}

/// `count` ranges of mass that hold as many of the values each, ascending: lowest and highest.
pub fn mass_bins(masses: &[f64], count: usize) -> Vec<[f64; 2]> {
    let mut sorted = masses.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let edge = |i: usize| sorted[(i * sorted.len() / count).min(sorted.len() - 1)];
    match sorted.is_empty() {
        true => Vec::new(),
        false => (0..count).map(|i| [edge(i), if i + 1 == count { f64::INFINITY } else { edge(i + 1) }]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;

    #[test]
    fn errors_are_those_of_independent_galaxies() {
        let mut draw = Stream::new(5, [1, 2, 3]);
        let names: Vec<String> = (0..200).map(|i| format!("g{i}")).collect();
        // two views of each galaxy that differ by little: 200 independent values, not 400
        let values: Vec<(&str, f64)> = names
            .iter()
            .flat_map(|name| {
                let v = 3.0 + 2.0 * draw.normal();
                [(name.as_str(), v), (name.as_str(), v + 0.01 * draw.normal())]
            })
            .collect();
        let estimate = bootstrap(&values, 1000, 1).unwrap();
        assert_eq!(estimate.count, 400);
        let want = estimate.scatter / 200f64.sqrt();
        // the error of a standard deviation of 1000 draws is 2.2 %
        assert!((estimate.error / want - 1.0).abs() < 0.1, "{} {want}", estimate.error);
        assert!((estimate.mean - 3.0).abs() < 4.0 * want);
        assert!(bootstrap(&[], 10, 1).is_none());
    }

    #[test]
    fn bins_hold_as_many() {
        let masses: Vec<f64> = (0..90).map(|i| f64::from((i * 37) % 90)).collect();
        let bins = mass_bins(&masses, 3);
        assert_eq!(bins, [[0.0, 30.0], [30.0, 60.0], [60.0, f64::INFINITY]]);
    }
}
