//! Frequencies and velocities of a spectral axis (Greisen et al. 2006, FITS Paper III).

use crate::units::C_M_S;

/// The coordinate in which planes are equally spaced; CTYPE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpectralKind {
    /// FREQ, Hz.
    #[default]
    Frequency,
    /// VRAD, m/s: c (1 - nu/nu0), equally spaced in frequency, too.
    Radio,
    /// VOPT, m/s: c (nu0/nu - 1), equally spaced in wavelength.
    Optical,
}

/// How a header states the planes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SpectralForm {
    /// The coordinate.
    pub kind: SpectralKind,
    /// 0-based plane, whole or not, of CRVAL; CRPIX - 1.
    pub reference_plane: f64,
}

impl SpectralKind {
    /// CTYPE and CUNIT.
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            SpectralKind::Frequency => ("FREQ", "Hz"),
            SpectralKind::Radio => ("VRAD", "m/s"),
            SpectralKind::Optical => ("VOPT", "m/s"),
        }
    }

    /// Frequency, Hz, at a coordinate in Hz or m/s.
    pub fn freq_hz(self, coordinate: f64, rest_hz: f64) -> f64 {
        match self {
            SpectralKind::Frequency => coordinate,
            SpectralKind::Radio => rest_hz * (1.0 - coordinate / C_M_S),
            SpectralKind::Optical => rest_hz / (1.0 + coordinate / C_M_S),
        }
    }

    /// The inverse of [`SpectralKind::freq_hz`].
    pub fn coordinate(self, freq_hz: f64, rest_hz: f64) -> f64 {
        match self {
            SpectralKind::Frequency => freq_hz,
            SpectralKind::Radio => C_M_S * (1.0 - freq_hz / rest_hz),
            SpectralKind::Optical => C_M_S * (rest_hz / freq_hz - 1.0),
        }
    }

    /// Mean width in frequency, Hz, of planes at `freq_hz` that are `step` (positive, Hz or m/s) wide.
    pub(super) fn width_hz(self, freq_hz: &[f64], step: f64, rest_hz: f64) -> f64 {
        match (self, freq_hz) {
            (SpectralKind::Frequency, _) | (_, []) => step,
            (SpectralKind::Radio, _) => rest_hz * step / C_M_S,
            (SpectralKind::Optical, _) => {
                let width = |f: &f64| {
                    let v = self.coordinate(*f, rest_hz);
                    self.freq_hz(v - 0.5 * step, rest_hz) - self.freq_hz(v + 0.5 * step, rest_hz)
                };
                freq_hz.iter().map(width).sum::<f64>() / freq_hz.len() as f64
            }
        }
    }

    /// Width, in the coordinate, of one plane that is `width_hz` wide: the inverse of [`SpectralKind::width_hz`].
    pub fn step_of_one(self, freq_hz: f64, width_hz: f64, rest_hz: f64) -> f64 {
        match self {
            SpectralKind::Frequency => width_hz,
            SpectralKind::Radio => C_M_S * width_hz / rest_hz,
            SpectralKind::Optical => {
                // w = nu0 (1/(u - d) - 1/(u + d)) with u = nu0/nu and d half the step over c
                let u = rest_hz / freq_hz;
                2.0 * C_M_S * width_hz * u * u / (rest_hz + rest_hz.hypot(width_hz * u))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_and_frequencies_are_inverse() {
        let rest = 1.42e9;
        for kind in [SpectralKind::Frequency, SpectralKind::Radio, SpectralKind::Optical] {
            for freq in [0.5e9, 1.40e9, 1.43e9] {
                assert!((kind.freq_hz(kind.coordinate(freq, rest), rest) / freq - 1.0).abs() < 1e-14);
                let step = kind.step_of_one(freq, 1e7, rest);
                assert!((kind.width_hz(&[freq], step, rest) / 1e7 - 1.0).abs() < 1e-12, "{kind:?} {freq}");
            }
        }
        // 1 MHz below rest: 211.1 km/s radio, 211.3 km/s optical
        assert!((SpectralKind::Radio.coordinate(1.419e9, rest) - C_M_S / 1420.0).abs() < 1e-6);
        assert!((SpectralKind::Optical.coordinate(1.419e9, rest) - C_M_S / 1419.0).abs() < 1e-6);
    }
}
