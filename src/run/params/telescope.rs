use super::places;
use crate::error::{Error, Result};
use crate::formats::config::Document;
use crate::telescope::Telescope;
use crate::telescope::beam::BeamChoice;
use std::path::Path;

/// `[telescope]`: the array and its beams.
#[derive(Debug, Clone)]
pub struct TelescopeSettings {
    /// The array.
    pub telescope: Telescope,
    /// Voltage beam of its stations.
    pub beam: BeamChoice,
}

pub(super) fn read(document: &Document) -> Result<TelescopeSettings> {
    let s = document.section("telescope")?;
    let name = s.text("name")?;
    let file = s.path("file")?;
    let oskar = s.path("oskar")?;
    let beam = match s.choice("beam", &["auto", "none", "gaussian", "airy", "cosine"])? {
        Some("none") => BeamChoice::None,
        Some("gaussian") => BeamChoice::Gaussian,
        Some("airy") => BeamChoice::Airy,
        Some("cosine") => BeamChoice::CosineTaper,
        _ => BeamChoice::Auto,
    };
    let place = s.place("name");
    let twice = places(&s, &["name", "file", "oskar"]);
    s.finish()?;
    let telescope = match (name, file, oskar) {
        (Some(name), None, None) => Telescope::preset(&name).map_err(|e| e.place(place.clone()))?,
        (None, Some(file), None) => Telescope::from_file(&file)?,
        (None, None, Some(folder)) => supported_oskar_folder(&folder)?,
        (None, None, None) => Telescope::preset("ska-mid-aa4")?,
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
    Ok(TelescopeSettings { telescope, beam })
}

/// A telescope from an OSKAR folder that holds nothing beyond what is supported.
pub(in crate::run) fn supported_oskar_folder(folder: &Path) -> Result<Telescope> {
    let (telescope, unsupported) = Telescope::from_oskar_folder(folder)?;
    match unsupported.first() {
        None => Ok(telescope),
        Some(first) => Err(Error::input("the OSKAR telescope folder holds what is not supported yet")
            .found(format!("{first}{}", if unsupported.len() > 1 { ", ..." } else { "" }))
            .expected("position.txt, layout files and station folders with a layout alone")
            .place(folder.display())
            .hint("take these files away if what they describe may be left out")),
    }
}
