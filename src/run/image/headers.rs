//! What the headers of images state, beyond their axes.

use crate::formats::fits::Card;
use crate::formats::visibilities::VisibilityTable;
use crate::imaging::beam_fit::BeamSource;
use crate::imaging::{ImageParams, Method, Samples};
use crate::run::headers::program;
use crate::run::provenance::{beam_of, origin_cards};
use crate::time::format_utc;
use crate::units::DEG_RAD;

/// What is known of all planes together once they are made.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::run) struct Facts {
    pub samples: Samples,
    /// Largest of all planes, Jy per beam; `None` where nothing is known of it (see [`has_sigma`]).
    pub noise_jy: Option<f64>,
    /// Largest noise over that of natural weights.
    pub loss: f64,
    /// Sum of the imaging weights of all planes.
    pub sum_weights: f64,
}

/// Samples of all planes together.
pub(in crate::run) fn totals<'a>(planes: impl IntoIterator<Item = &'a Samples>) -> Samples {
    let mut sum = Samples::default();
    planes.into_iter().for_each(|s| sum.add(s));
    sum
}

/// How the images were made.
pub(in crate::run) fn method_cards(params: &ImageParams) -> Vec<Card> {
    let mut cards = vec![Card::text("WEIGHT", params.weighting.to_string(), "weighting of the visibilities")];
    if let Some(fwhm) = params.taper.fwhm_rad {
        cards.push(Card::float("TAPER", fwhm / DEG_RAD, "[deg] FWHM of the Gaussian taper in the image"));
    }
    if params.taper.min_wavelengths > 0.0 {
        cards.push(Card::float("UVMIN", params.taper.min_wavelengths, "shortest baseline, wavelengths"));
    }
    if params.taper.max_wavelengths.is_finite() {
        cards.push(Card::float("UVMAX", params.taper.max_wavelengths, "longest baseline, wavelengths"));
    }
    if let Some(level) = params.taper.rank_level {
        cards.push(Card::float("RANKFILT", level, "most weight of a uv cell over the mean around it"));
    }
    match params.method {
        Method::Fft { epsilon } => cards.push(Card::float("GRIDEPS", epsilon, "accuracy of gridding")),
        Method::Dft => cards.push(Card::text("IMAGER", "DFT", "exact sums")),
    }
    cards
}

/// How the beams were found.
pub(in crate::run) fn beam_card(source: BeamSource) -> Card {
    match source {
        BeamSource::Fit(fit) => Card::text("BEAMFIT", fit.to_string(), "beams are fitted to PSFs as this program does"),
        BeamSource::Given(_) => Card::text("BEAMFIT", "given", "the beam is the user's, not the PSF's"),
    }
}

/// Whether weights are 1/sigma^2: where nothing is known of sigma, all of them are 1.
pub(in crate::run) fn has_sigma(table: &VisibilityTable) -> bool {
    table.weight.iter().any(|w| *w != 1.0)
}

/// What came of it; noise where `noise` asks for it and it is known.
pub(in crate::run) fn fact_cards(facts: &Facts, params: &ImageParams, noise: bool) -> Vec<Card> {
    let samples = &facts.samples;
    let fate =
        if params.keep_beyond_nyquist { "samples beyond Nyquist, kept" } else { "samples beyond Nyquist, left out" };
    let mut cards = vec![
        Card::int("NVIS", samples.used as i64, "samples imaged"),
        Card::int("NNYQUIST", samples.beyond_nyquist as i64, fate),
        Card::float("WNYQUIST", samples.beyond_nyquist_weight, "their share of the weight"),
    ];
    if noise {
        if let Some(noise_jy) = facts.noise_jy {
            cards.push(Card::float("NOISESIG", noise_jy, "[Jy/beam] noise by the weights, worst channel"));
        }
        cards.push(Card::float("SENSLOSS", facts.loss, "noise over that of natural weights, largest"));
        cards.push(Card::float("WSUM", facts.sum_weights, "sum of imaging weights, all planes"));
    }
    cards
}

/// What the visibility file says of its observation.
pub(super) fn observation_cards(table: &VisibilityTable) -> Vec<Card> {
    let mut cards = vec![
        Card::text("TELESCOP", table.telescope.clone(), ""),
        Card::text("PBMODEL", beam_of(table), "voltage beams that the sky was seen through"),
        Card::text("ORIGIN", program(), ""),
    ];
    cards.extend(origin_cards(table));
    if let Some(first) = table.time_mjd_utc.first() {
        let start = first - 0.5 * table.integration_time_s / crate::units::DAY_S;
        cards.push(Card::text("DATE-OBS", format_utc(start), "start of the observation"));
        cards.push(Card::text("TIMESYS", "UTC", ""));
    }
    cards
}
