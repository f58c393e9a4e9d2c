use super::lists::{ListKind, read_columns, read_healpix, read_ranges};
use super::{places, positive, unless_auto};
use crate::error::{Error, Result};
use crate::formats::config::{Document, Section};
use crate::formats::eor::{EorKind, EorWords};
use crate::formats::fits::SpectralKind;
use crate::formats::snapshot::Format;
use crate::sky::cosmology::Cosmology;
use crate::sky::filter::SkyFilter;
use crate::sky::galaxy::{Kind, Order};
use crate::sky::h2::{Columns, H2Model, H2Settings};
use crate::sky::neutral::HiModel;
use crate::sky::products::OpticalDepth;
use crate::sky::snapshot::SubhaloFilter;
use crate::time::VelocityFrame;
use crate::units::hi::NU0_HZ;
use crate::units::{BoxLength, C_KM_S, DEG_RAD, Dimension, RaDec};
use std::path::PathBuf;

/// Where the sky comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum SkySource {
    /// Gas cells of a simulation.
    Snapshot {
        /// A snapdir folder, its parent, or one file.
        path: PathBuf,
        /// Layout of the files; `None`: told from them.
        format: Option<Format>,
        /// Centre of the selection; `None` with a subhalo, or for a whole file.
        centre: Option<[BoxLength; 3]>,
        /// Radius of the selection.
        radius: Option<BoxLength>,
        /// One subhalo of a group catalogue.
        subhalo: Option<SubhaloChoice>,
        /// Go on without chunks that are not there.
        allow_missing_chunks: bool,
    },
    /// A galaxy of the built-in maker.
    Galaxy(Order),
    /// A FITS image or cube.
    Fits {
        /// The file.
        path: PathBuf,
        /// Subtract each channel's mean; `None`: for temperatures.
        subtract_mean: Option<bool>,
    },
    /// A box or a light cone of the epoch of reionisation.
    Eor {
        /// The file.
        path: PathBuf,
        /// What is said about it.
        eor: Box<EorSettings>,
    },
    /// A list of points and Gaussians.
    Components {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: ListKind,
    },
}

/// How a box of reionisation is read and put on the sky.
#[derive(Debug, Clone, PartialEq)]
pub struct EorSettings {
    /// Box or light cone.
    pub kind: EorKind,
    /// What the file does not say.
    pub words: EorWords,
    /// Side of the sky, rad; `None`: that of the box.
    pub field_rad: Option<f64>,
    /// Each channel at its own distance across the line of sight; `None`: for light cones.
    pub scaled: Option<bool>,
    /// Subtract each channel's mean; `None`: yes.
    pub subtract_mean: Option<bool>,
}

/// A subhalo and the group catalogue that lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct SubhaloChoice {
    /// The folder groups_* or one file fof_subhalo_tab_*.hdf5.
    pub catalogue: PathBuf,
    /// TNG's offsets file.
    pub offsets: Option<PathBuf>,
    /// Which one.
    pub which: WhichSubhalo,
}

/// How a subhalo is told from the others.
#[derive(Debug, Clone, PartialEq)]
pub enum WhichSubhalo {
    /// By its number in the catalogue.
    Number(u64),
    /// The nth, from 0 and by number, of those within ranges of mass.
    Nth {
        /// Which of them.
        nth: usize,
        /// The ranges.
        filter: SubhaloFilter,
    },
}

/// How a galaxy is turned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Inclined {
    /// Along an axis of the box: 0, 1 or 2.
    BoxAxis(usize),
    /// Three Euler angles, rad.
    Euler([f64; 3]),
    /// By the angular momentum of the HI.
    Disc {
        /// 0 is face-on, rad.
        inclination_rad: f64,
        /// Of the receding side, from north through east, rad.
        position_angle_rad: f64,
        /// Which side of the disc recedes, rad.
        azimuth_rad: f64,
    },
}

