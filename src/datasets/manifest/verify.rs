use super::super::Layout;
use super::{Manifest, Plan, ShardRecord};
use crate::error::{Error, Result, Watch};
use crate::formats::sha256_file;
use rayon::prelude::*;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Shards that are as recorded.
    pub good: usize,
    /// Their size.
    pub bytes: u64,
    /// Shards of which nothing is there.
    pub missing: Vec<usize>,
    /// Shards that are not as recorded.
    pub bad: Vec<BadShard>,
    /// What is wrong with manifest.json; of an unfinished data set it may be absent.
    pub manifest: Option<String>,
}

/// A shard that is not as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadShard {
    /// Its number.
    pub shard: usize,
    /// What is wrong.
    pub problem: String,
}

impl Report {
    /// Whether the data set is finished and undamaged.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.bad.is_empty() && self.manifest.is_none()
    }
}

enum State {
    Good(ShardRecord),
    Missing,
    /// Its record was made for another plan.
    Foreign(String),
    Bad(String),
}

/// Reads every byte of the data set in `folder` and compares it with its checksum; `watch.advance(1)` a shard. Reading is
/// parallel, the report does not depend on it.
///
/// # Errors
/// No plan or one that cannot be used (a group in two splits is such); a plan that none of the shards was made for; an
/// interrupt.
pub fn verify(folder: &Path, watch: &Watch) -> Result<Report> {
    let plan = Plan::read(folder)?;
    let plan_sha256 = plan.sha256();
    let manifest = match fs::symlink_metadata(folder.join(Manifest::NAME)) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        _ => Manifest::read(folder).map(Some),
    };
    let listed = manifest.as_ref().ok().and_then(Option::as_ref);
    let states: Vec<State> = (0..plan.layout.shards())
        .into_par_iter()
        .map(|shard| {
            watch.check()?;
            let state = state(folder, &plan, &plan_sha256, listed, shard);
            watch.advance(1)?;
            Ok(state)
        })
        .collect::<Result<_>>()?;

    let foreign = states.iter().filter(|s| matches!(s, State::Foreign(_))).count();
    let recorded = foreign + states.iter().filter(|s| matches!(s, State::Good(_))).count();
    if foreign > 0 && foreign == recorded {
        return Err(Error::input("plan.json is not the one that the shards were made for")
            .found(format!("{foreign} shards made for another plan, none for this one"))
            .place(folder.display())
            .hint("restore plan.json: it was changed after the data set was built"));
    }
    let mut report = Report::default();
    let mut records = Vec::new();
    for (shard, state) in states.into_iter().enumerate() {
        match state {
            State::Good(record) => {
                report.good += 1;
                report.bytes += record.bytes;
                records.push(record);
            }
            State::Missing => report.missing.push(shard),
            State::Foreign(problem) | State::Bad(problem) => report.bad.push(BadShard { shard, problem }),
        }
    }
    let finished = records.len() == plan.layout.shards();
    report.manifest = match manifest {
        Err(e) => Some(one_line(&e)),
        Ok(None) if finished => Some("it is absent".into()),
        Ok(Some(found)) if found.plan != plan => Some("its plan is not plan.json".into()),
        Ok(Some(found)) if finished => {
            let written = fs::read(folder.join(Manifest::NAME));
            (written.ok() != Some(found.to_bytes())).then(|| "its text was changed".into())
        }
        Ok(_) => None,
    };
    Ok(report)
}

fn state(folder: &Path, plan: &Plan, plan_sha256: &str, listed: Option<&Manifest>, shard: usize) -> State {
    let path = folder.join(Layout::shard_name(shard));
    let size = match fs::metadata(&path) {
        Ok(file) => Some(file.len()),
        Err(e) if e.kind() == ErrorKind::NotFound => None,
        Err(e) => return State::Bad(format!("it cannot be read: {e}")),
    };
    let record = match ShardRecord::read(folder, shard) {
        Ok(Some(record)) => record,
        Ok(None) if size.is_none() => return State::Missing,
        Ok(None) => return State::Bad("it has no record".into()),
        Err(e) => return State::Bad(format!("its record cannot be used: {}", one_line(&e))),
    };
    if record.plan_sha256 != plan_sha256 {
        return State::Foreign("it was made for another plan".into());
    }
    if let Err(e) = record.fits(plan, plan_sha256, shard) {
        return State::Bad(one_line(&e));
    }
    match size {
        None => return State::Bad("it has a record but is not there".into()),
        Some(size) if size != record.bytes => return State::Bad(format!("{size} bytes instead of {}", record.bytes)),
        Some(_) => {}
    }
    match sha256_file(&path) {
        Ok(sha256) if sha256 != record.sha256 => State::Bad(format!("sha256 {sha256} instead of {}", record.sha256)),
        Ok(_) if listed.is_some_and(|m| m.shards.get(shard).is_some_and(|s| *s != record)) => {
            State::Bad("its record is not that of manifest.json".into())
        }
        Ok(_) => State::Good(record),
        Err(e) => State::Bad(one_line(&e)),
    }
}

