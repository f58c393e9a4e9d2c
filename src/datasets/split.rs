use crate::error::{Error, Result};
use crate::math::random::philox;
use std::collections::BTreeMap;

/// What a sample is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    /// To train on; scalings are fitted on these alone.
    Train,
    /// To choose between models.
    Validation,
    /// To judge the chosen one.
    Test,
}

impl Split {
    /// All, in the order of [`SplitRequest::fractions`].
    pub const ALL: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Validation => "validation",
            Split::Test => "test",
        }
    }

    /// Reads its word.
    ///
    /// # Errors
    /// Another word.
    pub fn parse(word: &str) -> Result<Split> {
        Split::ALL.into_iter().find(|s| s.word() == word).ok_or_else(|| {
            Error::input("there is no such split")
                .found(format!("\"{word}\""))
                .expected(Split::ALL.map(Split::word).join(", "))
        })
    }
}

/// How a data set is to be split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitRequest {
    /// Fractions of the groups for training, validation and test; their sum is 1.
    pub fractions: [f64; 3],
    /// Seed of the draw.
    pub seed: u64,
    /// Into how many ranges of HI mass, of equally many groups, galaxies are sorted first; each range is split by the
    /// fractions. With more ranges than groups every group is its own.
    pub strata: usize,
}

/// A galaxy of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitEntry<'a> {
    /// What must not be torn apart: the galaxy, its snapshots and its progenitors.
    pub group: &'a str,
    /// HI mass, solar masses.
    pub hi_mass_msun: f64,
}

impl SplitRequest {
    /// Whether anything can be split so.
    ///
    /// # Errors
    /// Fractions that are negative or do not add up to 1, no stratum.
    pub fn validate(&self) -> Result<()> {
        let (sum, words) = (self.fractions.iter().sum::<f64>(), self.fractions.map(|f| f.to_string()).join(", "));
        if self.fractions.iter().any(|f| f.is_nan() || *f < 0.0) {
            return Err(Error::input("a fraction of the split is negative").found(words).expected("three from 0 to 1"));
        }
        if (sum - 1.0).abs() > 1e-6 {
            return Err(Error::input("the fractions of the split do not add up to 1")
                .found(format!("{words}, together {sum}"))
                .expected("fractions for training, validation and test, as in 0.8, 0.1, 0.1"));
        }
        if self.strata == 0 {
            return Err(Error::input("a split needs at least one range of HI mass")
                .found("0 strata")
                .expected("1 or more"));
        }
        Ok(())
    }
}

/// The split of every galaxy, in the order of the list; it depends on the groups, their masses and the request, not on
/// the order.
///
/// Groups are sorted by the mass of their heaviest galaxy, then by name, and cut into strata. The totals are the
/// fractions of the number of groups, rounded by the largest remainders; each stratum gets the same shares of its own
/// groups, where what rounding takes from a split in one stratum it gets in the next ones: the count of a split among
/// the groups of any number of first strata is within 1 of its share. Who goes where within a stratum is drawn.
///
/// # Errors
/// A request that [`SplitRequest::validate`] refuses, a mass that is negative or no number, a split with a fraction
/// above 0 that gets no group.
pub fn split(galaxies: &[SplitEntry], request: &SplitRequest) -> Result<Vec<Split>> {
    request.validate()?;
    let mut masses: BTreeMap<&str, f64> = BTreeMap::new();
    for entry in galaxies {
        if !(entry.hi_mass_msun >= 0.0 && entry.hi_mass_msun.is_finite()) {
            return Err(Error::input("galaxies cannot be sorted by a mass that is none")
                .found(format!("HI mass {} Msun in group \"{}\"", entry.hi_mass_msun, entry.group))
                .expected("0 or more"));
        }
        let heaviest = masses.entry(entry.group).or_insert(0.0);
        *heaviest = heaviest.max(entry.hi_mass_msun);
    }
    let mut groups: Vec<(f64, &str)> = masses.iter().map(|(name, mass)| (*mass, *name)).collect();
    groups.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));

    let totals = totals(groups.len(), &request.fractions);
    for (split, (total, fraction)) in Split::ALL.into_iter().zip(totals.iter().zip(request.fractions)) {
        if *total == 0 && fraction > 0.0 {
            return Err(too_few(split, groups.len(), &request.fractions));
        }
    }
    let strata = request.strata.min(groups.len());
    let mut given = [0; 3];
    let mut drawn = BTreeMap::new();
    for stratum in 0..strata {
        let (first, end) = (stratum * groups.len() / strata, (stratum + 1) * groups.len() / strata);
        // what each split should have after this stratum, less what it has
        let mut due = [0, 1, 2].map(|j| totals[j] as f64 * end as f64 / groups.len() as f64 - given[j] as f64);
        let mut members: Vec<usize> = (first..end).collect();
        members.sort_by_key(|rank| (word(request.seed, Draw::Group, *rank), *rank));
        let order = turns(request.seed, stratum);
        for rank in members {
            let next = order.into_iter().fold(order[0], |best, j| if due[j] > due[best] + 1e-9 { j } else { best });
            due[next] -= 1.0;
            given[next] += 1;
            drawn.insert(groups[rank].1, Split::ALL[next]);
        }
    }
    debug_assert_eq!(given, totals);
    Ok(galaxies.iter().map(|entry| drawn[entry.group]).collect())
}

