//! Which telescope and which beams a visibility file was made with, by the request or by the file itself.

use crate::error::{Error, Result};
use crate::formats::visibilities::VisibilityTable;
use crate::run::provenance::beam_of;
use crate::telescope::Telescope;
use crate::telescope::beam::{
    AiryBeam, BeamChoice, CosineTaperBeam, GaussianBeam, Isotropic, StationBeams, VoltageBeam, VoltageGaussianBeam,
};
use crate::time::{EarthOrientation, Frame};
use crate::units::{DEG_RAD, Dimension, parse_quantity};
use std::sync::Arc;

/// The telescope named by the request, else by the file.
///
/// # Errors
/// An unknown one, or none.
pub(super) fn telescope_of(named: Option<&str>, table: &VisibilityTable) -> Result<Telescope> {
    if let Some(name) = named {
        return crate::run::telescope::open(name).map_err(|e| e.place("--telescope"));
    }
    let text = table.telescope.trim();
    if text.is_empty() {
        return Err(Error::input("the visibility file does not name its telescope")
            .found("an empty attribute telescope")
            .hint("name it: --telescope NAME"));
    }
    // "name (version)", as visibilities::new_table writes it
    let name = match text.strip_suffix(')').and_then(|t| t.rsplit_once(" (")) {
        Some((name, version)) => format!("{name}@{version}"),
        None => text.to_string(),
    };
    Telescope::preset(&name).map_err(|e| {
        e.place("attribute telescope of the visibility file").hint("give its file or folder: --telescope FILE")
    })
}

/// The frame of the phase centre, which the provenance states where it is not ICRS.
pub(super) fn earth_of(table: &VisibilityTable) -> EarthOrientation {
    let oskar = table.provenance.lines().any(|line| line.replace(' ', "") == "frame=\"oskar\"");
    EarthOrientation::new(if oskar { Frame::Oskar } else { Frame::Icrs })
}

fn single(beam: impl VoltageBeam + 'static) -> StationBeams {
    StationBeams::of_classes(vec![Arc::new(beam)], Vec::new())
}

/// The beams for primary-beam correction: `word` is `none`, `MODEL:DIAMETER`, or `MODEL` for the diameters of the
/// telescope; without it the file's provenance decides.
///
/// # Errors
/// An unknown model, a provenance without beams, or with several and no telescope to tell the stations.
pub(super) fn beams_of(word: Option<&str>, telescope: Option<&str>, table: &VisibilityTable) -> Result<StationBeams> {
    match word {
        Some("none") => Ok(single(Isotropic)),
        Some(word) => asked_for(word, telescope, table).map_err(|e| e.place("--beam")),
        None => by_provenance(telescope, table),
    }
}

fn asked_for(word: &str, telescope: Option<&str>, table: &VisibilityTable) -> Result<StationBeams> {
    let wrong = || {
        Error::input("unknown primary beam")
            .found(format!("\"{word}\""))
            .expected("none, or gaussian, airy or cosine with a diameter, as in gaussian:15m")
    };
    let (model, diameter) = match word.split_once(':') {
        Some((model, text)) => (model, Some(parse_quantity(text, Dimension::Length)?)),
        None => (word, None),
    };
    if let Some(d) = diameter
        && d <= 0.0
    {
        return Err(wrong());
    }
    match (model, diameter) {
        ("gaussian", Some(diameter_m)) => Ok(single(GaussianBeam { diameter_m })),
        ("airy", Some(diameter_m)) => Ok(single(AiryBeam { diameter_m })),
        ("cosine", Some(diameter_m)) => Ok(single(CosineTaperBeam { diameter_m })),
        ("gaussian", None) => of_stations(BeamChoice::Gaussian, telescope, table),
        ("airy", None) => of_stations(BeamChoice::Airy, telescope, table),
        ("cosine", None) => of_stations(BeamChoice::CosineTaper, telescope, table),
        _ => Err(wrong()),
    }
}

fn of_stations(choice: BeamChoice, telescope: Option<&str>, table: &VisibilityTable) -> Result<StationBeams> {
    let telescope = telescope_of(telescope, table)?;
    if let Some(station) = telescope.stations.iter().find(|s| s.diameter_m <= 0.0) {
        return Err(Error::input("a station without a diameter has no such beam")
            .found(format!("station {} of {}", station.name, telescope.name))
            .hint("give the diameter, as in gaussian:15m"));
    }
    Ok(StationBeams::new(&telescope, choice))
}

