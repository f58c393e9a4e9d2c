//! HEALPix maps as points, one a pixel.

use super::components::{Component, Spectrum};
use crate::error::{Error, Result};
use crate::formats::fits::{HealpixColumn, HealpixFile, HealpixOrder};
use crate::math::healpix::{nested_centre, pixel_sr, ring_centre};
use crate::units::hi::flux_jy_from_temperature;
use crate::units::{DEG_RAD, RaDec, from_galactic};

/// The value of pixels that were not observed.
const UNSEEN: f64 = -1.6375e30;

/// What a map does not say, or says wrongly.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HealpixRequest {
    /// Frequency of each column, Hz, in any order; empty: that of the header.
    pub freq_hz: Vec<f64>,
    /// The columns, by their names; empty: the only one.
    pub columns: Vec<String>,
    /// Unit of the values; `None`: that of the file.
    pub unit: Option<HealpixUnit>,
    /// Frame of the pixels; `None`: that of the file.
    pub frame: Option<HealpixFrame>,
    /// Spectral index of the flux density of a map of one frequency; `None`: 2 of temperatures, which stay what they are, 0 of
    /// flux densities.
    pub spectral_index: Option<f64>,
    /// Pixels below this part of the brightest, and below this value, are left out, as OSKAR does; `None`: only those of 0.
    pub least: Option<[f64; 2]>,
}

/// What the value of a pixel is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HealpixUnit {
    /// Brightness temperature, of this many kelvins.
    Temperature(f64),
    /// Flux density, Jy.
    JyPerPixel,
    /// Intensity, of this many Jy/sr.
    JyPerSr(f64),
}

/// The frame of the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealpixFrame {
    /// Right ascension and declination.
    Equatorial,
    /// Galactic longitude and latitude.
    Galactic,
}

impl HealpixUnit {
    /// The names of units that are read.
    pub const NAMES: &'static str = "K, mK, uK, Jy/pixel, Jy/sr, kJy/sr or MJy/sr";

    /// The unit of a name; `None`: another.
    pub fn named(word: &str) -> Option<HealpixUnit> {
        let plain: String = word.chars().filter(|c| !c.is_whitespace()).collect();
        // a capital makes another prefix: mK is no MK
        let exact = match plain.as_str() {
            "K" | "Kelvin" | "KELVIN" | "kelvin" | "K_RJ" | "KRJ" | "K(RJ)" => Some(HealpixUnit::Temperature(1.0)),
            "mK" | "mK_RJ" | "mKRJ" => Some(HealpixUnit::Temperature(1e-3)),
            "uK" | "uK_RJ" | "muK" | "µK" | "μK" => Some(HealpixUnit::Temperature(1e-6)),
            "MJy/sr" | "MJysr-1" | "MJysr**-1" => Some(HealpixUnit::JyPerSr(1e6)),
            "kJy/sr" => Some(HealpixUnit::JyPerSr(1e3)),
            "Jy/sr" | "Jysr-1" | "Jysr**-1" | "JY/SR" => Some(HealpixUnit::JyPerSr(1.0)),
            _ => None,
        };
        let flux = ["jy/pixel", "jy/pix", "jypixel-1"].contains(&plain.to_ascii_lowercase().as_str());
        exact.or(flux.then_some(HealpixUnit::JyPerPixel))
    }
}

impl HealpixFrame {
    /// The frame of COORDSYS; `None`: another.
    pub fn named(word: &str) -> Option<HealpixFrame> {
        match word.trim().to_ascii_uppercase().as_str() {
            "C" | "Q" | "CEL" | "CELESTIAL" | "EQ" | "EQUATORIAL" | "ICRS" => Some(HealpixFrame::Equatorial),
            "G" | "GAL" | "GALACTIC" => Some(HealpixFrame::Galactic),
            _ => None,
        }
    }
}

