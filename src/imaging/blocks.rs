//! Where the channels of a plane come from, and planes whose samples are worked on some channels at a time.

use super::clean::Measurement;
use super::dirty::{ImageParams, PlaneGridder};
use super::primary_beam::BeamTerm;
use super::samples::PlaneSamples;
use super::stokes::{FeedAngles, Stokes};
use super::weighted::{Sums, WeightedSamples};
use super::weights::Density;
use crate::error::{Error, Result, Watch};
use crate::formats::visibilities::VisibilityTable;
use crate::telescope::beam::StationBeams;
use ndarray::{Array2, ArrayView2};
use std::ops::Range;

/// Reads channels of a file.
pub type ReadChannels<'a> = &'a (dyn Fn(Range<usize>) -> Result<VisibilityTable> + Sync);

/// Visibilities in memory or in a file.
#[derive(Clone, Copy)]
pub enum ChannelSource<'a> {
    /// A table, and the number of its channel 0 in the file.
    Table(&'a VisibilityTable, usize),
    /// The frequencies of the file's channels (Hz), and what reads them.
    File(&'a [f64], ReadChannels<'a>),
}

/// Channels that make one plane.
#[derive(Clone)]
pub struct PlaneChannels<'a> {
    /// Where they are.
    pub source: ChannelSource<'a>,
    /// Their numbers in the file.
    pub channels: Range<usize>,
    /// Most channels that are worked on at a time, at least 1. Two values give images that differ by the gridder's
    /// error.
    pub block: usize,
    /// Number of the plane in the cube.
    pub plane: usize,
}

/// Channels at hand.
pub(super) struct Block<'a> {
    read: Option<VisibilityTable>,
    held: Option<&'a VisibilityTable>,
    /// Number of the table's channel 0 in the file.
    first_channel: usize,
    /// In the table.
    channels: Range<usize>,
}

impl Block<'_> {
    pub fn table(&self) -> Result<&VisibilityTable> {
        self.read.as_ref().or(self.held).ok_or_else(|| Error::input("no visibilities at hand"))
    }

    /// Samples in one Stokes parameter.
    pub fn samples(&self, stokes: Stokes, angles: Option<&FeedAngles>, params: &ImageParams) -> Result<PlaneSamples> {
        PlaneSamples::of_table(self.table()?, self.channels.clone(), self.first_channel, stokes, angles, params)
    }
}

impl<'a> PlaneChannels<'a> {
    /// "channel 3", "channels 3 to 5".
    pub fn name(&self) -> String {
        match &self.channels {
            one if one.len() == 1 => format!("channel {}", one.start),
            several => format!("channels {} to {}", several.start, several.end - 1),
        }
    }

    /// Their mean frequency, Hz.
    pub fn mean_freq_hz(&self) -> f64 {
        let (freq_hz, first) = match self.source {
            ChannelSource::Table(table, first) => (table.freq_hz.as_slice(), first),
            ChannelSource::File(freq_hz, _) => (freq_hz, 0),
        };
        let own = &freq_hz[self.channels.start - first..self.channels.end - first];
        own.iter().sum::<f64>() / own.len() as f64
    }

    /// The blocks that are worked on one after another, of nearly equal size.
    pub fn blocks(&self) -> Vec<Range<usize>> {
        let (start, all) = (self.channels.start, self.channels.len());
        let count = all.div_ceil(self.block.max(1)).max(1);
        (0..count).map(|k| start + all * k / count..start + all * (k + 1) / count).collect()
    }

    pub(super) fn load(&self, channels: Range<usize>) -> Result<Block<'a>> {
        Ok(match self.source {
            ChannelSource::Table(table, first) => Block {
                read: None,
                held: Some(table),
                first_channel: first,
                channels: channels.start - first..channels.end - first,
            },
            ChannelSource::File(_, read) => {
                let table = read(channels.clone())?;
                Block { read: Some(table), held: None, first_channel: channels.start, channels: 0..channels.len() }
            }
        })
    }
}

/// A plane of which only the samples of one block are in memory: they are read and gridded again for each image.
pub struct BlockedGridder<'a> {
    channels: PlaneChannels<'a>,
    stokes: Stokes,
    angles: Option<&'a FeedAngles>,
    density: Option<&'a Density>,
    own_density: Density,
    params: ImageParams,
    sums: Sums,
}

/// A blocked plane's gridder and its first images.
pub(super) struct BlockedImages<'a> {
    pub gridder: BlockedGridder<'a>,
    pub dirty: Array2<f64>,
    pub psf: Array2<f64>,
    pub terms: Vec<BeamTerm>,
}

