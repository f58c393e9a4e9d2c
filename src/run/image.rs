//! Visibilities to dirty image and PSF cubes: the third stage of a run, and the command `image`.

use super::Progress;
use super::headers::{program, sky_axes, spectral_axis};
use super::observe::beam_of;
use super::pixels::PixelGrid;
use crate::error::{Error, Result};
use crate::formats::Staged;
use crate::formats::fits::{Card, FitsCube, write_cube};
use crate::formats::visibilities::{VisibilityTable, read_visibilities};
use crate::gridding::ImageGeometry;
use crate::imaging::{ImageParams, Images, Method as ImageMethod, Samples, Weighting, make_images};
use crate::time::format_utc;
use crate::units::{Dimension, format_quantity, parse_quantity};
use ndarray::Array3;
use std::path::{Path, PathBuf};

/// The parsed words of `image`.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRequest {
    visibilities: PathBuf,
    params: ImageParams,
    dirty: PathBuf,
    psf: PathBuf,
}

impl ImageRequest {
    /// Checks the words; `epsilon` of `None` asks for exact sums.
    pub fn new(
        visibilities: PathBuf,
        size: usize,
        scale: &str,
        weight: &str,
        epsilon: Option<f64>,
        keep_beyond_nyquist: bool,
        out: PathBuf,
    ) -> Result<ImageRequest> {
        let cell_rad = parse_quantity(scale, Dimension::Angle).map_err(|e| e.place("--scale"))?;
        if cell_rad <= 0.0 {
            return Err(Error::input("--scale must be positive").found(scale).expected("a pixel size such as 2asec"));
        }
        let method = match epsilon {
            Some(epsilon) => ImageMethod::Fft { epsilon: super::params::check_epsilon("--epsilon", epsilon)? },
            None => ImageMethod::Dft,
        };
        let weighting = Weighting::parse(weight).map_err(|e| e.place("--weight"))?;
        let name = out.file_name().map(|n| n.to_os_string()).ok_or_else(|| {
            Error::input("--out names no file prefix").found(out.display()).expected("a prefix such as out/galaxy")
        })?;
        let product = |ending: &str| {
            let mut name = name.clone();
            name.push(ending);
            out.with_file_name(name)
        };
        Ok(ImageRequest {
            visibilities,
            params: ImageParams {
                geometry: square(size, cell_rad),
                weighting,
                taper: Default::default(),
                method,
                keep_beyond_nyquist,
            },
            dirty: product("-dirty.fits"),
            psf: product("-psf.fits"),
        })
    }
}

/// `image`: reads a visibility file, writes the two cubes.
pub fn run(request: &ImageRequest, progress: &dyn Progress) -> Result<String> {
    let dirty = Staged::new(&request.dirty)?;
    let psf = Staged::new(&request.psf)?;
    let watch = progress.stage("reading", 1);
    let table = read_visibilities(&request.visibilities)?;
    watch.check()?;
    let images = image_table(&table, &request.params, progress)?;
    images.notes.iter().for_each(|n| progress.note(n));
    let watch = progress.stage("writing", 2);
    let mut cards = vec![
        Card::text("TELESCOP", table.telescope.clone(), ""),
        Card::text("PBMODEL", beam_of(&table), "voltage beams that the sky was seen through"),
        Card::text("ORIGIN", program(), ""),
    ];
    if let Some(first) = table.time_mjd_utc.first() {
        let start = first - 0.5 * table.integration_time_s / crate::units::DAY_S;
        cards.push(Card::text("DATE-OBS", format_utc(start), "start of the observation"));
        cards.push(Card::text("TIMESYS", "UTC", ""));
    }
    let axes = CubeAxes { table: &table, specsys: "" };
    for (product, staged) in [(Product::Dirty, dirty), (Product::Psf, psf)] {
        write_cube(staged.path(), &axes.cube(&images, product, &request.params, &cards))?;
        staged.commit()?;
        watch.advance(1)?;
    }
    Ok(format!(
        "{}, {}: {} channels, {} samples used, {} beyond Nyquist left out{}\n",
        request.dirty.display(),
        request.psf.display(),
        table.freq_hz.len(),
        totals(&images).used,
        totals(&images).beyond_nyquist,
        match images.beams.first() {
            Some(b) => format!(
                ", beam {} x {}",
                format_quantity(b.major_rad, Dimension::Angle),
                format_quantity(b.minor_rad, Dimension::Angle)
            ),
            None => String::new(),
        }
    ))
}

