//! What stands beside the shards once all are there: the manifest, a contact sheet and an overview; and what `info` says.

use super::contact::{Tile, TileImage, contact_sheet, draw_samples, mean_plane};
use super::log::{Log, duration_words};
use super::overview::{SampleRow, overview_html};
use super::prepare::Prepared;
use crate::datasets::{Field, Layout, Manifest, Part, Plan, Scaling, ScalingKind, ShardRecord, Split, join};
use crate::error::{Error, Result};
use crate::formats::fits::Beam;
use crate::formats::shard::{ColumnValues, ShardReader};
use crate::formats::{Staged, remove_dead};
use crate::run::Progress;
use crate::sky::band::BAND_SHARE;
use crate::units::{DEG_RAD, Dimension, format_quantity};
use ndarray::{Array2, Ix2, Ix3};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Names of what people look at.
const CONTACT: &str = "contact.png";
const OVERVIEW: &str = "overview.html";
/// Share of the HI below which a sample counts as cut by the edge of its image.
const MOST_OF_IT: f64 = 0.9;
/// Samples on the contact sheet.
const SHOWN: usize = 8;

/// After the shards of a part: the manifest and what people look at, if the shards of all parts are there; what is there,
/// in words.
///
/// # Errors
/// Those of files; an interrupt.
pub(super) fn after_build(
    folder: &Path,
    prepared: &Prepared,
    part: Part,
    log: &Log,
    progress: &dyn Progress,
) -> Result<String> {
    let plan = &prepared.plan;
    let shards = plan.layout.shards();
    let sha256 = plan.sha256();
    let there = (0..shards)
        .filter(|shard| {
            ShardRecord::read(folder, *shard).is_ok_and(|r| r.is_some_and(|r| r.fits(plan, &sha256, *shard).is_ok()))
        })
        .count();
    if there < shards {
        log.line(&format!(
            "part {}/{} is done; {there} of {shards} shards of all parts are there",
            part.index, part.of
        ))?;
        return Ok(format!(
            "{}: part {}/{} is done; {there} of {shards} shards are there. The part that ends last writes manifest.json; \
             `skyfringe dataset merge {}` does, too.\n",
            folder.display(),
            part.index,
            part.of,
            folder.display()
        ));
    }
    let clock = Instant::now();
    let text = complete(folder, plan, progress)?;
    log.line(&format!(
        "all {shards} shards are there; manifest and overview in {}",
        duration_words(clock.elapsed().as_secs_f64())
    ))?;
    Ok(text)
}

/// `dataset merge`: copies the shards that `others` made, and completes the data set.
///
/// # Errors
/// Plans that differ; shards that are missing or damaged; those of files.
pub fn merge(folder: &Path, others: &[PathBuf], progress: &dyn Progress) -> Result<String> {
    remove_dead(folder);
    let text = super::check::gather_all(folder, others, progress)?;
    Ok(text + &complete(folder, &Plan::read(folder)?, progress)?)
}

/// Writes manifest.json, contact.png and overview.html: the same bytes whoever does.
fn complete(folder: &Path, plan: &Plan, progress: &dyn Progress) -> Result<String> {
    let manifest = join(plan, folder)?;
    let samples = Samples::read(folder, plan, progress)?;
    let png = samples.contact(folder, plan)?;
    Staged::write_bytes(&folder.join(CONTACT), &png)?;
    let mut shown = facts(&manifest);
    let cut = samples.numbers.iter().filter(|n| n[9] < MOST_OF_IT * n[0]).count();
    if cut > 0 {
        let words = format!("{cut} samples have less than {:.0} % of their HI within the image", 100.0 * MOST_OF_IT);
        progress.note(&words);
        shown.push(("cut".into(), words));
    }
    let narrow = samples.numbers.iter().filter(|n| n[10].min(n[11]) < BAND_SHARE).count();
    if narrow > 0 {
        let words =
            format!("the channels of {narrow} samples hold less than {:.1} % of their line", 100.0 * BAND_SHARE);
        progress.note(&words);
        shown.push(("channels".into(), words));
    }
    let page = overview_html(&title(plan), &shown, &samples.rows(plan), &png);
    Staged::write_bytes(&folder.join(OVERVIEW), page.as_bytes())?;
    // last: where it is, all is
    manifest.write(folder)?;
    Ok(format!("{}: manifest.json, {OVERVIEW}, {CONTACT}\n{}", folder.display(), words(&manifest)))
}

fn title(plan: &Plan) -> String {
    format!("Data set of {} samples: {}", plan.layout.samples(), names(plan.fields.iter().map(|f| f.name.as_str())))
}

fn names<'a>(list: impl Iterator<Item = &'a str>) -> String {
    list.collect::<Vec<_>>().join(", ")
}