/// An error as a part of a line.
fn one_line(error: &Error) -> String {
    error.to_string().lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// Removes damaged shards with their records, so that they are made again; and manifest.json, which no longer holds.
///
/// # Errors
/// A file that cannot be removed.
pub fn discard(folder: &Path, bad: &[BadShard]) -> Result<()> {
    let remove = |name: &str| {
        let path = folder.join(name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", &path, e)),
            _ => Ok(()),
        }
    };
    remove(Manifest::NAME)?;
    for BadShard { shard, .. } in bad {
        // the record first: a shard without one is made again, whenever this is stopped
        remove(&ShardRecord::name(*shard))?;
        remove(&Layout::shard_name(*shard))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{build, plan};
    use super::super::{FailedSample, join};
    use super::*;

    fn finished() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        build(&plan(), folder.path(), 0..4);
        join(&plan(), folder.path()).unwrap().write(folder.path()).unwrap();
        folder
    }

    fn checked(folder: &Path) -> Report {
        verify(folder, &Watch::silent()).unwrap()
    }

    #[test]
    fn an_undamaged_data_set_is_whole() {
        let folder = finished();
        let report = checked(folder.path());
        assert!(report.is_whole());
        let bytes: u64 = (0..4).map(|i| fs::metadata(folder.path().join(Layout::shard_name(i))).unwrap().len()).sum();
        assert_eq!((report.good, report.bytes), (4, bytes));
    }

    #[test]
    fn every_flipped_bit_is_found_and_its_shard_alone_is_made_again() {
        let folder = finished();
        let path = folder.path().join("shard-00002.h5");
        let (whole, manifest) = (fs::read(&path).unwrap(), fs::read(folder.path().join("manifest.json")).unwrap());
        for bit in (0..whole.len() * 8).step_by(37) {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, bytes).unwrap();
            let report = checked(folder.path());
            assert_eq!((report.good, report.bad.len(), report.bad[0].shard), (3, 1, 2));
            assert!(report.bad[0].problem.contains("instead of"), "{report:?}");
        }
        discard(folder.path(), &checked(folder.path()).bad).unwrap();
        let report = checked(folder.path());
        assert_eq!((report.missing.as_slice(), report.bad.len(), report.manifest), (&[2][..], 0, None));
        build(&plan(), folder.path(), [2]);
        assert_eq!(checked(folder.path()).manifest.as_deref(), Some("it is absent"));
        join(&plan(), folder.path()).unwrap().write(folder.path()).unwrap();
        assert_eq!(fs::read(folder.path().join("manifest.json")).unwrap(), manifest);
        assert!(checked(folder.path()).is_whole());
    }

    #[test]
    fn whatever_is_wrong_is_told_apart() {
        let problem = |change: &dyn Fn(&Path)| {
            let folder = finished();
            change(folder.path());
            let report = checked(folder.path());
            assert!(!report.is_whole() && report.bad.len() <= 1);
            report.bad.first().map(|b| b.problem.clone()).or(report.manifest).unwrap_or(format!("{:?}", report.missing))
        };
        let says = |change: &dyn Fn(&Path), words: &str| {
            let problem = problem(change);
            assert!(problem.contains(words), "{words}: {problem}");
        };
        let write = |name: &'static str, text: &'static str| move |f: &Path| fs::write(f.join(name), text).unwrap();
        let remove = |name: &'static str| move |f: &Path| fs::remove_file(f.join(name)).unwrap();
        says(&write("shard-00001.h5", "x"), "1 bytes instead of");
        says(&remove("shard-00001.h5"), "has a record but is not there");
        says(&remove("shard-00001.json"), "no record");
        says(&write("shard-00001.json", "{"), "this is no JSON");
        says(&write("shard-00001.json", "{}"), "key format");
        says(&remove("manifest.json"), "absent");
        says(&write("manifest.json", "{}"), "key format");
        let both = |f: &Path| {
            remove("shard-00003.json")(f);
            remove("shard-00003.h5")(f);
        };
        says(&both, "[3]");
        let of_record = |change: fn(&mut ShardRecord)| {
            move |f: &Path| {
                let mut record = ShardRecord::read(f, 0).unwrap().unwrap();
                change(&mut record);
                record.write(f).unwrap();
            }
        };
        says(&of_record(|r| r.samples = 2), "does not fit the plan");
        says(&of_record(|r| r.plan_sha256 = "0".into()), "another plan");
        let failed = |r: &mut ShardRecord| {
            r.failed = vec![FailedSample { sample: 1, id: "galaxy 0".into(), reason: "none".into() }];
        };
        says(&of_record(failed), "not that of manifest.json");
        let spaced = |f: &Path| {
            let text = fs::read_to_string(f.join("manifest.json")).unwrap();
            fs::write(f.join("manifest.json"), text.replace("\"failures\": 1", "\"failures\": 0")).unwrap();
        };
        says(&spaced, "its text was changed");
    }

    #[test]
    fn a_changed_plan_condemns_no_shard() {
        let folder = finished();
        Plan { seed: 8, ..plan() }.write(folder.path()).unwrap();
        let error = verify(folder.path(), &Watch::silent()).unwrap_err().to_string();
        assert!(error.contains("restore plan.json") && error.contains("4 shards"), "{error}");
        let stopped = Watch::stopped_by(std::sync::Arc::new(true.into()));
        plan().write(folder.path()).unwrap();
        assert!(verify(folder.path(), &stopped).unwrap_err().is_interrupt());
    }
}
