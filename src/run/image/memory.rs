//! How much memory an image may take, and what follows from it.

use crate::error::{Error, Result};

/// What is assumed where the system does not say how much memory is free.
const UNKNOWN_BYTES: u64 = 8_000_000_000;
/// Pixels of a PSF that minor cycles subtract, at most: 512 each way.
const PATCH_PIXELS: u64 = 1025 * 1025;
/// Share of the free memory that is used where no limit is given.
const SHARE: f64 = 0.75;

/// Reads "8GB", "500 MB", "16GiB" to bytes.
///
/// # Errors
/// Anything else, and sizes below 1 MB.
pub(in crate::run) fn parse(text: &str) -> Result<u64> {
    const UNITS: [(&str, f64); 7] =
        [("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("MIB", 1048576.0), ("GIB", 1073741824.0), ("B", 1.0)];
    let wrong = || {
        Error::input("not an amount of memory")
            .found(format!("\"{text}\""))
            .expected("a number and MB, GB, TB, MiB or GiB, as in 8GB; at least 1 MB")
    };
    let upper = text.trim().to_uppercase();
    let (number, unit) =
        UNITS.iter().find_map(|(name, size)| upper.strip_suffix(name).map(|n| (n, *size))).ok_or_else(wrong)?;
    match number.trim().parse::<f64>() {
        Ok(n) if n.is_finite() && n * unit >= 1e6 => Ok((n * unit) as u64),
        _ => Err(wrong()),
    }
}

/// The limit that `words` give for `flag`, or [`default_bytes`].
///
/// # Errors
/// Those of [`parse`].
pub(in crate::run) fn limit(words: Option<&str>, flag: &str) -> Result<u64> {
    words.map_or_else(|| Ok(default_bytes()), |text| parse(text).map_err(|e| e.place(flag)))
}

/// The limit where none is given: three quarters of what the system has free.
pub(in crate::run) fn default_bytes() -> u64 {
    let free = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    });
    free.map_or(UNKNOWN_BYTES, |kib| (SHARE * 1024.0 * kib as f64) as u64)
}

/// "12.3 GB".
pub(in crate::run) fn words(bytes: u64) -> String {
    if bytes >= 1_000_000_000 {
        format!("{:.1} GB", bytes as f64 / 1e9)
    } else {
        format!("{:.0} MB", bytes as f64 / 1e6)
    }
}

/// What an imaging run needs, in numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    pub rows: u64,
    /// Polarisation products in the file.
    pub products: u64,
    /// Planes of the cube and channels in each.
    pub planes: u64,
    pub channels_a_plane: u64,
    /// Pixels of a plane.
    pub pixels: u64,
    /// What the gridder holds of an image and its PSF ([`crate::gridding::Cost::image_bytes`]).
    pub gridder: u64,
    /// Stokes parameters.
    pub stokes: u64,
    /// Scales of CLEAN: 0 without it, 1 for points alone.
    pub scales: u64,
    /// With a primary beam.
    pub beam: bool,
    /// Weight grids over all channels.
    pub shared_grids: bool,
    /// All visibilities are held: continuum in the uv plane.
    pub whole: bool,
    /// All planes are held with their samples: joint CLEAN.
    pub joined: bool,
    /// A cube and its continuum are held: continuum in the image.
    pub cube: bool,
    /// Most planes that threads can work on.
    pub at_once: u64,
}

/// How a run goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedule {
    /// Planes imaged in parallel.
    pub parallel: usize,
    /// Planes whose visibilities are in memory together; a multiple of `parallel` but for the last ones.
    pub loaded: usize,
    /// Channels of a plane that are worked on at a time.
    pub block: usize,
    /// Whether a plane has more channels than that: they are read block by block, again for each major cycle.
    pub blocked: bool,
    /// Bytes that it should take.
    pub bytes: u64,
}

/// Samples that are worked on together where a plane has many channels, and how many a pixel: as much memory as the
/// images need anyway. Not a matter of `--memory`: images of other blocks differ by the gridder's error.
const BLOCK_SAMPLES: u64 = 1 << 22;
const BLOCK_PIXELS: u64 = 4;

