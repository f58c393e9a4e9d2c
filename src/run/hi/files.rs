//! The files of `sky hi`.

use super::{HiOptions, HiSky, preview};
use crate::error::{Error, Result, Watch};
use crate::formats::Staged;
use crate::formats::fits::{Card, CubeHeader, CubeWriter, SkyAxes, SpectralAxis};
use crate::formats::hdf_cube::write_hdf_cube;
use crate::run::Progress;
use crate::run::headers::spectral_axis;
use crate::run::sky::{ProductFolder, make_folder};
use crate::sky::moments::moment_maps;
use crate::sky::temperature::TbFrame;
use crate::units::C_KM_S;
use ndarray::{Array2, Axis};
use std::path::{Path, PathBuf};

/// A product of `sky hi`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HiProduct {
    /// Flux densities, Jy/pixel, each channel.
    Flux,
    /// Kinematic brightness temperature, K, each channel.
    Kinematic,
    /// Cosmological brightness temperature, mK.
    Tb,
    /// HI column density, cm^-2.
    Column,
    /// Moments 0, 1 and 2, three files.
    Moments,
    /// Picture of moments, spectrum, position-velocity diagram.
    Preview,
}

impl HiProduct {
    /// All of them.
    pub const ALL: [HiProduct; 6] = [
        HiProduct::Flux,
        HiProduct::Kinematic,
        HiProduct::Tb,
        HiProduct::Column,
        HiProduct::Moments,
        HiProduct::Preview,
    ];

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            HiProduct::Flux => "flux",
            HiProduct::Kinematic => "kinematic",
            HiProduct::Tb => "tb",
            HiProduct::Column => "column",
            HiProduct::Moments => "moments",
            HiProduct::Preview => "preview",
        }
    }

    /// Reads a list such as "flux,tb,moments"; `None` is all.
    ///
    /// # Errors
    /// Unknown names, none, repetitions.
    pub fn parse_list(text: Option<&str>) -> Result<Vec<HiProduct>> {
        let Some(text) = text else { return Ok(HiProduct::ALL.to_vec()) };
        let mut list = Vec::new();
        for word in text.split(',').map(str::trim) {
            match HiProduct::ALL.into_iter().find(|p| p.word() == word).filter(|p| !list.contains(p)) {
                Some(product) => list.push(product),
                None => {
                    return Err(Error::input("unknown product, or one twice")
                        .found(format!("\"{word}\""))
                        .expected(format!("a list of {}", HiProduct::ALL.map(HiProduct::word).join(", ")))
                        .place("--product"));
                }
            }
        }
        Ok(list)
    }

    /// Files, without folder, prefix and ending.
    fn names(self) -> &'static [&'static str] {
        match self {
            HiProduct::Flux => &["flux"],
            HiProduct::Kinematic => &["kinematic"],
            HiProduct::Tb => &["tb"],
            HiProduct::Column => &["column"],
            HiProduct::Moments => &["moment0", "moment1", "moment2"],
            HiProduct::Preview => &["preview"],
        }
    }
}

/// Format of maps and cubes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CubeFormat {
    /// FITS.
    Fits,
    /// HDF5 (docs/formats.md).
    Hdf5,
    /// Each in both.
    Both,
}

impl CubeFormat {
    fn endings(self) -> &'static [&'static str] {
        match self {
            CubeFormat::Fits => &["fits"],
            CubeFormat::Hdf5 => &["h5"],
            CubeFormat::Both => &["fits", "h5"],
        }
    }
}

/// Whether `out` is a folder for the files, and not what their names begin with.
fn is_folder(out: &Path) -> bool {
    out.is_dir() || out.to_string_lossy().ends_with('/')
}