/// What a number is drawn for.
#[derive(Clone, Copy)]
enum Draw {
    /// The place of a group in its stratum.
    Group,
    /// Who comes first in a stratum where two splits have the same right to a group: else the lighter galaxies of a
    /// stratum's neighbours would always go to the same of them.
    Turn,
}

fn word(seed: u64, draw: Draw, number: usize) -> u64 {
    // the last word sets these apart from other draws by the same seed: "SPLT" in ASCII
    let [a, b, ..] = philox([number as u32, (number as u64 >> 32) as u32, draw as u32, 0x5350_4C54], seed);
    u64::from(a) << 32 | u64::from(b)
}

/// The three splits in drawn order.
fn turns(seed: u64, stratum: usize) -> [usize; 3] {
    let mut order = [0, 1, 2];
    order.sort_by_key(|j| word(seed, Draw::Turn, 3 * stratum + j));
    order
}

/// Whole numbers of `groups` nearest to the fractions: the largest remainders get what rounding down leaves.
fn totals(groups: usize, fractions: &[f64; 3]) -> [usize; 3] {
    let sum: f64 = fractions.iter().sum();
    let shares = fractions.map(|f| f / sum * groups as f64);
    let mut totals = shares.map(|share| share as usize);
    for _ in totals.iter().sum()..groups {
        let left = |j: usize| shares[j] - totals[j] as f64;
        let most = (1..3).fold(0, |best, j| if left(j) > left(best) + 1e-9 { j } else { best });
        totals[most] += 1;
    }
    totals
}

fn too_few(split: Split, groups: usize, fractions: &[f64; 3]) -> Error {
    let enough = |n: &usize| totals(*n, fractions).iter().zip(fractions).all(|(t, f)| *t > 0 || *f == 0.0);
    let error = Error::input(format!("no galaxy is left for the split \"{}\"", split.word()))
        .found(format!("{groups} groups (galaxies with their snapshots and progenitors)"));
    // the smallest fraction gets one at the latest where its share is 1
    let least = fractions.iter().copied().filter(|f| *f > 0.0).fold(1.0, f64::min);
    let error = match (groups + 1..=(1.0 / least).min(1e9) as usize + 1).find(enough) {
        Some(n) => error.expected(format!("at least {n} for these fractions")),
        None => error,
    };
    error.hint("add galaxies, or set the fraction of this split to 0")
}