/// Where a galaxy stands.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacingSettings {
    /// Luminosity distance, Mpc.
    pub distance_mpc: Option<f64>,
    /// Cosmological redshift.
    pub redshift: Option<f64>,
    /// Peculiar velocity, km/s, receding positive.
    pub peculiar_velocity_km_s: f64,
    /// Name of a cosmology, or `None` for that of the file.
    pub cosmology: Option<String>,
    /// Direction of a galaxy's centre; `None` is the phase centre.
    pub direction: Option<RaDec>,
}

/// Channels of the sky and so of the visibilities.
#[derive(Debug, Clone, PartialEq)]
pub struct SpectralSettings {
    /// Number of channels; `None`: 32, or those of a FITS cube.
    pub channels: Option<usize>,
    /// Width, Hz; `None`: as wide as the line needs, or that of a FITS cube.
    pub width_hz: Option<f64>,
    /// Centre of the band, Hz; `None`: that of the line.
    pub centre_hz: Option<f64>,
    /// Spectral reference frame of the channels; `None`: that of a FITS cube, else BARYCENT.
    pub specsys: Option<String>,
    /// Frame in which a galaxy's redshift is stated.
    pub velocity_frame: VelocityFrame,
    /// The coordinate in which channels are equally wide and stated in files.
    pub axis: SpectralKind,
    /// Width in optical velocity, km/s; `None`: as wide as the line needs.
    pub optical_width_km_s: Option<f64>,
    /// Centre of the band in optical velocity, km/s; `None`: that of the line.
    pub optical_centre_km_s: Option<f64>,
}

impl SpectralSettings {
    /// Frame of channels that are not a file's own.
    pub fn specsys(&self) -> &str {
        self.specsys.as_deref().unwrap_or("BARYCENT")
    }
}

/// `[sky]`.
#[derive(Debug, Clone, PartialEq)]
pub struct SkySettings {
    /// Where it comes from.
    pub source: SkySource,
    /// Which components of a list count.
    pub filter: SkyFilter,
    /// Orientation of a galaxy.
    pub inclined: Inclined,
    /// Distance of a galaxy.
    pub placing: PlacingSettings,
    /// Channels.
    pub spectral: SpectralSettings,
    /// A FITS cube whose pixels, channels and frames are taken.
    pub like: Option<PathBuf>,
    /// Whether `sky maps` makes the pixels of skais-mapper.
    pub compat_skais: bool,
    /// Remove the HI-mass-weighted mean velocity.
    pub systemic_zero: bool,
    /// Add the Hubble flow across the object.
    pub hubble_flow: bool,
    /// Two-phase correction of star-forming cells.
    pub star_forming_correction: bool,
    /// Model of the molecular hydrogen that is split off.
    pub h2: H2Model,
    /// Surface densities that models of the molecular hydrogen look at.
    pub h2_columns: Columns,
    /// Share of the ultraviolet light of star-forming cells that reaches other cells.
    pub uv_escape_fraction: f64,
    /// Line temperature of star-forming cells, K.
    pub star_forming_temperature_k: f64,
    /// Turbulent line width, km/s.
    pub turbulence_km_s: f64,
    /// Comoving depth of T_b maps, Mpc.
    pub tb_depth_mpc: f64,
    /// Coefficient of T_b maps, mK; `None`: from A10.
    pub tb_coefficient_mk: Option<f64>,
    /// Whether the gas absorbs its own light.
    pub optical_depth: OpticalDepth,
    /// Share of the HI of star-forming cells that is cold.
    pub cold_fraction: f64,
    /// Temperature of that share, K.
    pub cold_temperature_k: f64,
}

