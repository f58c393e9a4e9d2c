//! The layouts shipped with the program: the files of `telescopes/`, embedded.
//!
//! `skyfringe telescope list` prints [`preset_names`]; `show NAME` takes [`Telescope::preset`]. Both
//! need no file at run time. scripts/telescopes.py makes and checks the files.

use super::Telescope;
use crate::error::{Error, Result};
use crate::formats::telescope::{TelescopeFile, parse_telescope};

/// Every embedded file; of the files with one name the first is the default version.
const FILES: &[&str] = &[
    include_str!("../../telescopes/ska-low-aa0.5.txt"),
    include_str!("../../telescopes/ska-low-aa1.txt"),
    include_str!("../../telescopes/ska-low-aa2.txt"),
    include_str!("../../telescopes/ska-low-aa2@ac231.txt"),
    include_str!("../../telescopes/ska-low-aastar.txt"),
    include_str!("../../telescopes/ska-low-aa4.txt"),
    include_str!("../../telescopes/ska-mid-aa0.5.txt"),
    include_str!("../../telescopes/ska-mid-aa1.txt"),
    include_str!("../../telescopes/ska-mid-aa2.txt"),
    include_str!("../../telescopes/ska-mid-aa2@simms66.txt"),
    include_str!("../../telescopes/ska-mid-aastar.txt"),
    include_str!("../../telescopes/ska-mid-aastar@simms143.txt"),
    include_str!("../../telescopes/ska-mid-aa4.txt"),
    include_str!("../../telescopes/meerkat.txt"),
    include_str!("../../telescopes/meerkat-plus.txt"),
    include_str!("../../telescopes/kat-7.txt"),
    include_str!("../../telescopes/askap.txt"),
    include_str!("../../telescopes/vla-a.txt"),
    include_str!("../../telescopes/vla-b.txt"),
    include_str!("../../telescopes/vla-c.txt"),
    include_str!("../../telescopes/vla-d.txt"),
    include_str!("../../telescopes/vlba.txt"),
    include_str!("../../telescopes/ngvla-revf-main.txt"),
    include_str!("../../telescopes/ngvla-revf-core.txt"),
    include_str!("../../telescopes/ngvla-revf-sba.txt"),
    include_str!("../../telescopes/ngvla-revd-main.txt"),
    include_str!("../../telescopes/alma-c3.txt"),
    include_str!("../../telescopes/alma-c10.txt"),
    include_str!("../../telescopes/alma-aca7m.txt"),
    include_str!("../../telescopes/atca-6a.txt"),
    include_str!("../../telescopes/atca-h75.txt"),
    include_str!("../../telescopes/wsrt.txt"),
    include_str!("../../telescopes/lofar-hba.txt"),
    include_str!("../../telescopes/lofar-lba.txt"),
    include_str!("../../telescopes/lofar-nl-hba-dual.txt"),
    include_str!("../../telescopes/nenufar-96.txt"),
    include_str!("../../telescopes/mwa-phase1.txt"),
    include_str!("../../telescopes/mwa-phase2-compact.txt"),
    include_str!("../../telescopes/mwa-phase2-extended.txt"),
    include_str!("../../telescopes/hera-350.txt"),
];

/// A shipped array and its versions.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// Name, for example "ska-mid-aa4".
    pub name: String,
    /// Versions; the first is what the bare name means.
    pub versions: Vec<PresetVersion>,
}

/// One version of a shipped array.
#[derive(Debug, Clone, PartialEq)]
pub struct PresetVersion {
    /// Version, for example "ac231"; `NAME@VERSION` selects it.
    pub version: String,
    /// Number of stations.
    pub stations: usize,
    /// One line for people.
    pub description: String,
    /// Package, version and file of the coordinates.
    pub source: String,
}

/// The shipped arrays, families together, in the order of their build-up.
pub fn preset_names() -> Vec<Preset> {
    let mut presets: Vec<Preset> = Vec::new();
    for file in embedded() {
        let version = PresetVersion {
            version: file.version,
            stations: file.stations.len(),
            description: file.description,
            source: file.source,
        };
        match presets.iter_mut().find(|p| p.name == file.name) {
            Some(preset) => preset.versions.push(version),
            None => presets.push(Preset { name: file.name, versions: vec![version] }),
        }
    }
    presets
}

