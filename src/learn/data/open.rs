use crate::datasets::{Manifest, Scaling, Split, WIDE_PSF};
use crate::error::{Error, Result, Watch};
use crate::formats::sha256_bytes;
use crate::formats::shard::{ArrayValues, ShardReader};
use crate::learn::data::facts::{SampleFacts, facts_of};
use crate::learn::scaling::ChannelScaling;
use ndarray::{Array2, Array3, Axis, Ix2, Ix3};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What is learnt from a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct DataRequest {
    /// Fields of domain A, what the telescope sees; a cube gives its planes as channels.
    pub mock: Vec<String>,
    /// Fields of domain B, the simulation.
    pub truth: Vec<String>,
    /// Instrument; None: the only one.
    pub instrument: Option<String>,
    /// Bytes of pixels that may be held in memory; beyond, they are read for every batch.
    pub memory_bytes: u64,
}

/// A data set opened for learning or judging.
#[derive(Debug)]
pub struct TrainingData {
    /// Channels of domain A.
    pub a: Vec<ChannelScaling>,
    /// Channels of domain B.
    pub b: Vec<ChannelScaling>,
    /// Pixels \[y, x\].
    pub size: [usize; 2],
    /// Name of the instrument.
    pub instrument: String,
    facts: Vec<SampleFacts>,
    splits: [Vec<usize>; 3],
    psf: Option<Array2<f32>>,
    wide_psf: Option<Array2<f32>>,
    checksum: String,
    shards: Vec<Shard>,
    /// Network values of all channels of A, then of B, of each sample; of samples of others nothing.
    held: Option<Vec<Option<Array3<f32>>>>,
}

/// A shard and where it begins.
#[derive(Debug)]
struct Shard {
    path: PathBuf,
    first: usize,
    samples: usize,
    // HDF5 works one after the other in any case
    reader: Mutex<ShardReader>,
}

impl TrainingData {
    /// Opens the data set in `folder`. Scalings of channels are fitted to its training split.
    ///
    /// # Errors
    /// No finished data set; fields that it lacks, of other sizes; several instruments and none named; no samples.
    pub fn open(folder: &Path, request: &DataRequest, watch: &Watch) -> Result<TrainingData> {
        let manifest = Manifest::read(folder)?;
        let mut shards = Vec::new();
        let (mut facts, mut first) = (Vec::new(), 0);
        for record in &manifest.shards {
            let path = record.shard_path(folder);
            let reader = ShardReader::open(&path)?;
            let found = facts_of(&reader, &path)?;
            let samples = found.len();
            facts.extend(found);
            shards.push(Shard { path, first, samples, reader: Mutex::new(reader) });
            first += samples;
            watch.check()?;
        }
        let instrument = chosen(&facts, request.instrument.as_deref(), folder)?;
        let splits = Split::ALL.map(|split| {
            let of = |(_, f): &(usize, &SampleFacts)| f.ok && f.split == split && f.instrument == instrument;
            facts.iter().enumerate().filter(of).map(|(i, _)| i).collect::<Vec<_>>()
        });
        let mut data = TrainingData {
            a: Vec::new(),
            b: Vec::new(),
            size: [0, 0],
            psf: psf(&shards[0], &instrument, "psf")?,
            wide_psf: psf(&shards[0], &instrument, WIDE_PSF)?,
            instrument,
            facts,
            splits,
            checksum: sha256_bytes(&manifest.to_bytes()),
            shards,
            held: None,
        };
        (data.a, data.b) = (data.channels(&request.mock)?, data.channels(&request.truth)?);
        data.fit(request.memory_bytes, watch)?;
        Ok(data)
    }

    /// Samples of a split that are there, of the instrument.
    pub fn samples(&self, split: Split) -> &[usize] {
        let place = Split::ALL.iter().position(|s| *s == split).unwrap_or(0);
        &self.splits[place]
    }

    /// What is known of a sample.
    pub fn facts(&self, sample: usize) -> &SampleFacts {
        &self.facts[sample]
    }