pub(super) fn read(document: &Document) -> Result<SkySettings> {
    let s = document.section("sky")?;
    let source = read_source(&s)?;
    let inclined = read_orientation(&s)?;
    let placing = PlacingSettings {
        distance_mpc: s.quantity("distance", Dimension::Distance)?.map(|d| positive(&s, "distance", d)).transpose()?,
        redshift: s.float("redshift", ..)?,
        peculiar_velocity_km_s: s.quantity("peculiar_velocity", Dimension::Velocity)?.unwrap_or(0.0),
        cosmology: s.text("cosmology")?.filter(|name| name != "file"),
        direction: read_direction(&s)?,
    };
    if let Some(name) = &placing.cosmology {
        Cosmology::named(name).map_err(|e| e.place(s.place("cosmology")))?;
    }
    if placing.redshift.is_some_and(|z| !(0.0..=30.0).contains(&z)) {
        return Err(s
            .refuse("redshift", "0 to 30")
            .hint("for a blueshift give sky.distance and a negative sky.peculiar_velocity"));
    }
    if placing.peculiar_velocity_km_s.abs() >= 0.1 * C_KM_S {
        return Err(s.refuse("peculiar_velocity", "well below the speed of light: at most 30000 km/s"));
    }
    let spectral = read_spectral(&s)?;
    let h2_pixel_kpc = s.quantity("h2_pixel", Dimension::Distance)?.map_or(Columns::DEFAULT_PIXEL_KPC, |mpc| 1e3 * mpc);
    let h2_pixel_kpc = positive(&s, "h2_pixel", h2_pixel_kpc)?;
    let settings = SkySettings {
        source,
        inclined,
        placing,
        spectral,
        like: s.path("like")?,
        compat_skais: s.choice("compat", &["none", "skais"])? == Some("skais"),
        systemic_zero: s.choice("systemic", &["zero", "keep"])? != Some("keep"),
        hubble_flow: s.boolean("hubble_flow")?.unwrap_or(true),
        star_forming_correction: s.boolean("star_forming_correction")?.unwrap_or(true),
        h2: s.choice("h2", &H2Model::ALL.map(H2Model::word))?.and_then(H2Model::named).unwrap_or_default(),
        h2_columns: match s.choice("h2_geometry", &["volumetric", "projected"])? {
            Some("projected") => Columns::FaceOn { pixel_kpc: h2_pixel_kpc },
            _ => Columns::JeansLength,
        },
        uv_escape_fraction: s
            .float("uv_escape_fraction", 0.0..=1.0)?
            .unwrap_or(H2Settings::default().uv_escape_fraction),
        star_forming_temperature_k: positive(
            &s,
            "star_forming_temperature",
            s.quantity("star_forming_temperature", Dimension::Temperature)?.unwrap_or(8000.0),
        )?,
        turbulence_km_s: match s.quantity("turbulence", Dimension::Velocity)? {
            Some(v) if v < 0.0 => return Err(s.refuse("turbulence", "0 km/s or more")),
            given => given.unwrap_or(5.0),
        },
        tb_depth_mpc: positive(&s, "tb_depth", s.quantity("tb_depth", Dimension::Distance)?.unwrap_or(0.2))?,
        tb_coefficient_mk: s.float("tb_coefficient", ..)?.map(|mk| positive(&s, "tb_coefficient", mk)).transpose()?,
        optical_depth: match s.choice("optical_depth", &["thin", "self-absorbed"])? {
            Some("self-absorbed") => OpticalDepth::SelfAbsorbed,
            _ => OpticalDepth::Thin,
        },
        cold_fraction: s.float("cold_fraction", 0.0..=1.0)?.unwrap_or(HiModel::default().cold_fraction),
        filter: read_ranges(&s)?,
        cold_temperature_k: positive(
            &s,
            "cold_temperature",
            s.quantity("cold_temperature", Dimension::Temperature)?.unwrap_or(HiModel::default().cold_temperature_k),
        )?,
    };
    s.finish()?;
    Ok(settings)
}

