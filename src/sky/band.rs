//! Channels for a line: asked for, or found from the line itself.

use super::deposit::PlacedCell;
use super::placing::Placement;
use super::profile::LineProfile;
use crate::error::{Error, Result};
use crate::formats::fits::SpectralKind;
use crate::units::{C_KM_S, Dimension, format_quantity};
use rayon::prelude::*;

/// Share of the flux that a band must hold to go without a note.
pub const BAND_SHARE: f64 = 0.999;

/// The wanted channels, of constant width in observed frequency or in optical velocity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Band {
    /// This many channels, centred on the line and just wide enough for its central 99.99 %, but
    /// not narrower than 1 Hz (a line without width).
    Auto {
        /// Number of channels.
        channels: usize,
    },
    /// Channels of this width, centred on the line.
    Centred {
        /// Number of channels.
        channels: usize,
        /// Width of one, Hz.
        width_hz: f64,
    },
    /// Channels from here upwards in frequency.
    Given {
        /// Centre of the first (lowest) channel, Hz.
        first_hz: f64,
        /// Number of channels.
        channels: usize,
        /// Width of one, Hz.
        width_hz: f64,
    },
    /// Channels of equal width in optical velocity c (nu0/nu - 1).
    Optical {
        /// Number of channels.
        channels: usize,
        /// Width of one, km/s; `None`: just wide enough for the line's central 99.99 %, at least 1 m/s.
        width_km_s: Option<f64>,
        /// Middle of the band, km/s; `None`: that of the line.
        centre_km_s: Option<f64>,
        /// Rest frequency nu0, Hz.
        rest_hz: f64,
    },
}

/// Channels side by side, ascending in frequency.
#[derive(Debug, Clone, PartialEq)]
pub struct Channels {
    /// Centres, Hz: of optical channels the frequency of the central velocity.
    pub freq_hz: Vec<f64>,
    /// Where channels meet, Hz: channel c lies between edges c and c + 1.
    pub edges_hz: Vec<f64>,
    /// Mean width, Hz: that of each but for optical channels.
    pub width_hz: f64,
}

impl Channels {
    fn equal(first_hz: f64, channels: usize, width_hz: f64) -> Channels {
        let lowest = first_hz - 0.5 * width_hz;
        Channels {
            freq_hz: (0..channels).map(|c| first_hz + c as f64 * width_hz).collect(),
            edges_hz: (0..=channels).map(|c| lowest + c as f64 * width_hz).collect(),
            width_hz,
        }
    }

    fn optical(centre_km_s: f64, channels: usize, width_km_s: f64, rest_hz: f64) -> Channels {
        let fastest = centre_km_s + 0.5 * channels as f64 * width_km_s;
        let freq = |widths: f64| SpectralKind::Optical.freq_hz((fastest - widths * width_km_s) * 1e3, rest_hz);
        let edges_hz: Vec<f64> = (0..=channels).map(|c| freq(c as f64)).collect();
        Channels {
            freq_hz: (0..channels).map(|c| freq(c as f64 + 0.5)).collect(),
            width_hz: (edges_hz[channels] - edges_hz[0]) / channels.max(1) as f64,
            edges_hz,
        }
    }

    /// Width of each channel, Hz.
    pub fn widths_hz(&self) -> Vec<f64> {
        let span = self.edges_hz.last().zip(self.edges_hz.first()).map_or(0.0, |(high, low)| high - low);
        let widths = self.edges_hz.windows(2).map(|edge| edge[1] - edge[0]);
        // equal widths are equal to the last bit, whatever the subtraction of their edges has lost
        widths.map(|w| if (w - self.width_hz).abs() < 1e-9 * span { self.width_hz } else { w }).collect()
    }

    /// Velocity of the channel edges, km/s, falling: channel c lies between edges c and c + 1.
    pub fn edges_km_s(&self, placement: &Placement) -> Vec<f64> {
        self.edges_hz.iter().map(|f| placement.velocity_km_s(*f)).collect()
    }
}

