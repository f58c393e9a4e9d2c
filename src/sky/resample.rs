//! Spectral cubes from elsewhere: to Jy per pixel, and to another spectral grid.

use super::cube::{SkyCube, solid_angle_sr};
use super::temperature::beyond_hemisphere;
use crate::error::{Error, Result};
use crate::gridding::ImageGeometry;
use crate::units::RaDec;
use crate::units::hi::flux_jy_from_temperature;
use ndarray::{Array3, Axis};

/// What the numbers of a cube are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CubeUnit {
    /// Flux density of each pixel.
    JyPerPixel,
    /// Observed brightness temperature in K.
    Kelvin,
    /// Observed brightness temperature in mK.
    MilliKelvin,
}

impl CubeUnit {
    /// From a FITS BUNIT; case matters only for mK (MK is 10^6 K and refused).
    pub fn parse(bunit: &str) -> Result<CubeUnit> {
        let word: String = bunit.chars().filter(|c| !c.is_whitespace()).collect();
        match word.as_str() {
            "mK" => return Ok(CubeUnit::MilliKelvin),
            "K" | "k" => return Ok(CubeUnit::Kelvin),
            _ => {}
        }
        match word.to_lowercase().as_str() {
            "jy/pixel" | "jy/pix" | "jypixel-1" | "jypixel**-1" => Ok(CubeUnit::JyPerPixel),
            "kelvin" => Ok(CubeUnit::Kelvin),
            _ => {
                let error = Error::input("the cube's unit cannot be turned into Jy per pixel")
                    .found(format!("BUNIT '{bunit}'"))
                    .expected("Jy/pixel, K or mK");
                Err(match word.to_lowercase().as_str() {
                    "jy/beam" => error.hint("an image in Jy/beam is already seen through a beam; give the model image"),
                    _ => error,
                })
            }
        }
    }
}

/// Which mean is taken out of a cube before it becomes a sky.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubtractMean {
    /// Nothing.
    None,
    /// The mean over all pixels, channel by channel: an interferometer does not see it, and with
    /// it the edge of the image would be a step of the size of the mean.
    Channel,
}

impl SubtractMean {
    /// From the configuration's word, "none" or "channel".
    pub fn parse(word: &str) -> Result<SubtractMean> {
        match word {
            "none" => Ok(SubtractMean::None),
            "channel" => Ok(SubtractMean::Channel),
            _ => Err(Error::input("unknown subtract_mean").found(format!("\"{word}\"")).expected("none or channel")),
        }
    }
}

/// A cube as a file holds it, with the phase centre on 0-based pixel (nx/2, ny/2).
#[derive(Debug, Clone)]
pub struct InputCube {
    /// Values in `unit`, signed, [channel, y, x].
    pub values: Array3<f64>,
    /// Unit of the values.
    pub unit: CubeUnit,
    /// Channel centres, Hz, equally spaced, rising or falling.
    pub freq_hz: Vec<f64>,
    /// Channel width, Hz; for one channel it cannot be found from `freq_hz`.
    pub channel_width_hz: f64,
    /// Pixel size, rad.
    pub cell_rad: f64,
    /// Direction of the centre pixel.
    pub centre: RaDec,
    /// Spectral frame.
    pub specsys: String,
}

/// A cube as sky, with the means that were taken out.
#[derive(Debug, Clone)]
pub struct CubeAsSky {
    /// Jy per pixel, channels rising in frequency.
    pub cube: SkyCube,
    /// Mean of each channel that was subtracted, in the input's unit; empty with
    /// [`SubtractMean::None`].
    pub subtracted: Vec<f64>,
}

