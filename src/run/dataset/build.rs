//! The shards that are missing, made by several workers.

use super::finish;
use super::log::Log;
use super::prepare::{Prepared, prepare};
use super::row::{Column, Row, Seen};
use super::samples::{Maker, Sample, own_failure};
use super::scene::Instrument;
use super::shards::{header, values};
use super::sources::Subject;
use super::workers::Workers;
use crate::datasets::{FailedSample, Layout, Part, Plan, Scaling, ScalingKind, ShardRecord};
use crate::error::{Error, Result, Watch};
use crate::formats::shard::{Compression, PackedSample, ShardWriter};
use crate::formats::{Staged, remove_dead};
use crate::run::Progress;
use crate::run::image::memory;
use crate::run::sky::make_folder;
use ndarray::ArrayD;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The words of `dataset build`.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// Configuration.
    pub config: PathBuf,
    /// `--set table.key=value`.
    pub changes: Vec<String>,
    /// Folder of the data set.
    pub out: PathBuf,
    /// "i/n".
    pub shard: Option<String>,
    /// Make shards with failed samples again.
    pub retry_failed: bool,
    /// Amount of memory, such as 8GB.
    pub limit_memory: Option<String>,
}

/// `dataset plan`: writes plan.json.
///
/// # Errors
/// Those of configurations, files and observers.
pub fn plan(config: &Path, changes: &[String], out: &Path, progress: &dyn Progress) -> Result<String> {
    let _folder = make_folder(out)?;
    let log = Log::open(out, "plan".into(), progress)?;
    let prepared = prepare(config, changes, out, rayon::current_num_threads(), &log, progress)?;
    Ok(finish::plan_words(&prepared.plan, out))
}

/// `dataset build`: makes the shards that are missing, and the manifest once all are there.
///
/// # Errors
/// Those of configurations and files; not enough memory; an interrupt. A sample that cannot be made is none.
pub fn build(request: &BuildRequest, progress: &dyn Progress) -> Result<String> {
    let part = request.shard.as_deref().map(Part::parse).transpose()?.unwrap_or(Part::WHOLE);
    let free_bytes = memory::limit(request.limit_memory.as_deref(), "--limit-memory")?;
    let out = request.out.as_path();
    let _folder = make_folder(out)?;
    remove_dead(out);
    let threads = rayon::current_num_threads();
    let log = Log::open(out, format!("part {}/{}", part.index, part.of), progress)?;
    let mut prepared = prepare(&request.config, &request.changes, out, threads, &log, progress)?;
    let plan_sha256 = prepared.plan.sha256();
    let missing = missing(out, &prepared.plan, &plan_sha256, part, request.retry_failed)?;
    let layout = prepared.plan.layout;
    if !missing.is_empty() {
        let instruments = prepared.instruments(progress)?;
        let builder = Builder {
            folder: out,
            prepared: &prepared,
            instruments: &instruments,
            plan_sha256: &plan_sha256,
            compression: match prepared.dataset.compression {
                0 => Compression::None,
                level => Compression::Deflate(level),
            },
            log: &log,
        };
        let samples = samples_of(&layout, &missing);
        log.line(&format!("{} of {} shards to make, {samples} samples", missing.len(), layout.shards()))?;
        log.begin(samples);
        let workers = builder.workers(threads, missing.len(), free_bytes)?;
        let watch = progress.stage("samples", samples);
        for (instrument, words) in instruments.iter().filter_map(|i| Some((i, i.left_out()?))) {
            progress.note(&format!("{}: {words}", instrument.scene.name));
        }
        workers.each(missing.len(), |i| builder.shard(missing[i], &watch))?;
    }
    let text = finish::after_build(out, &prepared, part, &log, progress)?;
    refuse_nothing(out, &missing, samples_of(&layout, &missing))?;
    Ok(text)
}

fn samples_of(layout: &Layout, shards: &[usize]) -> u64 {
    shards.iter().map(|s| layout.samples_of(*s).len() as u64).sum()
}

/// An error where every one of the samples that were just made failed: what comes next in a script should not go on.
fn refuse_nothing(folder: &Path, made: &[usize], samples: u64) -> Result<()> {
    let mut failed = 0;
    let mut reason = None;
    for shard in made {
        for sample in ShardRecord::read(folder, *shard)?.map(|record| record.failed).unwrap_or_default() {
            failed += 1;
            reason.get_or_insert(sample.reason);
        }
    }
    match reason {
        Some(reason) if failed == samples => Err(Error::input("every sample failed")
            .found(reason)
            .expected("some that can be made")
            .place(folder.display())
            .hint("`skyfringe dataset info` lists the reasons; begin again in another folder, or mend the files and give --retry-failed")),
        _ => Ok(()),
    }
}