fn read_spectral(s: &Section) -> Result<SpectralSettings> {
    let frames = VelocityFrame::ALL.map(VelocityFrame::word);
    let axis = match s.choice("spectral_axis", &["freq", "vrad", "vopt"])? {
        Some("vrad") => SpectralKind::Radio,
        Some("vopt") => SpectralKind::Optical,
        _ => SpectralKind::Frequency,
    };
    let width = read_spectral_quantity(s, "channel_width", axis)?;
    let centre = read_spectral_quantity(s, "band_centre", axis)?;
    // radio velocities are frequencies: nu = nu0 (1 - v/c)
    let (width_hz, optical_width_km_s) = match width {
        Some(Spectral::Velocity(v)) if axis == SpectralKind::Radio => (Some(NU0_HZ * v / C_KM_S), None),
        Some(Spectral::Velocity(v)) => (None, Some(v)),
        Some(Spectral::Frequency(f)) => (Some(f), None),
        None => (None, None),
    };
    width_hz.or(optical_width_km_s).map(|w| positive(s, "channel_width", w)).transpose()?;
    let (centre_hz, optical_centre_km_s) = match centre {
        Some(Spectral::Velocity(v)) if axis == SpectralKind::Radio => (Some(NU0_HZ * (1.0 - v / C_KM_S)), None),
        Some(Spectral::Velocity(v)) => (None, Some(v)),
        Some(Spectral::Frequency(f)) => (Some(f), None),
        None => (None, None),
    };
    centre_hz.map(|f| positive(s, "band_centre", f)).transpose()?;
    if optical_centre_km_s.is_some_and(|v| v <= -C_KM_S) {
        return Err(s.refuse("band_centre", "a velocity above that of light approaching"));
    }
    Ok(SpectralSettings {
        channels: s.integer("channels", 1..=65536)?.map(|n| n as usize),
        width_hz,
        centre_hz,
        specsys: s.choice("specsys", &frames)?.map(String::from),
        velocity_frame: s.choice("velocity_frame", &frames)?.and_then(VelocityFrame::named).unwrap_or_default(),
        axis,
        optical_width_km_s,
        optical_centre_km_s,
    })
}

/// A number along the spectral axis.
enum Spectral {
    /// Hz.
    Frequency(f64),
    /// km/s.
    Velocity(f64),
}

/// The quantity at `key`, in what the axis is stated in; radio velocities and frequencies go for each other.
fn read_spectral_quantity(s: &Section, key: &str, axis: SpectralKind) -> Result<Option<Spectral>> {
    let is_velocity = s.text(key).ok().flatten().is_some_and(|text| text.trim_end().ends_with("m/s"));
    match (axis, is_velocity) {
        (SpectralKind::Frequency, true) => Err(s
            .refuse(key, "a frequency")
            .hint("with sky.spectral_axis = \"vrad\" or \"vopt\", which say what it means, it may be a velocity")),
        (_, true) => Ok(unless_auto(s, key, || s.quantity(key, Dimension::Velocity))?.map(Spectral::Velocity)),
        (SpectralKind::Optical, false) => match unless_auto(s, key, || s.quantity(key, Dimension::Frequency))? {
            None => Ok(None),
            Some(_) => Err(s.refuse(
                key,
                "a velocity such as \"5 km/s\": channels of equal optical velocity are not equal in frequency",
            )),
        },
        (_, false) => Ok(unless_auto(s, key, || s.quantity(key, Dimension::Frequency))?.map(Spectral::Frequency)),
    }
}

