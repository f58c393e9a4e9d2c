//! How far the fast path may be from the visibility route.

use std::fmt;

/// Largest difference from the visibility route anywhere in the dirty cube, relative to the cube's peak: one entry for
/// every term that is neglected, and their sum.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ErrorBound {
    /// What interpolation in w leaves out.
    pub w_term: f64,
    /// Time and bandwidth smearing of the real instrument, which both routes leave out; 0 unless asked for.
    pub smearing: f64,
    /// Rotation and squint of beams: 0, the beams of [`crate::telescope::beam`] are circular and equal in both
    /// polarisations.
    pub beam_rotation_squint: f64,
    /// Flux outside the planned sky grid.
    pub outside_image: f64,
    /// Baselines beyond the pixels' Nyquist limit: 0, the visibility route leaves the same samples out.
    pub beyond_nyquist: f64,
    /// Accuracy of the PSFs' gridding, and an estimate of the rounding of the transforms.
    pub arithmetic: f64,
    /// The sum of all.
    pub total: f64,
    /// Sum of absolute flux in a channel over the cube's peak, which the bound is proportional to (the largest).
    pub flux_over_peak: f64,
}

/// The sum and the terms that are not 0.
impl fmt::Display for ErrorBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms = [
            ("w term", self.w_term),
            ("smearing", self.smearing),
            ("beam rotation and squint", self.beam_rotation_squint),
            ("outside the image", self.outside_image),
            ("beyond Nyquist", self.beyond_nyquist),
            ("arithmetic", self.arithmetic),
        ];
        let words: Vec<String> =
            terms.iter().filter(|(_, term)| *term != 0.0).map(|(name, term)| format!("{name} {term:.1e}")).collect();
        write!(f, "{:.1e} of the peak ({})", self.total, words.join(", "))
    }
}

/// The same terms of one channel, Jy per beam.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ChannelErrors {
    pub w_term: f64,
    pub smearing: f64,
    pub outside: f64,
    pub arithmetic: f64,
    pub flux: f64,
}

impl ErrorBound {
    /// The largest of each term over the channels, relative to `peak_jy`; zero for an empty sky.
    pub(super) fn of(channels: &[ChannelErrors], peak_jy: f64) -> ErrorBound {
        let scale = |value: fn(&ChannelErrors) -> f64| {
            let largest = channels.iter().map(value).fold(0.0, f64::max);
            if largest == 0.0 { 0.0 } else { largest / peak_jy }
        };
        let mut bound = ErrorBound {
            w_term: scale(|c| c.w_term),
            smearing: scale(|c| c.smearing),
            outside_image: scale(|c| c.outside),
            arithmetic: scale(|c| c.arithmetic),
            flux_over_peak: scale(|c| c.flux),
            ..ErrorBound::default()
        };
        bound.total = bound.w_term
            + bound.smearing
            + bound.beam_rotation_squint
            + bound.outside_image
            + bound.beyond_nyquist
            + bound.arithmetic;
        bound
    }
}