/// Samples of all channels together; the share of the weight is the channels' mean.
pub(super) fn totals(images: &Images) -> Samples {
    let mut sum = Samples::default();
    for s in &images.samples {
        sum.used += s.used;
        sum.flagged += s.flagged;
        sum.beyond_nyquist += s.beyond_nyquist;
        sum.beyond_nyquist_weight += s.beyond_nyquist_weight / images.samples.len() as f64;
    }
    sum
}

fn square(size: usize, cell_rad: f64) -> ImageGeometry {
    ImageGeometry { nx: size, ny: size, dl: -cell_rad, dm: cell_rad }
}

/// The stage as a run does it.
pub(super) fn image_table(table: &VisibilityTable, params: &ImageParams, progress: &dyn Progress) -> Result<Images> {
    let watch = progress.stage("images", table.freq_hz.len() as u64);
    make_images(table, params, &watch)
}

/// Parameters of the imaging stage of a run.
pub(super) fn params_of(settings: &super::params::Settings, pixels: PixelGrid) -> ImageParams {
    ImageParams {
        geometry: square(pixels.size, pixels.cell_rad),
        weighting: settings.image.weighting,
        taper: Default::default(),
        method: ImageMethod::Fft { epsilon: settings.image.epsilon },
        keep_beyond_nyquist: settings.prediction.keep_beyond_nyquist,
    }
}

/// Which cube is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Product {
    Dirty,
    Psf,
}

/// What the headers of dirty image and PSF share.
#[derive(Debug, Clone, Copy)]
pub(super) struct CubeAxes<'a> {
    pub table: &'a VisibilityTable,
    pub specsys: &'a str,
}

impl CubeAxes<'_> {
    pub(super) fn cube(&self, images: &Images, product: Product, params: &ImageParams, cards: &[Card]) -> FitsCube {
        let data: &Array3<f64> = match product {
            Product::Dirty => &images.dirty,
            Product::Psf => &images.psf,
        };
        let mut cards = cards.to_vec();
        cards.push(Card::text("WEIGHT", params.weighting.to_string(), "weighting of the visibilities"));
        match params.method {
            ImageMethod::Fft { epsilon } => cards.push(Card::float("GRIDEPS", epsilon, "accuracy of gridding")),
            ImageMethod::Dft => cards.push(Card::text("IMAGER", "DFT", "exact sums")),
        }
        let samples = totals(images);
        cards.push(Card::int("NVIS", samples.used as i64, "samples imaged"));
        cards.push(Card::int("NNYQUIST", samples.beyond_nyquist as i64, "samples beyond Nyquist, left out"));
        cards.push(Card::float("WNYQUIST", samples.beyond_nyquist_weight, "their share of the weight"));
        let noise = images.noise_jy.iter().copied().fold(0.0, f64::max);
        if noise > 0.0 && product == Product::Dirty {
            cards.push(Card::float("NOISESIG", noise, "thermal noise by the weights, largest channel, Jy/beam"));
        }
        FitsCube {
            data: data.mapv(|v| v as f32),
            sky: sky_axes(self.table.phase_centre, params.geometry.nx, params.geometry.ny, params.geometry.dm),
            spectral: spectral_axis(&self.table.freq_hz, self.table.channel_width_hz, self.specsys),
            stokes: "I".into(),
            unit: "Jy/beam".into(),
            beams: images.beams.clone(),
            cards,
        }
    }
}

/// Writes one cube under its name.
pub(super) fn write_product(path: &Path, cube: &FitsCube) -> Result<()> {
    let staged = Staged::new(path)?;
    write_cube(staged.path(), cube)?;
    staged.commit()
}