impl Band {
    /// The channels for these cells. Centred bands stand on the middle of the line's central 99.9 %.
    ///
    /// Errors: no channel, a width or frequency that is not positive.
    pub fn channels(&self, cells: &[PlacedCell], placement: &Placement) -> Result<Channels> {
        let (count, first_hz, width_hz) = match *self {
            Band::Auto { channels } => {
                let [low, high] = line_range_hz(cells, placement, 0.9999);
                let width = ((high - low) / channels.max(1) as f64).max(1.0);
                (channels, 0.5 * (low + high) - 0.5 * (channels as f64 - 1.0) * width, width)
            }
            Band::Centred { channels, width_hz } => {
                let [low, high] = line_range_hz(cells, placement, BAND_SHARE);
                (channels, 0.5 * (low + high) - 0.5 * (channels as f64 - 1.0) * width_hz, width_hz)
            }
            Band::Given { first_hz, channels, width_hz } => (channels, first_hz, width_hz),
            Band::Optical { channels, width_km_s, centre_km_s, rest_hz } => {
                let of_line = || line_range_hz(cells, placement, 0.9999).map(|f| optical_km_s(f, rest_hz));
                let width = width_km_s.unwrap_or_else(|| {
                    let [fast, slow] = of_line();
                    // a centre of its own needs room on the farther side
                    let half = centre_km_s.map_or(0.5 * (fast - slow), |v| (fast - v).max(v - slow));
                    (2.0 * half / channels.max(1) as f64).max(1e-3)
                });
                let centre = centre_km_s.unwrap_or_else(|| {
                    let [fast, slow] = of_line();
                    0.5 * (fast + slow)
                });
                return optical_channels(channels, width, centre, rest_hz);
            }
        };
        if count == 0 {
            return Err(no_channel());
        }
        let lowest = first_hz - 0.5 * width_hz;
        if !(width_hz > 0.0 && width_hz.is_finite() && lowest > 0.0 && lowest.is_finite()) {
            return Err(Error::input("the channels are not a band of positive frequencies")
                .found(format!("{count} channels of {width_hz} Hz from {lowest} Hz"))
                .expected("a positive channel width and a band above 0 Hz"));
        }
        Ok(Channels::equal(first_hz, count, width_hz))
    }
}

fn no_channel() -> Error {
    Error::input("the cube has no channel").found("0 channels").expected("at least 1")
}

/// c (nu0/nu - 1), km/s.
fn optical_km_s(freq_hz: f64, rest_hz: f64) -> f64 {
    SpectralKind::Optical.coordinate(freq_hz, rest_hz) * 1e-3
}

fn optical_channels(count: usize, width_km_s: f64, centre_km_s: f64, rest_hz: f64) -> Result<Channels> {
    if count == 0 {
        return Err(no_channel());
    }
    let slowest = centre_km_s - 0.5 * count as f64 * width_km_s;
    if !(width_km_s > 0.0 && width_km_s.is_finite() && slowest > -C_KM_S && rest_hz > 0.0 && rest_hz.is_finite()) {
        return Err(Error::input("the channels are not a band of positive frequencies")
            .found(format!("{count} channels of {width_km_s} km/s from {slowest} km/s"))
            .expected("a positive channel width and velocities above -c"));
    }
    Ok(Channels::optical(centre_km_s, count, width_km_s, rest_hz))
}