impl<'a> BlockedGridder<'a> {
    /// Weights the plane as a whole, and images it.
    pub(super) fn image(
        channels: &PlaneChannels<'a>,
        (stokes, angles): (Stokes, Option<&'a FeedAngles>),
        density: Option<&'a Density>,
        params: ImageParams,
        beams: Option<&StationBeams>,
        watch: &Watch,
    ) -> Result<BlockedImages<'a>> {
        let mut own_density = Density::new(&params.geometry);
        if density.is_none() && params.weighting.counts_cells() {
            for block in channels.blocks() {
                watch.check()?;
                let samples = channels.load(block)?.samples(stokes, angles, &params)?;
                own_density.add(samples.uvw(), samples.natural());
            }
        }
        let channels = channels.clone();
        let mut gridder =
            BlockedGridder { channels, stokes, angles, density, own_density, params, sums: Sums::default() };
        let shape = (params.geometry.ny, params.geometry.nx);
        let (mut dirty, mut psf, mut terms) = (Array2::zeros(shape), Array2::zeros(shape), Vec::new());
        let mut sums = Sums::default();
        gridder.each_block(watch, |table, block| {
            let own = block.weighted().sums();
            if own.imaging > 0.0 {
                let images = block.dirty_and_psf(watch)?;
                dirty.scaled_add(own.imaging, &images.0);
                psf.scaled_add(own.imaging, &images.1);
            }
            if let Some(beams) = beams {
                terms.extend(beam_terms(table, block.weighted(), beams)?);
            }
            sums.add(own);
            Ok(())
        })?;
        if sums.imaging > 0.0 {
            dirty /= sums.imaging;
            psf /= sums.imaging;
        }
        gridder.sums = sums;
        Ok(BlockedImages { gridder, dirty, psf, terms })
    }

    /// Sums over all blocks.
    pub fn sums(&self) -> &Sums {
        &self.sums
    }

    fn each_block(
        &self,
        watch: &Watch,
        mut work: impl FnMut(&VisibilityTable, &PlaneGridder) -> Result<()>,
    ) -> Result<()> {
        for block in self.channels.blocks() {
            watch.check()?;
            let block = self.channels.load(block)?;
            let samples = block.samples(self.stokes, self.angles, &self.params)?;
            let density = self.density.unwrap_or(&self.own_density);
            let weighted = WeightedSamples::new(samples, Some(density), &self.params);
            work(block.table()?, &PlaneGridder::new(weighted, self.params, None)?)?;
        }
        Ok(())
    }
}

impl Measurement for BlockedGridder<'_> {
    fn residual(&self, model: ArrayView2<f64>, watch: &Watch) -> Result<Array2<f64>> {
        let mut residual = Array2::zeros((self.params.geometry.ny, self.params.geometry.nx));
        self.each_block(watch, |_, block| {
            let own = block.weighted().sums().imaging;
            if own > 0.0 {
                residual.scaled_add(own / self.sums.imaging, &block.residual(model, watch)?);
            }
            Ok(())
        })?;
        Ok(residual)
    }
}

/// [`WeightedSamples::beam_terms`] with the classes of `beams`.
pub(super) fn beam_terms(
    table: &VisibilityTable,
    samples: &WeightedSamples,
    beams: &StationBeams,
) -> Result<Vec<BeamTerm>> {
    // one beam needs no station numbers
    let mixed = beams.classes.len() > 1;
    let station = |list: &[u32], row: usize| list.get(row).and_then(|s| beams.class_of.get(*s as usize)).copied();
    if mixed {
        let rows = table.uvw_m.nrows();
        if let Some(row) =
            (0..rows).find(|r| station(&table.antenna1, *r).is_none() || station(&table.antenna2, *r).is_none())
        {
            return Err(Error::input("the visibility file does not say which stations measured a row")
                .found(format!("station numbers {:?}, {:?}", table.antenna1.get(row), table.antenna2.get(row)))
                .expected(format!("two of 0 to {}", beams.class_of.len().saturating_sub(1)))
                .place(format!("row {row}"))
                .hint("give one beam for all: --beam gaussian:15m"));
        }
    }
    let class = |list: &[u32], row: usize| if mixed { station(list, row).unwrap_or(0) } else { 0 };
    Ok(samples.beam_terms(|row| [class(&table.antenna1, row), class(&table.antenna2, row)]))
}
