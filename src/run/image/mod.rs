//! Visibilities to images: the third stage of a run, and the command `image`.

mod beams;
mod clean;
mod continuum;
mod cube;
mod headers;
pub(super) mod memory;
mod products;
mod stream;

pub use clean::CleanWords;
pub use continuum::ContinuumWords;
pub(super) use cube::{CubeAxes, StageProduct, image_table, params_of, write_product};
pub(super) use headers::totals;
pub use products::Product;

use super::Progress;
use crate::error::{Error, Result};
use crate::formats::fits::Beam;
use crate::formats::visibilities::{ChannelReader, VisibilityTable};
use crate::gridding::ImageGeometry;
use crate::imaging::beam_fit::{BeamFit, BeamSource};
use crate::imaging::clean::CleanOptions;
use crate::imaging::{Deconvolver, ImageParams, Method, Stokes, Taper, Weighting};
use crate::units::{Dimension, parse_quantity};
use std::path::PathBuf;

/// The words of `image` as they were given.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageOptions {
    /// Visibility file.
    pub visibilities: PathBuf,
    /// Pixels along each side.
    pub size: usize,
    /// Pixel size with its unit.
    pub scale: String,
    /// Weighting, as [`Weighting::parse`] reads it.
    pub weight: String,
    /// Count uv cells over all channels.
    pub mf_weighting: bool,
    /// FWHM of the Gaussian taper with its unit.
    pub taper_gaussian: Option<String>,
    /// Largest weight of a uv cell over the mean around it.
    pub rank_filter: Option<f64>,
    /// Shortest baseline, wavelengths.
    pub minuv_l: f64,
    /// Longest baseline, wavelengths.
    pub maxuv_l: Option<f64>,
    /// File whose weights are used.
    pub weights_from: Option<PathBuf>,
    /// Number of planes; every channel one where it is `None`.
    pub channels_out: Option<usize>,
    /// Products, as [`Product::parse_list`] reads them.
    pub products: Option<String>,
    /// Stokes parameters, as [`Stokes::parse_list`] reads them.
    pub stokes: String,
    /// Primary beam: none, MODEL:DIAMETER or MODEL.
    pub beam: Option<String>,
    /// Power below which corrected images are 0.
    pub pb_limit: f64,
    /// How beams are fitted, as [`BeamFit::parse`] reads it.
    pub beam_fit: String,
    /// The beam of all planes in place of fitted ones: major axis, minor axis, position angle, with units.
    pub beam_shape: Option<[String; 3]>,
    /// CLEAN.
    pub clean: CleanWords,
    /// Subtraction of the continuum.
    pub continuum: ContinuumWords,
    /// Telescope, where the file does not name it.
    pub telescope: Option<String>,
    /// Relative accuracy of gridding; `None` asks for exact sums.
    pub epsilon: Option<f64>,
    /// Keep baselines beyond the image's Nyquist limit.
    pub keep_beyond_nyquist: bool,
    /// Amount of memory, such as 8GB.
    pub memory: Option<String>,
    /// Prefix of the products.
    pub out: PathBuf,
}

impl ImageOptions {
    /// The defaults of the command line for `visibilities`, `size` pixels of `scale` and the prefix `out`.
    pub fn new(visibilities: PathBuf, size: usize, scale: &str, out: PathBuf) -> ImageOptions {
        ImageOptions {
            visibilities,
            size,
            scale: scale.into(),
            weight: "briggs:0".into(),
            mf_weighting: false,
            taper_gaussian: None,
            rank_filter: None,
            minuv_l: 0.0,
            maxuv_l: None,
            weights_from: None,
            channels_out: None,
            products: None,
            stokes: "I".into(),
            beam: None,
            pb_limit: 0.05,
            beam_fit: BeamFit::default().to_string(),
            beam_shape: None,
            clean: CleanWords::default(),
            continuum: ContinuumWords::default(),
            telescope: None,
            epsilon: Some(1e-5),
            keep_beyond_nyquist: false,
            memory: None,
            out,
        }
    }
}

/// The checked words of `image`.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRequest {
    options: ImageOptions,
    params: ImageParams,
    stokes: Vec<Stokes>,
    /// As asked for; `None`: the default of what there is.
    products: Option<Vec<Product>>,
    memory_bytes: u64,
    /// CLEAN without its mask, where it is asked for.
    clean: Option<CleanOptions>,
    clean_beam: BeamSource,
    continuum: Option<continuum::Continuum>,
}

