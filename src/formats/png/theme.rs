//! The looks of a figure: colours for light and dark backgrounds.

use super::colour::Rgb;
use super::text::Fonts;

/// Background and ink of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// White, for papers and pages.
    #[default]
    Light,
    /// Near black, for talks.
    Dark,
}

impl Theme {
    /// Colour of the page.
    pub fn background(self) -> Rgb {
        match self {
            Theme::Light => Rgb(255, 255, 255),
            Theme::Dark => Rgb::hex(0x14161b),
        }
    }

    /// Colour of titles, labels and frames.
    pub fn ink(self) -> Rgb {
        match self {
            Theme::Light => Rgb::hex(0x1d2129),
            Theme::Dark => Rgb::hex(0xe9ecf1),
        }
    }

    /// Colour of text of lower rank: footers, keys.
    pub fn muted(self) -> Rgb {
        match self {
            Theme::Light => Rgb::hex(0x5e6673),
            Theme::Dark => Rgb::hex(0xa0a8b5),
        }
    }

    /// Colour of grid lines.
    pub fn grid(self) -> Rgb {
        match self {
            Theme::Light => Rgb::hex(0xe6e8ec),
            Theme::Dark => Rgb::hex(0x2a2e36),
        }
    }

    /// Colour of image pixels without a value.
    pub fn no_value(self) -> Rgb {
        match self {
            Theme::Light => Rgb::hex(0xc9ccd2),
            Theme::Dark => Rgb::hex(0x3a3f48),
        }
    }

    /// Colour of the `i`-th series or class: the palette of Okabe & Ito (2008, "Color Universal
    /// Design"), which people with any common colour blindness can tell apart.
    pub fn series(self, i: usize) -> Rgb {
        const LIGHT: [u32; 7] = [0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0xe69f00, 0x56b4e9, 0x4d4d4d];
        const DARK: [u32; 7] = [0x56b4e9, 0xe69f00, 0x009e73, 0xcc79a7, 0xf0e442, 0xd55e00, 0xc8c8c8];
        Rgb::hex(match self {
            Theme::Light => LIGHT[i % LIGHT.len()],
            Theme::Dark => DARK[i % DARK.len()],
        })
    }
}

/// What every panel needs to draw itself: theme, fonts and the one size all others follow from.
pub(super) struct Style {
    pub(super) theme: Theme,
    pub(super) fonts: Fonts,
    /// Size of the axis labels, px; every gap, tick and line width is a multiple of it.
    pub(super) em: f32,
}

impl Style {
    /// Width of frames and ticks, whole px.
    pub(super) fn hairline(&self) -> f32 {
        (self.em / 15.0).round().max(1.0)
    }

    /// Size of tick labels and legends, px.
    pub(super) fn small(&self) -> f32 {
        0.88 * self.em
    }
}
