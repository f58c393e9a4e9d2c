//! Continuum subtraction as the command `image` offers it.

use crate::error::{Error, Result, Watch};
use crate::formats::fits::Card;
use crate::formats::visibilities::VisibilityTable;
use crate::imaging::Plane;
use crate::imaging::continuum::{ContinuumFit, parse_channel_ranges};
use crate::units::{Dimension, parse_quantity};
use ndarray::{Array3, Axis};
use std::fmt;
use std::ops::RangeInclusive;

/// The words for continuum subtraction as they were given; nothing is subtracted without `line_free`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ContinuumWords {
    /// Channels without line, as in "0-10,50-63" or "1.412GHz-1.413GHz".
    pub line_free: Option<String>,
    /// Order of the polynomial in frequency.
    pub order: Option<usize>,
    /// "uv" or "image".
    pub place: Option<String>,
}

/// Where the continuum is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Place {
    /// In each visibility, before imaging.
    #[default]
    Uv,
    /// In each pixel of the dirty or, after CLEAN, the restored cube.
    Image,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Place::Uv => "uv",
            Place::Image => "image",
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Free {
    Channels(RangeInclusive<usize>),
    /// Hz, the lower first.
    Frequencies(f64, f64),
}

/// The checked words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Continuum {
    free: Vec<Free>,
    order: usize,
    pub place: Place,
}

/// Order where none is given: a slope.
const USUAL_ORDER: usize = 1;

impl ContinuumWords {
    /// # Errors
    /// Words that change nothing, ranges that are none, an unknown place.
    pub(super) fn checked(&self) -> Result<Option<Continuum>> {
        let Some(text) = &self.line_free else {
            if *self != ContinuumWords::default() {
                return Err(Error::input("words for continuum subtraction change nothing without line-free channels")
                    .found("--continuum-order or --continuum-in alone")
                    .expected("channels without line, as in --line-free 0-10,50-63"));
            }
            return Ok(None);
        };
        let place = match self.place.as_deref().map(str::trim) {
            None => Place::default(),
            Some("uv") => Place::Uv,
            Some("image") => Place::Image,
            Some(other) => {
                return Err(Error::input("unknown place to subtract the continuum in")
                    .found(format!("\"{other}\""))
                    .expected("uv or image")
                    .place("--continuum-in"));
            }
        };
        let mut free = Vec::new();
        for part in text.split([',', ';']) {
            if part.contains(char::is_alphabetic) {
                free.push(frequencies(part).map_err(|e| e.place("--line-free"))?);
            } else {
                let ranges = parse_channel_ranges(part).map_err(|e| e.place("--line-free"))?;
                free.extend(ranges.into_iter().map(Free::Channels));
            }
        }
        Ok(Some(Continuum { free, order: self.order.unwrap_or(USUAL_ORDER), place }))
    }
}

/// "1.412GHz-1.413GHz", "1412~1413 MHz".
fn frequencies(part: &str) -> Result<Free> {
    let wrong = || {
        Error::input("not a range of frequencies")
            .found(format!("\"{part}\""))
            .expected("two frequencies with their unit, the lower first, as in 1.412GHz-1.413GHz")
    };
    let (first, last) = part.split_once(['-', '~']).ok_or_else(wrong)?;
    let unit = last.trim_start_matches(|c: char| !c.is_alphabetic());
    let first = if first.contains(char::is_alphabetic) { first.to_string() } else { format!("{}{unit}", first.trim()) };
    let hz = |text: &str| parse_quantity(text, Dimension::Frequency).map_err(|_| wrong());
    let (first, last) = (hz(&first)?, hz(last)?);
    if first <= last { Ok(Free::Frequencies(first, last)) } else { Err(wrong()) }
}

