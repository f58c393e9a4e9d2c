use crate::error::{Error, Result};
use crate::formats::text::read_text;
use std::collections::HashMap;
use std::path::Path;

/// One `key=value` line of a settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OskarSetting {
    /// Group, for example "telescope".
    pub group: String,
    /// Key inside the group, for example "gaussian_beam/fwhm_deg".
    pub key: String,
    /// Value, without quotes around it.
    pub value: String,
    /// Line in the file, from 1.
    pub line: usize,
}

/// An OSKAR settings file: every setting in the order of the file; what they mean is not decided
/// here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OskarSettings {
    /// Name of the file, for messages.
    pub origin: String,
    /// Settings in the order of the file.
    pub entries: Vec<OskarSetting>,
}

impl OskarSettings {
    /// The setting of a group and key, as in `get("telescope", "gaussian_beam/fwhm_deg")`.
    pub fn get(&self, group: &str, key: &str) -> Option<&OskarSetting> {
        self.entries.iter().find(|s| s.group == group && s.key == key)
    }

    /// "file, line n" of a setting, for errors about its value.
    pub fn place(&self, setting: &OskarSetting) -> String {
        format!("{}, line {}, {}/{}", self.origin, setting.line, setting.group, setting.key)
    }
}

/// Reads an OSKAR settings file (INI).
pub fn read_oskar_settings(path: &Path) -> Result<OskarSettings> {
    let text = read_text(path, "the settings file")?;
    parse_oskar_settings(&text, &path.display().to_string())
}

/// Parses the text of an OSKAR settings file; `origin` names it in errors.
///
/// Groups in brackets, `key=value` lines, comments from ; or # at the start of a line. A backslash
/// in a key, as older files have it, is read as a slash; keys before the first group carry the group
/// in front ("telescope/pol_mode=Scalar"). A setting given twice is an error.
pub fn parse_oskar_settings(text: &str, origin: &str) -> Result<OskarSettings> {
    let mut entries: Vec<OskarSetting> = Vec::new();
    let mut lines: HashMap<(String, String), usize> = HashMap::new();
    let mut group: Option<String> = None;
    for (index, raw) in text.lines().enumerate() {
        let number = index + 1;
        let place = || format!("{origin}, line {number}");
        // some editors put a byte order mark before the first line
        let line = raw.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            let name = name.strip_suffix(']').map(str::trim).filter(|n| !n.is_empty());
            let name = name.ok_or_else(|| {
                Error::input("a group line of the settings cannot be read")
                    .found(line)
                    .expected("[telescope]")
                    .place(place())
            })?;
            group = Some(name.to_string());
            continue;
        }
        let parts = line.split_once('=').map(|(k, v)| (k.trim().replace('\\', "/"), v.trim()));
        let Some((key, value)) = parts.filter(|(k, _)| !k.is_empty()) else {
            return Err(Error::input("a line of the settings cannot be read")
                .found(line)
                .expected("key=value, [group] or a comment")
                .place(place()));
        };
        let (group, key) = match &group {
            Some(group) => (group.clone(), key),
            None => match key.split_once('/') {
                Some((group, key)) => (group.to_string(), key.to_string()),
                None => ("General".to_string(), key),
            },
        };
        if let Some(first) = lines.insert((group.clone(), key.clone()), number) {
            return Err(Error::input("a setting is given twice")
                .found(format!("{group}/{key}, first in line {first}"))
                .expected("every setting once")
                .place(place())
                .hint("remove one of the lines"));
        }
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value).to_string();
        entries.push(OskarSetting { group, key, value, line: number });
    }
    Ok(OskarSettings { origin: origin.to_string(), entries })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_groups_keys_and_lines() {
        let text = "app=x\nsky/fits_image/file=a.fits\n[General]\nversion=2.13.0\n\n; note\n[telescope]\n\
                    gaussian_beam\\fwhm_deg = 1.2\nnames=\"a, b\"\nempty=\n";
        let settings = parse_oskar_settings(text, "s.ini").unwrap();
        assert_eq!(settings.entries.len(), 6);
        assert_eq!(settings.get("General", "app").unwrap().value, "x");
        assert_eq!(settings.get("sky", "fits_image/file").unwrap().value, "a.fits");
        let fwhm = settings.get("telescope", "gaussian_beam/fwhm_deg").unwrap();
        assert_eq!((fwhm.value.as_str(), fwhm.line), ("1.2", 8));
        assert_eq!(settings.place(fwhm), "s.ini, line 8, telescope/gaussian_beam/fwhm_deg");
        assert_eq!(settings.get("telescope", "names").unwrap().value, "a, b");
        assert_eq!(settings.get("telescope", "empty").unwrap().value, "");
        assert!(settings.get("telescope", "other").is_none());
    }

    #[test]
    fn broken_lines_are_errors_with_their_place() {
        for (text, words) in [
            ("[telescope\n", "s.ini, line 1"),
            ("[]\n", "group line"),
            ("\nnot a setting\n", "s.ini, line 2"),
            ("=3\n", "key=value"),
            ("[a]\nb=1\n[a]\nb=2\n", "first in line 2"),
        ] {
            let message = parse_oskar_settings(text, "s.ini").unwrap_err().to_string();
            assert!(message.contains(words), "{text}: {message}");
        }
    }
}
