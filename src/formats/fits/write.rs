use super::hdu::{Sum, header_bytes, padding};
use super::record::{is_long, to_records};
use super::{Beam, Card, CardValue, FitsCube, SkyAxes, SpectralAxis, SpectralKind};
use crate::error::{Error, Result};
use crate::units::{ARCSEC_RAD, DEG_RAD};
use ndarray::ArrayView2;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Writes `cube` to `path` (a staged path; replaced if it exists), 32-bit floats, 4 axes; one plane without a frequency
/// has the two celestial axes alone.
///
/// Equal cubes give bit-identical files. `cards` may hold RADESYS and EQUINOX (ICRS and 2000 otherwise) and
/// anything that the writer does not write itself; text outside printable ASCII becomes "?".
///
/// # Errors
/// Those of [`CubeWriter`]; nothing is written where pixels are not finite.
pub fn write_cube(path: &Path, cube: &FitsCube) -> Result<()> {
    let bad = cube.data.iter().filter(|v| !v.is_finite()).count();
    if bad > 0 {
        return Err(not_finite(bad, cube.data.len()));
    }
    let header = CubeHeader::of(cube);
    let mut writer = CubeWriter::create(path, &header)?;
    for plane in cube.data.outer_iter() {
        writer.append(plane)?;
    }
    writer.finish(&header)
}

/// Everything about an image or cube but its pixels; the fields of [`FitsCube`].
#[derive(Debug, Clone)]
pub struct CubeHeader {
    /// Number of planes, rows (y) and columns (x).
    pub shape: (usize, usize, usize),
    /// Celestial axes.
    pub sky: SkyAxes,
    /// Spectral axis.
    pub spectral: SpectralAxis,
    /// Value of the STOKES axis.
    pub stokes: String,
    /// BUNIT.
    pub unit: String,
    /// Empty, one for all planes, or one a plane.
    pub beams: Vec<Beam>,
    /// Every other header card, in order.
    pub cards: Vec<Card>,
}

impl CubeHeader {
    fn of(cube: &FitsCube) -> CubeHeader {
        CubeHeader {
            shape: cube.data.dim(),
            sky: cube.sky,
            spectral: cube.spectral.clone(),
            stokes: cube.stokes.clone(),
            unit: cube.unit.clone(),
            beams: cube.beams.clone(),
            cards: cube.cards.clone(),
        }
    }
}

/// A cube on its way to the disk, plane by plane: no more than one plane is ever in memory.
///
/// The header goes in front of the pixels, but what it says of them (checksums, beams, noise) is known last: room for
/// it is left by [`CubeWriter::create`] and filled by [`CubeWriter::finish`]. A file that was not finished is no FITS
/// file; write to a [`Staged`](crate::formats::Staged) path.
#[derive(Debug)]
pub struct CubeWriter {
    path: PathBuf,
    file: BufWriter<File>,
    shape: (usize, usize, usize),
    planes: usize,
    room: usize,
    sum: Sum,
}

impl CubeWriter {
    /// Starts the file with room for `header`: the one given to [`CubeWriter::finish`] may have other values and
    /// fewer cards, not more.
    ///
    /// # Errors
    /// A spectral axis that is not equally spaced by its width, a wrong number of frequencies or beams, an illegal
    /// card, no pixels; whatever the disk has to say.
    pub fn create(path: &Path, header: &CubeHeader) -> Result<CubeWriter> {
        let room = header_bytes(&header_cards(header)?, &Sum::default(), 0)?.len();
        let failed = |e: std::io::Error| Error::io("write", path, e);
        let mut file = BufWriter::new(File::create(path).map_err(failed)?);
        file.write_all(&vec![b' '; room]).map_err(failed)?;
        Ok(CubeWriter { path: path.into(), file, shape: header.shape, planes: 0, room, sum: Sum::default() })
    }