fn read_source(s: &Section) -> Result<SkySource> {
    let snapshot = s.path("snapshot")?;
    let fits = s.path("fits")?;
    let components = s.path("components")?;
    let image = s.path("image")?;
    let healpix = s.path("healpix")?;
    let (coeval, lightcone) = (s.path("coeval")?, s.path("lightcone")?);
    let has_galaxy = s.has("galaxy");
    let named: Vec<&str> = [
        ("snapshot", snapshot.is_some()),
        ("fits", fits.is_some()),
        ("coeval", coeval.is_some()),
        ("lightcone", lightcone.is_some()),
        ("components", components.is_some()),
        ("image", image.is_some()),
        ("healpix", healpix.is_some()),
        ("galaxy", has_galaxy),
    ]
    .into_iter()
    .filter_map(|(name, there)| there.then_some(name))
    .collect();
    if named.len() > 1 {
        return Err(Error::input("the sky is given twice")
            .found(format!("sky.{}", named.join(" and sky.")))
            .expected(
                "one of sky.snapshot, sky.galaxy, sky.fits, sky.coeval, sky.lightcone, sky.components, sky.image and \
                 sky.healpix",
            )
            .place(places(s, &named))
            .hint("remove all but one; --set adds a key but cannot remove one of the file"));
    }
    // keys of the sources are known whichever is chosen, so that a misspelt one is told apart
    let format = s.choice("format", &Format::NAMES)?.and_then(Format::named);
    let centre = s.box_lengths("centre")?;
    let radius = match s.box_lengths("radius")?.as_deref() {
        None => None,
        Some(&[radius]) if radius.is_positive() => Some(radius),
        Some(_) => return Err(s.refuse("radius", "one length above 0, \"60 ckpc/h\"")),
    };
    let subhalo = read_subhalo(s)?;
    let allow_missing_chunks = s.boolean("allow_missing_chunks")?.unwrap_or(false);
    let subtract_mean = s.choice("subtract_mean", &["auto", "channel", "none"])?;
    let galaxy = s.section("galaxy")?;
    let seed = galaxy.integer("seed", 0..=i64::MAX)?.unwrap_or(1) as u64;
    let hi_mass_msun = match galaxy.quantities("hi_mass", Dimension::Mass)?.as_deref() {
        None => None,
        Some(&[mass]) => Some([mass; 2]),
        Some(&[low, high]) => Some([low, high]),
        Some(_) => return Err(galaxy.refuse("hi_mass", "one mass, \"5e9 Msun\", or a range, \"1e8 1e10 Msun\"")),
    };
    if hi_mass_msun.is_some_and(|[low, high]| !(low > 0.0 && high >= low)) {
        return Err(galaxy.refuse("hi_mass", "masses above 0, the lighter first"));
    }
    let cells = galaxy.integer("cells", 100..=50_000_000)?.map(|n| n as usize);
    let galaxy_kind = galaxy.choice("kind", &Kind::ALL.map(Kind::word))?.and_then(Kind::named).unwrap_or_default();
    let particles = galaxy.integer("stars", 0..=50_000_000)?.unwrap_or(20_000) as usize;
    galaxy.finish()?;
    let kind = if lightcone.is_some() { EorKind::LightCone } else { EorKind::Coeval };
    let eor = read_eor(s, kind)?;
    let mapping = read_columns(s)?;
    let request = read_healpix(s)?;
    let subtract_mean = match subtract_mean {
        Some("channel") => Some(true),
        Some("none") => Some(false),
        _ => None,
    };
    if let Some(path) = snapshot {
        let centre = match centre.as_deref() {
            None => None,
            Some(&[x, y, z]) => Some([x, y, z]),
            Some(other) => {
                let found = format!("three coordinates, \"26049 10200 27254 ckpc/h\", and not {}", other.len());
                return Err(s.refuse("centre", found));
            }
        };
        if centre.is_some() != radius.is_some() {
            return Err(Error::input("a selection needs a centre and a radius")
                .found(if centre.is_some() { "sky.centre alone" } else { "sky.radius alone" })
                .expected("both, or sky.subhalo with sky.group_catalogue")
                .place(places(s, &["centre", "radius"]))
                .hint("leave both out to take the whole file"));
        }
        return Ok(SkySource::Snapshot { path, format, centre, radius, subhalo, allow_missing_chunks });
    }
    if let Some(path) = fits {
        return Ok(SkySource::Fits { path, subtract_mean });
    }
    if let Some(path) = coeval.or(lightcone) {
        return Ok(SkySource::Eor { path, eor: Box::new(EorSettings { subtract_mean, ..eor }) });
    }
    if let Some(path) = components {
        return Ok(SkySource::Components { path, kind: ListKind::List(Box::new(mapping)) });
    }
    if let Some(path) = image {
        return Ok(SkySource::Components { path, kind: ListKind::Image });
    }
    if let Some(path) = healpix {
        return Ok(SkySource::Components { path, kind: ListKind::Healpix(Box::new(request)) });
    }
    Ok(SkySource::Galaxy(Order { kind: galaxy_kind, seed, hi_mass_msun, cells, particles, ..Order::default() }))
}

