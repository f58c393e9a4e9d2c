use super::dishes::DishWords;
use super::places;
use crate::error::{Error, Result};
use crate::formats::config::Document;
use crate::formats::config::Section;
use crate::formats::oskar::{OskarTelescope, read_oskar_pattern_folder, read_oskar_telescope};
use crate::formats::telescope::read_rotations;
use crate::telescope::array::{ApertureArrays, DipoleLength, Element, Pattern, SphericalWaves, Taper};
use crate::telescope::beam::{BeamChoice, ShapedBeams, StationBeams};
use crate::telescope::{Rotations, Telescope, rotated, vogel_station};
use crate::units::Dimension;
use std::path::Path;
use std::sync::Arc;

/// `[telescope]`: the array and its beams.
#[derive(Debug, Clone)]
pub struct TelescopeSettings {
    /// The array.
    pub telescope: Telescope,
    /// Voltage beam of its stations.
    pub beam: BeamChoice,
    /// Stations as arrays of antennas, in place of such beams.
    pub arrays: Option<Arc<ApertureArrays>>,
    /// Beams of any shape, in place of such beams.
    pub shaped: Option<Arc<ShapedBeams>>,
}

impl TelescopeSettings {
    /// The beams of the stations.
    pub fn beams(&self) -> StationBeams {
        match (&self.arrays, &self.shaped) {
            (Some(arrays), _) => StationBeams::of_arrays(arrays.clone()),
            (None, Some(shaped)) => StationBeams::of_shapes(shaped.clone()),
            (None, None) => StationBeams::new(&self.telescope, self.beam),
        }
    }
}

pub(super) fn read(document: &Document) -> Result<TelescopeSettings> {
    let s = document.section("telescope")?;
    let name = s.text("name")?;
    let file = s.path("file")?;
    let oskar = s.path("oskar")?;
    let chosen = s.choice("beam", &["auto", "none", "gaussian", "airy", "cosine", "array", "katbeam", "fits"])?;
    let beam = match chosen {
        Some("none") => BeamChoice::None,
        Some("gaussian") => BeamChoice::Gaussian,
        Some("airy") => BeamChoice::Airy,
        Some("cosine") => BeamChoice::CosineTaper,
        Some("array" | "katbeam" | "fits") => BeamChoice::None,
        _ => BeamChoice::Auto,
    };
    let array = Some(read_array(&s.section("array")?)?).filter(|_| chosen == Some("array"));
    let dishes = DishWords::read(&s)?;
    let place = s.place("name");
    let twice = places(&s, &["name", "file", "oskar"]);
    s.finish()?;
    let (telescope, model) = match (name, file, oskar) {
        (Some(name), None, None) => (Telescope::preset(&name).map_err(|e| e.place(place.clone()))?, None),
        (None, Some(file), None) => (Telescope::from_file(&file)?, None),
        (None, None, Some(folder)) => {
            let (telescope, model) = supported_oskar_folder(&folder)?;
            (telescope, Some(model))
        }
        (None, None, None) => (Telescope::preset("ska-mid-aa4")?, None),
        _ => {
            return Err(Error::input("the telescope is given twice")
                .expected("one of telescope.name, telescope.file and telescope.oskar")
                .place(twice)
                .hint("remove all but one; --set adds a key but cannot remove one of the file"));
        }
    };
    let needs_diameter = !matches!(beam, BeamChoice::Auto | BeamChoice::None);
    if needs_diameter && let Some(station) = telescope.stations.iter().find(|s| s.diameter_m <= 0.0) {
        return Err(Error::input("a station without a diameter has no such beam")
            .found(format!("station {} of {}", station.name, telescope.name))
            .expected("a positive diameter, or telescope.beam = \"none\""));
    }
    let arrays = array.map(|array| array.of(&telescope, model.as_ref())).transpose()?.map(Arc::new);
    let shaped = match chosen {
        Some("katbeam") => Some(Arc::new(dishes.katbeam(&telescope)?)),
        Some("fits") => Some(Arc::new(dishes.tables(&telescope)?)),
        _ => None,
    };
    Ok(TelescopeSettings { telescope, beam, arrays, shaped })
}

/// `[telescope.array]`.
struct ArrayWords {
    element: Element,
    /// Whether the patterns of an OSKAR folder are used.
    numerical: bool,
    normalise: bool,
    share: bool,
    seed: u64,
    rotations: Rotations,
}

