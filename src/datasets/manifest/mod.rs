//! The small files of a data set's folder: what is to be made, what was made, and whether it is still so.
//!
//! | file | holds |
//! |---|---|
//! | json | objects read with the place of what is wrong, written in one fixed way |
//! | plan | plan.json: configuration, galaxies with their splits, layout, fields with their scalings; frozen first |
//! | record | shard-NNNNN.json: size, checksum and failed samples of one shard |
//! | join | manifest.json: the plan and all records |
//! | gather | the shards that other machines made for the same plan |
//! | verify | every byte against its checksum |

mod gather;
mod join;
mod json;
mod plan;
mod record;
mod verify;

pub use gather::gather;
pub use join::{Manifest, SplitTotals, join};
pub use plan::{Plan, PlanField, PlanGalaxy, PlanInstrument};
pub use record::{FailedSample, ShardRecord};
pub use verify::{BadShard, Report, discard, verify};

/// Numbers in words, runs of them as "3 to 7".
fn in_words(numbers: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for n in numbers {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == *n => *end = *n,
            _ => runs.push((*n, *n)),
        }
    }
    let words = runs.iter().map(|(first, end)| match end - first {
        0 => first.to_string(),
        1 => format!("{first}, {end}"),
        _ => format!("{first} to {end}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod testing;
