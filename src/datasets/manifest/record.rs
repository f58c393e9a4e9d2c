use super::super::Layout;
use super::Plan;
use super::json::{Object, read, to_bytes};
use crate::error::{Error, Result};
use crate::formats::{Staged, sha256_file};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const FORMAT: &str = "skyfringe-shard";
const VERSION: u64 = 1;

/// What one shard holds, written beside it once it is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardRecord {
    /// Its number.
    pub shard: usize,
    /// Number of its first sample.
    pub first_sample: usize,
    /// Its samples, failed ones with them.
    pub samples: usize,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// SHA-256 of the plan.json that it was made for.
    pub plan_sha256: String,
    /// The samples that could not be made, ascending.
    pub failed: Vec<FailedSample>,
}

/// A sample that could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedSample {
    /// Its number.
    pub sample: usize,
    /// Name of its galaxy.
    pub id: String,
    /// Why.
    pub reason: String,
}

impl ShardRecord {
    /// File name of the record of shard `shard`.
    pub fn name(shard: usize) -> String {
        format!("shard-{shard:05}.json")
    }

    /// The record of the finished shard `shard` in `folder`; `plan_sha256` is [`Plan::sha256`].
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of_file(
        folder: &Path,
        layout: &Layout,
        shard: usize,
        plan_sha256: &str,
        failed: Vec<FailedSample>,
    ) -> Result<ShardRecord> {
        let path = folder.join(Layout::shard_name(shard));
        let bytes = std::fs::metadata(&path).map_err(|e| Error::io("read", &path, e))?.len();
        let samples = layout.samples_of(shard);
        Ok(ShardRecord {
            shard,
            first_sample: samples.start,
            samples: samples.len(),
            bytes,
            sha256: sha256_file(&path)?,
            plan_sha256: plan_sha256.into(),
            failed,
        })
    }

    /// The bytes of its file.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(&self.to_json())
    }

    /// Writes it in `folder`, beside its shard.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        Staged::write_bytes(&folder.join(ShardRecord::name(self.shard)), &self.to_bytes())
    }

    /// Reads that of shard `shard` in `folder`; none where there is none.
    ///
    /// # Errors
    /// A file that cannot be read or is no record of this version, with file and key.
    pub fn read(folder: &Path, shard: usize) -> Result<Option<ShardRecord>> {
        let path = folder.join(ShardRecord::name(shard));
        if matches!(std::fs::symlink_metadata(&path), Err(e) if e.kind() == std::io::ErrorKind::NotFound) {
            return Ok(None);
        }
        let value = read(&path)?;
        ShardRecord::from_json(&Object::whole(&value, &path)?).map(Some)
    }

    /// Whether it is that of shard `shard` of `plan`, whose SHA-256 is `plan_sha256`.
    ///
    /// # Errors
    /// What does not fit.
    pub fn fits(&self, plan: &Plan, plan_sha256: &str, shard: usize) -> Result<()> {
        let samples = plan.layout.samples_of(shard);
        let wrong = |what: &str, found: String, expected: String| {
            Err(Error::input(format!("the record of shard {shard} does not fit the plan: {what}"))
                .found(found)
                .expected(expected)
                .place(format!("file {}", ShardRecord::name(shard))))
        };
        if self.shard != shard {
            return wrong("another shard", self.shard.to_string(), shard.to_string());
        }
        if self.plan_sha256 != plan_sha256 {
            let expected = format!("{plan_sha256}, that of plan.json");
            return wrong("it was made for another plan", self.plan_sha256.clone(), expected);
        }
        if (self.first_sample, self.samples) != (samples.start, samples.len()) {
            let words = |first: usize, count: usize| format!("{count} samples from {first}");
            let expected = words(samples.start, samples.len());
            return wrong("other samples", words(self.first_sample, self.samples), expected);
        }
        let mut last = None;
        for failed in &self.failed {
            if !samples.contains(&failed.sample) || last.is_some_and(|last| last >= failed.sample) {
                let expected = format!("samples {} to {}, ascending", samples.start, samples.end - 1);
                return wrong("its failed samples", format!("sample {}", failed.sample), expected);
            }
            let id = &plan.galaxies[plan.layout.key(failed.sample).galaxy].id;
            if failed.id != *id {
                return wrong("the galaxy of a failed sample", failed.id.clone(), id.clone());
            }
            last = Some(failed.sample);
        }
        Ok(())
    }

    /// Its shard in `folder`.
    pub fn shard_path(&self, folder: &Path) -> PathBuf {
        folder.join(Layout::shard_name(self.shard))
    }

    pub(super) fn to_json(&self) -> Value {
        let failed = |f: &FailedSample| json!({"sample": f.sample, "id": f.id, "reason": f.reason});
        json!({
            "format": FORMAT,
            "version": VERSION,
            "shard": self.shard,
            "first_sample": self.first_sample,
            "samples": self.samples,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "plan_sha256": self.plan_sha256,
            "failed": self.failed.iter().map(failed).collect::<Vec<_>>(),
        })
    }

    pub(super) fn from_json(object: &Object) -> Result<ShardRecord> {
        object.require(FORMAT, VERSION)?;
        let failed =
            |f: &Object| Ok(FailedSample { sample: f.count("sample")?, id: f.text("id")?, reason: f.text("reason")? });
        Ok(ShardRecord {
            shard: object.count("shard")?,
            first_sample: object.count("first_sample")?,
            samples: object.count("samples")?,
            bytes: object.whole_number("bytes")?,
            sha256: object.text("sha256")?,
            plan_sha256: object.text("plan_sha256")?,
            failed: object.objects("failed")?.iter().map(failed).collect::<Result<_>>()?,
        })
    }
}