fn read_array(s: &Section) -> Result<ArrayWords> {
    let wavelengths = s.float("dipole_wavelengths", ..)?;
    let metres = s.quantity("dipole_length", Dimension::Length)?;
    let length = match (wavelengths, metres) {
        (Some(_), Some(_)) => {
            return Err(s.refuse("dipole_length", "either this or dipole_wavelengths"));
        }
        (_, Some(metres)) if metres <= 0.0 => return Err(s.refuse("dipole_length", "something above 0")),
        (Some(length), _) if length <= 0.0 => return Err(s.refuse("dipole_wavelengths", "something above 0")),
        (_, Some(metres)) => DipoleLength::Metres(metres),
        (wavelengths, None) => DipoleLength::Wavelengths(wavelengths.unwrap_or(0.5)),
    };
    let element = s.choice("element", &["dipole", "isotropic"])?;
    let pattern = match (element, s.path("spherical_wave")?) {
        (Some(_), Some(_)) => return Err(s.refuse("element", "either this or spherical_wave")),
        (Some("isotropic"), None) => Pattern::Isotropic,
        (_, None) => Pattern::Dipole(length),
        (None, Some(folder)) => Pattern::SphericalWaves(one_type(&folder)?),
    };
    let power = s.float("cosine_power", 0.0..)?.unwrap_or(1.0);
    let fwhm_rad = s.quantity("gaussian_fwhm", Dimension::Angle)?;
    let taper = match s.choice("taper", &["none", "cosine", "gaussian"])? {
        Some("cosine") => Taper::Cosine { power },
        Some("gaussian") => {
            let fwhm_rad = fwhm_rad.ok_or_else(|| s.missing("gaussian_fwhm", "the FWHM of the voltage, \"45 deg\""))?;
            if fwhm_rad <= 0.0 {
                return Err(s.refuse("gaussian_fwhm", "something above 0"));
            }
            Taper::Gaussian { fwhm_rad, reference_hz: 0.0 }
        }
        _ => Taper::None,
    };
    let normalise = s.boolean("normalise")?.unwrap_or(true);
    let share = s.boolean("share")?.unwrap_or(false);
    let seed = s.integer("seed", 0..)?.unwrap_or(1) as u64;
    let rotation_seed = s.integer("rotation_seed", 0..)?.unwrap_or(1) as u64;
    let rotations = match s.path("rotations")? {
        Some(file) => Rotations::Listed(read_rotations(&file)?),
        None => Rotations::Seeded(rotation_seed),
    };
    s.finish()?;
    // whoever names an element wants it
    let numerical = element.is_none();
    let element = Element { pattern, taper, feed_angle_rad: [0.0; 2] };
    Ok(ArrayWords { element, numerical, normalise, share, seed, rotations })
}

/// The spherical waves of a folder with one type of element.
fn one_type(folder: &Path) -> Result<SphericalWaves> {
    let sets = read_oskar_pattern_folder(folder)?;
    let more = sets.iter().map(|set| set.element).find(|element| *element != 0);
    match (SphericalWaves::new(&sets, 0), more) {
        (Some(waves), None) => Ok(waves),
        (_, more) => Err(Error::input("the folder's element patterns are not of one type")
            .found(format!("element type {}", more.unwrap_or(0)))
            .expected("element type 0 alone: all antennas have the same pattern")
            .place(format!("{}, telescope.array.spherical_wave", folder.display()))),
    }
}

impl ArrayWords {
    /// What the antennas of `telescope` make: those of an OSKAR folder's station folders, or those of SKA-Low stations, a
    /// spiral turned by each one's own angle.
    fn of(&self, telescope: &Telescope, model: Option<&OskarTelescope>) -> Result<ApertureArrays> {
        let known = match model {
            Some(model) => {
                let given = matches!(self.element.pattern, Pattern::SphericalWaves(_));
                let own = model.station_types.iter().find_map(|station| station.first_pattern());
                if let Some(own) = own.filter(|_| given) {
                    return Err(Error::input("the OSKAR telescope folder has element patterns of its own")
                        .found(own.display())
                        .expected("either these or telescope.array.spherical_wave"));
                }
                ApertureArrays::from_oskar(model, &self.element, self.numerical, self.normalise, self.seed)?
            }
            None if telescope.stations.iter().all(|s| s.kind == "ska-low") => {
                let spiral = vogel_station();
                let turned = telescope.station_rotations_deg(&self.rotations)?;
                let of = |deg: &f64| rotated(&spiral, *deg).into_iter().map(|[x, y]| [x, y, 0.0]).collect();
                let places: Vec<Vec<[f64; 3]>> = turned.iter().map(of).collect();
                let kind_of = (0..places.len()).collect();
                Some(ApertureArrays::from_places(&places, kind_of, &self.element, self.normalise))
            }
            None => None,
        };
        let arrays = known.ok_or_else(|| {
            Error::input("it is not known what antennas the stations have")
                .found(format!("telescope.beam = \"array\" for {}", telescope.name))
                .expected("an SKA-Low array, or an OSKAR telescope folder with station folders")
                .place("telescope.beam")
        })?;
        Ok(ApertureArrays { shared: self.share, ..arrays })
    }
}

/// A telescope from an OSKAR folder that holds nothing beyond what is supported, and all that it holds.
pub(in crate::run) fn supported_oskar_folder(folder: &Path) -> Result<(Telescope, OskarTelescope)> {
    let model = read_oskar_telescope(folder)?;
    let name = folder.file_stem().map_or("oskar".into(), |n| n.to_string_lossy().into_owned());
    let telescope = Telescope::from_oskar(&name, &model).map_err(|e| e.place(folder.display()))?;
    let unsupported = &model.unsupported;
    match unsupported.first() {
        None => Ok((telescope, model)),
        Some(first) => Err(Error::input("the OSKAR telescope folder holds what is not supported yet")
            .found(format!("{first}{}", if unsupported.len() > 1 { ", ..." } else { "" }))
            .expected("position.txt, layout files, and station folders with text files alone")
            .place(folder.display())
            .hint("take these files away if what they describe may be left out")),
    }
}
