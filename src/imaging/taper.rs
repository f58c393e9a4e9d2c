//! What part of the uv plane counts, and how much: uv range, Gaussian taper, level of the rank filter.

use crate::error::{Error, Result};
use std::f64::consts::{LN_2, PI};

/// A factor on imaging weights that depends on the length of the baseline alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taper {
    /// Full width at half maximum, rad, of the Gaussian in the image whose Fourier transform multiplies the weights.
    pub fwhm_rad: Option<f64>,
    /// Shortest baseline sqrt(u^2 + v^2) that is used, wavelengths.
    pub min_wavelengths: f64,
    /// Longest baseline that is used, wavelengths.
    pub max_wavelengths: f64,
    /// Largest weight of a uv cell over the mean of those around it; `None`: any ([`Density::weights`]).
    ///
    /// [`Density::weights`]: super::Density::weights
    pub rank_level: Option<f64>,
}

impl Default for Taper {
    /// Everything counts alike.
    fn default() -> Taper {
        Taper { fwhm_rad: None, min_wavelengths: 0.0, max_wavelengths: f64::INFINITY, rank_level: None }
    }
}

impl Taper {
    /// Refuses a width that is not positive and a range that holds nothing.
    pub fn validate(&self) -> Result<()> {
        if let Some(fwhm) = self.fwhm_rad
            && !(fwhm > 0.0 && fwhm.is_finite())
        {
            return Err(Error::input("the width of a uv taper must be positive").found(format!("{fwhm} rad")));
        }
        if let Some(level) = self.rank_level
            && !(level > 0.0 && level.is_finite())
        {
            return Err(Error::input("the level of a rank filter must be positive").found(level));
        }
        if !(self.min_wavelengths >= 0.0 && self.max_wavelengths > self.min_wavelengths) {
            return Err(Error::input("an empty range of baselines")
                .found(format!("{} to {} wavelengths", self.min_wavelengths, self.max_wavelengths))
                .expected("a minimum of at least 0 below the maximum"));
        }
        Ok(())
    }

    /// The factor at (u, v), wavelengths: 0 outside the range, else exp(-(pi FWHM r)^2 / (4 ln 2)), the Fourier
    /// transform of a Gaussian of that FWHM; r = sqrt(u^2 + v^2). wsclean's `-taper-gaussian` takes the same function
    /// at the middle of each cell of its weight grid, this at the sample itself.
    pub fn factor(&self, u: f64, v: f64) -> f64 {
        let r = u.hypot(v);
        if !(self.min_wavelengths..=self.max_wavelengths).contains(&r) {
            return 0.0;
        }
        self.fwhm_rad.map_or(1.0, |fwhm| (-(PI * fwhm * r).powi(2) / (4.0 * LN_2)).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_taper_is_the_transform_of_its_gaussian() {
        // naive transform of exp(-4 ln 2 (l/FWHM)^2) along l, normalised
        let taper = Taper { fwhm_rad: Some(1e-3), ..Taper::default() };
        for r in [0.0, 100.0, 400.0, 700.0] {
            let (mut sum, mut norm) = (0.0, 0.0);
            for i in -4000..=4000 {
                let l = f64::from(i) * 1e-6;
                let g = (-4.0 * LN_2 * (l / 1e-3).powi(2)).exp();
                sum += g * (2.0 * PI * r * l).cos();
                norm += g;
            }
            let (u, v) = (0.6 * r, -0.8 * r);
            assert!((taper.factor(u, v) - sum / norm).abs() < 1e-9, "{r}");
        }
    }

    #[test]
    fn the_range_is_inclusive_and_checked() {
        let taper = Taper { min_wavelengths: 5.0, max_wavelengths: 13.0, ..Taper::default() };
        assert_eq!([taper.factor(3.0, 4.0), taper.factor(-5.0, 12.0)], [1.0, 1.0]);
        assert_eq!([taper.factor(2.9, 4.0), taper.factor(5.0, 12.1)], [0.0, 0.0]);
        taper.validate().unwrap();
        Taper::default().validate().unwrap();
        for (fwhm_rad, min, max) in [
            (Some(0.0), 0.0, 1.0),
            (Some(f64::NAN), 0.0, 1.0),
            (None, -1.0, 1.0),
            (None, 2.0, 2.0),
            (None, f64::NAN, 2.0),
        ] {
            let bad = Taper { fwhm_rad, min_wavelengths: min, max_wavelengths: max, rank_level: None };
            assert!(bad.validate().is_err(), "{bad:?}");
        }
    }
}