impl Telescope {
    /// A shipped array by name, with `@VERSION` for another version than the default one.
    ///
    /// Case, spaces, underscores and hyphens do not matter and `*` and `+` are read as "star" and
    /// "plus": "SKA-Mid AA4", "ska_mid_aa4", "ska-mid AA*" and "ska-mid-aastar" are all understood.
    /// An unknown name or version is an error that names the nearest ones.
    pub fn preset(name: &str) -> Result<Telescope> {
        let (wanted, version) = match name.split_once('@') {
            Some((wanted, version)) => (key(wanted), Some(key(version))),
            None => (key(name), None),
        };
        let of_that_name: Vec<TelescopeFile> = embedded().filter(|f| key(&f.name) == wanted).collect();
        if of_that_name.is_empty() {
            return Err(unknown(name, &wanted));
        }
        let versions: Vec<String> = of_that_name.iter().map(|f| format!("{}@{}", f.name, f.version)).collect();
        let chosen = of_that_name.into_iter().find(|f| version.as_ref().is_none_or(|v| key(&f.version) == *v));
        match chosen {
            Some(file) => Telescope::from_telescope_file(file),
            None => Err(Error::input("unknown version of a telescope").found(name).expected(versions.join(" or "))),
        }
    }
}

fn embedded() -> impl Iterator<Item = TelescopeFile> {
    FILES.iter().map(|text| parse_telescope(text, "embedded telescope").expect("a test parses every embedded file"))
}

/// Letters and digits alone, so that spelling variants agree.
fn key(name: &str) -> String {
    let spelled = name.to_lowercase().replace('*', "star").replace('+', "plus");
    spelled.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn unknown(name: &str, wanted: &str) -> Error {
    let mut ranked: Vec<(bool, f64, String)> = preset_names()
        .into_iter()
        .map(|p| {
            let candidate = key(&p.name);
            let part = wanted.len() >= 3 && (candidate.contains(wanted) || wanted.contains(&candidate));
            (part, strsim::jaro_winkler(&candidate, wanted), p.name)
        })
        .collect();
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
    let nearest: Vec<&str> = ranked.iter().take(5).map(|r| r.2.as_str()).collect();
    Error::input("unknown telescope")
        .found(format!("\"{name}\""))
        .expected(format!("a preset such as {}", nearest.join(", ")))
        .hint(format!(
            "{}`skyfringe telescope list` prints every preset; an array of your own is telescope.file",
            match ranked.first() {
                Some((part, likeness, name)) if *part || *likeness > 0.85 => format!("did you mean \"{name}\"? "),
                _ => String::new(),
            }
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_file_parses_and_has_its_own_name_and_version() {
        let mut seen = std::collections::HashSet::new();
        for text in FILES {
            let file = parse_telescope(text, "embedded").unwrap();
            assert!(seen.insert((key(&file.name), key(&file.version))), "{} {}", file.name, file.version);
            assert!(!file.description.is_empty());
        }
        let in_folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/telescopes")).unwrap().count();
        assert_eq!(in_folder, FILES.len(), "every file of telescopes/ is embedded");
    }

    #[test]
    fn spelling_variants_mean_the_same() {
        for name in ["ska-mid-aa4", "SKA-Mid AA4", "ska_mid_aa4", "SKAMID-AA4"] {
            assert_eq!(Telescope::preset(name).unwrap().name, "ska-mid-aa4", "{name}");
        }
        for name in ["ska-mid-aastar", "ska-mid AA*", "SKA-Mid AA*@ac231"] {
            assert_eq!(Telescope::preset(name).unwrap().stations.len(), 144, "{name}");
        }
        assert_eq!(Telescope::preset("MeerKAT+").unwrap().stations.len(), 78);
        assert_eq!(Telescope::preset("ska-low AA0.5").unwrap().stations.len(), 4);
    }

    #[test]
    fn unknown_names_and_versions_are_errors_that_suggest() {
        for (name, suggestion) in [
            ("ska-mid-aa5", "ska-mid-aa4"),
            ("meercat", "meerkat"),
            ("vla", "vla-a, vla-b, vla-c, vla-d"),
            ("hera", "hera-350"),
            ("", "preset such as"),
            ("ska-mid-aa2@simms99", "ska-mid-aa2@ac231 or ska-mid-aa2@simms66"),
        ] {
            let error = Telescope::preset(name).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(suggestion), "{name}: {error}");
        }
    }
}
