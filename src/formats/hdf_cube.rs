//! Images and cubes in HDF5: the pixels, axes and header of a FITS cube (docs/formats.md).

use super::fits::{Card, CardValue, CubeHeader, header_text};
use super::hdf_open;
use super::hdf_values::{self, first_line, values};
use super::visibilities::library::write_failed;
use crate::error::{Error, Result};
use crate::units::DEG_RAD;
use hdf5::file::LibraryVersion;
use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File, Group};
use ndarray::{Array2, ArrayView1, s};
use std::mem::ManuallyDrop;
use std::path::Path;

/// Writes a cube to `path` (a staged path), plane by plane: no more than one is ever in memory.
///
/// # Errors
/// What [`CubeWriter`](super::fits::CubeWriter) refuses of a header; planes of another shape or with values that are not
/// finite; those of `plane`; whatever the disk has to say.
pub fn write_hdf_cube(
    path: &Path,
    header: &CubeHeader,
    mut plane: impl FnMut(usize) -> Result<Array2<f32>>,
) -> Result<()> {
    let text = header_text(header)?;
    let failed = |e: hdf5::Error| write_failed(path, &e);
    // the system's own words for a path that cannot be written
    std::fs::File::create(path).map_err(|e| Error::io("write", path, e))?;
    let created = File::with_options()
        .with_fapl(|p| p.libver_bounds(LibraryVersion::Earliest, LibraryVersion::V110))
        .create(path)
        .map_err(failed)?;
    // closed only after a flush that succeeded: see formats::visibilities
    let file = ManuallyDrop::new(created);
    let data = ManuallyDrop::new(describe(&file, header, &text).map_err(failed)?);
    let (planes, ny, nx) = header.shape;
    for number in 0..planes {
        let values = plane(number)?;
        let bad = values.iter().filter(|v| !v.is_finite()).count();
        if values.dim() != (ny, nx) || bad > 0 {
            return Err(Error::input("a plane that does not belong into its cube, or with values that are not finite")
                .found(format!("plane {number} of shape {:?}, {bad} values not finite", values.dim()))
                .expected(format!("finite values of shape {:?}", (ny, nx))));
        }
        data.write_slice(values.view(), s![number, .., ..]).map_err(failed)?;
    }
    file.flush().map_err(failed)?;
    drop(ManuallyDrop::into_inner(data));
    ManuallyDrop::into_inner(file).close().map_err(failed)
}

/// What a file of [`write_hdf_cube`] holds, in lines for a person; `None` where `path` is another HDF5 file.
///
/// # Errors
/// A file of this kind whose data sets or attributes cannot be read.
pub fn hdf_cube_summary(path: &Path) -> Result<Option<String>> {
    let Ok(file) = hdf_open::open(path) else { return Ok(None) };
    if file.attr("fits_header").is_err() {
        return Ok(None);
    }
    Ok(Some(format!("{}: cube\n{}", path.display(), summary(&file, path)?)))
}

fn summary(file: &File, path: &Path) -> Result<String> {
    let unread = |e: hdf5::Error| {
        Error::input("a cube in HDF5 cannot be read")
            .found(format!("HDF5: {}", first_line(&e)))
            .place(path.display())
            .hint("copy it again")
    };
    let text = |name: &str| hdf_values::text(file, name).map_err(unread);
    let number = |name: &str| hdf_values::number::<f64>(file, name).map_err(unread);
    let shape = file.dataset("data").map_err(unread)?.shape();
    let freq: Vec<f64> = values(&file.dataset("freq_hz").map_err(unread)?, path)?;
    let ends = [freq.first(), freq.last()].map(|f| f.copied().unwrap_or(0.0) * 1e-6);
    let [planes, ny, nx] = [0, 1, 2].map(|k| shape.get(k).copied().unwrap_or(0));
    let rows = [
        ("image", format!("{nx} x {ny} pixels, {planes} plane(s), Stokes {}", text("stokes")?)),
        ("unit", text("unit")?),
        ("centre", format!("RA {:.6} deg, Dec {:.6} deg", number("centre_ra_deg")?, number("centre_dec_deg")?)),
        ("cell", format!("{:.6} arcsec", 3600.0 * number("step_y_deg")?)),
        ("band", format!("{:.6} to {:.6} MHz ({}, {})", ends[0], ends[1], text("spectral_axis")?, text("specsys")?)),
    ];
    Ok(rows.iter().map(|(name, value)| format!("  {name:>7}: {value}\n")).collect())
}