impl Need {
    /// Columns of the table, twice (the reader's and that of the channels at hand), and weight grids.
    fn fixed(&self) -> u64 {
        // 1.2 x 1.2 / 2 cells of 8 bytes a pixel, at most
        let grids = if self.shared_grids { 6 * self.pixels * self.stokes } else { 0 };
        // the cube, its continuum, and the latter's planes while they are subtracted
        let cube = if self.cube { 24 * self.pixels * self.stokes * self.planes } else { 0 };
        2 * 40 * self.rows + grids + cube + if self.joined { self.planes * self.held() + self.spectra() } else { 0 }
    }

    /// Channels of a plane that are worked on at a time.
    fn block(&self) -> u64 {
        let samples = BLOCK_SAMPLES.max(self.pixels / BLOCK_PIXELS);
        (samples / self.rows.max(1)).clamp(1, self.channels_a_plane)
    }

    /// Whether channels are read block by block.
    fn blocked(&self) -> bool {
        self.block() < self.channels_a_plane && !self.whole
    }

    /// One plane that waits for the others: samples as in `at_work`, one plan each Stokes parameter; dirty image and
    /// PSF, their copies in the cube to clean, and what CLEAN keeps.
    fn held(&self) -> u64 {
        let samples = if self.blocked() { 0 } else { 140 * self.rows * self.channels_a_plane };
        self.stokes * (samples + 120 * self.pixels)
            + self.patches()
            + if self.scales > 1 { 16 * self.layers() } else { 0 }
    }

    /// PSFs of components of each scale in residuals of each, while one plane (of joint CLEAN: each) is cleaned.
    fn patches(&self) -> u64 {
        if self.scales > 1 { 8 * self.scales.pow(2) * self.pixels.min(PATCH_PIXELS) } else { 0 }
    }

    /// Pixels of the residuals of all scales.
    fn layers(&self) -> u64 {
        self.scales * self.pixels
    }

    /// Spectra of kernels of all scales, on images padded to at most twice their size: once, or once a plane.
    fn spectra(&self) -> u64 {
        if self.scales > 1 { 64 * (self.layers() + 2 * self.pixels) } else { 0 }
    }

    /// Visibilities (16), weights (4) and flags (1) of a plane's channels.
    fn loaded(&self) -> u64 {
        if self.blocked() { 0 } else { 21 * self.rows * self.products * self.channels_a_plane }
    }

    /// One plane at work.
    fn at_work(&self) -> u64 {
        // samples, weights and row numbers 60; plan 56, values in the gridder's precision 16 to 32
        let samples = 140 * self.rows * self.block();
        let read = if self.blocked() { 21 * self.rows * self.products * self.block() + 16 * self.pixels } else { 0 };
        let clean = if self.scales > 0 { 24 * self.stokes + 64 } else { 0 };
        let images = 16 * self.stokes + clean + 8 * u64::from(self.beam);
        let scales =
            if self.joined || self.scales < 2 { 0 } else { self.patches() + 16 * self.layers() + self.spectra() };
        // its own weight grid: 6
        samples + read + self.gridder + self.pixels * (6 + images) + scales
    }

