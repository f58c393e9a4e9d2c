use crate::datasets::{Manifest, Split, WIDE_PSF};
use crate::error::{Error, Result, Watch};
use crate::formats::sha256_bytes;
use crate::learn::data::facts::SampleFacts;
use crate::learn::data::shards::{OPEN, Shards};
use crate::learn::data::turn::Turn;
use crate::learn::scaling::ChannelScaling;
use ndarray::{Array2, Array3, Axis, CowArray, Ix3, s};
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

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
    /// The widest PSF in the eight ways to lay it, in the order of [`Turn::all`], each laid when it is first asked for.
    turned: [OnceLock<Array2<f32>>; 8],
    checksum: String,
    shards: Shards,
    /// Network values of all channels of A, then of B, of each sample; of samples of others nothing.
    held: Option<Vec<Option<Array3<f32>>>>,
}

impl TrainingData {
    /// Opens the data set in `folder`. Scalings of channels are fitted to its training split.
    ///
    /// # Errors
    /// No finished data set; fields that it lacks, of other sizes; several instruments and none named; no samples.
    pub fn open(folder: &Path, request: &DataRequest, watch: &Watch) -> Result<TrainingData> {
        let manifest = Manifest::read(folder)?;
        let (shards, facts) = Shards::open(folder, &manifest, OPEN, watch)?;
        let instrument = chosen(&facts, request.instrument.as_deref(), folder)?;
        let splits = Split::ALL.map(|split| {
            let of = |(_, f): &(usize, &SampleFacts)| f.ok && f.split == split && f.instrument == instrument;
            facts.iter().enumerate().filter(of).map(|(i, _)| i).collect::<Vec<_>>()
        });
        let mut data = TrainingData {
            a: Vec::new(),
            b: Vec::new(),
            size: [0, 0],
            psf: None,
            wide_psf: None,
            turned: Default::default(),
            instrument,
            facts,
            splits,
            checksum: sha256_bytes(&manifest.to_bytes()),
            shards,
            held: None,
        };
        data.a = data.channels(&request.mock).map_err(|e| e.place(folder.display()))?;
        data.b = data.channels(&request.truth).map_err(|e| e.place(folder.display()))?;
        data.psf = data.shards.psf(&data.instrument, "psf", data.size)?;
        data.wide_psf = data.shards.psf(&data.instrument, WIDE_PSF, data.size.map(|n| 2 * n))?;
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

    /// The widest PSF laid as images are by `turn`; what is no square is not turned by quarters.
    pub(super) fn psf_turned(&self, turn: Turn) -> Option<&Array2<f32>> {
        let psf = self.widest_psf()?;
        Some(self.turned[turn.number()].get_or_init(|| turn.psf(psf.view())))
    }

    /// SHA-256 of its manifest, which holds those of its shards.
    pub fn checksum(&self) -> &str {
        &self.checksum
    }

    /// Whether it has this field.
    pub fn has(&self, field: &str) -> bool {
        self.shards.find(field).is_some()
    }

    /// Physical values of a field of a sample \[plane, y, x\], in the field's unit.
    ///
    /// # Errors
    /// A field that is not there, a damaged file.
    pub fn physical(&self, sample: usize, field: &str) -> Result<Array3<f64>> {
        let scaling = self.shards.field(field)?.scaling;
        Ok(self.stored(sample, field)?.mapv(|y| scaling.invert(f64::from(y))))
    }

    /// Values of a field of a sample as they are stored \[plane, y, x\].
    ///
    /// # Errors
    /// A field that is not there, a damaged file.
    pub fn stored(&self, sample: usize, field: &str) -> Result<Array3<f32>> {
        self.shards.read(sample, field)
    }

    /// Network values of some channels, counted through those of A, then of B, of a sample.
    pub(super) fn values(&self, sample: usize, channels: Range<usize>) -> Result<CowArray<'_, f32, Ix3>> {
        if let Some(values) = self.held.as_ref().and_then(|held| held[sample].as_ref()) {
            return Ok(values.slice(s![channels, .., ..]).into());
        }
        let mut values = self.pixels(sample, channels.clone())?;
        self.to_network(&mut values, channels);
        Ok(values.into())
    }

