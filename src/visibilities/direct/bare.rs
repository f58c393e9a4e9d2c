use super::{DirectSky, Source, phasor_of_turns};
use crate::error::{Result, Watch};
use crate::formats::visibilities::VisibilityTable;
use crate::units::C_M_S;
use ndarray::Axis;
use ndarray::parallel::prelude::*;

/// Sources between two looks at whether to go on.
const BLOCK: usize = 256;

/// Adds Stokes I of `sources` to rows that are nothing but uvw, one after the other.
pub(super) fn add(table: &mut VisibilityTable, sky: &DirectSky, sources: &[Source], watch: &Watch) -> Result<()> {
    let (uvw, freq, flag) = (&table.uvw_m, &table.freq_hz, &table.flag);
    for block in sources.chunks(BLOCK) {
        // \[channel\]\[source\]
        let flux_jy: Vec<Vec<f64>> = freq
            .par_iter()
            .enumerate()
            .map(|(channel, freq_hz)| block.iter().map(|source| sky.stokes(source, channel, *freq_hz)[0]).collect())
            .collect();
        table.vis.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(row, mut vis)| {
            let [u, v, w] = [0, 1, 2].map(|j| uvw[[row, j]]);
            for (channel, freq_hz) in freq.iter().enumerate() {
                if flag.slice(ndarray::s![row, channel, ..]).iter().all(|f| *f) {
                    continue;
                }
                let turns_per_m = freq_hz / C_M_S;
                for (source, flux_jy) in block.iter().zip(&flux_jy[channel]).filter(|(_, flux_jy)| **flux_jy != 0.0) {
                    let [l, m, n1] = source.lmn1;
                    let taper = source.taper.map_or(1.0, |t| (-t.exponent(u * turns_per_m, v * turns_per_m)).exp());
                    let phasor = phasor_of_turns((u * l + v * m + w * n1) * turns_per_m);
                    vis[[channel, 0]] += phasor * (*flux_jy * taper);
                }
            }
        });
        watch.advance((block.len() * freq.len()) as u64)?;
    }
    Ok(())
}