    /// As many planes at once as fit into `limit` bytes.
    ///
    /// # Errors
    /// One plane, or what must be held together, does not fit.
    pub fn schedule(&self, limit: u64) -> Result<Schedule> {
        let together = if self.joined || self.whole { self.planes } else { 1 };
        let least = self.fixed() + together * self.loaded() + self.at_work();
        if limit < least {
            let error = Error::input(match (self.joined, self.whole, self.cube) {
                (true, ..) => "the planes that are cleaned jointly do not fit into the memory that may be used",
                (_, true, _) => "all visibilities, for their continuum, do not fit into the memory that may be used",
                (.., true) => "the cube, for its continuum, does not fit into the memory that may be used",
                _ => "one plane does not fit into the memory that may be used",
            })
            .found(format!(
                "about {} for {} pixels and {} samples",
                words(least),
                self.pixels * if self.joined || self.cube { self.planes } else { 1 },
                self.rows * together * if self.blocked() { self.block() } else { self.channels_a_plane }
            ))
            .expected(format!("at most {}", words(limit)))
            .place("--memory");
            return Err(match (self.joined, self.whole || self.cube) {
                (true, _) => error.hint("a smaller --size, fewer --channels-out, or no --join-channels"),
                (_, true) => error.hint("a smaller --size, the other --continuum-in, or more --memory"),
                _ if self.channels_a_plane > 1 => error.hint("a smaller --size, more --channels-out, or more --memory"),
                _ => error.hint("a smaller --size or more --memory"),
            });
        }
        let one = self.at_work() + if together == 1 { self.loaded() } else { 0 };
        let room = limit - self.fixed() - if together == 1 { 0 } else { together * self.loaded() };
        let parallel = (room / one).min(self.at_once).min(self.planes).max(1);
        let loaded = if together == 1 {
            let spare = room - parallel * one;
            let loaded = parallel + spare / self.loaded().max(1) / parallel * parallel;
            loaded.min(self.planes.next_multiple_of(parallel))
        } else {
            self.planes
        };
        let bytes = self.fixed() + parallel * self.at_work() + loaded * self.loaded();
        let (block, blocked) = (self.block() as usize, self.blocked());
        Ok(Schedule { parallel: parallel as usize, loaded: loaded as usize, block, blocked, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read() {
        for (text, bytes) in [("8GB", 8_000_000_000), ("500 mb", 500_000_000), ("2GiB", 1 << 31), ("1.5MB", 1_500_000)]
        {
            assert_eq!(parse(text).unwrap(), bytes);
        }
        for text in ["", "8", "GB", "-8GB", "8 XB", "nanGB", "10kB", "infGB"] {
            assert!(parse(text).unwrap_err().to_string().contains("amount of memory"), "{text}");
        }
        assert!(default_bytes() > 1_000_000);
    }

    const NEED: Need = Need {
        rows: 1_000_000,
        products: 1,
        planes: 100,
        channels_a_plane: 1,
        pixels: 1 << 20,
        gridder: 60 << 20,
        stokes: 1,
        scales: 0,
        beam: false,
        shared_grids: false,
        whole: false,
        joined: false,
        cube: false,
        at_once: 4,
    };

    #[test]
    fn the_schedule_stays_within_the_limit() {
        let one = NEED.schedule(400_000_000).unwrap();
        assert_eq!(one.parallel, 1);
        for limit in [400_000_000, 600_000_000, 1_000_000_000, 3_000_000_000, 1 << 40] {
            let s = NEED.schedule(limit).unwrap();
            assert!(
                s.bytes <= limit && s.loaded.is_multiple_of(s.parallel) && s.loaded >= s.parallel,
                "{limit}: {s:?}"
            );
            assert!(s.parallel >= one.parallel && s.parallel <= 4 && s.loaded <= 100);
        }
        assert_eq!(NEED.schedule(1 << 40).unwrap().loaded, 100);
        let text = NEED.schedule(100_000_000).unwrap_err().to_string();
        assert!(text.contains("does not fit") && text.contains("100 MB") && text.contains("--memory"), "{text}");
        // a plane of many channels takes what a block of them takes
        let group = Need { channels_a_plane: 100, planes: 1, ..NEED };
        let s = group.schedule(1_000_000_000).unwrap();
        assert!(s.blocked && s.block == 4 && s.bytes < 1_000_000_000, "{s:?}");
        assert_eq!(Need { channels_a_plane: 10_000, ..group }.schedule(1_000_000_000).unwrap().bytes, s.bytes);
        assert!(group.schedule(500_000_000).unwrap_err().to_string().contains("channels-out"));
        assert!(!Need { rows: 40_000, ..group }.schedule(1_000_000_000).unwrap().blocked);
    }

    #[test]
    fn what_is_held_together_is_counted() {
        let whole = Need { whole: true, ..NEED };
        let s = whole.schedule(1 << 40).unwrap();
        assert_eq!((s.loaded, s.parallel), (100, 4));
        assert!(s.bytes > 2_100_000_000);
        for (need, says) in [
            (whole, "all visibilities"),
            (Need { joined: true, scales: 1, ..NEED }, "cleaned jointly"),
            (Need { joined: true, scales: 8, ..NEED }, "cleaned jointly"),
            (Need { cube: true, ..NEED }, "the cube"),
        ] {
            let text = need.schedule(1_000_000_000).unwrap_err().to_string();
            assert!(text.contains(says), "{text}");
            assert!(need.schedule(1 << 40).unwrap().bytes > NEED.schedule(1 << 40).unwrap().bytes - 1, "{says}");
        }
    }
}
