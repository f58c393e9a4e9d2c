use super::super::Split;
use super::json::{Object, read, to_bytes};
use super::{Plan, ShardRecord, in_words};
use crate::error::{Error, Result};
use crate::formats::Staged;
use serde_json::{Map, json};
use std::collections::BTreeSet;
use std::path::Path;

const FORMAT: &str = "skyfringe-dataset-manifest";
const VERSION: u64 = 1;

/// A finished data set: the plan and the records of all shards.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// What was to be made.
    pub plan: Plan,
    /// What was made, shard by shard.
    pub shards: Vec<ShardRecord>,
}

/// Numbers of one split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SplitTotals {
    /// Groups: galaxies with their snapshots and progenitors.
    pub groups: usize,
    /// Galaxies of a snapshot.
    pub galaxies: usize,
    /// Samples, failed ones with them.
    pub samples: usize,
    /// Failed samples.
    pub failed: usize,
}

impl Manifest {
    /// Its file name.
    pub const NAME: &str = "manifest.json";

    /// Numbers of the splits, in the order of [`Split::ALL`].
    pub fn totals(&self) -> [SplitTotals; 3] {
        let mut totals = [SplitTotals::default(); 3];
        let mut groups = BTreeSet::new();
        for galaxy in &self.plan.galaxies {
            let of = &mut totals[galaxy.split as usize];
            of.groups += usize::from(groups.insert(&galaxy.group));
            of.galaxies += 1;
            of.samples += self.plan.layout.per_galaxy();
        }
        for failed in self.shards.iter().flat_map(|s| &s.failed) {
            totals[self.plan.galaxies[self.plan.layout.key(failed.sample).galaxy].split as usize].failed += 1;
        }
        totals
    }

    /// Failed samples.
    pub fn failures(&self) -> usize {
        self.shards.iter().map(|s| s.failed.len()).sum()
    }

    /// Size of all shards.
    pub fn shard_bytes(&self) -> u64 {
        self.shards.iter().map(|s| s.bytes).sum()
    }

    /// The bytes of manifest.json, the same whoever made which shard.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut totals = Map::new();
        for (split, t) in Split::ALL.into_iter().zip(self.totals()) {
            let of = json!({"groups": t.groups, "galaxies": t.galaxies, "samples": t.samples, "failed": t.failed});
            totals.insert(split.word().into(), of);
        }
        to_bytes(&json!({
            "format": FORMAT,
            "version": VERSION,
            "plan_sha256": self.plan.sha256(),
            "samples": self.plan.layout.samples(),
            "failures": self.failures(),
            "bytes": self.shard_bytes(),
            "totals": totals,
            "shards": self.shards.iter().map(ShardRecord::to_json).collect::<Vec<_>>(),
            "plan": self.plan.to_json(),
        }))
    }

    /// Writes manifest.json in `folder`.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        Staged::write_bytes(&folder.join(Manifest::NAME), &self.to_bytes())
    }

    /// Reads manifest.json of `folder`.
    ///
    /// # Errors
    /// No such file, one that is no manifest of this version (with file and key), a plan or records that do not fit.
    pub fn read(folder: &Path) -> Result<Manifest> {
        let path = folder.join(Manifest::NAME);
        let value = read(&path)?;
        let object = Object::whole(&value, &path)?;
        object.require(FORMAT, VERSION)?;
        let plan = Plan::from_json(&object.object("plan")?)?;
        let sha256 = plan.sha256();
        let check = || {
            plan.validate()?;
            let shards = object.objects("shards")?.iter().map(ShardRecord::from_json).collect::<Result<Vec<_>>>()?;
            if shards.len() != plan.layout.shards() {
                return Err(Error::input("the manifest does not hold all shards")
                    .found(format!("{} records", shards.len()))
                    .expected(plan.layout.shards()));
            }
            shards.iter().enumerate().try_for_each(|(i, shard)| shard.fits(&plan, &sha256, i))?;
            Ok(shards)
        };
        let shards = check().map_err(|e| e.place(format!("file {}", path.display())))?;
        Ok(Manifest { plan, shards })
    }
}

/// The manifest of the finished data set in `folder`: reads every shard's record. The shards themselves are asked for
/// their sizes only; [`super::verify`] reads them.
///
/// # Errors
/// Missing shards (their numbers and the command that makes them), records that do not fit the plan or their shards'
/// sizes, records beyond the last shard, a group in two splits.
pub fn join(plan: &Plan, folder: &Path) -> Result<Manifest> {
    plan.validate()?;
    let (count, plan_sha256) = (plan.layout.shards(), plan.sha256());
    let (mut shards, mut missing) = (Vec::new(), Vec::new());
    for shard in 0..count {
        let record = ShardRecord::read(folder, shard)?;
        match record.as_ref().map(|r| (r, std::fs::metadata(r.shard_path(folder)))) {
            Some((record, Ok(file))) => {
                record.fits(plan, &plan_sha256, shard).map_err(|e| e.place(folder.display()))?;
                if file.len() != record.bytes {
                    return Err(Error::input(format!("shard {shard} does not have the size that its record states"))
                        .found(format!("{} bytes", file.len()))
                        .expected(format!("{} bytes", record.bytes))
                        .place(format!("file {}", record.shard_path(folder).display()))
                        .hint(format!("find damaged shards with \"skyfringe dataset verify {}\"", folder.display())));
                }
            }
            _ => missing.push(shard),
        }
        shards.extend(record);
    }
    if !missing.is_empty() {
        return Err(unfinished(&missing, count, folder));
    }
    if let Some(name) = beyond(folder, count)? {
        return Err(Error::input("the folder holds a shard that the plan does not have")
            .found(&name)
            .expected(format!("{count} shards, up to {}", ShardRecord::name(count - 1)))
            .place(folder.display())
            .hint("remove it if another data set was made here before"));
    }
    Ok(Manifest { plan: plan.clone(), shards })
}