/// Lowest and highest frequency (Hz) of the central `share` of the line's flux.
///
/// Found by bisection to 1e-5 of the line's full extent, rounded outwards.
pub fn line_range_hz(cells: &[PlacedCell], placement: &Placement, share: f64) -> [f64; 2] {
    let profile = LineProfile::new();
    let reach = super::profile::LINE_REACH_SIGMA;
    let extent = cells.iter().filter(|cell| cell.mass_msun > 0.0).fold([f64::MAX, f64::MIN], |[low, high], cell| {
        let (v, r) = (cell.velocity_km_s, reach * cell.sigma_km_s);
        [low.min(v - r), high.max(v + r)]
    });
    if extent[0] > extent[1] {
        return [placement.line_freq_hz(); 2];
    }
    // sums in fixed blocks: the same whatever the number of threads
    let below = |cells: &[&PlacedCell], edge: f64| -> f64 {
        let sums: Vec<f64> = cells
            .par_chunks(4096)
            .map(|block| {
                block.iter().map(|c| c.mass_msun * profile.below_edge(edge, c.velocity_km_s, c.sigma_km_s)).sum()
            })
            .collect();
        sums.iter().sum()
    };
    let total: f64 = cells.iter().map(|cell| cell.mass_msun).sum();
    // the edge whose lower part is `wanted`: [too low, enough]
    let bracket = |wanted: f64| {
        let (mut low, mut high, mut settled) = (extent[0], extent[1] + 1e-9, 0.0);
        let mut open: Vec<&PlacedCell> = cells.iter().filter(|cell| cell.mass_msun > 0.0).collect();
        for _ in 0..17 {
            let middle = 0.5 * (low + high);
            if settled + below(&open, middle) < wanted {
                low = middle
            } else {
                high = middle
            }
            // lines that lie on one side of what is left need no other look
            open.retain(|cell| {
                let (v, r) = (cell.velocity_km_s, reach * cell.sigma_km_s);
                if v + r <= low {
                    settled += cell.mass_msun;
                }
                v + r > low && v - r < high
            });
        }
        [low, high]
    };
    let tail = 0.5 * (1.0 - share);
    let (slow, fast) = (bracket(tail * total)[0], bracket((1.0 - tail) * total)[1]);
    [placement.freq_hz(fast), placement.freq_hz(slow)]
}

/// "1419.1 MHz to 1420.2 MHz", for messages.
pub fn format_range(range_hz: [f64; 2]) -> String {
    let [low, high] = range_hz.map(|f| format!("{:.4} MHz", f * 1e-6));
    format!("{low} to {high}")
}