    /// Adds the next plane, shape [y, x].
    ///
    /// # Errors
    /// Another shape, one plane too many, pixels that are not finite (with their number), a failed write.
    pub fn append(&mut self, plane: ArrayView2<f32>) -> Result<()> {
        let (planes, ny, nx) = self.shape;
        if plane.dim() != (ny, nx) || self.planes == planes {
            return Err(Error::input("a plane that does not belong into its cube")
                .found(format!("plane {} of shape {:?}", self.planes, plane.dim()))
                .expected(format!("{planes} of {:?}", (ny, nx))));
        }
        let bad = plane.iter().filter(|v| !v.is_finite()).count();
        if bad > 0 {
            return Err(not_finite(bad, plane.len()).place(format!("plane {}", self.planes)));
        }
        for value in plane {
            let word = value.to_bits();
            self.sum.add(word);
            self.file.write_all(&word.to_be_bytes()).map_err(|e| Error::io("write", &self.path, e))?;
        }
        self.planes += 1;
        Ok(())
    }

    /// Writes the table of beams, where there is more than one, and the header in front of it all.
    ///
    /// # Errors
    /// Planes that are missing, a header of another shape or longer than the first one, what
    /// [`CubeWriter::create`] refuses, and whatever the disk has to say, at close too.
    pub fn finish(mut self, header: &CubeHeader) -> Result<()> {
        if header.shape != self.shape || self.planes != self.shape.0 {
            return Err(Error::input("a cube was finished before all its planes were written")
                .found(format!("{} planes; shape {:?}", self.planes, header.shape))
                .expected(format!("{:?}", self.shape)));
        }
        let bytes = header_bytes(&header_cards(header)?, &self.sum, self.room)?;
        if bytes.len() > self.room {
            return Err(Error::input("the header of a cube has outgrown the room that was left for it")
                .found(format!("{} bytes", bytes.len()))
                .expected(self.room));
        }
        let table = if header.beams.len() > 1 { Some(beam_table(&header.beams)?) } else { None };
        let (planes, ny, nx) = self.shape;
        self.write(&bytes, &padding(4 * (planes * ny * nx) as u64), table.as_deref())
            .map_err(|e| Error::io("write", &self.path, e))
    }