/// All but the pixels; returns their data set.
fn describe(file: &File, header: &CubeHeader, fits_header: &str) -> hdf5::Result<Dataset> {
    let (planes, ny, nx) = header.shape;
    let (sky, spectral) = (&header.sky, &header.spectral);
    let numbers = [
        ("centre_ra_deg", sky.centre.ra_rad / DEG_RAD),
        ("centre_dec_deg", sky.centre.dec_rad / DEG_RAD),
        ("step_x_deg", sky.step_x_rad / DEG_RAD),
        ("step_y_deg", sky.step_y_rad / DEG_RAD),
        ("reference_pixel_x", sky.reference_pixel[0]),
        ("reference_pixel_y", sky.reference_pixel[1]),
        ("channel_width_hz", spectral.width_hz),
        ("rest_freq_hz", spectral.rest_hz),
    ];
    let texts = [
        ("unit", header.unit.as_str()),
        ("stokes", header.stokes.as_str()),
        ("specsys", spectral.specsys.as_str()),
        ("spectral_axis", spectral.form.kind.names().0),
        ("fits_header", fits_header),
    ];
    numbers.iter().try_for_each(|(name, value)| number_attribute(file, name, *value))?;
    texts.iter().try_for_each(|(name, value)| text_attribute(file, name, value))?;
    file.new_dataset::<f64>().shape([planes]).create("freq_hz")?.write(ArrayView1::from(&spectral.freq_hz))?;
    let group = file.create_group("header")?;
    for Card { key, value, .. } in header.cards.iter().filter(|card| card.value != CardValue::Commentary) {
        match value {
            CardValue::Bool(flag) => group.new_attr::<bool>().create(key.as_str())?.write_scalar(flag)?,
            CardValue::Int(number) => group.new_attr::<i64>().create(key.as_str())?.write_scalar(number)?,
            CardValue::Float(number) => number_attribute(&group, key, *number)?,
            CardValue::Text(text) => text_attribute(&group, key, text)?,
            CardValue::Commentary => {}
        }
    }
    file.new_dataset::<f32>().shape([planes, ny, nx]).chunk([1, ny, nx]).create("data")
}

fn number_attribute(place: &Group, name: &str, value: f64) -> hdf5::Result<()> {
    place.new_attr::<f64>().create(name)?.write_scalar(&value)
}

fn text_attribute(place: &Group, name: &str, text: &str) -> hdf5::Result<()> {
    // HDF5 text ends at the first NUL
    let text: VarLenUnicode = text.replace('\0', "").parse().map_err(|e| hdf5::Error::from(format!("{e:?}")))?;
    place.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::fits::{SkyAxes, SpectralAxis};
    use crate::units::RaDec;

    fn header() -> CubeHeader {
        CubeHeader {
            shape: (3, 4, 5),
            sky: SkyAxes {
                centre: RaDec::from_deg(30.0, -35.0),
                step_x_rad: -1e-5,
                step_y_rad: 1e-5,
                reference_pixel: [2.0, 2.0],
            },
            spectral: SpectralAxis {
                freq_hz: vec![1.40e9, 1.41e9, 1.42e9],
                width_hz: 1e7,
                rest_hz: 1.42e9,
                specsys: "LSRK".into(),
                form: Default::default(),
            },
            stokes: "I".into(),
            unit: "K".into(),
            beams: Vec::new(),
            cards: vec![Card::float("MHI", 2.5e9, ""), Card::text("OBJECT", "a galaxy", ""), Card::history("made")],
        }
    }

    #[test]
    fn data_axes_and_header_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cube.h5");
        write_hdf_cube(&path, &header(), |p| Ok(Array2::from_elem((4, 5), p as f32))).unwrap();
        let file = File::open(&path).unwrap();
        let data = file.dataset("data").unwrap().read::<f32, ndarray::Ix3>().unwrap();
        assert_eq!((data.dim(), data[[2, 3, 4]]), ((3, 4, 5), 2.0));
        assert_eq!(file.dataset("freq_hz").unwrap().read_1d::<f64>().unwrap().to_vec(), vec![1.40e9, 1.41e9, 1.42e9]);
        let number = |name: &str| file.attr(name).unwrap().read_scalar::<f64>().unwrap();
        let text = |name: &str| file.attr(name).unwrap().read_scalar::<VarLenUnicode>().unwrap().to_string();
        assert!((number("centre_dec_deg") + 35.0).abs() < 1e-12);
        assert_eq!((text("unit"), text("specsys"), text("spectral_axis")), ("K".into(), "LSRK".into(), "FREQ".into()));
        let lines = text("fits_header");
        assert!(lines.lines().any(|line| line.starts_with("CTYPE3  = 'FREQ")), "{lines}");
        let mass = file.group("header").unwrap().attr("MHI").unwrap().read_scalar::<f64>().unwrap();
        assert_eq!(mass, 2.5e9);
        let told = hdf_cube_summary(&path).unwrap().unwrap();
        assert!(["5 x 4 pixels, 3 plane(s)", "LSRK", "1400.0"].iter().all(|word| told.contains(word)), "{told}");
        let other = folder.path().join("other.h5");
        File::create(&other).unwrap().close().unwrap();
        assert!(hdf_cube_summary(&other).unwrap().is_none());
    }

    #[test]
    fn planes_that_do_not_fit_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cube.h5");
        let wrong = write_hdf_cube(&path, &header(), |_| Ok(Array2::zeros((5, 4)))).unwrap_err().to_string();
        assert!(wrong.contains("does not belong") && wrong.contains("plane 0"), "{wrong}");
        assert!(write_hdf_cube(&path, &header(), |_| Ok(Array2::from_elem((4, 5), f32::NAN))).is_err());
        assert!(write_hdf_cube(&folder.path().join("no/cube.h5"), &header(), |_| Ok(Array2::zeros((4, 5)))).is_err());
    }
}