/// `dataset info`: what a data set holds, and how far it is.
///
/// # Errors
/// A folder without plan.json.
pub fn info(folder: &Path, _progress: &dyn Progress) -> Result<String> {
    let plan = Plan::read(folder)?;
    if folder.join(Manifest::NAME).exists() {
        let manifest = Manifest::read(folder)?;
        let mut text = format!("{}: complete\n{}", folder.display(), words(&manifest));
        for failed in manifest.shards.iter().flat_map(|s| &s.failed).take(LISTED) {
            text.push_str(&format!("  failed: sample {} ({}): {}\n", failed.sample, failed.id, failed.reason));
        }
        return Ok(text);
    }
    let sha256 = plan.sha256();
    let (mut there, mut failed) = (0, 0);
    for shard in 0..plan.layout.shards() {
        if let Some(record) = ShardRecord::read(folder, shard)?.filter(|r| r.fits(&plan, &sha256, shard).is_ok()) {
            there += 1;
            failed += record.failed.len();
        }
    }
    let shards = plan.layout.shards();
    let failures = if failed > 0 { format!(", {failed} samples failed so far") } else { String::new() };
    let state = format!("{}: {there} of {shards} shards are there{failures}\n", folder.display());
    let hint = if there == shards { "dataset merge completes it" } else { "dataset build goes on with it" };
    Ok(format!("{state}{}  {hint}\n", plan_rows(&plan)))
}

/// Failed samples that `info` lists; the manifest has all.
const LISTED: usize = 20;

/// What `dataset plan` says.
pub(super) fn plan_words(plan: &Plan, folder: &Path) -> String {
    format!("{}: plan.json\n{}", folder.display(), plan_rows(plan))
}

fn rows(list: &[(String, String)]) -> String {
    list.iter().map(|(name, value)| format!("  {name:>14}: {value}\n")).collect()
}

fn plan_rows(plan: &Plan) -> String {
    rows(&plan_facts(plan))
}

fn words(manifest: &Manifest) -> String {
    rows(&facts(manifest))
}

fn plan_facts(plan: &Plan) -> Vec<(String, String)> {
    let layout = &plan.layout;
    let unreadable = plan.galaxies.iter().filter(|g| g.failure.is_some()).count();
    let told = if unreadable > 0 { format!(" ({unreadable} could not be read)") } else { String::new() };
    let scaled = plan.fields.iter().map(|field| match field.scaling {
        Scaling { kind: ScalingKind::None, .. } => format!("{} ({})", field.name, field.unit),
        Scaling { kind, scale, .. } => format!("{} ({}, {} of x/{scale:.3e})", field.name, field.unit, kind.word()),
    });
    let shape = plan.fields.first().map(|f| f.shape.iter().rev().map(usize::to_string).collect::<Vec<_>>().join(" x "));
    vec![
        ("galaxies".into(), format!("{}{told}", layout.galaxies)),
        ("orientations".into(), layout.views.to_string()),
        ("instruments".into(), names(plan.instruments.iter().map(|i| i.name.as_str()))),
        ("noise".into(), format!("{} of each", layout.realisations)),
        ("samples".into(), format!("{} in {} shards of {}", layout.samples(), layout.shards(), layout.per_shard)),
        ("fields".into(), scaled.collect::<Vec<_>>().join(", ")),
        ("pixels".into(), shape.unwrap_or_default()),
        ("seed".into(), plan.seed.to_string()),
        ("program".into(), plan.program.clone()),
    ]
}

fn facts(manifest: &Manifest) -> Vec<(String, String)> {
    let mut facts = plan_facts(&manifest.plan);
    let totals = Split::ALL.into_iter().zip(manifest.totals());
    let splits = totals.map(|(split, t)| format!("{} {} samples of {} galaxies", split.word(), t.samples, t.groups));
    facts.push(("splits".into(), splits.collect::<Vec<_>>().join(", ")));
    facts.push(("failed".into(), manifest.failures().to_string()));
    facts.push(("bytes".into(), format!("{:.1} MB", manifest.shard_bytes() as f64 / 1e6)));
    facts
}

/// The table of all samples, as far as it is shown.
struct Samples {
    texts: Vec<[String; 5]>,
    numbers: Vec<[f64; 12]>,
}

const TEXTS: [&str; 5] = ["galaxy", "split", "instrument", "route", "reason"];
const NUMBERS: [&str; 12] = [
    "hi_mass_msun",
    "flux_jy",
    "noise_jy",
    "peak_jy",
    "bound",
    "cell_deg",
    "bmaj_deg",
    "bmin_deg",
    "bpa_deg",
    "hi_mass_field_msun",
    "band_share",
    "band_share_cube",
];