    /// Stored values of some channels of a sample.
    fn pixels(&self, sample: usize, channels: Range<usize>) -> Result<Array3<f32>> {
        let mut values = Array3::zeros((channels.len(), self.size[0], self.size[1]));
        let mut last: Option<(&str, Array3<f32>)> = None;
        for (channel, mut plane) in self.a.iter().chain(&self.b).skip(channels.start).zip(values.outer_iter_mut()) {
            let field = match last.take() {
                Some((name, field)) if name == channel.field => field,
                _ => self.stored(sample, &channel.field)?,
            };
            plane.assign(&field.index_axis(Axis(0), channel.plane.unwrap_or(0)));
            last = Some((&channel.field, field));
        }
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(values),
            Some(place) => {
                let channel = channels.start + place / (self.size[0] * self.size[1]);
                let name = self.a.iter().chain(&self.b).nth(channel).map_or("", |c| c.field.as_str());
                Err(Error::input("a sample of the data set holds a pixel that is no number")
                    .found(format!("sample {sample} ({}), field {name}", self.facts[sample].id))
                    .expected("finite numbers")
                    .hint("find damaged shards with \"skyfringe dataset verify\""))
            }
        }
    }

    /// Stored values of some channels to network values.
    fn to_network(&self, values: &mut Array3<f32>, channels: Range<usize>) {
        for (channel, mut plane) in self.a.iter().chain(&self.b).skip(channels.start).zip(values.outer_iter_mut()) {
            plane.mapv_inplace(|y| channel.from_stored(y));
        }
    }

    /// Channels of fields, without their span.
    fn channels(&mut self, fields: &[String]) -> Result<Vec<ChannelScaling>> {
        if fields.is_empty() {
            return Err(Error::input("a domain needs at least one field").found("none"));
        }
        let mut channels = Vec::new();
        for name in fields {
            let field = self.shards.field(name)?.clone();
            let shape = &field.shape;
            if ![2, 3].contains(&shape.len()) {
                return Err(Error::input("a field is neither images nor cubes")
                    .found(format!("{name} of shape {shape:?}"))
                    .expected("[y, x] or [plane, y, x]"));
            }
            let planes: Vec<Option<usize>> = match shape.len() {
                2 => vec![None],
                _ => (0..shape[0]).map(Some).collect(),
            };
            let size = [shape[shape.len() - 2], shape[shape.len() - 1]];
            if self.size != [0, 0] && self.size != size {
                return Err(Error::input("the fields to learn from differ in size")
                    .found(format!("{name} of {} x {} pixels", size[1], size[0]))
                    .expected(format!("{} x {}", self.size[1], self.size[0])));
            }
            self.size = size;
            let of = |plane| ChannelScaling::fitted(name, &field.unit, plane, field.scaling, 0.0);
            channels.extend(planes.into_iter().map(of));
        }
        Ok(channels)
    }

    /// Spans of the channels from the training split; all is held where it fits.
    fn fit(&mut self, memory_bytes: u64, watch: &Watch) -> Result<()> {
        let train = self.samples(Split::Train).to_vec();
        if train.is_empty() {
            return Err(Error::input("the data set has no samples to train on")
                .found(format!(
                    "{} samples, none of them good, of instrument {} and for training",
                    self.facts.len(),
                    self.instrument
                ))
                .hint("give its split `train` a share above 0"));
        }
        let channels = self.a.len() + self.b.len();
        let bytes = 4 * (channels * self.size[0] * self.size[1]) as u64;
        let all: usize = self.splits.iter().map(Vec::len).sum();
        let hold = bytes * all as u64 <= memory_bytes;
        let mut held: Vec<Option<Array3<f32>>> = vec![None; if hold { self.facts.len() } else { 0 }];
        let mut largest = vec![0.0f64; channels];
        for sample in train {
            let values = self.pixels(sample, 0..channels)?;
            let of = self.a.iter().chain(&self.b).zip(values.outer_iter());
            for (largest, (channel, plane)) in largest.iter_mut().zip(of) {
                *largest = plane.iter().fold(*largest, |m, y| m.max((f64::from(*y) - channel.shift).abs()));
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
            for sample in self.splits.concat() {
                // those for training are there, as they are stored
                let mut values = match held[sample].take() {
                    Some(values) => values,
                    None => self.pixels(sample, 0..channels)?,
                };
                self.to_network(&mut values, 0..channels);
                held[sample] = Some(values);
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
