//! `dataset export`: the samples of finished shards as FITS images, numpy arrays or WebDataset archives.

mod files;
mod table;

use crate::datasets::Scaling;
use crate::error::{Error, Result};
use crate::formats::Attribute;
use crate::formats::shard::{ColumnValues, ShardField, ShardHeader, ShardReader};
use crate::run::Progress;
use crate::run::sky::make_folder;
use files::Sink;
use ndarray::ArrayD;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the samples become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    /// SPLIT/NNNNNNNN-FIELD.fits with the axes of the sky, and SPLIT/samples.csv.
    Fits,
    /// SPLIT/FIELD.npy [sample, ...] and SPLIT/samples.csv.
    Npy,
    /// SPLIT-NNNNN.tar, the samples of one shard, with NNNNNNNN.FIELD.npy and NNNNNNNN.json.
    #[value(name = "webdataset")]
    WebDataset,
}

/// What to export.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// Folder of the data set.
    pub folder: PathBuf,
    /// What the samples become.
    pub format: ExportFormat,
    /// Folder for the files, new or empty.
    pub out: PathBuf,
    /// Physical values in the unit of the field; else the scaled ones that are stored.
    pub physical: bool,
    /// One split; else all.
    pub split: Option<String>,
    /// Some fields; else all.
    pub fields: Option<Vec<String>>,
}

/// A sample that is to be exported.
#[derive(Debug, Clone)]
struct Pick {
    /// Its place in the shard.
    place: usize,
    split: String,
}

/// What is known before any file is written.
struct Survey {
    /// Shards in their order with what is wanted of each.
    shards: Vec<(PathBuf, Vec<Pick>)>,
    header: ShardHeader,
    /// Places in the header.
    fields: Vec<usize>,
    /// Samples of each split.
    counts: BTreeMap<String, usize>,
    failed: usize,
}

/// Exports the samples of the shards that are there; samples that failed (column `ok`) are left out. Returns what was
/// done in words.
///
/// # Errors
/// No shards, shards that do not fit each other or cannot be read; a split or a field that there is not; an output
/// folder that is not empty; for FITS, samples without a place on the sky; a scaling that cannot be undone; whatever the disk has to say.
pub fn export(request: &ExportRequest, progress: &dyn Progress) -> Result<String> {
    let survey = survey(request, progress)?;
    if std::fs::read_dir(&request.out).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::input("the folder for the export is not empty")
            .found(request.out.display())
            .expected("a new folder, or an empty one")
            .hint("choose another --out, or remove it"));
    }
    let _folder = make_folder(&request.out)?;
    let total: usize = survey.counts.values().sum();
    let watch = progress.stage("export", total as u64);
    let mut sink = Sink::begin(request, &survey)?;
    for (path, picks) in survey.shards.iter().filter(|(_, picks)| !picks.is_empty()) {
        let reader = ShardReader::open(path)?;
        for pick in picks {
            let read = |field: &usize| {
                let of = &reader.header().fields[*field];
                let values = reader.read(*field, pick.place)?;
                if request.physical && is_scaled(of) { physical(of, values) } else { Ok(values) }
            };
            let values = survey.fields.iter().map(read).collect::<Result<Vec<_>>>()?;
            sink.add(&reader, pick, &values)?;
            watch.advance(1)?;
        }
        sink.end_of_shard()?;
    }
    sink.finish()?;
    Ok(told(request, &survey))
}

fn told(request: &ExportRequest, survey: &Survey) -> String {
    let counts: Vec<String> = survey.counts.iter().map(|(split, count)| format!("{split} {count}")).collect();
    let fields: Vec<&str> = survey.fields.iter().map(|f| survey.header.fields[*f].name.as_str()).collect();
    let values = if request.physical { "physical" } else { "scaled" };
    let failed = if survey.failed > 0 { format!("; {} failed samples left out", survey.failed) } else { String::new() };
    format!(
        "{}: {} values of {} ({} samples{failed})\n",
        request.out.display(),
        values,
        fields.join(", "),
        counts.join(", "),
    )
}

/// Physical values of stored ones.
fn physical(field: &ShardField, stored: ArrayD<f32>) -> Result<ArrayD<f32>> {
    let of = |name: &str| field.attributes.iter().find(|a| a.0 == name).map(|a| a.1.clone());
    let scaling = Scaling::from_attributes(of).map_err(|e| e.place(format!("field {}", field.name)))?;
    let mut values = ArrayD::zeros(stored.raw_dim());
    let stored = stored.as_standard_layout();
    if let (Some(stored), Some(values)) = (stored.as_slice(), values.as_slice_mut()) {
        scaling.invert_to(stored, values);
    }
    Ok(values)
}