/// `[sky.eor]`.
fn read_eor(s: &Section, kind: EorKind) -> Result<EorSettings> {
    let eor = s.section("eor")?;
    let words = EorWords {
        dataset: eor.text("dataset")?,
        axis_order: eor.text("axis_order")?,
        box_length: match eor.box_lengths("box_length")?.as_deref() {
            None => None,
            Some(&[length]) if length.is_positive() => Some(length),
            Some(_) => return Err(eor.refuse("box_length", "one length above 0, \"300 Mpc\"")),
        },
        unit: eor.text("units")?,
        redshift: eor.float("redshift", 0.0..1000.0)?,
        distances: eor.text("distances")?,
    };
    let field_rad = eor.quantity("field", Dimension::Angle)?.map(|f| positive(&eor, "field", f)).transpose()?;
    if field_rad.is_some_and(|f| f > 60.0 * DEG_RAD) {
        return Err(eor.refuse("field", "at most 60 deg: the box is put on a flat sky"));
    }
    let scaled = eor.choice("across", &["auto", "fixed", "scaled"])?;
    let scaled = match scaled {
        Some("fixed") => Some(false),
        Some("scaled") => Some(true),
        _ => None,
    };
    eor.finish()?;
    Ok(EorSettings { kind, words, field_rad, scaled, subtract_mean: None })
}

/// Ranges of mass of subhalos: stellar_mass, gas_mass, and that of HI at `hi_key`.
pub(super) fn read_filter(s: &Section, hi_key: &str) -> Result<SubhaloFilter> {
    let range = |key: &str| -> Result<Option<[f64; 2]>> {
        match s.quantities(key, Dimension::Mass)?.as_deref() {
            None => Ok(None),
            Some(&[low, high]) if low >= 0.0 && low <= high => Ok(Some([low, high])),
            Some(_) => Err(s.refuse(key, "the smallest and the largest mass, \"1e9 1e11 Msun\"")),
        }
    };
    Ok(SubhaloFilter { stellar_msun: range("stellar_mass")?, gas_msun: range("gas_mass")?, hi_msun: range(hi_key)? })
}