/// The sentence about a band that loses flux; `None` where it holds [`BAND_SHARE`].
pub fn loss_note(channels: &Channels, lost_fraction: f64, range_hz: [f64; 2]) -> Option<String> {
    (lost_fraction > 1.0 - BAND_SHARE).then(|| {
        let needed = ((range_hz[1] - range_hz[0]) / channels.width_hz).ceil();
        format!(
            "the band loses {:.2} % of the line's flux: {} channels of {} do not hold the central 99.9 % of the \
             line, {} (about {needed} channels if centred on it)",
            100.0 * lost_fraction,
            channels.freq_hz.len(),
            format_quantity(channels.width_hz, Dimension::Frequency),
            format_range(range_hz),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(velocity_km_s: f64, sigma_km_s: f64, mass_msun: f64) -> PlacedCell {
        PlacedCell { x_px: 0.0, y_px: 0.0, support_px: 0.0, mass_msun, velocity_km_s, sigma_km_s }
    }

    #[test]
    fn range_of_one_gaussian_is_its_quantiles() {
        let placement = Placement::new(0.01, 0.0, 40.0, 0.7, 70.0).unwrap();
        let [low, high] = line_range_hz(&[cell(50.0, 8.0, 2.0)], &placement, 0.999);
        // two-sided 99.9 % of a normal distribution: 3.2905 sigma
        assert!((placement.velocity_km_s(low) - (50.0 + 3.2905 * 8.0)).abs() < 2e-3);
        assert!((placement.velocity_km_s(high) - (50.0 - 3.2905 * 8.0)).abs() < 2e-3);
    }

    #[test]
    fn bands_are_centred_and_hold_the_line() {
        let placement = Placement::new(0.0, 0.0, 20.0, 0.7, 70.0).unwrap();
        let cells = [cell(-150.0, 8.0, 1.0), cell(40.0, 8.0, 1.0), cell(250.0, 12.0, 1.0)];
        let auto = Band::Auto { channels: 16 }.channels(&cells, &placement).unwrap();
        let edges = auto.edges_km_s(&placement);
        assert!(edges.windows(2).all(|pair| pair[0] > pair[1]));
        let profile = LineProfile::new();
        let inside: f64 = cells
            .iter()
            .map(|c| {
                profile.below_edge(edges[0], c.velocity_km_s, c.sigma_km_s)
                    - profile.below_edge(edges[16], c.velocity_km_s, c.sigma_km_s)
            })
            .sum();
        assert!(inside / 3.0 >= 0.9999 && inside / 3.0 < 0.99995, "{inside}");
        let centred = Band::Centred { channels: 4, width_hz: 60e3 }.channels(&cells, &placement).unwrap();
        let middle = 0.5 * (centred.freq_hz[0] + centred.freq_hz[3]);
        let [low, high] = line_range_hz(&cells, &placement, 0.999);
        assert!((middle - 0.5 * (low + high)).abs() < 1.0);
        assert!(loss_note(&centred, 0.3, [low, high]).unwrap().contains("30.00 %"));
        assert!(loss_note(&centred, 0.0005, [low, high]).is_none());
    }

    #[test]
    fn optical_channels_are_equal_in_optical_velocity_and_hold_the_line() {
        let placement = Placement::new(0.5, 0.0, 2900.0, 0.7, 90.0).unwrap();
        let cells = [cell(-150.0, 8.0, 1.0), cell(250.0, 12.0, 1.0)];
        let rest_hz = crate::units::hi::NU0_HZ;
        let band = |width_km_s, centre_km_s| Band::Optical { channels: 20, width_km_s, centre_km_s, rest_hz };
        let given = band(Some(30.0), Some(149_900.0)).channels(&cells, &placement).unwrap();
        for c in 0..20 {
            let expected = 149_900.0 + 30.0 * (9.5 - c as f64);
            assert!((optical_km_s(given.freq_hz[c], rest_hz) - expected).abs() < 1e-7);
            let edges = [c, c + 1].map(|k| optical_km_s(given.edges_hz[k], rest_hz) - expected);
            assert!((edges[0] - 15.0).abs() < 1e-7 && (edges[1] + 15.0).abs() < 1e-7, "{edges:?}");
            let width = given.edges_hz[c + 1] - given.edges_hz[c];
            // dnu = nu0 dv/c / (1 + v/c)^2
            let expected = rest_hz * 30.0 / C_KM_S / (1.0 + expected / C_KM_S).powi(2);
            assert!((width / expected - 1.0).abs() < 1e-7);
            assert!((given.widths_hz()[c] - width).abs() < 1e-6);
        }
        assert!(given.widths_hz()[19] > 1.001 * given.widths_hz()[0]);
        for centre in [None, Some(149_950.0)] {
            let auto = band(None, centre).channels(&cells, &placement).unwrap();
            let [low, high] = line_range_hz(&cells, &placement, 0.999);
            assert!(auto.edges_hz[0] < low && auto.edges_hz[20] > high);
        }
        for (width, centre) in [(Some(-1.0), None), (Some(f64::NAN), None), (Some(30.0), Some(-299_700.0))] {
            assert!(band(width, centre).channels(&cells, &placement).is_err());
        }
    }

    #[test]
    fn impossible_bands_are_refused() {
        let placement = Placement::new(0.0, 0.0, 20.0, 0.7, 70.0).unwrap();
        for band in [
            Band::Auto { channels: 0 },
            Band::Centred { channels: 4, width_hz: -1.0 },
            Band::Given { first_hz: 1e3, channels: 4, width_hz: 1e4 },
            Band::Given { first_hz: f64::NAN, channels: 4, width_hz: 1e4 },
        ] {
            assert!(band.channels(&[cell(0.0, 8.0, 1.0)], &placement).is_err(), "{band:?}");
        }
    }
}