/// The shards of `part` that have no valid record, or failed samples where those are to be made again.
fn missing(folder: &Path, plan: &Plan, plan_sha256: &str, part: Part, retry_failed: bool) -> Result<Vec<usize>> {
    let mut missing = Vec::new();
    for shard in (0..plan.layout.shards()).filter(|shard| part.holds(*shard)) {
        let there = match ShardRecord::read(folder, shard) {
            Ok(Some(record)) if record.plan_sha256 != plan_sha256 => {
                return Err(Error::input("the shards of this folder were made for another plan.json")
                    .found(format!("a record of the plan {:.12}...", record.plan_sha256))
                    .expected(format!("{plan_sha256:.12}..., that of plan.json"))
                    .place(format!("file {}", folder.join(ShardRecord::name(shard)).display()))
                    .hint("bring the first plan.json back (manifest.json holds it), or begin in another folder"));
            }
            Ok(Some(record)) => {
                let bytes = std::fs::metadata(record.shard_path(folder)).map(|m| m.len()).ok();
                record.fits(plan, plan_sha256, shard).is_ok()
                    && bytes == Some(record.bytes)
                    && (!retry_failed || record.failed.is_empty())
            }
            // what cannot be read is made again
            Ok(None) | Err(_) => false,
        };
        if !there {
            missing.push(shard);
        }
    }
    Ok(missing)
}

struct Builder<'a> {
    folder: &'a Path,
    prepared: &'a Prepared,
    instruments: &'a [Instrument],
    plan_sha256: &'a str,
    compression: Compression,
    log: &'a Log<'a>,
}

/// Relative difference of HI masses that sums may have.
const SAME_MASS: f64 = 1e-9;
/// Bytes of a gas cell in all tables of a loaded galaxy.
const CELL_BYTES: u64 = 400;
/// Cells of a galaxy that is read, where nobody knows: a large one.
const READ_CELLS: u64 = 300_000;
/// Copies of a plane of double precision that are in memory while a sample is made.
const PLANE_COPIES: u64 = 12;
/// What a worker needs beyond.
const WORKER_BYTES: u64 = 48 << 20;

