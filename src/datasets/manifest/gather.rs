use super::super::Layout;
use super::{Plan, ShardRecord};
use crate::error::{Error, Result, Watch};
use crate::formats::{Staged, copy_with_sha256};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Copies to `folder` the shards that it lacks and `other` has, with their records; both folders must hold the same
/// plan.json. Each copy is compared with its checksum before it gets its name. Returns what was copied;
/// `watch.advance(1)` after each shard of the plan.
///
/// # Errors
/// Plans that differ (with the keys), a shard of `other` that is damaged, a shard that both made but differently, files
/// that cannot be read or written.
pub fn gather(plan: &Plan, folder: &Path, other: &Path, watch: &Watch) -> Result<Vec<usize>> {
    same_plan(folder, other)?;
    let plan_sha256 = plan.sha256();
    let mut copied = Vec::new();
    for shard in 0..plan.layout.shards() {
        watch.advance(1)?;
        let Some(theirs) = ShardRecord::read(other, shard)? else { continue };
        theirs.fits(plan, &plan_sha256, shard).map_err(|e| e.hint(format!("in {}", other.display())))?;
        if let Some(ours) = ShardRecord::read(folder, shard)?
            && fs::metadata(ours.shard_path(folder)).is_ok_and(|file| file.len() == ours.bytes)
        {
            if ours != theirs {
                return Err(Error::input(format!("two folders hold different shards {shard} of one plan"))
                    .found(format!("sha256 {} in {}", theirs.sha256, other.display()))
                    .expected(format!("{}, as in {}", ours.sha256, folder.display()))
                    .hint(
                        "one was changed, or had failures that the other had not: remove one of them with its record",
                    ));
            }
            continue;
        }
        let (from, to) = (theirs.shard_path(other), folder.join(Layout::shard_name(shard)));
        if !from.exists() {
            continue;
        }
        let staged = Staged::new(&to)?;
        let mut out = fs::File::create(staged.path()).map_err(|e| Error::io("write", &to, e))?;
        let sha256 = copy_with_sha256(&from, &mut out)?;
        if sha256 != theirs.sha256 {
            return Err(Error::input(format!("shard {shard} is damaged"))
                .found(format!("sha256 {sha256}"))
                .expected(format!("{}, as its record states", theirs.sha256))
                .place(format!("file {}", from.display()))
                .hint(format!(
                    "run \"skyfringe dataset verify {} --discard\", and build there again",
                    other.display()
                )));
        }
        staged.commit()?;
        // after the shard: a record says that its shard is whole
        theirs.write(folder)?;
        copied.push(shard);
    }
    Ok(copied)
}

fn same_plan(folder: &Path, other: &Path) -> Result<()> {
    let (ours, theirs) = (folder.join(Plan::NAME), other.join(Plan::NAME));
    let bytes = |path: &Path| fs::read(path).map_err(|e| Error::io("read", path, e));
    let (a, b) = (bytes(&ours)?, bytes(&theirs)?);
    if a == b {
        return Ok(());
    }
    let keys = match (serde_json::from_slice(&a), serde_json::from_slice(&b)) {
        (Ok(Value::Object(a)), Ok(Value::Object(b))) => {
            let keys: Vec<&str> = a.keys().filter(|k| a.get(*k) != b.get(*k)).map(String::as_str).collect();
            format!("they differ in {}", if keys.is_empty() { "their text".into() } else { keys.join(", ") })
        }
        _ => "they differ".into(),
    };
    Err(Error::input("the folders hold different data sets")
        .found(keys)
        .expected("the same plan.json in both")
        .place(format!("{} and {}", ours.display(), theirs.display()))
        .hint("parts of one data set are built from copies of one plan.json"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{build, plan};
    use super::super::{Manifest, join};
    use super::*;

    #[test]
    fn shards_of_other_machines_are_copied_and_compared() {
        let (a, b, c) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let plan = plan();
        for (folder, shards) in [(&a, vec![0, 3]), (&b, vec![0, 1]), (&c, vec![2])] {
            build(&plan, folder.path(), shards);
        }
        let all = tempfile::tempdir().unwrap();
        build(&plan, all.path(), 0..4);
        let from = |other: &Path| gather(&plan, a.path(), other, &Watch::silent());
        assert_eq!(from(b.path()).unwrap(), [1]);
        assert_eq!(from(c.path()).unwrap(), [2]);
        assert!(from(c.path()).unwrap().is_empty());
        let bytes = |m: Manifest| m.to_bytes();
        assert_eq!(bytes(join(&plan, a.path()).unwrap()), bytes(join(&plan, all.path()).unwrap()));
        for shard in 0..4 {
            let name = Layout::shard_name(shard);
            assert_eq!(fs::read(a.path().join(&name)).unwrap(), fs::read(all.path().join(&name)).unwrap());
        }
        // what is cut off here is taken from there
        fs::write(a.path().join("shard-00001.h5"), "cut").unwrap();
        assert_eq!(from(b.path()).unwrap(), [1]);
    }

    #[test]
    fn damaged_shards_and_other_plans_are_refused() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let plan = plan();
        build(&plan, a.path(), [0]);
        build(&plan, b.path(), [0, 1]);
        let says = |words: &[&str]| {
            let error = gather(&plan, a.path(), b.path(), &Watch::silent()).unwrap_err().to_string();
            assert!(words.iter().all(|w| error.contains(w)), "{words:?}: {error}");
        };
        let shard = b.path().join("shard-00001.h5");
        let mut bytes = fs::read(&shard).unwrap();
        bytes[3] ^= 1;
        fs::write(&shard, bytes).unwrap();
        says(&["shard 1 is damaged", "sha256", "--discard"]);
        assert!(!a.path().join("shard-00001.h5").exists());
        assert_eq!(fs::read_dir(a.path()).unwrap().count(), 3);
        let record = ShardRecord::read(b.path(), 0).unwrap().unwrap();
        ShardRecord { sha256: "00".into(), ..record }.write(b.path()).unwrap();
        says(&["different shards 0", "00 in"]);
        Plan { seed: 3, notes: vec!["x".into()], ..plan.clone() }.write(b.path()).unwrap();
        says(&["different data sets", "differ in seed, notes"]);
        fs::remove_file(b.path().join("plan.json")).unwrap();
        says(&["cannot read", "plan.json"]);
    }
}