/// Turns a file's cube into a sky: mean first (in the cube's own unit), then Jy per pixel with the
/// frequency of each plane and Omega = cell^2 / n of each pixel.
///
/// Errors: values that are not finite; frequencies not positive, equally spaced or as many as
/// planes, or spaced otherwise than the channel width; an image beyond the hemisphere.
pub fn cube_as_sky(input: InputCube, subtract: SubtractMean) -> Result<CubeAsSky> {
    let InputCube { mut values, unit, mut freq_hz, channel_width_hz, cell_rad, centre, specsys } = input;
    let (channels, ny, nx) = values.dim();
    if channels * ny * nx == 0 {
        return Err(Error::input("the cube is empty").found(format!("{channels} x {ny} x {nx} values")));
    }
    if !(cell_rad > 0.0 && cell_rad.is_finite()) {
        return Err(Error::input("the cube's pixel size is out of range").found(cell_rad).expected("a positive angle"));
    }
    check_frequencies(&freq_hz, channels, channel_width_hz)?;
    let bad = values.iter().filter(|value| !value.is_finite()).count();
    if bad > 0 {
        return Err(Error::input("the cube holds values that are not numbers")
            .found(format!("{bad} of {} values", values.len()))
            .expected("finite values everywhere")
            .hint("replace blanks by 0 where there is no emission"));
    }
    if channels > 1 && freq_hz[0] > freq_hz[1] {
        freq_hz.reverse();
        values.invert_axis(Axis(0));
        values = values.as_standard_layout().into_owned();
    }
    let subtracted = match subtract {
        SubtractMean::None => Vec::new(),
        SubtractMean::Channel => subtract_channel_means(&mut values),
    };
    let geometry = ImageGeometry { nx, ny, dl: -cell_rad, dm: cell_rad };
    to_jy_per_pixel(&mut values, unit, &freq_hz, geometry)?;
    let cube = SkyCube { flux_jy: values, freq_hz, channel_width_hz, cell_rad, centre, specsys };
    Ok(CubeAsSky { cube, subtracted })
}

/// Takes the mean over all pixels out of every channel and returns the means.
pub fn subtract_channel_means(values: &mut Array3<f64>) -> Vec<f64> {
    values
        .outer_iter_mut()
        .map(|mut plane| {
            let mean = plane.sum() / plane.len().max(1) as f64;
            plane.mapv_inplace(|value| value - mean);
            mean
        })
        .collect()
}

/// Multiplies temperatures by 2 k nu^2 Omega / c^2, each plane with its frequency and each pixel
/// with its Omega = cell^2 / n.
pub fn to_jy_per_pixel(
    values: &mut Array3<f64>,
    unit: CubeUnit,
    freq_hz: &[f64],
    geometry: ImageGeometry,
) -> Result<()> {
    let kelvin = match unit {
        CubeUnit::JyPerPixel => return Ok(()),
        CubeUnit::Kelvin => 1.0,
        CubeUnit::MilliKelvin => 1e-3,
    };
    let (_, ny, nx) = values.dim();
    let mut omega = ndarray::Array2::zeros((ny, nx));
    for ((y, x), value) in omega.indexed_iter_mut() {
        *value = solid_angle_sr(geometry, y, x).ok_or_else(|| beyond_hemisphere(nx, ny, geometry.dm))?;
    }
    for (mut plane, freq) in values.outer_iter_mut().zip(freq_hz) {
        let jy_per_sr = flux_jy_from_temperature(kelvin, *freq, 1.0);
        plane.zip_mut_with(&omega, |value, omega| *value *= jy_per_sr * omega);
    }
    Ok(())
}

fn check_frequencies(freq_hz: &[f64], planes: usize, width_hz: f64) -> Result<()> {
    let wrong = |found: String| {
        Err(Error::input("the cube's spectral axis cannot be used")
            .found(found)
            .expected("as many positive frequencies as planes, equally spaced by the channel width"))
    };
    if freq_hz.len() != planes {
        return wrong(format!("{} frequencies for {planes} planes", freq_hz.len()));
    }
    if !(width_hz > 0.0 && width_hz.is_finite()) {
        return wrong(format!("a channel width of {width_hz} Hz"));
    }
    if let Some(freq) = freq_hz.iter().find(|freq| !(**freq > 0.0 && freq.is_finite())) {
        return wrong(format!("a frequency of {freq} Hz"));
    }
    // centres may be off by a thousandth of a channel: what a velocity axis in single precision leaves
    let step = if freq_hz.len() > 1 { (freq_hz[1] - freq_hz[0]).signum() * width_hz } else { width_hz };
    for (c, freq) in freq_hz.iter().enumerate() {
        let expected = freq_hz[0] + c as f64 * step;
        if (freq - expected).abs() > 1e-3 * width_hz {
            return wrong(format!("channel {c} at {freq} Hz where {expected} Hz is expected"));
        }
    }
    Ok(())
}