impl Builder<'_> {
    /// As many workers as memory allows.
    fn workers(&self, threads: usize, shards: usize, free_bytes: u64) -> Result<Workers> {
        let scene = &self.instruments[0].scene;
        let planes = 2 + scene.channels.as_ref().map_or(0, |(freq_hz, _)| freq_hz.len() as u64);
        let pixels = (scene.pixels.size * scene.pixels.size) as u64;
        let cells = self.prepared.entries.iter().filter_map(|e| e.cells()).max().unwrap_or(READ_CELLS);
        let each = WORKER_BYTES + CELL_BYTES * cells + 8 * PLANE_COPIES * planes * pixels;
        let shared: u64 = self.instruments.iter().map(|i| i.bytes() as u64).sum();
        if shared + each > free_bytes {
            return Err(Error::input("there is not enough memory to make samples")
                .found(format!(
                    "{} for the instruments and {} for a galaxy",
                    memory::words(shared),
                    memory::words(each)
                ))
                .expected(format!("no more than {}", memory::words(free_bytes)))
                .hint("give more --limit-memory, or take fewer pixels, channels or instruments"));
        }
        Ok(Workers::new(threads, shards, each, free_bytes - shared))
    }

    /// Makes shard `shard` whole.
    fn shard(&self, shard: usize, watch: &Watch) -> Result<()> {
        let clock = Instant::now();
        let layout = self.prepared.plan.layout;
        let samples = layout.samples_of(shard);
        let path = self.folder.join(Layout::shard_name(shard));
        let staged = Staged::new(&path)?;
        let mut rows: Vec<Vec<Column>> = Vec::with_capacity(samples.len());
        let mut failed = Vec::new();
        let blank = Row {
            seen: self.blank(),
            pair: self.instruments[0].scene.band_hz.map(|_| [0.0; 2]),
            channels_share: self.instruments[0].scene.channels.as_ref().map(|_| 0.0),
            ..Row::default()
        };
        let header = header(self.prepared, self.instruments, shard, &blank.columns());
        let mut writer = ShardWriter::create(staged.path(), &header, self.compression)?;
        let maker = Maker { dataset: &self.prepared.dataset, layout, instruments: self.instruments };
        for range in of_galaxies(&layout, samples.clone()) {
            let galaxy = layout.key(range.start).galaxy;
            let subject = own_failure(self.load(galaxy, &maker, watch))?;
            let subject = subject.as_ref().map_err(String::as_str);
            maker.make(subject, &self.prepared.named(galaxy), range, watch, &mut |number, made| {
                let row = match made.and_then(|sample| self.packed(sample)) {
                    Ok((row, packed)) => {
                        for (field, packed) in packed.iter().enumerate() {
                            writer.put_packed(field, number - samples.start, packed)?;
                        }
                        row
                    }
                    Err(row) => {
                        let reason = row.failure.clone().unwrap_or_default();
                        self.log.line(&format!("sample {number} ({}) FAILED: {reason}", row.identity.id))?;
                        failed.push(FailedSample { sample: number, id: row.identity.galaxy.clone(), reason });
                        *row
                    }
                };
                rows.push(row.columns());
                watch.advance(1)
            })?;
        }
        writer.put_columns(values(&rows))?;
        writer.finish()?;
        staged.commit()?;
        let failures = failed.len();
        ShardRecord::of_file(self.folder, &layout, shard, self.plan_sha256, failed)?.write(self.folder)?;
        self.log.shard(shard, samples.len(), failures, clock.elapsed())
    }

    /// The gas of a galaxy, if it is that of the plan: splits hang on it.
    fn load(&self, galaxy: usize, maker: &Maker, watch: &Watch) -> Result<Subject> {
        let (entry, planned) = (&self.prepared.entries[galaxy], &self.prepared.plan.galaxies[galaxy]);
        let subject = entry.load(&maker.domains(), &watch.quiet())?;
        // of others the plan has the mass of a list, or of what was drawn
        if let (None, Some(msun)) = (entry.hi_mass_msun, planned.hi_mass_msun)
            && (subject.object.hi_msun() / msun - 1.0).abs() > SAME_MASS
        {
            return Err(Error::input("the gas is not that of the plan: the file was changed since")
                .found(format!("{:.6e} Msun of HI", subject.object.hi_msun()))
                .expected(format!("{msun:.6e} Msun"))
                .place(&entry.words)
                .hint("bring the file back, or begin in another folder"));
        }
        Ok(subject)
    }

    /// What observers of every instrument say without a sky: the columns are those of the first.
    fn blank(&self) -> Vec<Seen> {
        self.instruments[0].observers().map(|(band, _)| Seen { band, ..Seen::default() }).collect()
    }

    /// Scaled and compressed; a value that has no scaled one is the sample's failure.
    fn packed(&self, sample: Sample) -> std::result::Result<(Row, Vec<PackedSample>), Box<Row>> {
        let Sample { row, fields } = sample;
        let mut packed = Vec::with_capacity(fields.len());
        for (field, planned) in fields.into_iter().zip(&self.prepared.plan.fields) {
            let done =
                scaled(field, &planned.scaling).and_then(|field| PackedSample::new(field.view(), self.compression));
            match done {
                Ok(done) => packed.push(done),
                Err(error) => {
                    let reason = error.place(format!("field {}", planned.name)).to_string();
                    return Err(Box::new(Row { failure: Some(reason), ..row }));
                }
            }
        }
        Ok((row, packed))
    }
}

/// What is stored of physical values.
fn scaled(field: ArrayD<f32>, scaling: &Scaling) -> Result<ArrayD<f32>> {
    if scaling.kind == ScalingKind::None {
        return Ok(field);
    }
    let mut stored = ArrayD::zeros(field.raw_dim());
    match (field.as_slice(), stored.as_slice_mut()) {
        (Some(values), Some(scaled)) => scaling.apply_to(values, scaled)?,
        _ => return Err(Error::input("the pixels of a field are not in order")),
    }
    Ok(stored)
}

/// The runs of samples that belong to one galaxy.
fn of_galaxies(layout: &Layout, samples: Range<usize>) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = samples.start;
    while start < samples.end {
        let end = layout.samples_of_galaxy(layout.key(start).galaxy).end.min(samples.end);
        runs.push(start..end);
        start = end;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_with_galaxies_and_shards() {
        let layout = Layout { galaxies: 4, views: 3, instruments: 1, realisations: 1, per_shard: 5 };
        assert_eq!(of_galaxies(&layout, layout.samples_of(1)), [5..6, 6..9, 9..10]);
        assert_eq!(of_galaxies(&layout, layout.samples_of(0)), [0..3, 3..5]);
    }
}