impl Samples {
    fn read(folder: &Path, plan: &Plan, progress: &dyn Progress) -> Result<Samples> {
        let shards = plan.layout.shards();
        let watch = progress.stage("overview", shards as u64);
        let mut samples = Samples { texts: Vec::new(), numbers: Vec::new() };
        for shard in 0..shards {
            let reader = ShardReader::open(&folder.join(Layout::shard_name(shard)))?;
            for at in 0..plan.layout.samples_of(shard).len() {
                // data sets without an observer lack its columns
                samples.texts.push(TEXTS.map(|name| match reader.column(name) {
                    Some(ColumnValues::Text(values)) => values[at].clone(),
                    _ => String::new(),
                }));
                samples.numbers.push(NUMBERS.map(|name| match reader.column(name) {
                    Some(ColumnValues::Number(values)) => values[at],
                    _ => f64::NAN,
                }));
            }
            watch.advance(1)?;
        }
        Ok(samples)
    }

    fn rows(&self, plan: &Plan) -> Vec<SampleRow<'_>> {
        let mut rows = Vec::with_capacity(self.texts.len());
        for (sample, (texts, numbers)) in self.texts.iter().zip(&self.numbers).enumerate() {
            let [galaxy, split, instrument, route, reason] = texts;
            let [hi_mass_msun, flux_jy, noise_jy, peak_jy, bound, ..] = *numbers;
            rows.push(SampleRow {
                sample,
                galaxy,
                split,
                hi_mass_msun,
                flux_jy,
                noise_jy,
                snr: peak_jy / noise_jy,
                view: plan.layout.key(sample).view,
                instrument,
                route,
                bound,
                failure: Some(reason.as_str()).filter(|r| !r.is_empty()),
            });
        }
        rows
    }

    /// The contact sheet of a few samples that did not fail, as PNG; empty where there is none.
    fn contact(&self, folder: &Path, plan: &Plan) -> Result<Vec<u8>> {
        let good: Vec<usize> = (0..self.texts.len()).filter(|s| self.texts[*s][4].is_empty()).collect();
        let shown = draw_samples(&good, SHOWN, plan.seed);
        if shown.is_empty() {
            return Ok(Vec::new());
        }
        let fields: Vec<Field> = Field::parse_list(&plan.fields.iter().map(|f| f.name.as_str()).collect::<Vec<_>>())?;
        let mut tiles = Vec::new();
        for sample in shown {
            let shard = sample / plan.layout.per_shard;
            let reader = ShardReader::open(&folder.join(Layout::shard_name(shard)))?;
            let at = sample - plan.layout.samples_of(shard).start;
            let [hi_mass_msun, _, noise_jy, peak_jy, bound, cell_deg, major, minor, angle, ..] = self.numbers[sample];
            let beam = Beam { major_rad: major * DEG_RAD, minor_rad: minor * DEG_RAD, angle_rad: angle * DEG_RAD };
            let images = fields.iter().zip(&plan.fields).enumerate().map(|(number, (field, planned))| {
                Ok(TileImage {
                    field: *field,
                    values: plane(&reader, number, at, &planned.scaling)?,
                    cell_rad: cell_deg * DEG_RAD,
                    beam: major.is_finite().then_some(beam),
                })
            });
            let [galaxy, split, instrument, route, _] = &self.texts[sample];
            let key = plan.layout.key(sample);
            let mut caption = vec![
                ("galaxy".to_string(), galaxy.clone()),
                ("orientation".to_string(), plan.views[key.view].clone()),
                ("split".to_string(), split.clone()),
                ("HI mass".to_string(), format!("{hi_mass_msun:.2e} Msun")),
                ("instrument".to_string(), instrument.clone()),
            ];
            if noise_jy > 0.0 {
                caption
                    .push(("noise".to_string(), format!("{}/beam", format_quantity(noise_jy, Dimension::FluxDensity))));
                caption.push(("peak/noise".to_string(), format!("{:.1}", peak_jy / noise_jy)));
            }
            if !route.is_empty() {
                caption.push(("route".to_string(), route.clone()));
            }
            if bound.is_finite() {
                caption.push(("bound".to_string(), format!("{bound:.1e} of the peak")));
            }
            tiles.push(Tile { title: format!("sample {sample}"), caption, images: images.collect::<Result<_>>()? });
        }
        let subtitle = format!("{} of {} samples, drawn at random", tiles.len(), plan.layout.samples());
        contact_sheet(&tiles, &title(plan), &subtitle).render()
    }
}

/// Physical values of a field of a sample; the mean of a cube's channels.
fn plane(reader: &ShardReader, field: usize, at: usize, scaling: &Scaling) -> Result<Array2<f32>> {
    let mut values = reader.read(field, at)?;
    let stored = values.clone();
    if let (Some(stored), Some(values)) = (stored.as_slice(), values.as_slice_mut()) {
        scaling.invert_to(stored, values);
    }
    let shape = values.shape().to_vec();
    match shape.len() {
        2 => values.into_dimensionality::<Ix2>().ok(),
        _ => values.into_dimensionality::<Ix3>().ok().map(|cube| mean_plane(cube.view())),
    }
    .ok_or_else(|| Error::input("a field of the data set is neither an image nor a cube").found(format!("{shape:?}")))
}