/// That shards `missing` of `count` are not there.
pub(super) fn unfinished(missing: &[usize], count: usize, folder: &Path) -> Error {
    Error::input("the data set is not finished")
        .found(format!("{} of {count} shards are missing: {}", missing.len(), in_words(missing)))
        .place(folder.display())
        .hint(format!("make them with \"skyfringe dataset build CONFIG.toml --out {}\"", folder.display()))
}

/// A shard or record with a number from `count` on.
fn beyond(folder: &Path, count: usize) -> Result<Option<String>> {
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io("read the folder", folder, e))?;
    let number = |name: &str| -> Option<usize> {
        let middle = name.strip_prefix("shard-")?;
        middle.strip_suffix(".json").or(middle.strip_suffix(".h5"))?.parse().ok()
    };
    let names = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| number(name).is_some_and(|n| n >= count)).min())
}

#[cfg(test)]
mod tests {
    use super::super::FailedSample;
    use super::super::testing::{build, plan};
    use super::*;
    use std::fs;

    #[test]
    fn manifests_are_read_back_and_do_not_depend_on_who_made_what() {
        let folder = tempfile::tempdir().unwrap();
        let plan = plan();
        build(&plan, folder.path(), [3, 0, 2, 1]);
        let manifest = join(&plan, folder.path()).unwrap();
        manifest.write(folder.path()).unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), manifest);
        let bytes = fs::read(folder.path().join("manifest.json")).unwrap();
        let other = tempfile::tempdir().unwrap();
        build(&plan, other.path(), 0..4);
        assert_eq!(join(&plan, other.path()).unwrap().to_bytes(), bytes);
        // 6 galaxies of 2 x 1 x 1 samples, sample 4 failed
        let [train, validation, test] = manifest.totals();
        assert_eq!(train, SplitTotals { groups: 2, galaxies: 3, samples: 6, failed: 1 });
        assert_eq!((validation.galaxies, test.samples, manifest.failures()), (1, 4, 1));
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(r#""train": {"groups":2,"galaxies":3,"samples":6,"failed":1}"#), "{text}");
        assert!(!text.contains(&folder.path().display().to_string()));
    }

    #[test]
    fn what_is_missing_or_does_not_fit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let plan = plan();
        let says = |words: &[&str]| {
            let error = join(&plan, path).unwrap_err().to_string();
            assert!(words.iter().all(|w| error.contains(w)), "{words:?}: {error}");
        };
        says(&["4 of 4 shards are missing: 0 to 3", "skyfringe dataset build"]);
        build(&plan, path, [1]);
        says(&["3 of 4 shards are missing: 0, 2, 3"]);
        build(&plan, path, 0..4);
        fs::remove_file(path.join("shard-00002.h5")).unwrap();
        says(&["1 of 4 shards are missing: 2"]);
        fs::write(path.join("shard-00002.h5"), "short").unwrap();
        says(&["shard 2", "5 bytes", "dataset verify"]);
        build(&plan, path, [2]);
        let record = ShardRecord::read(path, 1).unwrap().unwrap();
        for (wrong, words) in [
            (ShardRecord { first_sample: 0, ..record.clone() }, "3 samples from 0"),
            (ShardRecord { plan_sha256: "0".into(), ..record.clone() }, "another plan"),
            (
                ShardRecord {
                    failed: vec![FailedSample { sample: 9, id: "galaxy 4".into(), reason: String::new() }],
                    ..record.clone()
                },
                "sample 9",
            ),
            (
                ShardRecord {
                    failed: vec![FailedSample { sample: 4, id: "galaxy 4".into(), reason: String::new() }],
                    ..record.clone()
                },
                "galaxy 2",
            ),
        ] {
            wrong.write(path).unwrap();
            says(&[words, "shard-00001.json"]);
        }
        record.write(path).unwrap();
        fs::copy(path.join("shard-00001.json"), path.join("shard-00003.json")).unwrap();
        says(&["shard 3", "another shard"]);
        build(&plan, path, [3]);
        fs::write(path.join("shard-00004.h5"), "").unwrap();
        says(&["shard-00004.h5"]);
    }

    #[test]
    fn numbers_are_runs_in_words() {
        assert_eq!(in_words(&[0, 1, 3, 5, 6, 7, 9]), "0, 1, 3, 5 to 7, 9");
    }
}