/// Whether a field has another than physical values.
fn is_scaled(field: &ShardField) -> bool {
    field.attributes.iter().any(|(name, value)| name == "scaling" && *value != Attribute::Text("none".into()))
}

/// The shards of a folder by their numbers.
fn shard_paths(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io("open the folder", folder, e))?;
    let mut shards = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::io("read", folder, e))?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let number = name.strip_prefix("shard-").and_then(|n| n.strip_suffix(".h5")).and_then(|n| n.parse().ok());
        shards.extend(number.map(|number| (number, path)));
    }
    shards.sort();
    if shards.is_empty() {
        return Err(Error::input("a folder without shards of a data set")
            .found(folder.display())
            .expected("files shard-NNNNN.h5, as `skyfringe dataset build` writes them"));
    }
    Ok(shards)
}

fn survey(request: &ExportRequest, progress: &dyn Progress) -> Result<Survey> {
    let mut all: Option<ShardHeader> = None;
    let (mut shards, mut failed, mut next) = (Vec::new(), 0, 0);
    for (_, path) in shard_paths(&request.folder)? {
        let reader = ShardReader::open(&path)?;
        let header = reader.header();
        let first = all.get_or_insert_with(|| header.clone());
        if first.fields != header.fields || first.columns != header.columns {
            return Err(Error::input("the shards of a folder are not of one data set")
                .found("other fields or columns than in the first shard")
                .place(path.display()));
        }
        if header.first_sample > next {
            progress.note(&format!("samples {next} to {} are not there: shards are missing", header.first_sample - 1));
        }
        next = header.first_sample + header.samples as u64;
        let mut picks = Vec::new();
        for place in 0..header.samples {
            if let Some(ColumnValues::Flag(ok)) = reader.column("ok")
                && !ok[place]
            {
                failed += 1;
                continue;
            }
            let split = match reader.column("split") {
                Some(ColumnValues::Text(splits)) => splits[place].clone(),
                _ => "all".to_string(),
            };
            if split.is_empty() || !split.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
                return Err(Error::input("a split that no folder can be named after")
                    .found(format!("{split:?}"))
                    .expected("train, validation or test")
                    .place(path.display()));
            }
            picks.push(Pick { place, split });
        }
        shards.push((path, picks));
    }
    let Some(header) = all else { return Err(Error::input("a folder without shards of a data set")) };
    if let Some(wanted) = &request.split {
        let known: Vec<&str> = shards.iter().flat_map(|(_, picks)| picks).map(|p| p.split.as_str()).collect();
        if !known.contains(&wanted.as_str()) {
            let mut known = known;
            known.sort_unstable();
            known.dedup();
            return Err(Error::input("no sample is in that split")
                .found(format!("{wanted:?}"))
                .expected(format!("one of {}", known.join(", "))));
        }
        shards.iter_mut().for_each(|(_, picks)| picks.retain(|p| p.split == *wanted));
    }
    let mut counts = BTreeMap::new();
    shards.iter().flat_map(|(_, picks)| picks).for_each(|p| *counts.entry(p.split.clone()).or_insert(0) += 1);
    if counts.is_empty() {
        return Err(Error::input("nothing to export").found(format!("{failed} samples, all of them failed")));
    }
    let fields = fields(&header, request.fields.as_deref())?;
    Ok(Survey { shards, header, fields, counts, failed })
}

fn fields(header: &ShardHeader, wanted: Option<&[String]>) -> Result<Vec<usize>> {
    let Some(wanted) = wanted else { return Ok((0..header.fields.len()).collect()) };
    let mut fields = Vec::new();
    for name in wanted {
        match header.fields.iter().position(|f| f.name == *name).filter(|place| !fields.contains(place)) {
            Some(place) => fields.push(place),
            None => {
                let names: Vec<&str> = header.fields.iter().map(|f| f.name.as_str()).collect();
                return Err(Error::input("a field that the data set has not, or one twice")
                    .found(format!("{name:?}"))
                    .expected(format!("some of {}", names.join(", "))));
            }
        }
    }
    if fields.is_empty() {
        return Err(Error::input("no field to export"));
    }
    Ok(fields)
}

/// The value of a text attribute.
fn text_attribute<'a>(attributes: &'a [(String, Attribute)], name: &str) -> Option<&'a str> {
    attributes.iter().find_map(|(n, value)| match value {
        Attribute::Text(text) if n == name => Some(text.as_str()),
        _ => None,
    })
}