/// The words of [`VoltageBeam::describe`] back to the beam.
fn described(text: &str) -> Option<StationBeams> {
    let diameter = || text.rsplit_once("D ")?.1.strip_suffix(" m")?.parse::<f64>().ok().filter(|d| *d > 0.0);
    if text == "none" {
        return Some(single(Isotropic));
    }
    if text.starts_with("gaussian power") {
        return Some(single(GaussianBeam { diameter_m: diameter()? }));
    }
    if text.starts_with("airy") {
        return Some(single(AiryBeam { diameter_m: diameter()? }));
    }
    if text.starts_with("cosine taper") {
        return Some(single(CosineTaperBeam { diameter_m: diameter()? }));
    }
    let (fwhm, reference) = text.strip_prefix("gaussian voltage FWHM ")?.split_once(" deg at ")?;
    Some(single(VoltageGaussianBeam {
        fwhm_rad: fwhm.parse::<f64>().ok()? * DEG_RAD,
        reference_hz: reference.strip_suffix(" MHz")?.parse::<f64>().ok()? * 1e6,
    }))
}

fn by_provenance(telescope: Option<&str>, table: &VisibilityTable) -> Result<StationBeams> {
    let stated = beam_of(table);
    let unknown = || {
        Error::input("the visibility file does not say through which beams it was seen")
            .found(format!("\"{stated}\""))
            .expected("a line \"primary beam: ...\" in its provenance")
            .hint("name the beam: --beam gaussian:15m")
    };
    let list: Vec<&str> = stated.split("; ").collect();
    let beams = match list.as_slice() {
        [one] => described(one).ok_or_else(unknown)?,
        [first, ..] => {
            let choice = match first.split(&[' ', ','][..]).next() {
                Some("gaussian") => BeamChoice::Gaussian,
                Some("airy") => BeamChoice::Airy,
                Some("cosine") => BeamChoice::CosineTaper,
                _ => return Err(unknown()),
            };
            of_stations(choice, telescope, table)?
        }
        [] => return Err(unknown()),
    };
    // what the words were read as must say the same
    let mut same: Vec<String> = beams.classes.iter().map(|c| c.describe()).collect();
    let mut list: Vec<String> = list.into_iter().map(str::to_string).collect();
    same.sort();
    list.sort();
    if same != list {
        return Err(Error::input("the beams of the telescope are not those of the visibility file")
            .found(same.join("; "))
            .expected(list.join("; "))
            .hint("name the right --telescope, or the --beam"));
    }
    Ok(beams)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::visibilities::Polarisations;
    use crate::units::RaDec;
    use ndarray::{Array2, Array3};

    fn table(telescope: &str, beam: &str) -> VisibilityTable {
        VisibilityTable {
            uvw_m: Array2::zeros((1, 3)),
            time_mjd_utc: Vec::new(),
            antenna1: Vec::new(),
            antenna2: Vec::new(),
            freq_hz: vec![1e9],
            vis: Array3::zeros((1, 1, 1)),
            weight: Array3::zeros((1, 1, 1)),
            flag: Array3::from_elem((1, 1, 1), false),
            phase_centre: RaDec::from_deg(0.0, 0.0),
            polarisations: Polarisations::I,
            telescope: telescope.into(),
            channel_width_hz: 1.0,
            integration_time_s: 1.0,
            provenance: format!("x\nprimary beam: {beam}\n[observation]\nframe = \"oskar\"\n"),
        }
    }

    #[test]
    fn provenance_says_which_beams() {
        let mid = Telescope::preset("ska-mid-aa4").unwrap();
        let named = format!("{} ({})", mid.name, mid.version);
        for choice in [BeamChoice::Gaussian, BeamChoice::Airy, BeamChoice::CosineTaper] {
            let beams = StationBeams::new(&mid, choice);
            let back = beams_of(None, None, &table(&named, &beams.describe())).unwrap();
            assert_eq!((back.describe(), back.class_of), (beams.describe(), beams.class_of));
        }
        let voltage = VoltageGaussianBeam { fwhm_rad: 0.02, reference_hz: 1.4e9 }.describe();
        for one in ["none", "airy, D 25 m", "gaussian power FWHM 66 deg lambda/D, D 13.5 m", voltage.as_str()] {
            assert_eq!(beams_of(None, None, &table("", one)).unwrap().describe(), one);
        }
        let says = |result: Result<StationBeams>, words: &str| {
            let text = result.unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        };
        let two = "airy, D 13.5 m; airy, D 15 m";
        says(beams_of(None, None, &table("", two)), "does not name its telescope");
        says(beams_of(None, Some("vla-d"), &table("", two)), "not those of the visibility file");
        says(beams_of(None, None, &table("", "unknown")), "--beam");
        says(beams_of(None, None, &table("", "airy, D x m")), "does not say");
        assert_eq!(earth_of(&table("", "none")).frame, Frame::Oskar);
    }

    #[test]
    fn beams_are_asked_for_by_words() {
        let none = table("", "unknown");
        assert!(beams_of(Some("none"), None, &none).unwrap().is_unity());
        assert_eq!(beams_of(Some("airy:25m"), None, &none).unwrap().describe(), "airy, D 25 m");
        assert_eq!(beams_of(Some("cosine"), Some("ska-mid-aa4"), &none).unwrap().classes.len(), 2);
        for bad in ["", "airy:", "airy:0m", "jinc:15m", "airy:15", "gaussian"] {
            assert!(beams_of(Some(bad), None, &none).is_err(), "{bad}");
        }
    }
}
