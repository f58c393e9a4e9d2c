//! Colours and perceptually uniform colour maps.

/// A colour of the sRGB space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// From 0xRRGGBB.
    pub const fn hex(rgb: u32) -> Rgb {
        Rgb((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
    }

    /// The colour a fraction `t` of the way to `other`, mixed in sRGB.
    pub fn mix(self, other: Rgb, t: f64) -> Rgb {
        let channel = |a: u8, b: u8| (f64::from(a) + t * (f64::from(b) - f64::from(a))).round().clamp(0.0, 255.0) as u8;
        Rgb(channel(self.0, other.0), channel(self.1, other.1), channel(self.2, other.2))
    }

    /// Lightness L of the Oklab space, 0 (black) to 1 (white).
    pub fn lightness(self) -> f64 {
        let [r, g, b] = [self.0, self.1, self.2].map(|c| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        });
        let l = 0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b;
        let m = 0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b;
        let s = 0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b;
        0.210_454_255_3 * l.cbrt() + 0.793_617_785_0 * m.cbrt() - 0.004_072_046_8 * s.cbrt()
    }

    /// From the cylindrical form of Oklab (Ottosson 2020, "A perceptual color space for image
    /// processing"), clipped to the sRGB gamut.
    pub fn from_oklch(lightness: f64, chroma: f64, hue_deg: f64) -> Rgb {
        let (sin, cos) = hue_deg.to_radians().sin_cos();
        let (a, b) = (chroma * cos, chroma * sin);
        let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
        let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
        let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
        let linear = [
            4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
            -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
            -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
        ];
        let [r, g, b] = linear.map(|c| {
            let c = c.clamp(0.0, 1.0);
            let c = if c <= 0.003_130_8 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 };
            (255.0 * c).round() as u8
        });
        Rgb(r, g, b)
    }
}

/// Colour maps: lightness changes evenly along each, so equal steps of a value look equal, in
/// print without colour too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColourMap {
    /// Dark blue, green, yellow (van der Walt & Smith 2015).
    Viridis,
    /// Black, red, pale yellow (van der Walt & Smith 2015).
    Inferno,
    /// Blue, white, red, symmetric in Oklab lightness: for signed values about a middle. The two
    /// hues stay apart for all common kinds of colour blindness.
    Diverging,
    /// Black to white.
    Greys,
    /// White to black, for print.
    GreysReversed,
}

impl ColourMap {
    /// Colour at `t` in 0..1 (clamped; NaN gives the colour at 0).
    pub fn at(self, t: f64) -> Rgb {
        let t = if t.is_nan() { 0.0 } else { t.clamp(0.0, 1.0) };
        match self {
            ColourMap::Viridis => interpolate(&VIRIDIS, t),
            ColourMap::Inferno => interpolate(&INFERNO, t),
            ColourMap::Diverging => {
                let s = 2.0 * t - 1.0;
                let depth = s.abs();
                let lightness = 0.965 - 0.585 * depth;
                let chroma = 0.165 * (1.0 - (1.0 - depth).powf(1.7)) * (1.0 - 0.2 * depth * depth);
                Rgb::from_oklch(lightness, chroma, if s < 0.0 { 252.0 } else { 32.0 })
            }
            ColourMap::Greys => Rgb::from_oklch(t, 0.0, 0.0),
            ColourMap::GreysReversed => Rgb::from_oklch(1.0 - t, 0.0, 0.0),
        }
    }

    /// `n` colours evenly spread over the map.
    pub fn table(self, n: usize) -> Vec<Rgb> {
        let last = n.saturating_sub(1).max(1) as f64;
        (0..n).map(|i| self.at(i as f64 / last)).collect()
    }
}

fn interpolate(nodes: &[u32], t: f64) -> Rgb {
    let x = t * (nodes.len() - 1) as f64;
    let i = (x as usize).min(nodes.len() - 2);
    Rgb::hex(nodes[i]).mix(Rgb::hex(nodes[i + 1]), x - i as f64)
}