    /// PSF of the instrument, peak 1 in pixel (n/2, n/2), of the middle plane of a cube; None where the data set does not
    /// hold it.
    pub fn psf(&self) -> Option<&Array2<f32>> {
        self.psf.as_ref()
    }

    /// The PSF of twice the images' size, peak 1 in pixel (n, n), which tells all that a pixel does to all others; that of
    /// [`TrainingData::psf`] where the data set does not hold it.
    pub fn widest_psf(&self) -> Option<&Array2<f32>> {
        self.wide_psf.as_ref().or(self.psf.as_ref())
    }

    /// SHA-256 of its manifest, which holds those of its shards.
    pub fn checksum(&self) -> &str {
        &self.checksum
    }

    /// Whether it has this field.
    pub fn has(&self, field: &str) -> bool {
        self.locked(0).field(field).is_ok()
    }

    /// Physical values of a field of a sample \[plane, y, x\], in the field's unit.
    ///
    /// # Errors
    /// A field that is not there, a damaged file.
    pub fn physical(&self, sample: usize, field: &str) -> Result<Array3<f64>> {
        let scaling = self.described(field)?.1;
        Ok(self.stored(sample, field)?.mapv(|y| scaling.invert(f64::from(y))))
    }

    /// Values of a field of a sample as they are stored \[plane, y, x\].
    ///
    /// # Errors
    /// A field that is not there, a damaged file.
    pub fn stored(&self, sample: usize, field: &str) -> Result<Array3<f32>> {
        let shard = self.shards.partition_point(|s| s.first + s.samples <= sample);
        let reader = self.locked(shard);
        let values = reader.read(reader.field(field)?, sample - self.shards[shard].first)?;
        match values.ndim() {
            2 => values.into_dimensionality::<Ix2>().map(|v| v.insert_axis(Axis(0))),
            _ => values.into_dimensionality::<Ix3>(),
        }
        .map_err(|_| Error::input("a field is neither images nor cubes").found(field))
    }

    /// Network values of all channels of A, then of B, of a sample.
    pub(super) fn values(&self, sample: usize) -> Result<Array3<f32>> {
        match self.held.as_ref().and_then(|held| held[sample].as_ref()) {
            Some(values) => Ok(values.clone()),
            None => self.scaled(sample),
        }
    }

    fn scaled(&self, sample: usize) -> Result<Array3<f32>> {
        let mut values = Array3::zeros((self.a.len() + self.b.len(), self.size[0], self.size[1]));
        let mut last: Option<(&str, Array3<f32>)> = None;
        for (channel, mut plane) in self.a.iter().chain(&self.b).zip(values.outer_iter_mut()) {
            let field = match last.take() {
                Some((name, field)) if name == channel.field => field,
                _ => self.stored(sample, &channel.field)?,
            };
            let stored = field.index_axis(Axis(0), channel.plane.unwrap_or(0));
            plane.zip_mut_with(&stored, |u, y| *u = channel.from_stored(*y));
            last = Some((&channel.field, field));
        }
        Ok(values)
    }

    fn locked(&self, shard: usize) -> std::sync::MutexGuard<'_, ShardReader> {
        self.shards[shard].reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shape, scaling and unit of a field.
    fn described(&self, field: &str) -> Result<(Vec<usize>, Scaling, String)> {
        let reader = self.locked(0);
        let place = reader.field(field)?;
        let field = &reader.header().fields[place];
        let attribute = |name: &str| field.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        let scaling = Scaling::from_attributes(attribute).map_err(|e| e.place(self.shards[0].path.display()))?;
        Ok((field.shape.clone(), scaling, field.unit.clone()))
    }

