use super::{places, positive, unless_auto};
use crate::error::{Error, Result};
use crate::formats::config::{Document, Section};
use crate::formats::snapshot::Format;
use crate::sky::cosmology::Cosmology;
use crate::sky::galaxy::{Kind, Order};
use crate::sky::h2::{H2Model, H2Settings};
use crate::units::{C_KM_S, DEG_RAD, Dimension, RaDec};
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
        /// Centre of the selection, comoving kpc/h; `None` with a subhalo, or for a whole file.
        centre_ckpc_h: Option<[f64; 3]>,
        /// Radius of the selection, comoving kpc/h.
        radius_ckpc_h: Option<f64>,
        /// Subhalo number and the group catalogue that lists it.
        subhalo: Option<(u64, PathBuf)>,
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
    /// A list of points and Gaussians in OSKAR's text formats.
    Components {
        /// The file.
        path: PathBuf,
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
    /// Spectral reference frame; `None`: that of a FITS cube, else BARYCENT.
    pub specsys: Option<String>,
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
    /// Orientation of a galaxy.
    pub inclined: Inclined,
    /// Distance of a galaxy.
    pub placing: PlacingSettings,
    /// Channels.
    pub spectral: SpectralSettings,
    /// Remove the HI-mass-weighted mean velocity.
    pub systemic_zero: bool,
    /// Add the Hubble flow across the object.
    pub hubble_flow: bool,
    /// Two-phase correction of star-forming cells.
    pub star_forming_correction: bool,
    /// Model of the molecular hydrogen that is split off.
    pub h2: H2Model,
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
    let spectral = SpectralSettings {
        channels: s.integer("channels", 1..=65536)?.map(|n| n as usize),
        width_hz: unless_auto(&s, "channel_width", || s.quantity("channel_width", Dimension::Frequency))?
            .map(|w| positive(&s, "channel_width", w))
            .transpose()?,
        centre_hz: unless_auto(&s, "band_centre", || s.quantity("band_centre", Dimension::Frequency))?
            .map(|f| positive(&s, "band_centre", f))
            .transpose()?,
        specsys: s.choice("specsys", &["BARYCENT", "LSRK", "TOPOCENT", "GEOCENTR", "HELIOCEN"])?.map(String::from),
    };
    let settings = SkySettings {
        source,
        inclined,
        placing,
        spectral,
        systemic_zero: s.choice("systemic", &["zero", "keep"])? != Some("keep"),
        hubble_flow: s.boolean("hubble_flow")?.unwrap_or(true),
        star_forming_correction: s.boolean("star_forming_correction")?.unwrap_or(true),
        h2: s.choice("h2", &H2Model::ALL.map(H2Model::word))?.and_then(H2Model::named).unwrap_or_default(),
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
    };
    s.finish()?;
    Ok(settings)
}

fn read_source(s: &Section) -> Result<SkySource> {
    let snapshot = s.path("snapshot")?;
    let fits = s.path("fits")?;
    let components = s.path("components")?;
    let has_galaxy = s.has("galaxy");
    let named: Vec<&str> = [
        ("snapshot", snapshot.is_some()),
        ("fits", fits.is_some()),
        ("components", components.is_some()),
        ("galaxy", has_galaxy),
    ]
    .into_iter()
    .filter_map(|(name, there)| there.then_some(name))
    .collect();
    if named.len() > 1 {
        return Err(Error::input("the sky is given twice")
            .found(format!("sky.{}", named.join(" and sky.")))
            .expected("one of sky.snapshot, sky.galaxy, sky.fits and sky.components")
            .place(places(s, &named))
            .hint("remove all but one; --set adds a key but cannot remove one of the file"));
    }
    // keys of the sources are known whichever is chosen, so that a misspelt one is told apart
    let format = s.choice("format", &Format::NAMES)?.and_then(Format::named);
    let centre = s.quantities("centre", Dimension::ComovingKpcH)?;
    let radius_ckpc_h = s.quantity("radius", Dimension::ComovingKpcH)?.map(|r| positive(s, "radius", r)).transpose()?;
    let subhalo = s.integer("subhalo", 0..=i64::MAX)?.map(|n| n as u64);
    let group_catalogue = s.path("group_catalogue")?;
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
    let kind = galaxy.choice("kind", &Kind::ALL.map(Kind::word))?.and_then(Kind::named).unwrap_or_default();
    galaxy.finish()?;
    if let Some(path) = snapshot {
        let centre_ckpc_h = match centre.as_deref() {
            None => None,
            Some(&[x, y, z]) => Some([x, y, z]),
            Some(other) => {
                let found = format!("three coordinates, \"26049 10200 27254 ckpc/h\", and not {}", other.len());
                return Err(s.refuse("centre", found));
            }
        };
        if centre_ckpc_h.is_some() != radius_ckpc_h.is_some() && subhalo.is_none() {
            return Err(Error::input("a selection needs a centre and a radius")
                .found(if centre_ckpc_h.is_some() { "sky.centre alone" } else { "sky.radius alone" })
                .expected("both, or sky.subhalo with sky.group_catalogue")
                .place(places(s, &["centre", "radius"]))
                .hint("leave both out to take the whole file"));
        }
        let subhalo = match (subhalo, group_catalogue) {
            (Some(id), Some(catalogue)) => Some((id, catalogue)),
            (None, _) => None,
            (Some(_), None) => return Err(s.missing("group_catalogue", "the folder of fof_subhalo_tab files")),
        };
        return Ok(SkySource::Snapshot { path, format, centre_ckpc_h, radius_ckpc_h, subhalo, allow_missing_chunks });
    }
    if let Some(path) = fits {
        let subtract_mean = match subtract_mean {
            Some("channel") => Some(true),
            Some("none") => Some(false),
            _ => None,
        };
        return Ok(SkySource::Fits { path, subtract_mean });
    }
    if let Some(path) = components {
        return Ok(SkySource::Components { path });
    }
    Ok(SkySource::Galaxy(Order { kind, seed, hi_mass_msun, cells, ..Order::default() }))
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