// Every fifth of the 256 entries of the maps by S. van der Walt and N. Smith (released under CC0),
// as distributed in matplotlib 3 (lib/matplotlib/_cm_listed.py), rounded to 8 bits. Linear
// interpolation between them departs from the full tables by at most 1.2 of 255 levels.
const VIRIDIS: [u32; 52] = [
    0x440154, 0x46085c, 0x471063, 0x481769, 0x481d6f, 0x482475, 0x472a7a, 0x46307e, 0x453781, 0x433d84, 0x414287,
    0x3f4889, 0x3d4e8a, 0x3a538b, 0x38598c, 0x355e8d, 0x33638d, 0x31688e, 0x2e6d8e, 0x2c718e, 0x2a768e, 0x297b8e,
    0x27808e, 0x25848e, 0x23898e, 0x218e8d, 0x20928c, 0x1f978b, 0x1e9c89, 0x1fa188, 0x21a585, 0x24aa83, 0x28ae80,
    0x2eb37c, 0x35b779, 0x3dbc74, 0x46c06f, 0x50c46a, 0x5ac864, 0x65cb5e, 0x70cf57, 0x7cd250, 0x89d548, 0x95d840,
    0xa2da37, 0xb0dd2f, 0xbddf26, 0xcae11f, 0xd8e219, 0xe5e419, 0xf1e51d, 0xfde725,
];

const INFERNO: [u32; 52] = [
    0x000004, 0x02020c, 0x050417, 0x0a0722, 0x10092d, 0x160b39, 0x1e0c45, 0x260c51, 0x2f0a5b, 0x380962, 0x400a67,
    0x490b6a, 0x510e6c, 0x59106e, 0x61136e, 0x69166e, 0x71196e, 0x781c6d, 0x801f6c, 0x88226a, 0x902568, 0x982766,
    0xa02a63, 0xa82e5f, 0xb0315b, 0xb73557, 0xbf3952, 0xc63d4d, 0xcc4248, 0xd34743, 0xd94d3d, 0xdf5337, 0xe45a31,
    0xe9612b, 0xed6925, 0xf1711f, 0xf47918, 0xf78212, 0xf98b0b, 0xfa9407, 0xfb9d07, 0xfca60c, 0xfcb014, 0xfbba1f,
    0xfac42a, 0xf8cd37, 0xf6d746, 0xf4e156, 0xf2ea69, 0xf2f27d, 0xf5f992, 0xfcffa4,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_middles_are_the_published_colours() {
        assert_eq!(ColourMap::Viridis.at(0.0), Rgb::hex(0x440154));
        assert_eq!(ColourMap::Viridis.at(1.0), Rgb::hex(0xfde725));
        assert_eq!(ColourMap::Inferno.at(0.0), Rgb::hex(0x000004));
        assert_eq!(ColourMap::Inferno.at(7.0), Rgb::hex(0xfcffa4));
        assert_eq!(ColourMap::Inferno.at(f64::NAN), Rgb::hex(0x000004));
        assert_eq!(ColourMap::Greys.at(0.0), Rgb(0, 0, 0));
        assert_eq!(ColourMap::Greys.at(1.0), Rgb(255, 255, 255));
    }

    #[test]
    fn lightness_changes_evenly_along_every_map() {
        let even = |table: &[Rgb]| {
            let steps: Vec<f64> = table.windows(2).map(|w| w[1].lightness() - w[0].lightness()).collect();
            let mean = steps.iter().sum::<f64>() / steps.len() as f64;
            // viridis and inferno were made even in another space (CAM02-UCS), hence half to double
            assert!(steps.iter().all(|s| (0.3..2.6).contains(&(s / mean))), "{steps:?}");
        };
        even(&ColourMap::Viridis.table(17));
        even(&ColourMap::Inferno.table(17)[1..]);
        even(&ColourMap::Greys.table(17));
        even(&ColourMap::GreysReversed.table(17));
        let diverging = ColourMap::Diverging.table(33);
        even(&diverging[..17]);
        even(&diverging[16..]);
        for i in 0..16 {
            assert!((diverging[i].lightness() - diverging[32 - i].lightness()).abs() < 0.03);
        }
    }
}