impl Continuum {
    /// Whether each of the file's channels is free of line.
    ///
    /// # Errors
    /// Channels beyond the file's, frequencies between which it has none.
    fn free(&self, freq_hz: &[f64]) -> Result<Vec<bool>> {
        let outside = |found: String| {
            let (low, high) =
                freq_hz.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), f| (a.min(*f), b.max(*f)));
            Error::input("a range of line-free channels does not fit the data")
                .found(found)
                .expected(format!("channels 0 to {}, {low} to {high} Hz", freq_hz.len().saturating_sub(1)))
                .place("--line-free")
        };
        let mut free = vec![false; freq_hz.len()];
        for range in &self.free {
            match range {
                Free::Channels(range) => {
                    let channels = free.get_mut(range.clone());
                    channels.ok_or_else(|| outside(format!("{} to {}", range.start(), range.end())))?.fill(true);
                }
                Free::Frequencies(low, high) => {
                    let within = |f: &f64| (*low..=*high).contains(f);
                    if !freq_hz.iter().any(within) {
                        return Err(outside(format!("{low} to {high} Hz")));
                    }
                    free.iter_mut().zip(freq_hz).for_each(|(free, f)| *free |= within(f));
                }
            }
        }
        Ok(free)
    }

    /// The fit over planes of `each` channels, 1 for the channels themselves; a plane is free of line where all of its
    /// channels are.
    ///
    /// # Errors
    /// Ranges that do not fit the channels; too few planes for the order.
    pub(super) fn fit(&self, freq_hz: &[f64], each: usize) -> Result<ContinuumFit> {
        let free = self.free(freq_hz)?;
        let planes: Vec<RangeInclusive<usize>> = (0..free.len() / each)
            .filter(|p| free[p * each..(p + 1) * each].iter().all(|f| *f))
            .map(|p| p..=p)
            .collect();
        let mean: Vec<f64> = freq_hz.chunks_exact(each).map(|c| c.iter().sum::<f64>() / each as f64).collect();
        ContinuumFit::new(&mean, &planes, self.order).map_err(|e| e.place("--line-free and --continuum-order"))
    }

    /// What the headers say; `rise` is the largest ratio of a channel's noise to that before.
    pub(super) fn cards(&self, fit: &ContinuumFit, rise: Option<f64>) -> Vec<Card> {
        let free = fit.line_free();
        let mut cards = vec![
            Card::text("CONTSUB", self.place.to_string(), "continuum subtracted in"),
            Card::int("CONTORD", self.order as i64, "order of its polynomial in frequency"),
            Card::int(
                "CONTFREE",
                free.iter().filter(|f| **f).count() as i64,
                "line-free channels that it is fitted to",
            ),
        ];
        cards.extend(rise.map(|r| Card::float("CONTNOIS", r, "largest noise of a channel over that before")));
        cards
    }
}

/// The largest ratio of a channel's noise after subtraction to that before, by each channel's weight; `None` where
/// the channels with weight are too few.
fn rise(fit: &ContinuumFit, weights: &[f64]) -> Option<f64> {
    let factors = fit.noise_factor(weights).ok()?;
    Some(factors.into_iter().zip(weights).filter(|(_, w)| **w > 0.0).map(|(f, _)| f).fold(0.0, f64::max))
}

/// Takes the continuum out of the visibilities; a note where some were lost, and the rise of the noise.
///
/// # Errors
/// As [`ContinuumFit::subtract_visibilities`].
pub(super) fn subtract_in_uv(
    fit: &ContinuumFit,
    table: &mut VisibilityTable,
    watch: &Watch,
) -> Result<(Option<String>, Option<f64>)> {
    let report = fit.subtract_visibilities(table, watch).map_err(|e| e.place("--line-free"))?;
    let weight = |channel: usize| -> f64 {
        let (weight, flag) = (table.weight.index_axis(Axis(1), channel), table.flag.index_axis(Axis(1), channel));
        weight.iter().zip(&flag).filter(|(_, flag)| !**flag).map(|(w, _)| f64::from(*w)).sum()
    };
    let weights: Vec<f64> = (0..table.freq_hz.len()).map(weight).collect();
    let note = (report.flagged > 0).then(|| {
        format!(
            "{} of {} rows and products have too few unflagged line-free channels for the continuum and are left out",
            report.flagged,
            report.fitted + report.flagged + report.empty
        )
    });
    Ok((note, rise(fit, &weights)))
}

/// The planes of one Stokes parameter until their continuum can be fitted.
#[derive(Debug)]
pub(super) struct LineCube {
    data: Array3<f64>,
    weights: Vec<f64>,
}

