//! `dataset verify` and `dataset merge`: what stands in a finished folder.

use crate::datasets::{BadShard, Layout, Plan, Report, discard, gather, join};
use crate::error::{Error, Result};
use crate::run::Progress;
use crate::run::sky::make_folder;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Compares every byte of the data set in `folder` with its checksums; with `discard_damaged` removes the shards that are
/// damaged, so that a build makes them again. Returns what was found, in words.
///
/// # Errors
/// Damaged shards (unless they were discarded), missing ones, a manifest.json that is absent or does not fit, a plan that
/// cannot be used.
pub fn verify(folder: &Path, discard_damaged: bool, progress: &dyn Progress) -> Result<String> {
    let shards = Plan::read(folder)?.layout.shards();
    let report = crate::datasets::verify(folder, &progress.stage("checking", shards as u64))?;
    let manifest_problem = report.manifest.as_ref().map(|problem| format!("manifest.json: {problem}"));
    let build = format!("\"skyfringe dataset build CONFIG.toml --out {}\"", folder.display());
    if report.is_whole() {
        return Ok(format!("{}: {}, all as recorded\n", folder.display(), good(&report)));
    }
    if discard_damaged && !report.bad.is_empty() {
        discard(folder, &report.bad)?;
        let mut text = format!("{}: {} as recorded\n", folder.display(), good(&report));
        for line in lines(&report.bad) {
            let _ = writeln!(text, "removed {line}");
        }
        let _ = writeln!(text, "removed manifest.json; {build} makes what is missing and writes it again");
        return Ok(text);
    }
    if !report.bad.is_empty() {
        let also = manifest_problem.into_iter().chain(
            (!report.missing.is_empty())
                .then(|| format!("and {} of {shards} shards are missing", report.missing.len())),
        );
        return Err(Error::input("the data set is damaged")
            .found(lines(&report.bad).into_iter().chain(also).collect::<Vec<_>>().join("\n            "))
            .expected(format!("{shards} shards with the checksums of their records"))
            .place(folder.display())
            .hint(format!(
                "remove the damaged shards with \"skyfringe dataset verify {} --discard\"; {build} makes them again",
                folder.display()
            )));
    }
    if let Some(problem) = manifest_problem {
        return Err(Error::input("the list of the data set is not as it was written")
            .found(problem)
            .expected("the plan and the records of all shards")
            .place(folder.display())
            .hint(format!(
                "all shards are as recorded: \"skyfringe dataset merge {}\" writes it again",
                folder.display()
            )));
    }
    // joining says what is missing
    join(&Plan::read(folder)?, folder).map(|_| String::new())
}

/// Copies to the data set in `folder` the shards that it lacks from `others`, which other machines made for the same
/// plan. Moves and changes nothing in the others.
///
/// # Errors
/// Plans that differ, damaged shards in the others; those of files.
pub(super) fn gather_all(folder: &Path, others: &[PathBuf], progress: &dyn Progress) -> Result<String> {
    let own = folder.join(Plan::NAME);
    if let (false, Some(first)) = (own.exists(), others.first()) {
        let plan = Plan::read(first)?;
        let _folder = make_folder(folder)?;
        plan.write(folder)?;
    }
    let plan = Plan::read(folder)?;
    let mut text = String::new();
    if !others.is_empty() {
        let watch = progress.stage("copying", (plan.layout.shards() * others.len()) as u64);
        for other in others {
            let copied = gather(&plan, folder, other, &watch)?;
            let _ = writeln!(text, "{}: {} shards copied", other.display(), copied.len());
        }
    }
    Ok(text)
}

fn good(report: &Report) -> String {
    format!("{} shards, {:.3} MB", report.good, report.bytes as f64 / 1e6)
}

/// A line a shard; a thousand damaged shards are told by the first ones.
fn lines(bad: &[BadShard]) -> Vec<String> {
    const MOST: usize = 20;
    let mut lines: Vec<String> =
        bad.iter().take(MOST).map(|b| format!("{}: {}", Layout::shard_name(b.shard), b.problem)).collect();
    if bad.len() > MOST {
        lines.push(format!("and {} more", bad.len() - MOST));
    }
    lines
}