/// Every pixel that is not 0, unseen or undefined as a point at its centre. One column is a map at one frequency; several are
/// maps at as many, between which flux densities are interpolated.
///
/// # Errors
/// A frame, a unit or frequencies that neither the file nor the request states; ecliptic maps; values that are infinite.
pub fn components(file: &HealpixFile, request: &HealpixRequest, notes: &mut Vec<String>) -> Result<Vec<Component>> {
    let frame = frame(file, request)?;
    let columns = columns(file, request, notes)?;
    let units: Vec<HealpixUnit> = columns.iter().map(|c| unit(file, c, request)).collect::<Result<_>>()?;
    let freq_hz = frequencies(file, request, &columns, &units, notes)?;
    let values: Vec<Vec<f64>> = columns.iter().map(|column| file.values(column)).collect::<Result<_>>()?;
    // columns by ascending frequency
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by(|a, b| freq_hz.get(*a).unwrap_or(&0.0).total_cmp(freq_hz.get(*b).unwrap_or(&0.0)));
    let area_sr = pixel_sr(file.nside);
    let least = request.least.map(|[fraction, value]| {
        let peak = values[0].iter().filter(|v| is_seen(**v)).fold(0.0f64, |peak, v| peak.max(*v));
        (peak * fraction).max(value)
    });
    let mut list = Vec::new();
    for (row, pixel) in file.numbers()?.into_iter().enumerate() {
        let own = |column: usize| values[column][row];
        if let Some(column) = order.iter().copied().find(|c| own(*c).is_infinite()) {
            return Err(Error::input("a pixel of the HEALPix map is infinite")
                .found(format!("pixel {pixel}"))
                .expected("a number, or -1.6375e30 where there is none")
                .place(format!("{}, column {}", file.table_place(), columns[column].name)));
        }
        if order.iter().any(|c| !is_seen(own(*c))) || order.iter().all(|c| own(*c) == 0.0) {
            continue;
        }
        if least.is_some_and(|least| own(0) < least) {
            continue;
        }
        let (longitude, latitude) = match file.order {
            HealpixOrder::Ring => ring_centre(file.nside, pixel),
            HealpixOrder::Nested => nested_centre(file.nside, pixel),
        };
        let direction = match frame {
            HealpixFrame::Galactic => from_galactic(longitude, latitude),
            HealpixFrame::Equatorial => RaDec { ra_rad: longitude, dec_rad: latitude },
        };
        let jy = |column: usize, freq_hz: f64| match units[column] {
            HealpixUnit::JyPerPixel => own(column),
            HealpixUnit::JyPerSr(times) => own(column) * times * area_sr,
            HealpixUnit::Temperature(kelvin) => flux_jy_from_temperature(own(column) * kelvin, freq_hz, area_sr),
        };
        let component = match order.as_slice() {
            [column] => {
                let own_hz = freq_hz.first().copied();
                let point = Component::point(direction, [jy(*column, own_hz.unwrap_or(0.0)), 0.0, 0.0, 0.0]);
                let flat = if matches!(units[*column], HealpixUnit::Temperature(_)) { 2.0 } else { 0.0 };
                let index = request.spectral_index.unwrap_or(flat);
                match own_hz {
                    None => point,
                    Some(reference_hz) => {
                        Component { spectrum: Spectrum::LogPolynomial { reference_hz, terms: vec![index] }, ..point }
                    }
                }
            }
            several => {
                let entry = |column: &usize| (freq_hz[*column], [jy(*column, freq_hz[*column]), 0.0, 0.0, 0.0]);
                let spectrum = Spectrum::Table(several.iter().map(entry).collect());
                Component { spectrum, ..Component::point(direction, [0.0; 4]) }
            }
        };
        list.push(component);
    }
    let side_deg = area_sr.sqrt() / DEG_RAD;
    notes.push(format!(
        "HEALPix map of NSIDE {}: {} of {} pixels, {side_deg:.3} deg wide, are sources",
        file.nside,
        list.len(),
        file.pixels
    ));
    if frame == HealpixFrame::Galactic {
        notes.push("the map is galactic: its pixels are turned to ICRS".into());
    }
    Ok(list)
}

fn is_seen(value: f64) -> bool {
    // single precision writes -1.6375e30 within some of its digits
    !value.is_nan() && (value / UNSEEN - 1.0).abs() > 1e-5
}

fn frame(file: &HealpixFile, request: &HealpixRequest) -> Result<HealpixFrame> {
    if let Some(frame) = request.frame {
        return Ok(frame);
    }
    HealpixFrame::named(&file.system).ok_or_else(|| {
        let found = match file.system.as_str() {
            "" => "no card COORDSYS".to_string(),
            "E" | "ECLIPTIC" => "ecliptic coordinates".to_string(),
            other => format!("COORDSYS = '{other}'"),
        };
        Error::input("the frame of the HEALPix map is not known")
            .found(found)
            .expected("C (equatorial) or G (galactic)")
            .place(file.table_place())
            .hint("state it: sky.healpix_frame = \"equatorial\" or \"galactic\"; turn ecliptic maps first, for example with healpy's Rotator")
    })
}