/// What [`LineCube::subtract`] leaves.
#[derive(Debug)]
pub(super) struct Subtracted {
    /// Without continuum, Jy per beam, shape [plane, y, x].
    pub line: Array3<f64>,
    /// The continuum, same shape.
    pub continuum: Array3<f64>,
    /// Largest noise of a plane over that before.
    pub rise: Option<f64>,
}

impl LineCube {
    /// `shape` is [plane, y, x].
    pub(super) fn new(shape: (usize, usize, usize)) -> LineCube {
        LineCube { data: Array3::zeros(shape), weights: vec![0.0; shape.0] }
    }

    /// Keeps the plane's restored image, where it is cleaned, or its dirty one.
    pub(super) fn keep(&mut self, number: usize, plane: &Plane, cleaned: bool) {
        let image = if cleaned { plane.restored.as_ref() } else { Some(&plane.dirty) };
        if let Some(image) = image
            && plane.noise.image_jy > 0.0
        {
            self.data.index_axis_mut(Axis(0), number).assign(image);
            self.weights[number] = plane.noise.image_jy.powi(-2);
        }
    }

    /// Planes count by 1/noise^2. A plane without data has neither line nor continuum.
    ///
    /// # Errors
    /// Too few line-free planes with data; an interrupt.
    pub(super) fn subtract(mut self, fit: &ContinuumFit, watch: &Watch) -> Result<Subtracted> {
        let mut continuum =
            fit.subtract_image(&mut self.data, &self.weights, watch).map_err(|e| e.place("--line-free"))?;
        for (plane, _) in self.weights.iter().enumerate().filter(|(_, w)| **w == 0.0) {
            self.data.index_axis_mut(Axis(0), plane).fill(0.0);
            continuum.index_axis_mut(Axis(0), plane).fill(0.0);
        }
        Ok(Subtracted { line: self.data, continuum, rise: rise(fit, &self.weights) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line_free: &str) -> ContinuumWords {
        ContinuumWords { line_free: Some(line_free.into()), ..ContinuumWords::default() }
    }

    fn freq_hz() -> Vec<f64> {
        (0..10).map(|c| 1.4e9 + 1e6 * f64::from(c)).collect()
    }

    #[test]
    fn ranges_are_channels_or_frequencies() {
        let free = |text: &str| words(text).checked().unwrap().unwrap().free(&freq_hz()).unwrap();
        let of = |list: &[usize]| (0..10).map(|c| list.contains(&c)).collect::<Vec<_>>();
        assert_eq!(free("0-2,9"), of(&[0, 1, 2, 9]));
        assert_eq!(free("1.3995GHz-1.4015GHz; 8"), of(&[0, 1, 8]));
        assert_eq!(free("1405~1406 MHz"), of(&[5, 6]));
        for (text, says) in [
            ("0-", "range of channels"),
            ("3-1", "lower channel first"),
            ("1.4GHz", "range of frequencies"),
            ("1.5GHz-1.4GHz", "lower first"),
            ("1km-2km", "range of frequencies"),
            ("", "range of channels"),
        ] {
            let error = words(text).checked().unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("--line-free"), "{error}");
        }
        for (text, says) in [("0-10", "channels 0 to 9"), ("1.5GHz-1.6GHz", "does not fit the data")] {
            let error = words(text).checked().unwrap().unwrap().free(&freq_hz()).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_plane_is_free_where_its_channels_are() {
        let continuum = words("0-4,8-9").checked().unwrap().unwrap();
        assert_eq!(continuum.fit(&freq_hz(), 2).unwrap().line_free(), [true, true, false, false, true]);
        let few = ContinuumWords { order: Some(3), ..words("0-4,8-9") };
        let text = few.checked().unwrap().unwrap().fit(&freq_hz(), 2).unwrap_err().to_string();
        assert!(text.contains("too few line-free channels") && text.contains("--continuum-order"), "{text}");
    }

    #[test]
    fn words_that_change_nothing_are_refused() {
        assert_eq!(ContinuumWords::default().checked().unwrap(), None);
        let order = ContinuumWords { order: Some(1), ..ContinuumWords::default() };
        assert!(order.checked().unwrap_err().to_string().contains("--line-free"));
        let place = ContinuumWords { place: Some("sky".into()), ..words("0") };
        assert!(place.checked().unwrap_err().to_string().contains("uv or image"));
    }
}