/// The folder in which files go that are written as `out`, a folder or the beginning of names.
pub fn folder_of(out: &Path) -> PathBuf {
    match out.parent() {
        _ if is_folder(out) => out.to_path_buf(),
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Places for the files, found writable.
pub(super) struct Outputs {
    products: Vec<HiProduct>,
    endings: &'static [&'static str],
    /// What stands before each name: "DIR/" or "PREFIX-".
    before: String,
    _folder: Option<ProductFolder>,
}

impl Outputs {
    pub fn new(options: &HiOptions) -> Result<Outputs> {
        let (text, folder) = (options.out.to_string_lossy().into_owned(), is_folder(&options.out));
        let outputs = Outputs {
            products: options.products.clone(),
            endings: options.format.endings(),
            before: if folder { format!("{}/", text.trim_end_matches('/')) } else { format!("{text}-") },
            _folder: folder.then(|| make_folder(&options.out)).transpose()?,
        };
        outputs.paths().iter().try_for_each(|path| Staged::new(path).map(drop))?;
        Ok(outputs)
    }

    fn path(&self, name: &str, ending: &str) -> PathBuf {
        PathBuf::from(format!("{}{name}.{ending}", self.before))
    }

    fn paths(&self) -> Vec<PathBuf> {
        let of = |product: HiProduct| {
            let endings = if product == HiProduct::Preview { &["png"] } else { self.endings };
            product.names().iter().flat_map(move |name| endings.iter().map(move |ending| (*name, *ending)))
        };
        self.products.iter().flat_map(|p| of(*p)).map(|(name, ending)| self.path(name, ending)).collect()
    }

    /// Writes all of them and returns their names.
    pub fn write(&self, sky: &HiSky, progress: &dyn Progress) -> Result<Vec<PathBuf>> {
        let watch = progress.stage("files", self.products.len() as u64);
        for product in &self.products {
            self.write_one(*product, sky, &watch)?;
            watch.advance(1)?;
        }
        Ok(self.paths())
    }

    fn write_one(&self, product: HiProduct, sky: &HiSky, watch: &Watch) -> Result<()> {
        let p = &sky.products;
        match product {
            HiProduct::Flux => self
                .cube("flux", sky, "Jy/pixel", Vec::new(), watch, |c| p.cube.flux_jy.index_axis(Axis(0), c).to_owned()),
            HiProduct::Kinematic => {
                let width = p.placement.rest_width_km_s(p.channels.width_hz);
                let cards = vec![
                    Card::text("TBFRAME", TbFrame::Rest.keyword(), "frame of the temperatures"),
                    Card::float("DVREST", width, "[km/s] channel, rest frame (the mean)"),
                    Card::history("T = N_HI/(1.822e18 dv), dv = c (1+z) dnu/nu0; observed value T/(1+z)"),
                ];
                self.cube("kinematic", sky, "K", cards, watch, |c| p.kinematic_plane_k(TbFrame::Rest, c))
            }
            HiProduct::Tb => {
                let cards = vec![
                    Card::text("TBFRAME", p.tb_frame.keyword(), "frame of the temperatures"),
                    Card::float("TBCOEFF", p.tb_scale.coefficient_mk, "[mK] coefficient of T_b"),
                    Card::float("TBDEPTH", p.tb_scale.depth_ckpc, "[kpc] comoving depth of the map"),
                    Card::history("T_b = TBCOEFF h H0 (1+z)^2/H(z) rho_HI/rho_c, rho_HI = column/TBDEPTH"),
                ];
                self.map("tb", sky, "mK", cards, &p.tb_map_mk)
            }
            HiProduct::Column => self.map("column", sky, "cm**(-2)", Vec::new(), &p.column_map_cm2),
            HiProduct::Moments => {
                let maps = moment_maps(p.cube.flux_jy.view(), &p.velocities_km_s(), &p.channels.widths_hz(), 0.0);
                let line_hz = p.placement.line_freq_hz();
                let cards = || {
                    vec![
                        Card::float("LINEFREQ", line_hz, "[Hz] the line at velocity 0"),
                        Card::history("velocities within the object, by the relativistic Doppler shift from LINEFREQ;"),
                        Card::history("0 where there is no gas (moment 0 is 0)"),
                    ]
                };
                let mut integrated = vec![Card::float("LINEFREQ", line_hz, "[Hz] the line at velocity 0")];
                integrated.push(Card::history("sum S dv, dv = c dnu/LINEFREQ: rest-frame km/s"));
                let moment0 = maps.moment0_jy_hz.mapv(|s| s * C_KM_S / line_hz);
                self.map("moment0", sky, "Jy.km/(s.pixel)", integrated, &moment0)?;
                self.map("moment1", sky, "km/s", cards(), &maps.moment1_km_s)?;
                self.map("moment2", sky, "km/s", cards(), &maps.moment2_km_s)
            }
            HiProduct::Preview => {
                let staged = Staged::new(&self.path("preview", "png"))?;
                preview::figure(sky).save(staged.path())?;
                staged.commit()
            }
        }
    }

    /// One plane a channel, in the order of the file.
    fn cube(
        &self,
        name: &str,
        sky: &HiSky,
        unit: &str,
        cards: Vec<Card>,
        watch: &Watch,
        channel: impl Fn(usize) -> Array2<f64>,
    ) -> Result<()> {
        let products = &sky.products;
        let count = products.channels.freq_hz.len();
        let of_plane = |plane: usize| if sky.falling { count - 1 - plane } else { plane };
        let spectral = SpectralAxis {
            freq_hz: (0..count).map(|plane| products.channels.freq_hz[of_plane(plane)]).collect(),
            width_hz: products.channels.width_hz,
            rest_hz: sky.rest_hz,
            specsys: products.cube.specsys.clone(),
            form: sky.form,
        };
        let header = header(sky, unit, cards, spectral);
        self.planes(name, &header, |plane| {
            watch.check()?;
            Ok(channel(of_plane(plane)).mapv(|v| v as f32))
        })
    }

    /// One plane over the whole band.
    fn map(&self, name: &str, sky: &HiSky, unit: &str, cards: Vec<Card>, values: &Array2<f64>) -> Result<()> {
        let edges = &sky.products.channels.edges_hz;
        let (low, high) = (edges[0], edges[edges.len() - 1]);
        let spectral = spectral_axis(&[0.5 * (low + high)], high - low, &sky.products.cube.specsys);
        self.planes(name, &header(sky, unit, cards, spectral), |_| Ok(values.mapv(|v| v as f32)))
    }

    fn planes(&self, name: &str, header: &CubeHeader, plane: impl Fn(usize) -> Result<Array2<f32>>) -> Result<()> {
        for ending in self.endings {
            let staged = Staged::new(&self.path(name, ending))?;
            if *ending == "h5" {
                write_hdf_cube(staged.path(), header, &plane)?;
            } else {
                write_fits(staged.path(), header, &plane)?;
            }
            staged.commit()?;
        }
        Ok(())
    }
}

fn write_fits(path: &Path, header: &CubeHeader, plane: &impl Fn(usize) -> Result<Array2<f32>>) -> Result<()> {
    let mut writer = CubeWriter::create(path, header)?;
    (0..header.shape.0).try_for_each(|number| writer.append(plane(number)?.view()))?;
    writer.finish(header)
}

fn header(sky: &HiSky, unit: &str, mut own: Vec<Card>, spectral: SpectralAxis) -> CubeHeader {
    let products = &sky.products;
    let (_, ny, nx) = products.cube.flux_jy.dim();
    let mut cards = sky.cards.clone();
    cards.append(&mut own);
    CubeHeader {
        shape: (spectral.freq_hz.len(), ny, nx),
        sky: SkyAxes {
            centre: products.cube.centre,
            step_x_rad: -products.cube.cell_rad,
            step_y_rad: products.cube.cell_rad,
            reference_pixel: products.reference_pixel,
        },
        spectral,
        stokes: "I".into(),
        unit: unit.into(),
        beams: Vec::new(),
        cards,
    }
}