impl ImageRequest {
    /// Checks the words.
    ///
    /// # Errors
    /// Any that cannot be, with the word.
    pub fn new(options: ImageOptions) -> Result<ImageRequest> {
        let cell_rad = parse_quantity(&options.scale, Dimension::Angle).map_err(|e| e.place("--scale"))?;
        if cell_rad <= 0.0 {
            return Err(Error::input("the pixel size must be above 0")
                .found(&options.scale)
                .expected("a pixel size such as 2asec")
                .place("--scale"));
        }
        let method = match options.epsilon {
            Some(epsilon) => Method::Fft { epsilon: super::params::check_epsilon(epsilon)? },
            None => Method::Dft,
        };
        let fwhm_rad = options
            .taper_gaussian
            .as_ref()
            .map(|text| parse_quantity(text, Dimension::Angle).map_err(|e| e.place("--taper-gaussian")))
            .transpose()?;
        let params = ImageParams {
            geometry: square(options.size, cell_rad),
            weighting: Weighting::parse(&options.weight).map_err(|e| e.place("--weight"))?,
            taper: Taper {
                fwhm_rad,
                min_wavelengths: options.minuv_l,
                max_wavelengths: options.maxuv_l.unwrap_or(f64::INFINITY),
                rank_level: options.rank_filter,
            },
            method,
            keep_beyond_nyquist: options.keep_beyond_nyquist,
        };
        params
            .taper
            .validate()
            .map_err(|e| e.place("--taper-gaussian, --minuv-l, --maxuv-l, --weighting-rank-filter"))?;
        params.geometry.validate().map_err(|e| e.place("--size and --scale"))?;
        if options.rank_filter.is_some() && !params.weighting.counts_cells() {
            return Err(Error::input("--weighting-rank-filter changes nothing with these weights")
                .found(params.weighting)
                .expected("uniform or briggs:R")
                .place("--weight"));
        }
        if options.mf_weighting && !params.weighting.counts_cells() {
            return Err(Error::input("--mf-weighting changes nothing with this weighting")
                .found(&options.weight)
                .expected("uniform or briggs:R"));
        }
        if !(options.pb_limit > 0.0 && options.pb_limit < 1.0) {
            return Err(Error::input("the limit of primary-beam correction is out of range")
                .found(options.pb_limit)
                .expected("between 0 and 1")
                .place("--pb-limit"));
        }
        if options.out.file_name().is_none() {
            return Err(Error::input("--out names no file prefix")
                .found(options.out.display())
                .expected("a prefix such as out/galaxy"));
        }
        if options.channels_out == Some(0) {
            return Err(Error::input("--channels-out must be at least 1").found(0));
        }
        Ok(ImageRequest {
            params,
            clean: options.clean.options()?,
            clean_beam: match &options.beam_shape {
                Some(shape) => BeamSource::Given(beam_shape(shape).map_err(|e| e.place("--beam-shape"))?),
                None => BeamSource::Fit(BeamFit::parse(&options.beam_fit).map_err(|e| e.place("--beam-fit"))?),
            },
            continuum: options.continuum.checked()?,
            stokes: Stokes::parse_list(&options.stokes).map_err(|e| e.place("--stokes"))?,
            products: options.products.as_deref().map(Product::parse_list).transpose()?,
            memory_bytes: memory::limit(options.memory.as_deref(), "--memory")?,
            options,
        })
    }
}

/// `image`: reads a visibility file, writes the products; cleans where the request has iterations.
///
/// # Errors
/// Those of [`run_with`] and of [`clean`](crate::imaging::clean::clean); a mask that cannot be read or has another
/// shape.
pub fn run(request: &ImageRequest, progress: &dyn Progress) -> Result<String> {
    let Some(options) = &request.clean else {
        return run_with(request, None, progress);
    };
    let reader = ChannelReader::open(&request.options.visibilities)?.cross_only();
    let planes = stream::planes_of(&request.options, reader.channels())?;
    let size = request.options.size;
    let cleaner = clean::Cleaner::new(options.clone(), &request.options.clean, (planes, size, size))?;
    run_with(request, Some(&cleaner), progress)
}

/// `image` with a way to deconvolve: model, residual and restored images are its products, then.
///
/// Planes are made a few at a time, as memory allows, and appended to the products; neither the visibilities nor the
/// cubes are ever in memory as a whole, unless they fit.
///
/// # Errors
/// A file that cannot be read; a request that does not fit it; one plane that does not fit into memory; no sample with
/// any weight; what imaging refuses; whatever the disk has to say; an interrupt.
pub fn run_with(
    request: &ImageRequest,
    deconvolver: Option<&dyn Deconvolver>,
    progress: &dyn Progress,
) -> Result<String> {
    let mut reader = ChannelReader::open(&request.options.visibilities)?.cross_only();
    if let Some(other) = &request.options.weights_from {
        reader = reader.weights_from(other);
    }
    stream::Run::new(request, &reader, deconvolver)?.image(progress)
}

fn beam_shape(words: &[String; 3]) -> Result<Beam> {
    let [major, minor, angle] = words.each_ref().map(|text| parse_quantity(text, Dimension::Angle));
    let beam = Beam { major_rad: major?, minor_rad: minor?, angle_rad: angle? };
    if beam.minor_rad > 0.0 && beam.major_rad >= beam.minor_rad {
        Ok(beam)
    } else {
        Err(Error::input("not the shape of a beam")
            .found(words.join(" "))
            .expected("major axis, minor axis (FWHM, the larger first) and position angle, as in 30asec 20asec 45deg"))
    }
}

/// Width of the channels: their step, which is their width in files without gaps; of a single one its width, or 1 Hz
/// where the file does not state it.
fn channel_width_hz(table: &VisibilityTable) -> f64 {
    match table.freq_hz[..] {
        [first, .., last] => (last - first).abs() / (table.freq_hz.len() - 1) as f64,
        _ if table.channel_width_hz > 0.0 => table.channel_width_hz,
        _ => 1.0,
    }
}

pub(super) fn square(size: usize, cell_rad: f64) -> ImageGeometry {
    ImageGeometry { nx: size, ny: size, dl: -cell_rad, dm: cell_rad }
}
