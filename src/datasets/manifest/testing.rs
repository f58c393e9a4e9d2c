//! A small data set whose shards are plain bytes: nothing here reads what is in them.

use super::super::{Layout, Scaling, ScalingKind, Split, SplitRequest};
use super::{FailedSample, Plan, PlanField, PlanGalaxy, PlanInstrument, ShardRecord};
use std::fs;
use std::path::Path;

/// 6 galaxies of 5 groups in 2 orientations: 12 samples in 4 shards of 3.
pub(super) fn plan() -> Plan {
    let splits = [Split::Train, Split::Train, Split::Train, Split::Validation, Split::Test, Split::Test];
    let groups = ["g0", "g1", "g1", "g3", "g4", "g5"];
    let galaxy = |i: usize| PlanGalaxy {
        id: format!("galaxy {i}"),
        group: groups[i].into(),
        source: "made by seed 7".into(),
        hi_mass_msun: (i != 2).then(|| 1e9 / (i + 3) as f64),
        redshift: (i != 2).then_some(0.1),
        split: splits[i],
        failure: (i == 2).then(|| "it has no gas, \"none\"".into()),
    };
    let scaling = Scaling { kind: ScalingKind::Asinh, scale: 0.1, offset: 1.0 / 3.0, gain: 2e-5, lambda: 1.0 };
    let field = |name: &str, unit: &str, scaling| PlanField {
        name: name.into(),
        unit: unit.into(),
        shape: vec![8, 8],
        signed: name == "dirty",
        scaling,
    };
    Plan {
        program: "skyfringe 0.1.0".into(),
        configuration: "[dataset]\nviews = 2\n".into(),
        seed: u64::MAX,
        layout: Layout { galaxies: 6, views: 2, instruments: 1, realisations: 1, per_shard: 3 },
        galaxies: (0..6).map(galaxy).collect(),
        views: vec!["face-on".into(), "edge-on".into()],
        instruments: vec![PlanInstrument { name: "meerkat".into(), flux_over_peak: [Some(120.0), None] }],
        fields: vec![field("tb", "mK", Scaling::NONE), field("dirty", "Jy/beam", scaling)],
        split: SplitRequest { fractions: [0.5, 0.25, 0.25], seed: 3, strata: 2 },
        notes: vec!["a note".into()],
    }
}

/// Makes plan.json, `shards` and their records; sample 4 fails.
pub(super) fn build(plan: &Plan, folder: &Path, shards: impl IntoIterator<Item = usize>) {
    plan.write(folder).unwrap();
    for shard in shards {
        let bytes: Vec<u8> = (0..50 + shard).map(|i| (i * 31 + shard) as u8).collect();
        fs::write(folder.join(Layout::shard_name(shard)), bytes).unwrap();
        let failed = FailedSample { sample: 4, id: "galaxy 2".into(), reason: "it has no gas".into() };
        let failed = if shard == 1 { vec![failed] } else { Vec::new() };
        ShardRecord::of_file(folder, &plan.layout, shard, &plan.sha256(), failed).unwrap().write(folder).unwrap();
    }
}
