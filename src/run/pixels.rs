//! The pixel grid of a run: as asked for, or chosen from the array and the sky's extent.

use super::params::{ImageSettings, PixelChoice};
use crate::units::ARCSEC_RAD;

/// Pixels of sky and images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PixelGrid {
    pub size: usize,
    pub cell_rad: f64,
}

/// `auto` cell: fine enough for the longest baseline (`longest_wavelengths`), but coarse enough that
/// the image of the given or largest size covers `extent_rad`. `auto` size: covers the extent.
pub(super) fn choose(settings: &ImageSettings, extent_rad: f64, longest_wavelengths: f64) -> PixelGrid {
    // the longest baseline stays 10 % inside the grid's Nyquist limit
    let finest = 0.45 / longest_wavelengths.max(1.0);
    let covering = |cell: f64| {
        let wanted = (extent_rad / cell).ceil() as usize;
        good_size(wanted).clamp(32, settings.max_size)
    };
    match (settings.size, settings.cell_rad) {
        (PixelChoice::Given(size), PixelChoice::Given(cell_rad)) => PixelGrid { size, cell_rad },
        (PixelChoice::Given(size), PixelChoice::Auto) => {
            PixelGrid { size, cell_rad: round_up(finest.max(extent_rad / size as f64)) }
        }
        (PixelChoice::Auto, PixelChoice::Given(cell_rad)) => PixelGrid { size: covering(cell_rad), cell_rad },
        (PixelChoice::Auto, PixelChoice::Auto) => {
            let cell_rad = round_up(finest.max(extent_rad / settings.max_size as f64));
            PixelGrid { size: covering(cell_rad), cell_rad }
        }
    }
}

/// The next even number without a prime factor above 5: cheap to transform.
fn good_size(wanted: usize) -> usize {
    let smooth = |mut n: usize| {
        for p in [2, 3, 5] {
            while n.is_multiple_of(p) {
                n /= p;
            }
        }
        n == 1
    };
    (wanted.max(2)..).find(|n| n % 2 == 0 && smooth(*n)).expect("there is always a larger power of two")
}

/// Up to two digits in arcseconds, so that headers read well.
pub(super) fn round_up(cell_rad: f64) -> f64 {
    let arcsec = cell_rad / ARCSEC_RAD;
    let step = 10f64.powf(arcsec.log10().floor() - 1.0);
    (arcsec / step - 1e-9).ceil() * step * ARCSEC_RAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::Weighting;

    fn settings(size: PixelChoice<usize>, cell_rad: PixelChoice<f64>) -> ImageSettings {
        ImageSettings {
            size,
            cell_rad,
            max_size: 1024,
            weighting: Weighting::Natural,
            epsilon: 1e-5,
            route: None,
            psf_epsilon: 1e-3,
        }
    }

    #[test]
    fn auto_covers_the_sky_and_never_exceeds_the_largest_size() {
        for (extent_arcsec, longest) in [(600.0, 5e4), (600.0, 8e5), (10.0, 100.0), (36000.0, 1e6)] {
            let grid = choose(&settings(PixelChoice::Auto, PixelChoice::Auto), extent_arcsec * ARCSEC_RAD, longest);
            assert!(grid.size <= 1024 && grid.size >= 32, "{grid:?}");
            let covered = grid.size as f64 * grid.cell_rad / ARCSEC_RAD;
            assert!(covered >= extent_arcsec * (1.0 - 1e-9), "{grid:?} covers {covered}");
        }
        let cell_rad = 2.0 * ARCSEC_RAD;
        let grid = choose(&settings(PixelChoice::Given(128), PixelChoice::Given(cell_rad)), 1.0, 1e9);
        assert_eq!(grid, PixelGrid { size: 128, cell_rad });
    }

    #[test]
    fn cells_are_rounded_up_to_two_digits() {
        assert!((round_up(1.234 * ARCSEC_RAD) / ARCSEC_RAD - 1.3).abs() < 1e-12);
        assert!((round_up(2.0 * ARCSEC_RAD) / ARCSEC_RAD - 2.0).abs() < 1e-12);
    }
}