fn read_subhalo(s: &Section) -> Result<Option<SubhaloChoice>> {
    let number = s.integer("subhalo", 0..=i64::MAX)?.map(|n| n as u64);
    let nth = s.integer("nth", 0..=i64::MAX)?.map(|n| n as usize);
    let (catalogue, offsets) = (s.path("group_catalogue")?, s.path("offsets")?);
    let filter = read_filter(s, "hi_mass_range")?;
    let ranges = ["stellar_mass", "gas_mass", "hi_mass_range", "nth"];
    let by_range = ranges.iter().any(|key| s.has(key));
    let which = match (number, by_range) {
        (None, false) => {
            return match ["group_catalogue", "offsets"].into_iter().find(|key| s.has(key)) {
                None => Ok(None),
                Some(key) => Err(Error::input(format!("sky.{key} has no effect"))
                    .found(format!("sky.{key} without a subhalo"))
                    .expected("sky.subhalo, or ranges of mass (sky.stellar_mass, sky.gas_mass, sky.hi_mass_range) with sky.nth")
                    .place(s.place(key))
                    .hint("name a subhalo, or remove the key; `sky maps --subhalos` names several")),
            };
        }
        (Some(number), false) => WhichSubhalo::Number(number),
        (None, true) => WhichSubhalo::Nth { nth: nth.unwrap_or(0), filter },
        (Some(_), true) => {
            let keys: Vec<&str> = ["subhalo"].into_iter().chain(ranges).filter(|key| s.has(key)).collect();
            return Err(Error::input("the subhalo is given twice")
                .found(format!("sky.{}", keys.join(" and sky.")))
                .expected("its number (sky.subhalo), or ranges of mass with sky.nth")
                .place(places(s, &keys))
                .hint("remove all but one way"));
        }
    };
    let sphere: Vec<&str> = ["centre", "radius"].into_iter().filter(|key| s.has(key)).collect();
    if !sphere.is_empty() {
        let chosen = ["subhalo"].into_iter().chain(ranges).filter(|key| s.has(key));
        let keys: Vec<&str> = chosen.chain(sphere).collect();
        return Err(Error::input("the selection is given twice")
            .found(format!("sky.{}", keys.join(" and sky.")))
            .expected("a sphere (sky.centre and sky.radius), or a subhalo of sky.group_catalogue")
            .place(places(s, &keys))
            .hint("remove all but one way"));
    }
    match catalogue {
        Some(catalogue) => Ok(Some(SubhaloChoice { catalogue, offsets, which })),
        None => Err(s.missing("group_catalogue", "the folder of fof_subhalo_tab files")),
    }
}

fn read_direction(s: &Section) -> Result<Option<RaDec>> {
    match s.quantities("direction", Dimension::Angle)?.as_deref() {
        None => Ok(None),
        Some(&[ra_rad, dec_rad]) => Ok(Some(RaDec { ra_rad, dec_rad })),
        Some(other) => Err(Error::input("sky.direction needs a right ascension and a declination")
            .found(format!("{} numbers", other.len()))
            .expected("\"30.02 -35.01 deg\"")
            .place(s.place("direction"))),
    }
}

fn read_orientation(s: &Section) -> Result<Inclined> {
    let inclination = s.quantity("inclination", Dimension::Angle)?;
    let position_angle = s.quantity("position_angle", Dimension::Angle)?;
    let azimuth = s.quantity("azimuth", Dimension::Angle)?;
    let axis = s.choice("line_of_sight", &["x", "y", "z"])?;
    let euler = s.quantities("euler", Dimension::Angle)?;
    let disc = inclination.is_some() || position_angle.is_some() || azimuth.is_some();
    if usize::from(disc) + usize::from(axis.is_some()) + usize::from(euler.is_some()) > 1 {
        let keys = ["inclination", "position_angle", "azimuth", "line_of_sight", "euler"];
        let found: Vec<&str> = keys.into_iter().filter(|key| s.has(key)).collect();
        return Err(Error::input("the orientation is given twice")
            .found(format!("sky.{}", found.join(", sky.")))
            .expected("one of sky.inclination (with position_angle, azimuth), sky.line_of_sight and sky.euler")
            .place(places(s, &keys))
            .hint("remove all but one way"));
    }
    match (axis, euler.as_deref()) {
        (Some(axis), _) => Ok(Inclined::BoxAxis(match axis {
            "x" => 0,
            "y" => 1,
            _ => 2,
        })),
        (None, Some(&[a, b, c])) => Ok(Inclined::Euler([a, b, c])),
        (None, Some(_)) => Err(s.refuse("euler", "three angles, \"30 60 10 deg\"")),
        (None, None) => Ok(Inclined::Disc {
            inclination_rad: inclination.unwrap_or(45.0 * DEG_RAD),
            position_angle_rad: position_angle.unwrap_or(0.0),
            azimuth_rad: azimuth.unwrap_or(0.0),
        }),
    }
}