    fn write(&mut self, header: &[u8], padding: &[u8], table: Option<&[u8]>) -> std::io::Result<()> {
        self.file.write_all(padding)?;
        if let Some(table) = table {
            self.file.write_all(table)?;
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(header)?;
        self.file.flush()
    }
}

/// The header of a cube as text, one record of 80 characters or fewer a line, without checksums and END: for files of
/// another format. astropy reads it with `Header.fromstring(text, sep="\n")`.
///
/// # Errors
/// Those of [`CubeWriter::create`].
pub fn header_text(header: &CubeHeader) -> Result<String> {
    let mut lines = Vec::new();
    for card in header_cards(header)? {
        lines.extend(to_records(&card)?);
    }
    Ok(lines.join("\n"))
}

fn not_finite(bad: usize, of: usize) -> Error {
    Error::input("an image to be written has pixels that are not finite numbers")
        .found(format!("{bad} of {of}"))
        .expected("none")
}

/// Every card of the primary header but the checksums.
fn header_cards(header: &CubeHeader) -> Result<Vec<Card>> {
    let (planes, ny, nx) = header.shape;
    if planes * ny * nx == 0 {
        return Err(Error::input("a cube without pixels cannot be written")
            .found(format!("{nx} x {ny} pixels, {planes} planes"))
            .expected("at least one"));
    }
    if ![0, 1, planes].contains(&header.beams.len()) {
        return Err(Error::input("wrong number of beams for a cube")
            .found(header.beams.len())
            .expected(format!("0, 1 or {planes}, the number of planes")));
    }
    for card in &header.cards {
        if super::header::is_ours(&card.key) {
            return Err(Error::input("a header card that the FITS writer writes itself was given as an extra card")
                .found(&card.key));
        }
    }
    // one plane without a frequency is an image of the sky and nothing else
    let flat = planes == 1 && header.spectral.freq_hz.is_empty();
    let naxis = if flat { 2 } else { 4 };
    let spectral = &header.spectral;
    let (first, step) = if flat { (0.0, 0.0) } else { spectral_value_and_step(spectral, planes)? };
    let stokes = super::header::stokes_value(&header.stokes).ok_or_else(|| {
        Error::input("not a Stokes parameter")
            .found(&header.stokes)
            .expected("I, Q, U, V, XX, YY, XY, YX, RR, LL, RL or LR")
    })?;

    let given = |key: &str| header.cards.iter().any(|card| card.key == key);
    // 30 deg is kept in radians; what comes back shall read 30 and not 29.999999999999996
    let degrees = |rad: f64| {
        let short = (rad / DEG_RAD * 1e12).round() / 1e12;
        if (short * DEG_RAD - rad).abs() <= f64::EPSILON * rad.abs() { short } else { rad / DEG_RAD }
    };
    let dec_deg = degrees(header.sky.centre.dec_rad);
    let ra_deg = degrees(header.sky.centre.ra_rad).rem_euclid(360.0);
    let simple = Card { key: "SIMPLE".into(), value: CardValue::Bool(true), comment: "FITS standard 4.0".into() };
    let extend = Card { key: "EXTEND".into(), ..simple.clone() };
    let mut cards =
        vec![simple, Card::int("BITPIX", -32, "32-bit floating point"), Card::int("NAXIS", naxis as i64, "")];
    for (axis, length) in (1..).zip([nx, ny, planes, 1]).take(naxis) {
        cards.push(Card::int(&format!("NAXIS{axis}"), length as i64, ""));
    }
    cards.push(Card { comment: "there may be extensions".into(), ..extend });
    if !header.unit.is_empty() {
        cards.push(Card::text("BUNIT", &header.unit, "unit of the pixel values"));
    }
    let [x, y] = header.sky.reference_pixel;
    let ((kind, unit), reference) = (spectral.form.kind.names(), spectral.form.reference_plane);
    let axes = [
        ("RA---SIN", x + 1.0, ra_deg, header.sky.step_x_rad / DEG_RAD, "deg"),
        ("DEC--SIN", y + 1.0, dec_deg, header.sky.step_y_rad / DEG_RAD, "deg"),
        (kind, reference + 1.0, first + reference * step, step, unit),
        ("STOKES", 1.0, stokes, 1.0, ""),
    ];
    for (axis, (kind, pixel, value, step, unit)) in (1..).zip(axes).take(naxis) {
        let key = |name: &str| format!("{name}{axis}");
        cards.push(Card::text(&key("CTYPE"), kind, ""));
        cards.push(Card::float(&key("CRPIX"), pixel, ""));
        cards.push(Card::float(&key("CRVAL"), value, ""));
        cards.push(Card::float(&key("CDELT"), step, ""));
        if !unit.is_empty() {
            cards.push(Card::text(&key("CUNIT"), unit, ""));
        }
    }
    // at declination 90 the default of LONPOLE turns the image by half a turn
    cards.push(Card::float("LONPOLE", 180.0, "north is up at the reference pixel"));
    cards.push(Card::float("LATPOLE", dec_deg, ""));
    if !given("RADESYS") {
        cards.push(Card::text("RADESYS", "ICRS", "celestial frame"));
    }
    if !given("EQUINOX") {
        cards.push(Card::float("EQUINOX", 2000.0, ""));
    }
    if header.spectral.rest_hz > 0.0 {
        cards.push(Card::float("RESTFRQ", header.spectral.rest_hz, "[Hz] rest frequency"));
    }
    if !header.spectral.specsys.is_empty() {
        cards.push(Card::text("SPECSYS", &header.spectral.specsys, "frame of the frequencies"));
    }
    match header.beams.as_slice() {
        [] => {}
        [beam] => cards.extend([
            Card::float("BMAJ", beam.major_rad / DEG_RAD, "[deg] beam, full width at half maximum"),
            Card::float("BMIN", beam.minor_rad / DEG_RAD, "[deg]"),
            Card::float("BPA", beam.angle_rad / DEG_RAD, "[deg] from north through east"),
        ]),
        _ => cards.push(Card {
            key: "CASAMBM".into(),
            value: CardValue::Bool(true),
            comment: "one beam a plane: table BEAMS".into(),
        }),
    }
    if header.cards.iter().any(is_long) {
        cards.push(Card::text("LONGSTRN", "OGIP 1.0", "long strings are continued"));
    }
    cards.extend(header.cards.iter().cloned());
    Ok(cards)
}

/// Coordinate of the first plane and signed step, in the coordinate of the axis: a header can only state a constant one.
fn spectral_value_and_step(spectral: &SpectralAxis, planes: usize) -> Result<(f64, f64)> {
    let (freq, kind) = (&spectral.freq_hz, spectral.form.kind);
    if freq.len() != planes {
        return Err(Error::input("wrong number of frequencies for a cube").found(freq.len()).expected(planes));
    }
    if !(spectral.width_hz > 0.0 && spectral.width_hz.is_finite() && freq.iter().all(|f| f.is_finite())) {
        return Err(Error::input("a cube to be written has no usable spectral axis")
            .found(format!("channel width {} Hz", spectral.width_hz))
            .expected("finite frequencies and a positive width"));
    }
    if kind != SpectralKind::Frequency && !(spectral.rest_hz > 0.0 && freq.iter().all(|f| *f > 0.0)) {
        return Err(Error::input("an axis of velocities needs a rest frequency and positive frequencies")
            .found(format!("rest frequency {} Hz", spectral.rest_hz)));
    }
    let at: Vec<f64> = freq.iter().map(|f| kind.coordinate(*f, spectral.rest_hz)).collect();
    let width = kind.step_of_one(freq[0], spectral.width_hz, spectral.rest_hz);
    if planes == 1 {
        return Ok((at[0], width));
    }
    let step = (at[planes - 1] - at[0]) / (planes - 1) as f64;
    let worst = at.iter().enumerate().map(|(i, v)| (at[0] + i as f64 * step - v).abs()).fold(0.0, f64::max);
    // in optical velocity width_hz is a mean, and tells nothing of one plane
    let wrong_width = kind != SpectralKind::Optical && (step.abs() - width).abs() > 1e-3 * width;
    if worst > 1e-3 * step.abs() || wrong_width {
        let (name, unit) = kind.names();
        return Err(Error::input("the planes of a FITS cube must be equally spaced by the channel width")
            .found(format!("{name}: width {width} {unit}, mean step {step} {unit}, up to {worst} {unit} off"))
            .expected("|step| = width to 1e-3"));
    }
    Ok((at[0], step))
}

/// Bytes of the table of beams as CASA writes it: one row a channel, POL 0.
fn beam_table(beams: &[Beam]) -> Result<Vec<u8>> {
    let columns = [
        ("BMAJ", "1E", "arcsec"),
        ("BMIN", "1E", "arcsec"),
        ("BPA", "1E", "deg"),
        ("CHAN", "1J", ""),
        ("POL", "1J", ""),
    ];
    let mut cards = vec![
        Card::text("XTENSION", "BINTABLE", "binary table"),
        Card::int("BITPIX", 8, ""),
        Card::int("NAXIS", 2, ""),
        Card::int("NAXIS1", 4 * columns.len() as i64, "bytes a row"),
        Card::int("NAXIS2", beams.len() as i64, "rows"),
        Card::int("PCOUNT", 0, ""),
        Card::int("GCOUNT", 1, ""),
        Card::int("TFIELDS", columns.len() as i64, ""),
    ];
    for (number, (name, format, unit)) in (1..).zip(columns) {
        cards.push(Card::text(&format!("TTYPE{number}"), name, ""));
        cards.push(Card::text(&format!("TFORM{number}"), format, ""));
        if !unit.is_empty() {
            cards.push(Card::text(&format!("TUNIT{number}"), unit, ""));
        }
    }
    cards.extend([
        Card::text("EXTNAME", "BEAMS", ""),
        Card::int("NCHAN", beams.len() as i64, "number of channels"),
        Card::int("NPOL", 1, "number of polarisations"),
    ]);
    let words: Vec<u32> = (0..)
        .zip(beams)
        .flat_map(|(channel, beam)| {
            let real = |value: f64| (value as f32).to_bits();
            let [major, minor] = [beam.major_rad, beam.minor_rad].map(|size| real(size / ARCSEC_RAD));
            [major, minor, real(beam.angle_rad / DEG_RAD), channel, 0]
        })
        .collect();
    let mut bytes = header_bytes(&cards, &words.iter().copied().collect(), 0)?;
    bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    bytes.extend(padding(4 * words.len() as u64));
    Ok(bytes)
}
