//! run.json: what made the products, with which versions, seeds and checksums, in which time.

use super::headers::program;
use crate::error::{Error, Result};
use crate::formats::{Staged, sha256_bytes, sha256_file};
use serde_json::{Value, json};
use std::path::Path;

/// The record of a run in progress: products are added as they are finished.
#[derive(Debug)]
pub(super) struct Record {
    path: std::path::PathBuf,
    value: Value,
}

impl Record {
    pub(super) fn new(folder: &Path, configuration: &str, inputs: &str) -> Record {
        let value = json!({
            "program": program(),
            "configuration": configuration,
            "configuration_sha256": sha256_bytes(configuration.as_bytes()),
            "inputs": inputs,
            "complete": false,
            "facts": {},
            "notes": [],
            "products": {},
            "seconds": {},
        });
        Record { path: folder.join("run.json"), value }
    }

    /// The record an earlier run left in `folder`, if it is of the same program and configuration.
    pub(super) fn of_same_run(&self) -> Option<Record> {
        let text = std::fs::read_to_string(&self.path).ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        let same = ["program", "configuration_sha256", "inputs"].iter().all(|k| value[k] == self.value[k]);
        same.then(|| Record { path: self.path.clone(), value })
    }

    /// Whether product `name` is there and unchanged since it was recorded.
    pub(super) fn holds(&self, folder: &Path, name: &str) -> bool {
        let recorded = self.value["products"][name]["sha256"].as_str();
        recorded.is_some() && sha256_file(&folder.join(name)).ok().as_deref() == recorded
    }

    pub(super) fn fact(&mut self, key: &str, value: Value) {
        self.value["facts"][key] = value;
    }

    /// A fact that is a text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.value["facts"][key].as_str()
    }

    pub(super) fn note(&mut self, text: &str) {
        if let Some(notes) = self.value["notes"].as_array_mut()
            && !notes.iter().any(|n| n == text)
        {
            notes.push(json!(text));
        }
    }

    pub(super) fn seconds(&mut self, stage: &str, seconds: f64) {
        self.value["seconds"][stage] = json!((seconds * 1e3).round() / 1e3);
    }

    /// Records a finished product, and saves the record, so that an interrupted run can be taken up.
    pub(super) fn product(&mut self, folder: &Path, name: &str) -> Result<()> {
        let path = folder.join(name);
        let bytes = std::fs::metadata(&path).map_err(|e| Error::io("read", &path, e))?.len();
        self.value["products"][name] = json!({ "sha256": sha256_file(&path)?, "bytes": bytes });
        self.save()
    }

    pub(super) fn complete(&mut self) -> Result<()> {
        self.value["complete"] = json!(true);
        self.save()
    }

    fn save(&self) -> Result<()> {
        Staged::write_bytes(&self.path, format!("{:#}\n", self.value).as_bytes())
    }
}
