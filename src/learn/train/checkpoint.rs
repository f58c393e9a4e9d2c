use crate::error::{Error, Result};
use crate::formats::safetensors::{self, NamedTensor};
use crate::formats::{Staged, sha256_file};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of a training's checkpoints: `step-00001000/` holds `NAME.safetensors` and `state.json` with their sha256.
#[derive(Debug, Clone)]
pub struct CheckpointFolder {
    folder: PathBuf,
    keep: usize,
}

/// A state of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Steps done.
    pub step: u64,
    /// Tensors by file.
    pub files: BTreeMap<String, Vec<NamedTensor>>,
    /// What else the training goes on from.
    pub facts: Map<String, Value>,
}

/// Version of `state.json`.
const VERSION: u64 = 1;
const STATE: &str = "state.json";

impl CheckpointFolder {
    /// Keeps the last `keep` in `folder`, which is made when the first comes.
    pub fn new(folder: &Path, keep: usize) -> CheckpointFolder {
        CheckpointFolder { folder: folder.to_path_buf(), keep: keep.max(1) }
    }

    /// Steps of those that are there, ascending.
    ///
    /// # Errors
    /// A folder that cannot be read; one that is not there has none.
    pub fn steps(&self) -> Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Error::io("read", &self.folder, e)),
        };
        let step = |name: &str| name.strip_prefix("step-")?.parse().ok();
        let mut steps: Vec<u64> =
            entries.flatten().filter_map(|entry| step(&entry.file_name().to_string_lossy())).collect();
        steps.sort_unstable();
        Ok(steps)
    }

    /// Folder of one.
    pub fn of(&self, step: u64) -> PathBuf {
        self.folder.join(format!("step-{step:08}"))
    }

    /// Writes one, whole or not at all, and removes those that are older than the last few.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub fn write(&self, checkpoint: &Checkpoint) -> Result<()> {
        fs::create_dir_all(&self.folder).map_err(|e| Error::io("make", &self.folder, e))?;
        let partial = self.folder.join(format!(".step-{:08}.{}.partial", checkpoint.step, std::process::id()));
        let written = self.write_into(&partial, checkpoint).and_then(|()| {
            let target = self.of(checkpoint.step);
            // one of the same step is that of an earlier end: the same numbers
            if target.exists() {
                fs::remove_dir_all(&target).map_err(|e| Error::io("replace", &target, e))?;
            }
            fs::rename(&partial, &target).map_err(|e| Error::io("write", &target, e))
        });
        if written.is_err() {
            let _ = fs::remove_dir_all(&partial);
        }
        written?;
        let steps = self.steps()?;
        for old in steps.iter().rev().skip(self.keep) {
            let old = self.of(*old);
            fs::remove_dir_all(&old).map_err(|e| Error::io("remove", &old, e))?;
        }
        Ok(())
    }

    fn write_into(&self, folder: &Path, checkpoint: &Checkpoint) -> Result<()> {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir(folder).map_err(|e| Error::io("make", folder, e))?;
        let mut sums = Map::new();
        for (name, tensors) in &checkpoint.files {
            let file = folder.join(format!("{name}.safetensors"));
            safetensors::write(&file, tensors, &BTreeMap::new())?;
            sums.insert(name.clone(), sha256_file(&file)?.into());
        }
        let state = json!({"version": VERSION, "step": checkpoint.step, "sha256": sums, "facts": checkpoint.facts});
        Staged::write_bytes(&folder.join(STATE), format!("{state:#}\n").as_bytes())
    }

    /// The last one; None where there is none.
    ///
    /// # Errors
    /// One that is broken.
    pub fn last(&self) -> Result<Option<Checkpoint>> {
        self.steps()?.last().map(|step| read(&self.of(*step))).transpose()
    }
}

/// Reads a checkpoint and compares every file with its sum.
///
/// # Errors
/// A missing or broken file.
fn read(folder: &Path) -> Result<Checkpoint> {
    let state = folder.join(STATE);
    let text = fs::read_to_string(&state).map_err(|e| Error::io("read", &state, e))?;
    let broken = |what: String| {
        Error::input("a checkpoint is broken")
            .found(what)
            .place(folder.display())
            .hint("remove its folder: --resume then goes on from the one before")
    };
    let value: Value = serde_json::from_str(&text).map_err(|e| broken(format!("{STATE}: {e}")))?;
    match value["version"].as_u64() {
        Some(VERSION) => {}
        other => return Err(broken(format!("version {other:?}")).expected(format!("version {VERSION}"))),
    }
    let step = value["step"].as_u64().ok_or_else(|| broken(format!("{STATE} without a step")))?;
    let sums = value["sha256"].as_object().ok_or_else(|| broken(format!("{STATE} without sha256")))?;
    let facts = value["facts"].as_object().cloned().ok_or_else(|| broken(format!("{STATE} without facts")))?;
    let mut files = BTreeMap::new();
    for (name, sum) in sums {
        let file = folder.join(format!("{name}.safetensors"));
        if !file.is_file() {
            return Err(broken(format!("no {name}.safetensors")));
        }
        let found = sha256_file(&file)?;
        if sum.as_str() != Some(&found) {
            return Err(broken(format!("{name}.safetensors with sha256 {found}")).expected(format!("sha256 {sum}")));
        }
        files.insert(name.clone(), safetensors::read(&file)?.0);
    }
    Ok(Checkpoint { step, files, facts })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(step: u64) -> Checkpoint {
        let values = vec![step as f32, -1.5, f32::MIN_POSITIVE];
        let tensor = NamedTensor { name: "model.1.weight".into(), shape: vec![3, 1], values };
        let facts = Map::from_iter([("seconds".to_owned(), json!(0.1 + step as f64))]);
        let files = BTreeMap::from([("a".to_owned(), vec![tensor]), ("empty".to_owned(), Vec::new())]);
        Checkpoint { step, files, facts }
    }

    #[test]
    fn the_last_few_are_kept_and_read_back_bit_by_bit() {
        let place = tempfile::tempdir().unwrap();
        let folder = CheckpointFolder::new(&place.path().join("checkpoints"), 2);
        assert_eq!((folder.last().unwrap(), folder.steps().unwrap()), (None, vec![]));
        for step in [3, 20, 100] {
            folder.write(&checkpoint(step)).unwrap();
        }
        folder.write(&checkpoint(100)).unwrap();
        assert_eq!(folder.steps().unwrap(), [20, 100]);
        assert_eq!(folder.last().unwrap(), Some(checkpoint(100)));
        assert_eq!(fs::read_dir(place.path().join("checkpoints")).unwrap().count(), 2);
    }

    #[test]
    fn broken_ones_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let folder = CheckpointFolder::new(place.path(), 1);
        let says = |words: &str| {
            let error = folder.last().unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("step-00000007"), "{error}");
        };
        folder.write(&checkpoint(7)).unwrap();
        let file = folder.of(7).join("a.safetensors");
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&file, bytes).unwrap();
        says("a.safetensors with sha256");
        fs::remove_file(&file).unwrap();
        says("no a.safetensors");
        fs::write(folder.of(7).join(STATE), "{\"version\": 1,").unwrap();
        says("state.json: ");
        fs::write(folder.of(7).join(STATE), "{\"version\": 9}").unwrap();
        says("version 1");
    }
}
