//! What both routes of prediction ask of their input.

use super::beyond_nyquist;
use super::geometry::Instant;
use crate::error::{Error, Result};
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::sky::cube::SkyCube;
use crate::telescope::beam::StationBeams;
use crate::units::C_M_S;
use ndarray::Axis;
use ndarray::parallel::prelude::*;

/// Samples (row x channel) of a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SampleCount {
    /// In all, without those flagged before.
    pub samples: usize,
    /// At or beyond 0.5/cell wavelengths: flagged and left out.
    pub beyond_nyquist: usize,
}

/// Flags the samples beyond the Nyquist limit of pixels of `cell_rad`; none where that is `None`.
pub fn flag_beyond_nyquist(table: &mut VisibilityTable, cell_rad: Option<f64>) -> SampleCount {
    let freq_hz = &table.freq_hz;
    let rows = table.flag.axis_iter_mut(Axis(0)).into_par_iter().zip(table.uvw_m.axis_iter(Axis(0)));
    rows.map(|(mut flags, uvw)| {
        let mut count = SampleCount::default();
        for (mut flags, freq_hz) in flags.axis_iter_mut(Axis(0)).zip(freq_hz) {
            if flags.iter().all(|f| *f) {
                continue;
            }
            count.samples += 1;
            if cell_rad.is_some_and(|cell| beyond_nyquist(uvw[0], uvw[1], *freq_hz, cell)) {
                count.beyond_nyquist += 1;
                flags.fill(true);
            }
        }
        count
    })
    .reduce(SampleCount::default, |a, b| SampleCount {
        samples: a.samples + b.samples,
        beyond_nyquist: a.beyond_nyquist + b.beyond_nyquist,
    })
}

/// Flags the samples whose projected baseline is shorter or longer than `range`, in metres or wavelengths. Stations with
/// themselves have no baseline, and stay.
pub fn flag_uv_range(table: &mut VisibilityTable, range: [f64; 2], wavelengths: bool) {
    for row in 0..table.uvw_m.nrows() {
        if table.antenna1[row] == table.antenna2[row] {
            continue;
        }
        let length_m = table.uvw_m[[row, 0]].hypot(table.uvw_m[[row, 1]]);
        for (channel, freq_hz) in table.freq_hz.iter().enumerate() {
            let length = if wavelengths { length_m * freq_hz / C_M_S } else { length_m };
            if length < range[0] || length > range[1] {
                table.flag.slice_mut(ndarray::s![row, channel, ..]).fill(true);
            }
        }
    }
}

/// Flags the rows of stations with themselves, which are no part of an image.
pub fn flag_autocorrelations(table: &mut VisibilityTable) {
    let pairs = table.antenna1.iter().zip(&table.antenna2);
    for (mut flags, (p, q)) in table.flag.axis_iter_mut(Axis(0)).zip(pairs) {
        if p == q {
            flags.fill(true);
        }
    }
}

/// Without stations only Stokes I can be predicted; with them the rows must be those of `instants`, in equal shares, and the stations those of `beams`,
/// which must have all frequencies.
pub(super) fn check_stations(table: &VisibilityTable, station: Option<(&[Instant], &StationBeams)>) -> Result<()> {
    let Some((instants, beams)) = station else {
        return match table.polarisations {
            Polarisations::I => Ok(()),
            other => {
                Err(Error::input("a bare uvw set can only be predicted in Stokes I").found(other.name()).expected("I"))
            }
        };
    };
    let (rows, stations) = (table.uvw_m.nrows(), beams.class_of.len());
    let rows_each = rows / instants.len().max(1);
    let fits = rows_each * instants.len() == rows
        && [table.antenna1.len(), table.antenna2.len(), table.time_mjd_utc.len()].iter().all(|n| *n == rows)
        && table.antenna1.par_iter().chain(&table.antenna2).all(|a| (*a as usize) < stations)
        && instants.iter().all(|i| i.zenith.len() == stations)
        && table.time_mjd_utc.par_iter().enumerate().all(|(row, t)| *t == instants[row / rows_each].mjd_utc);
    if fits {
        return beams.check(&table.freq_hz);
    }
    Err(Error::input("the visibility table does not belong to the given stations and time steps")
        .found(format!("{rows} rows; {stations} stations with beams, {} time steps", instants.len()))
        .expected("a table of the same telescope and track"))
}

/// A cube is predicted on its own channels and about its own centre, never relabelled.
pub(super) fn check_cube(cube: &SkyCube, table: &VisibilityTable) -> Result<()> {
    let same = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-3 * cube.channel_width_hz + 1e-9 * b;
    if cube.freq_hz.len() != table.freq_hz.len() || !cube.freq_hz.iter().zip(&table.freq_hz).all(same) {
        let range = |f: &[f64]| format!("{} from {:?} to {:?} Hz", f.len(), f.first(), f.last());
        return Err(Error::input("the sky cube and the observation have different channels")
            .found(range(&cube.freq_hz))
            .expected(range(&table.freq_hz)));
    }
    let [l, m, n] = cube.centre.lmn(table.phase_centre);
    if n <= 0.0 || l.hypot(m) > 1e-3 * cube.cell_rad {
        return Err(Error::input("the sky cube is not centred on the phase centre")
            .found(format!("{:?}", cube.centre))
            .expected(format!("{:?}", table.phase_centre)));
    }
    Ok(())
}