fn unit(file: &HealpixFile, column: &HealpixColumn, request: &HealpixRequest) -> Result<HealpixUnit> {
    request.unit.or_else(|| HealpixUnit::named(&column.unit)).ok_or_else(|| {
        let found = if column.unit.is_empty() { "no unit".to_string() } else { format!("\"{}\"", column.unit) };
        Error::input("the unit of the HEALPix map cannot be turned into Jy")
            .found(found)
            .expected(HealpixUnit::NAMES)
            .place(format!("{}, column {}", file.table_place(), column.name))
            .hint("state it: sky.healpix_unit = \"K\"; thermodynamic temperatures (K_CMB) are no brightness")
    })
}

/// Columns that maps of intensity have.
const INTENSITY: [&str; 8] = ["TEMPERATURE", "I_STOKES", "SIGNAL", "INTENSITY", "I", "T", "STOKES_I", "BRIGHTNESS"];

fn columns(file: &HealpixFile, request: &HealpixRequest, notes: &mut Vec<String>) -> Result<Vec<HealpixColumn>> {
    let names = || file.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
    if !request.columns.is_empty() {
        let find = |name: &String| {
            let exact = file.columns.iter().find(|c| c.name == *name);
            let folded = || file.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name));
            exact.or_else(folded).cloned().ok_or_else(|| {
                Error::input("the HEALPix map has no such column")
                    .found(format!("\"{name}\""))
                    .expected(format!("one of {}", names()))
                    .place(format!("sky.healpix_column, and {}", file.table_place()))
            })
        };
        return request.columns.iter().map(find).collect();
    }
    // OSKAR reads the first, whatever there is
    if file.columns.len() == 1 || request.least.is_some() {
        return Ok(file.columns[..1].to_vec());
    }
    if request.freq_hz.len() == file.columns.len() {
        return Ok(file.columns.clone());
    }
    let is_intensity = |c: &&HealpixColumn| INTENSITY.contains(&c.name.to_ascii_uppercase().as_str());
    let intensity: Vec<&HealpixColumn> = file.columns.iter().filter(is_intensity).collect();
    match (intensity.as_slice(), request.freq_hz.len()) {
        ([one], 0 | 1) => {
            notes.push(format!("of the columns {} of the map {} is taken", names(), one.name));
            Ok(vec![(*one).clone()])
        }
        _ => Err(Error::input("the HEALPix map has several columns")
            .found(names())
            .expected("one, or a frequency for each: the map does not say what they are")
            .place(file.table_place())
            .hint("choose with sky.healpix_column, or give as many frequencies in sky.healpix_freq")),
    }
}

