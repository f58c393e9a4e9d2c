//! What stations of antennas, and dishes whose beams are no circles, make of a block of sources, channel by channel.

use super::{Sources, Stations};
use crate::telescope::beam::StationResponse;
use rayon::prelude::*;
use rustfft::num_complex::Complex64;

/// Beams at one time, formed at a few frequencies.
pub(in crate::visibilities) struct FormedBeams<'a> {
    /// \[node\]\[beam\].
    pub formed: Vec<Vec<StationResponse<'a>>>,
    /// Share of each node in each channel, \[channel\]\[node\]; `None` where the nodes are the channels.
    pub weights: Option<Vec<Vec<f64>>>,
    /// With such shares, what each beam is multiplied by in the end, \[channel\]\[beam\]: matrix, scalar.
    pub scale: Vec<Vec<[f64; 2]>>,
    /// Beam of each station.
    pub of: &'a [usize],
}

/// E of each beam, \[beam\]\[source\]\[component\], and which of them each station has.
pub(super) struct Response<'a> {
    pub values: Vec<Vec<Complex64>>,
    pub of: &'a [usize],
}

/// E of a block of sources in all channels.
pub(super) struct Responses<'a> {
    beams: &'a FormedBeams<'a>,
    towards: Vec<[f64; 3]>,
    components: usize,
    /// E at the nodes, where the channels have shares of them.
    nodes: Vec<Vec<Vec<Complex64>>>,
}

impl<'a> Responses<'a> {
    pub fn new(stations: &'a Stations, sources: &Sources, components: usize) -> Option<Responses<'a>> {
        let beams = stations.formed.as_ref()?;
        let towards = sources.places.iter().map(|place| place.towards).collect();
        let mut responses = Responses { beams, towards, components, nodes: Vec::new() };
        if beams.weights.is_some() {
            responses.nodes = beams.formed.iter().map(|formed| responses.of_beams(formed)).collect();
        }
        Some(responses)
    }

    fn of_beams(&self, formed: &[StationResponse]) -> Vec<Vec<Complex64>> {
        let of = |beam: &StationResponse| match self.components {
            1 => beam.voltages(&self.towards),
            _ => beam.matrices(&self.towards).into_iter().flatten().collect(),
        };
        formed.par_iter().map(of).collect()
    }

    /// E in one channel.
    pub fn at(&self, channel: usize) -> Response<'a> {
        let of = self.beams.of;
        let Some(weights) = &self.beams.weights else {
            return Response { values: self.of_beams(&self.beams.formed[channel]), of };
        };
        let weights = &weights[channel];
        let mixed = |(beam, scale): (usize, &[f64; 2])| {
            let scale = scale[usize::from(self.components == 1)];
            let mut sum = vec![Complex64::ZERO; self.towards.len() * self.components];
            for (node, weight) in self.nodes.iter().zip(weights) {
                sum.iter_mut().zip(&node[beam]).for_each(|(sum, e)| *sum += e * (weight * scale));
            }
            sum
        };
        Response { values: self.beams.scale[channel].par_iter().enumerate().map(mixed).collect(), of }
    }
}