/// Checks that no group stands in two splits.
///
/// # Errors
/// Groups that do, by name.
pub fn leaks<'a>(galaxies: impl IntoIterator<Item = (&'a str, Split)>) -> Result<()> {
    let mut seen: BTreeMap<&str, [bool; 3]> = BTreeMap::new();
    for (group, split) in galaxies {
        seen.entry(group).or_default()[split as usize] = true;
    }
    let torn: Vec<String> = (seen.iter().filter(|(_, splits)| splits.iter().filter(|s| **s).count() > 1))
        .map(|(group, splits)| {
            let words: Vec<_> = Split::ALL.into_iter().filter(|s| splits[*s as usize]).map(Split::word).collect();
            format!("\"{group}\" in {}", words.join(" and "))
        })
        .collect();
    if torn.is_empty() {
        return Ok(());
    }
    let more = if torn.len() > 5 { format!(" and {} more", torn.len() - 5) } else { String::new() };
    Err(Error::input("a galaxy stands in two splits")
        .found(format!("{}{more}", torn[..torn.len().min(5)].join(", ")))
        .expected("each group (a galaxy, its snapshots and progenitors) in one split")
        .hint("plan the data set again; plan.json was changed by hand or by another program"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(fractions: [f64; 3], seed: u64, strata: usize) -> SplitRequest {
        SplitRequest { fractions, seed, strata }
    }

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("g{i}")).collect()
    }

    /// Masses over four decades, in no order.
    fn entries(names: &[String]) -> Vec<SplitEntry<'_>> {
        let mass = |i: usize| 10f64.powf(7.0 + 4.0 * ((i * 7919) % 1009) as f64 / 1009.0);
        names.iter().enumerate().map(|(i, name)| SplitEntry { group: name, hi_mass_msun: mass(i) }).collect()
    }

    fn counts(splits: &[Split]) -> [usize; 3] {
        Split::ALL.map(|s| splits.iter().filter(|x| **x == s).count())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn counts_are_those_of_the_fractions_in_all_and_in_every_first_strata(
            n in 12usize..400, strata in 1usize..60, seed: u64, a in 0.15f64..0.7, b in 0.1f64..0.3,
        ) {
            let (names, fractions) = (names(n), [1.0 - a, a * (1.0 - b), a * b]);
            let galaxies = entries(&names);
            let Ok(splits) = split(&galaxies, &request(fractions, seed, strata)) else {
                // only where a share rounds to nothing
                prop_assert!(a * b * (n as f64) < 1.0);
                return Ok(());
            };
            for (count, fraction) in counts(&splits).iter().zip(fractions) {
                prop_assert!((*count as f64 - fraction * n as f64).abs() < 1.0);
            }
            let mut by_mass: Vec<usize> = (0..n).collect();
            by_mass.sort_by(|i, j| galaxies[*i].hi_mass_msun.total_cmp(&galaxies[*j].hi_mass_msun).then(names[*i].cmp(&names[*j])));
            let strata = strata.min(n);
            let all = counts(&splits);
            for stratum in 1..=strata {
                let end = stratum * n / strata;
                let part: Vec<Split> = by_mass[..end].iter().map(|i| splits[*i]).collect();
                for (count, total) in counts(&part).iter().zip(all) {
                    let share = total as f64 * end as f64 / n as f64;
                    prop_assert!((*count as f64 - share).abs() < 1.0, "{stratum} of {strata}: {count} {share}");
                }
            }
        }

        #[test]
        fn groups_stay_whole_whatever_the_order_of_the_list(
            sizes in prop::collection::vec(1usize..5, 20..60), seed: u64, turn in 0usize..100,
        ) {
            let names = names(sizes.len());
            let list: Vec<SplitEntry> = entries(&names).iter().zip(&sizes)
                .flat_map(|(entry, size)| (0..*size).map(|k| SplitEntry { hi_mass_msun: entry.hi_mass_msun / (k + 1) as f64, ..*entry }))
                .collect();
            let wanted = request([0.7, 0.2, 0.1], seed, 5);
            let splits = split(&list, &wanted).unwrap();
            leaks(list.iter().map(|e| e.group).zip(splits.iter().copied())).unwrap();
            let mut other: Vec<(usize, SplitEntry)> = list.iter().copied().enumerate().collect();
            other.reverse();
            other.rotate_left(turn % list.len());
            let entries: Vec<SplitEntry> = other.iter().map(|(_, e)| *e).collect();
            for ((i, _), s) in other.iter().zip(split(&entries, &wanted).unwrap()) {
                prop_assert_eq!(splits[*i], s);
            }
        }
    }

    #[test]
    fn strata_make_the_masses_of_splits_alike() {
        let names = names(1000);
        let galaxies = entries(&names);
        let spread = |strata: usize, seed: u64| {
            let splits = split(&galaxies, &request([0.8, 0.1, 0.1], seed, strata)).unwrap();
            let mean = |s: Split| {
                let of: Vec<f64> = galaxies
                    .iter()
                    .zip(&splits)
                    .filter(|(_, x)| **x == s)
                    .map(|(e, _)| e.hi_mass_msun.log10())
                    .collect();
                of.iter().sum::<f64>() / of.len() as f64
            };
            Split::ALL.map(|s| (mean(s) - mean(Split::Train)).abs()).into_iter().fold(0.0, f64::max)
        };
        // 4 decades evenly: a mean of 100 scatters by 4 / sqrt(12) / sqrt(100) = 0.12 without strata; in 20 strata of
        // 0.2 decades by a twentieth of that, 0.006
        let worst = |strata: usize| (0..20).map(|seed| spread(strata, seed)).fold(0.0, f64::max);
        assert!(worst(20) < 0.03, "{}", worst(20));
        assert!(worst(1) > 0.1, "{}", worst(1));
    }

    #[test]
    fn ties_between_splits_do_not_follow_the_mass() {
        // strata of 3: validation and test always have the same right to the next group
        let names = names(300);
        let galaxies = entries(&names);
        let mean_of = |s: Split, seed: u64| {
            let splits = split(&galaxies, &request([0.8, 0.1, 0.1], seed, 100)).unwrap();
            let of: Vec<f64> =
                galaxies.iter().zip(&splits).filter(|(_, x)| **x == s).map(|(e, _)| e.hi_mass_msun.log10()).collect();
            of.iter().sum::<f64>() / of.len() as f64
        };
        let heavier = (0..60).filter(|seed| mean_of(Split::Test, *seed) > mean_of(Split::Validation, *seed)).count();
        // 30 expected of 60, four standard deviations are 15.5
        assert!((15..=45).contains(&heavier), "{heavier}");
    }

    #[test]
    fn seeds_give_other_splits_and_small_fractions_may_be_none() {
        let names = names(50);
        let galaxies = entries(&names);
        let of = |seed: u64| split(&galaxies, &request([0.6, 0.2, 0.2], seed, 5)).unwrap();
        assert_eq!(of(1), of(1));
        let all: std::collections::BTreeSet<Vec<Split>> = (0..40).map(of).collect();
        assert_eq!(all.len(), 40);
        let whole = split(&galaxies, &request([1.0, 0.0, 0.0], 3, 7)).unwrap();
        assert_eq!(counts(&whole), [50, 0, 0]);
        let thirds = split(&galaxies, &request([1.0 / 3.0; 3], 3, 500)).unwrap();
        assert_eq!(counts(&thirds), [17, 17, 16]);
    }

    #[test]
    fn bad_requests_are_refused() {
        let names = names(5);
        let galaxies = entries(&names);
        let says = |galaxies: &[SplitEntry], fractions, strata, words: &[&str]| {
            let error = split(galaxies, &request(fractions, 1, strata)).unwrap_err().to_string();
            assert!(words.iter().all(|w| error.contains(w)), "{error}");
        };
        says(&galaxies, [0.8, 0.3, -0.1], 1, &["negative", "-0.1"]);
        says(&galaxies, [0.8, f64::NAN, 0.1], 1, &["negative", "NaN"]);
        says(&galaxies, [0.8, 0.1, 0.2], 1, &["add up to 1", "0.8, 0.1, 0.2"]);
        says(&galaxies, [0.8, 0.1, 0.1], 0, &["0 strata"]);
        // 7 groups: 5.6, 0.7, 0.7
        says(&galaxies, [0.8, 0.1, 0.1], 3, &["\"test\"", "5 groups", "at least 7"]);
        says(&[], [1.0, 0.0, 0.0], 3, &["\"train\"", "0 groups", "at least 1"]);
        let nan = [SplitEntry { group: "x", hi_mass_msun: f64::NAN }];
        says(&nan, [1.0, 0.0, 0.0], 3, &["NaN", "\"x\""]);
        assert!(Split::parse("val").unwrap_err().to_string().contains("validation"));
    }

    #[test]
    fn leaks_name_the_groups() {
        let list = [("a", Split::Train), ("b", Split::Test), ("a", Split::Train), ("b", Split::Train)];
        leaks(list[..3].iter().copied()).unwrap();
        let error = leaks(list).unwrap_err().to_string();
        assert!(error.contains("\"b\" in train and test") && !error.contains("\"a\""), "{error}");
    }
}
