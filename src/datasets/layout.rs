use crate::error::{Error, Result};
use std::ops::Range;

/// How many samples there are of what, and which shard each is in.
///
/// Samples are numbered galaxy by galaxy, and within a galaxy by orientation, instrument and noise realisation (the
/// last one fastest); shard k holds samples [k n, (k + 1) n). Everything follows from the numbers alone, so any number
/// of processes agree without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Galaxies, one entry a galaxy and snapshot.
    pub galaxies: usize,
    /// Orientations of each.
    pub views: usize,
    /// Instruments that observe each.
    pub instruments: usize,
    /// Noise realisations of each.
    pub realisations: usize,
    /// Samples of a shard.
    pub per_shard: usize,
}

/// Which sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SampleKey {
    /// Number of the galaxy.
    pub galaxy: usize,
    /// Number of the orientation.
    pub view: usize,
    /// Number of the instrument.
    pub instrument: usize,
    /// Number of the noise realisation.
    pub realisation: usize,
}

impl Layout {
    /// Samples of one galaxy.
    pub fn per_galaxy(&self) -> usize {
        self.views * self.instruments * self.realisations
    }

    /// All samples.
    pub fn samples(&self) -> usize {
        self.galaxies * self.per_galaxy()
    }

    /// All shards; the last one may hold fewer samples.
    pub fn shards(&self) -> usize {
        self.samples().div_ceil(self.per_shard)
    }

    /// The samples of shard `shard`.
    pub fn samples_of(&self, shard: usize) -> Range<usize> {
        shard * self.per_shard..((shard + 1) * self.per_shard).min(self.samples())
    }

    /// What sample `sample` is.
    pub fn key(&self, sample: usize) -> SampleKey {
        let (rest, realisation) = (sample / self.realisations, sample % self.realisations);
        let (rest, instrument) = (rest / self.instruments, rest % self.instruments);
        SampleKey { galaxy: rest / self.views, view: rest % self.views, instrument, realisation }
    }

    /// The samples of `galaxy`.
    pub fn samples_of_galaxy(&self, galaxy: usize) -> Range<usize> {
        galaxy * self.per_galaxy()..(galaxy + 1) * self.per_galaxy()
    }

    /// File name of shard `shard`.
    pub fn shard_name(shard: usize) -> String {
        format!("shard-{shard:05}.h5")
    }
}

/// The part of the shards that one of several processes makes: numbers i, i + n, i + 2 n, ...
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which part, from 0.
    pub index: usize,
    /// Of how many.
    pub of: usize,
}

impl Part {
    /// All of it.
    pub const WHOLE: Part = Part { index: 0, of: 1 };

    /// Reads "i/n", 0 <= i < n.
    ///
    /// # Errors
    /// Another text.
    pub fn parse(text: &str) -> Result<Part> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.trim().parse().ok()?, n.trim().parse().ok()?)));
        match numbers {
            Some((index, of)) if index < of => Ok(Part { index, of }),
            _ => Err(Error::input("this is no part of a data set")
                .found(format!("--shard {text}"))
                .expected("i/n with i from 0 to n - 1, as in 0/4, 1/4, 2/4 and 3/4 for four processes")),
        }
    }

    /// Whether shard `shard` is this part's.
    pub fn holds(&self, shard: usize) -> bool {
        shard % self.of == self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_in_one_shard_of_one_part() {
        let layout = Layout { galaxies: 5, views: 3, instruments: 2, realisations: 2, per_shard: 7 };
        assert_eq!((layout.samples(), layout.shards()), (60, 9));
        let mut keys = Vec::new();
        for shard in 0..layout.shards() {
            assert_eq!((0..4).filter(|i| Part { index: *i, of: 4 }.holds(shard)).count(), 1);
            keys.extend(layout.samples_of(shard).map(|s| layout.key(s)));
        }
        let all = (0..5).flat_map(|galaxy| {
            let views = (0..3).flat_map(move |view| (0..2).map(move |instrument| (galaxy, view, instrument)));
            views.flat_map(|(galaxy, view, instrument)| {
                (0..2).map(move |realisation| SampleKey { galaxy, view, instrument, realisation })
            })
        });
        assert!(all.eq(keys.iter().copied()));
        assert_eq!(layout.samples_of(8), 56..60);
        assert!(layout.samples_of_galaxy(4).all(|s| layout.key(s).galaxy == 4));
    }

    #[test]
    fn parts_are_read() {
        assert_eq!(Part::parse("3/4").unwrap(), Part { index: 3, of: 4 });
        for wrong in ["4/4", "1", "a/2", "-1/3", "0/0", ""] {
            assert!(Part::parse(wrong).unwrap_err().to_string().contains("0/4"), "{wrong}");
        }
    }
}