fn frequencies(
    file: &HealpixFile,
    request: &HealpixRequest,
    columns: &[HealpixColumn],
    units: &[HealpixUnit],
    notes: &mut Vec<String>,
) -> Result<Vec<f64>> {
    let stated = match (request.freq_hz.as_slice(), file.freq_hz) {
        ([], Some(freq_hz)) if columns.len() == 1 => vec![freq_hz],
        (own, _) => own.to_vec(),
    };
    if stated.len() != columns.len() && !(stated.is_empty() && columns.len() == 1) {
        return Err(Error::input("the columns of the HEALPix map need a frequency each")
            .found(format!("{} columns, {} frequencies", columns.len(), stated.len()))
            .expected("as many")
            .place(format!("sky.healpix_freq, and {}", file.table_place())));
    }
    let mut sorted = stated.clone();
    sorted.sort_by(f64::total_cmp);
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Error::input("two columns of the HEALPix map have one frequency")
            .found(format!("{sorted:?} Hz"))
            .expected("different frequencies")
            .place("sky.healpix_freq"));
    }
    let temperature = matches!(units, [HealpixUnit::Temperature(_)]);
    if stated.is_empty() && (temperature || request.spectral_index.is_some()) {
        return Err(Error::input("the HEALPix map does not say its frequency")
            .found(if temperature { "temperatures without one" } else { "a spectral index without one" })
            .expected("sky.healpix_freq, or a header card FREQ")
            .place(file.table_place())
            .hint("state it: sky.healpix_freq = \"408 MHz\""));
    }
    if temperature && request.spectral_index.is_none() {
        notes.push("temperatures of the map are the same at all frequencies (sky.healpix_index: 2)".into());
    }
    Ok(stated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn map(name: &str) -> HealpixFile {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/catalogues"));
        HealpixFile::open(&folder.join(name)).unwrap()
    }

    fn read(name: &str, request: &HealpixRequest) -> Result<(Vec<Component>, Vec<String>)> {
        let mut notes = Vec::new();
        components(&map(name), request, &mut notes).map(|list| (list, notes))
    }

    fn at(freq_hz: f64) -> HealpixRequest {
        HealpixRequest { freq_hz: vec![freq_hz], ..HealpixRequest::default() }
    }

    /// Values are 2 + sin(latitude) K by healpy: every pixel stands where healpy puts it. Row 5 is unseen, row 6 is 0.
    #[test]
    fn maps_of_healpy_stand_where_healpy_puts_them() {
        for (name, nside, galactic) in [("healpix-ring.fits", 16, false), ("healpix-nested.fits", 4, true)] {
            let (list, notes) = read(name, &at(4e8)).unwrap();
            assert_eq!(list.len(), 12 * nside * nside - 2, "{name}");
            assert_eq!(notes.iter().any(|n| n.contains("galactic")), galactic, "{notes:?}");
            let area = 4.0 * std::f64::consts::PI / (12 * nside * nside) as f64;
            let pole =
                if galactic { from_galactic(0.0, std::f64::consts::FRAC_PI_2) } else { RaDec::from_deg(0.0, 90.0) };
            for component in &list {
                let to_pole: f64 =
                    component.direction.unit_vector().iter().zip(pole.unit_vector()).map(|(a, b)| a * b).sum();
                let want = flux_jy_from_temperature(2.0 + to_pole, 4e8, area);
                assert!((component.stokes_at(4e8)[0] / want - 1.0).abs() < 1e-6, "{component:?}");
                // the same temperature elsewhere
                assert!((component.stokes_at(8e8)[0] / want - 4.0).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn partial_maps_have_numbered_pixels() {
        let (list, _) = read("healpix-partial.fits", &HealpixRequest::default()).unwrap();
        assert_eq!(list.iter().map(|c| c.stokes_at(1e8)[0]).collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
        for (component, pixel) in list.iter().zip([100, 200, 3000]) {
            let (ra_rad, dec_rad) = ring_centre(16, pixel);
            assert_eq!(component.direction, RaDec { ra_rad, dec_rad });
        }
        let request = HealpixRequest { unit: Some(HealpixUnit::JyPerSr(1e6)), ..at(1e9) };
        let (list, _) =
            read("healpix-partial.fits", &HealpixRequest { spectral_index: Some(-0.5), ..request }).unwrap();
        assert!((list[2].stokes_at(4e9)[0] / (1.5e6 * pixel_sr(16)) - 1.0).abs() < 1e-12);
        // OSKAR's thresholds
        let least = HealpixRequest { least: Some([0.5, 1.8]), ..HealpixRequest::default() };
        assert_eq!(read("healpix-partial.fits", &least).unwrap().0.len(), 2);
    }

    #[test]
    fn what_a_map_does_not_say_is_asked_for() {
        for (name, request, words) in [
            ("healpix-ring.fits", HealpixRequest::default(), &["does not say its frequency", "sky.healpix_freq"]),
            (
                "healpix-ring.fits",
                HealpixRequest { freq_hz: vec![1e8, 2e8], ..HealpixRequest::default() },
                &["1 columns, 2", "HDU 2"],
            ),
            ("healpix-ring.fits", HealpixRequest { columns: vec!["X".into()], ..at(1e8) }, &["\"X\"", "one of T"]),
        ] {
            let message = read(name, &request).unwrap_err().to_string();
            assert!(words.iter().all(|w| message.contains(w)), "{message}");
        }
        let two = HealpixRequest {
            columns: vec!["T".into(), "t".into()],
            freq_hz: vec![2e8, 1e8],
            ..HealpixRequest::default()
        };
        let (list, _) = read("healpix-ring.fits", &two).unwrap();
        // a temperature of one value at two frequencies: the flux goes with the square between them
        assert!((list[0].stokes_at(1.4e8)[0] / list[0].stokes_at(1e8)[0] - 1.96).abs() < 1e-9);
        assert_eq!(list[0].stokes_at(2.1e8)[0], 0.0);
    }

    #[test]
    fn units_and_frames_have_names() {
        assert_eq!(HealpixUnit::named("MJy / sr"), Some(HealpixUnit::JyPerSr(1e6)));
        assert_eq!(HealpixUnit::named("mK"), Some(HealpixUnit::Temperature(1e-3)));
        assert_eq!(HealpixUnit::named("JY/PIXEL"), Some(HealpixUnit::JyPerPixel));
        for word in ["K_CMB", "MK", "mJy/sr", "", "Jy/beam"] {
            assert_eq!(HealpixUnit::named(word), None, "{word}");
        }
        assert_eq!(HealpixFrame::named("g"), Some(HealpixFrame::Galactic));
        assert_eq!(HealpixFrame::named("E"), None);
    }
}