    /// Channels of fields, without their span.
    fn channels(&mut self, fields: &[String]) -> Result<Vec<ChannelScaling>> {
        let mut channels = Vec::new();
        for field in fields {
            let (shape, scaling, unit) = self.described(field)?;
            let planes: Vec<Option<usize>> = match shape.len() {
                2 => vec![None],
                _ => (0..shape[0]).map(Some).collect(),
            };
            let size = [shape[shape.len() - 2], shape[shape.len() - 1]];
            if self.size != [0, 0] && self.size != size {
                return Err(Error::input("the fields to learn from differ in size")
                    .found(format!("{field} of {} x {} pixels", size[1], size[0]))
                    .expected(format!("{} x {}", self.size[1], self.size[0])));
            }
            self.size = size;
            channels.extend(planes.into_iter().map(|plane| ChannelScaling::fitted(field, &unit, plane, scaling, 0.0)));
        }
        Ok(channels)
    }

    /// Spans of the channels from the training split, which is read once; all is held where it fits.
    fn fit(&mut self, memory_bytes: u64, watch: &Watch) -> Result<()> {
        let train = self.samples(Split::Train).to_vec();
        if train.is_empty() {
            return Err(Error::input("the data set has no samples to train on")
                .found(format!("{} samples of {}", self.facts.len(), self.instrument))
                .hint("give its split `train` a share above 0"));
        }
        let channels = self.a.len() + self.b.len();
        let bytes = 4 * (channels * self.size[0] * self.size[1]) as u64;
        let all: usize = self.splits.iter().map(Vec::len).sum();
        let hold = bytes * all as u64 <= memory_bytes;
        let mut held: Vec<Option<Array3<f32>>> = vec![None; if hold { self.facts.len() } else { 0 }];
        let mut largest = vec![0.0f64; channels];
        for sample in train {
            // spans are 1 until now
            let values = self.scaled(sample)?;
            for (largest, plane) in largest.iter_mut().zip(values.outer_iter()) {
                *largest = plane.iter().fold(*largest, |m, v| m.max(f64::from(v.abs())));
            }
            if hold {
                held[sample] = Some(values);
            }
            watch.check()?;
        }
        for (channel, largest) in self.a.iter_mut().chain(&mut self.b).zip(largest) {
            let ChannelScaling { field, unit, plane, scaling, .. } = channel;
            *channel = ChannelScaling::fitted(field, unit, *plane, *scaling, largest);
        }
        if hold {
            // read again, now that the spans are known: dividing what is there would round twice
            for sample in self.splits.concat() {
                held[sample] = Some(self.scaled(sample)?);
                watch.check()?;
            }
            self.held = Some(held);
        }
        Ok(())
    }
}

/// The instrument of a name, or the only one.
fn chosen(facts: &[SampleFacts], name: Option<&str>, folder: &Path) -> Result<String> {
    let mut all: Vec<&str> = facts.iter().map(|f| f.instrument.as_str()).collect();
    all.sort_unstable();
    all.dedup();
    match (name, all.as_slice()) {
        (Some(name), _) if all.contains(&name) => Ok(name.to_owned()),
        (None, [only]) => Ok((*only).to_owned()),
        (name, _) => Err(Error::input(match name {
            Some(_) => "the data set has no such instrument",
            None => "the data set has several instruments",
        })
        .found(name.map_or(all.join(", "), |n| format!("\"{n}\"")))
        .expected(format!("train.instrument: one of {}", all.join(", ")))
        .place(folder.display())),
    }
}

/// A PSF of an instrument in a shard.
fn psf(shard: &Shard, instrument: &str, name: &str) -> Result<Option<Array2<f32>>> {
    let reader = shard.reader.lock().unwrap_or_else(PoisonError::into_inner);
    let group = reader.header().groups.iter().find(|g| g.name == instrument);
    let Some(array) = group.and_then(|g| g.arrays.iter().find(|a| a.name == name)) else { return Ok(None) };
    let ArrayValues::Single(values) = &array.values else { return Ok(None) };
    let planes = values.clone().into_dimensionality::<Ix3>().map_err(|_| {
        Error::input("the PSF of an instrument has another shape")
            .found(format!("{:?}", values.shape()))
            .expected("[plane, y, x]")
            .place(shard.path.display())
    })?;
    Ok(Some(planes.index_axis(Axis(0), planes.len_of(Axis(0)) / 2).to_owned()))
}