/// Equally spaced channels of a spectral frame.
#[derive(Debug, Clone, PartialEq)]
pub struct SpectralGrid {
    /// Centre of the lowest channel, Hz.
    pub first_hz: f64,
    /// Width, Hz.
    pub width_hz: f64,
    /// Number of channels.
    pub channels: usize,
    /// Spectral frame.
    pub specsys: String,
}

impl SpectralGrid {
    /// The grid of a cube.
    pub fn of(cube: &SkyCube) -> SpectralGrid {
        SpectralGrid {
            first_hz: cube.freq_hz.first().copied().unwrap_or(0.0),
            width_hz: cube.channel_width_hz,
            channels: cube.freq_hz.len(),
            specsys: cube.specsys.clone(),
        }
    }
}

/// A cube on another spectral grid.
#[derive(Debug, Clone)]
pub struct Regridded {
    /// The cube.
    pub cube: SkyCube,
    /// 1 - (sum |S| dnu kept) / (sum |S| dnu): 0 where the new band holds the old one.
    pub lost_fraction: f64,
    /// Channels of the new band that reach beyond the old one, where the sky is taken as dark.
    pub uncovered_channels: usize,
}

/// Converts a cube to other channels: S' = sum over old channels of S * overlap / width', which
/// keeps the integral of S dnu over what both bands hold.
///
/// Errors: another spectral frame (never relabelled); an empty grid; bands without overlap.
pub fn regrid_spectrum(cube: &SkyCube, to: &SpectralGrid) -> Result<Regridded> {
    if !cube.specsys.trim().eq_ignore_ascii_case(to.specsys.trim()) {
        return Err(Error::input("the cube is in another spectral frame than the observation")
            .found(format!("SPECSYS '{}' in the cube", cube.specsys))
            .expected(format!("'{}'", to.specsys))
            .hint(format!("set the observation's spectral frame to '{}', or convert the cube first", cube.specsys)));
    }
    if to.channels == 0 || !(to.width_hz > 0.0 && to.width_hz.is_finite() && to.first_hz.is_finite()) {
        return Err(Error::input("the wanted channels are not a band")
            .found(format!("{} channels of {} Hz from {} Hz", to.channels, to.width_hz, to.first_hz))
            .expected("at least one channel of a positive width"));
    }
    let (_, ny, nx) = cube.flux_jy.dim();
    let width = cube.channel_width_hz;
    let old_low = cube.freq_hz.first().map_or(0.0, |freq| freq - 0.5 * width);
    let old_high = old_low + width * cube.freq_hz.len() as f64;
    let tolerance = 1e-6 * width.min(to.width_hz);

    let mut flux_jy = Array3::<f64>::zeros((to.channels, ny, nx));
    let mut kept = vec![0.0; cube.freq_hz.len()];
    let mut uncovered_channels = 0;
    for (c, mut plane) in flux_jy.outer_iter_mut().enumerate() {
        let low = to.first_hz + (c as f64 - 0.5) * to.width_hz;
        let high = low + to.width_hz;
        if low < old_low - tolerance || high > old_high + tolerance {
            uncovered_channels += 1;
        }
        let first = ((low - old_low) / width).floor().max(0.0) as usize;
        let end = (((high - old_low) / width).ceil().max(0.0) as usize).min(cube.freq_hz.len());
        for old in first..end {
            let edge = old_low + old as f64 * width;
            let overlap = (high.min(edge + width) - low.max(edge)).max(0.0);
            kept[old] += overlap / width;
            plane.scaled_add(overlap / to.width_hz, &cube.flux_jy.index_axis(Axis(0), old));
        }
    }
    let band = |low: f64, high: f64| super::band::format_range([low, high]);
    if kept.iter().all(|share| *share == 0.0) {
        let new_low = to.first_hz - 0.5 * to.width_hz;
        return Err(Error::input("the cube and the wanted band do not overlap")
            .found(format!("a cube of {}", band(old_low, old_high)))
            .expected(format!("some of {}", band(new_low, new_low + to.channels as f64 * to.width_hz))));
    }
    let (mut all, mut inside) = (0.0, 0.0);
    for (plane, share) in cube.flux_jy.outer_iter().zip(&kept) {
        let sum: f64 = plane.iter().map(|value| value.abs()).sum();
        all += sum;
        inside += sum * share.min(1.0);
    }
    Ok(Regridded {
        cube: SkyCube {
            flux_jy,
            freq_hz: (0..to.channels).map(|c| to.first_hz + c as f64 * to.width_hz).collect(),
            channel_width_hz: to.width_hz,
            cell_rad: cube.cell_rad,
            centre: cube.centre,
            specsys: cube.specsys.clone(),
        },
        lost_fraction: if all > 0.0 { (1.0 - inside / all).max(0.0) } else { 0.0 },
        uncovered_channels,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;

    fn input(unit: CubeUnit, channels: usize) -> InputCube {
        let mut random = Stream::new(1, [9, 9, 9]);
        InputCube {
            values: Array3::from_shape_simple_fn((channels, 6, 8), || random.normal()),
            unit,
            freq_hz: (0..channels).map(|c| 150e6 + 1e5 * c as f64).collect(),
            channel_width_hz: 1e5,
            cell_rad: 0.05,
            centre: RaDec::from_deg(10.0, -30.0),
            specsys: "LSRK".into(),
        }
    }

    #[test]
    fn units_are_read_and_others_refused() {
        assert_eq!(CubeUnit::parse("JY/PIXEL").unwrap(), CubeUnit::JyPerPixel);
        assert_eq!(CubeUnit::parse(" K ").unwrap(), CubeUnit::Kelvin);
        assert_eq!(CubeUnit::parse("mK").unwrap(), CubeUnit::MilliKelvin);
        assert!(CubeUnit::parse("MK").is_err());
        assert!(CubeUnit::parse("Jy/beam").unwrap_err().to_string().contains("model image"));
        assert!(SubtractMean::parse("all").is_err());
    }

    #[test]
    fn temperatures_become_flux_with_plane_frequency_and_pixel_angle() {
        let (kelvin, milli) = (input(CubeUnit::Kelvin, 3), input(CubeUnit::MilliKelvin, 3));
        let values = kelvin.values.clone();
        let sky = cube_as_sky(kelvin, SubtractMean::None).unwrap().cube;
        let small = cube_as_sky(milli, SubtractMean::None).unwrap().cube;
        // S = T nu_GHz^2 Omega[arcsec^2] / 1.3848e6 to the printed digits (hi-physics notes, 5b item 5)
        let (l, m) = (0.05 * 4.0, 0.05 * 2.0f64);
        let omega = 0.05f64.powi(2) / (1.0 - l * l - m * m).sqrt() / crate::units::ARCSEC_RAD.powi(2);
        let expected = values[[2, 5, 0]] * 0.1502f64.powi(2) * omega / 1.3848e6;
        assert!((sky.flux_jy[[2, 5, 0]] / expected - 1.0).abs() < 1e-4);
        assert!((small.flux_jy[[2, 5, 0]] / sky.flux_jy[[2, 5, 0]] * 1e3 - 1.0).abs() < 1e-12);
        assert!(sky.flux_jy.iter().any(|v| *v < 0.0));
        let mut wide = input(CubeUnit::Kelvin, 3);
        wide.cell_rad = 0.3;
        assert!(cube_as_sky(wide, SubtractMean::None).unwrap_err().to_string().contains("hemisphere"));
    }

    #[test]
    fn channel_means_are_removed_before_the_unit_and_reported() {
        let mut raw = input(CubeUnit::MilliKelvin, 2);
        raw.values.mapv_inplace(|v| v + 30.0);
        let means: Vec<f64> = raw.values.outer_iter().map(|plane| plane.mean().unwrap()).collect();
        let got = cube_as_sky(raw, SubtractMean::Channel).unwrap();
        for (a, b) in got.subtracted.iter().zip(&means) {
            assert!((a - b).abs() < 1e-12);
        }
        // zero mean temperature, that is zero mean of S / Omega
        for plane in got.cube.flux_jy.outer_iter() {
            let mean: f64 =
                plane.indexed_iter().map(|((y, x), s)| s / got.cube.solid_angle_sr(y, x).unwrap()).sum::<f64>();
            let scale: f64 =
                plane.indexed_iter().map(|((y, x), s)| (s / got.cube.solid_angle_sr(y, x).unwrap()).abs()).sum();
            assert!(mean.abs() < 1e-12 * scale);
        }
    }

    #[test]
    fn falling_frequencies_are_turned_and_bad_axes_refused() {
        let mut falling = input(CubeUnit::JyPerPixel, 4);
        falling.freq_hz.reverse();
        let first = falling.values.index_axis(Axis(0), 0).to_owned();
        let sky = cube_as_sky(falling, SubtractMean::None).unwrap().cube;
        assert!(sky.freq_hz.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(sky.flux_jy.index_axis(Axis(0), 3), first);
        assert!(sky.flux_jy.is_standard_layout());

        let mut uneven = input(CubeUnit::JyPerPixel, 4);
        uneven.freq_hz[2] += 3e4;
        assert!(cube_as_sky(uneven, SubtractMean::None).is_err());
        let mut short = input(CubeUnit::JyPerPixel, 4);
        short.freq_hz.pop();
        assert!(cube_as_sky(short, SubtractMean::None).is_err());
        let mut blank = input(CubeUnit::JyPerPixel, 4);
        blank.values[[0, 0, 0]] = f64::NAN;
        assert!(cube_as_sky(blank, SubtractMean::None).unwrap_err().to_string().contains("1 of 192"));
    }

    #[test]
    fn other_channels_keep_the_flux() {
        let sky = cube_as_sky(input(CubeUnit::JyPerPixel, 12), SubtractMean::None).unwrap().cube;
        let integral = |cube: &SkyCube, y: usize, x: usize| -> f64 {
            (0..cube.freq_hz.len()).map(|c| cube.flux_jy[[c, y, x]] * cube.channel_width_hz).sum()
        };
        for width_hz in [3.7e4, 1e5, 2.9e5] {
            let first_hz = 149.9e6 + 0.3 * width_hz;
            let channels = (1.6e6 / width_hz) as usize;
            let to = SpectralGrid { first_hz, width_hz, channels, specsys: "lsrk".into() };
            let got = regrid_spectrum(&sky, &to).unwrap();
            assert!(got.uncovered_channels > 0 && got.lost_fraction < 1e-12);
            for (y, x) in [(0, 0), (5, 7), (2, 3)] {
                let (a, b) = (integral(&got.cube, y, x), integral(&sky, y, x));
                assert!((a - b).abs() < 1e-9 * 1e5, "{width_hz}: {a} {b}");
            }
        }
        let same = regrid_spectrum(&sky, &SpectralGrid::of(&sky)).unwrap();
        assert_eq!(same.uncovered_channels, 0);
        assert!((&same.cube.flux_jy - &sky.flux_jy).iter().all(|d| d.abs() < 1e-6));
        let half = SpectralGrid { channels: 6, ..SpectralGrid::of(&sky) };
        let lost = regrid_spectrum(&sky, &half).unwrap().lost_fraction;
        assert!(lost > 0.3 && lost < 0.7);
    }

    #[test]
    fn another_frame_or_band_is_refused() {
        let sky = cube_as_sky(input(CubeUnit::JyPerPixel, 3), SubtractMean::None).unwrap().cube;
        let other = SpectralGrid { specsys: "BARYCENT".into(), ..SpectralGrid::of(&sky) };
        let error = regrid_spectrum(&sky, &other).unwrap_err().to_string();
        assert!(error.contains("LSRK") && error.contains("BARYCENT"), "{error}");
        let away = SpectralGrid { first_hz: 1e9, ..SpectralGrid::of(&sky) };
        assert!(regrid_spectrum(&sky, &away).unwrap_err().to_string().contains("overlap"));
    }
}
