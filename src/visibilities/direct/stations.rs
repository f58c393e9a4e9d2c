//! Sources as all stations at all times see them.

use super::dishes::Dishes;
use super::{Cell, Smearing, Source};
use crate::error::{Result, Watch};
use crate::formats::visibilities::VisibilityTable;
use crate::math::vectors::Vectors;
use crate::telescope::array::{Aim, ApertureArrays};
use crate::telescope::beam::{StationBeams, StationResponse, VoltageBeam};
use crate::units::C_M_S;
use crate::visibilities::geometry::{Instant, cross, dot};
use crate::visibilities::product::{BLOCK, Motion, Place, Real, Sources, Stations, Sums};
use ndarray::Axis;
use ndarray::parallel::prelude::*;
use std::sync::Arc;

/// Most parts that a time step is cut into for its average.
const MOST_PARTS: usize = 1001;

/// Adds `sources` to the rows of `table`, which are those of the time steps, summed in `R`.
pub(super) fn add<R: Real>(
    table: &mut VisibilityTable,
    mut sources: Vec<Source>,
    (instants, beams): (&[Instant], &StationBeams),
    smearing: Smearing,
    with: Vectors,
    watch: &Watch,
) -> Result<()> {
    if smearing != Smearing::None {
        // near sources first: what a block needs depends on its farthest
        sources.sort_by(|a, b| b.lmn1[2].total_cmp(&a.lmn1[2]));
    }
    let all = sources.len() as u64;
    let (points, extended): (Vec<Source>, Vec<Source>) = sources.into_iter().partition(|s| s.taper.is_none());
    let groups: Vec<Group> = [points, extended].into_iter().filter(|g| !g.is_empty()).map(Group::new).collect();
    let (order, position) = side_by_side(instants, smearing);
    let class_of: Vec<usize> = order.iter().map(|station| beams.class_of[*station]).collect();
    let arrays = beams.arrays.as_deref().map(|arrays| Arrays::new(arrays, &order, table, &groups, R::EPSILON));
    let dishes = beams.shaped.as_deref().map(|shaped| Dishes::new(shaped, &order, table.phase_centre.unit_vector()));
    let beam_of = arrays.as_ref().map(|arrays| &arrays.beam_of).or(dishes.as_ref().map(|dishes| &dishes.beam_of));
    let reach = groups.iter().map(Group::reach).fold(0.0, f64::max);
    let rows_each = table.uvw_m.nrows() / instants.len().max(1);
    let products = table.polarisations.count();
    let mut sums = Sums::new(order.len(), products);
    for (step, instant) in instants.iter().enumerate() {
        let rows = step * rows_each..(step + 1) * rows_each;
        for channel in 0..table.freq_hz.len() {
            if table.flag.slice(ndarray::s![rows.clone(), channel, ..]).iter().all(|flag| *flag) {
                continue;
            }
            sums.clear();
            let freq_hz = table.freq_hz[channel];
            let cell = cell(smearing);
            let parts = parts(smearing, instant, reach, freq_hz / C_M_S);
            for part in 0..parts {
                let late =
                    cell.map_or(0.0, |(c, _)| c.rate_rad_s * c.time_s) * ((part as f64 + 0.5) / parts as f64 - 0.5);
                let turned = (late != 0.0).then(|| instant.turned(late));
                let instant = turned.as_ref().unwrap_or(instant);
                let formed = arrays.as_ref().map(|arrays| arrays.formed(instant, freq_hz, step as u32));
                let formed = formed.or_else(|| dishes.as_ref().map(|dishes| dishes.formed(instant, freq_hz)));
                let stations = Stations {
                    uvw_m: order.iter().map(|s| instant.station_uvw_m[*s]).collect(),
                    zenith: order.iter().map(|s| instant.zenith[*s]).collect(),
                    class_of: &class_of,
                    turns_per_m: freq_hz / C_M_S,
                    arrays: formed.as_deref().zip(beam_of.map(|beam_of| &beam_of[..])),
                    smearing: cell.map(|(cell, epsilon)| motion(instant, &order, cell, epsilon, parts, part)),
                };
                for group in &groups {
                    group.add::<R>(&mut sums, &stations, (beams, instant.beam), (channel, freq_hz), with, watch)?;
                }
            }
            hand_over(table, rows.clone(), channel, &sums, &position);
        }
        watch.advance(all)?;
    }
    Ok(())
}

/// Adds the sums of one time and channel to the rows that are not flagged.
fn hand_over(
    table: &mut VisibilityTable,
    rows: std::ops::Range<usize>,
    channel: usize,
    sums: &Sums,
    position: &[usize],
) {
    let (flag, antenna1, antenna2) = (&table.flag, &table.antenna1, &table.antenna2);
    let first = rows.start;
    let mut rows = table.vis.slice_axis_mut(Axis(0), rows.into());
    let rows = rows.axis_iter_mut(Axis(0));
    rows.into_par_iter().enumerate().for_each(|(k, mut vis)| {
        let row = first + k;
        if flag.slice(ndarray::s![row, channel, ..]).iter().all(|flag| *flag) {
            return;
        }
        let (p, q) = (position[antenna1[row] as usize], position[antenna2[row] as usize]);
        let mut vis = vis.slice_mut(ndarray::s![channel, ..]);
        (0..vis.len()).for_each(|product| vis[product] += sums.of(p, q, product));
    });
}

fn cell(smearing: Smearing) -> Option<(Cell, Option<f64>)> {
    match smearing {
        Smearing::None => None,
        Smearing::Sinc(cell) => Some((cell, None)),
        Smearing::Average { cell, epsilon } => Some((cell, Some(epsilon))),
    }
}

/// Parts of a time step that the average of the longest baseline's farthest source needs; an odd number, so that one of them is
/// the middle of the step.
fn parts(smearing: Smearing, instant: &Instant, reach: f64, turns_per_m: f64) -> usize {
    let Smearing::Average { cell, epsilon } = smearing else { return 1 };
    let longest =
        2.0 * instant.station_uvw_m.iter().map(|x| x.iter().map(|x| x * x).sum::<f64>()).fold(0.0, f64::max).sqrt();
    let motion = motion(instant, &[], cell, Some(epsilon), 1, 0);
    let enough = |parts: &usize| motion.neglected(longest, reach, turns_per_m, *parts) <= epsilon;
    (1..=MOST_PARTS).step_by(2).find(enough).unwrap_or(MOST_PARTS)
}

fn motion(instant: &Instant, order: &[usize], cell: Cell, epsilon: Option<f64>, parts: usize, part: usize) -> Motion {
    let turning = |v: [f64; 3]| cross(instant.pole_uvw, v).map(|x| x * cell.rate_rad_s);
    let velocity: Vec<[f64; 3]> = order.iter().map(|s| turning(instant.station_uvw_m[*s])).collect();
    Motion {
        acceleration: velocity.iter().map(|v| turning(*v)).collect(),
        velocity,
        rate_rad_s: cell.rate_rad_s,
        time_s: cell.time_s,
        bandwidth_hz: cell.bandwidth_hz,
        epsilon,
        parts,
        middle: part == parts / 2,
    }
}

/// An order of the stations in which neighbours stand side by side, and the place of each station in it: what a tile of
/// baselines needs depends on its longest. Without smearing they need nothing, and stay.
fn side_by_side(instants: &[Instant], smearing: Smearing) -> (Vec<usize>, Vec<usize>) {
    let Some(instant) = instants.first() else { return Default::default() };
    let mut order: Vec<usize> = (0..instant.station_uvw_m.len()).collect();
    if smearing != Smearing::None {
        halve(&instant.station_uvw_m, &mut order);
    }
    let mut position = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, station)| position[*station] = place);
    (order, position)
}

/// Halves by the longer side, and halves of these, until few are left.
fn halve(uvw_m: &[[f64; 3]], order: &mut [usize]) {
    if order.len() <= 4 {
        return;
    }
    let extent = |axis: usize| {
        let of = |s: &usize| uvw_m[*s][axis];
        order.iter().map(of).fold(f64::NEG_INFINITY, f64::max) - order.iter().map(of).fold(f64::INFINITY, f64::min)
    };
    let axis = [0, 1, 2].into_iter().max_by(|a, b| extent(*a).total_cmp(&extent(*b))).unwrap_or(0);
    // by number among equals: the order is one
    order.sort_by(|a, b| uvw_m[*a][axis].total_cmp(&uvw_m[*b][axis]).then(a.cmp(b)));
    // whole blocks of stations on the left
    let middle = (order.len() / 2).next_multiple_of(16).min(order.len() - 1);
    let middle = if order.len() > 32 { middle } else { order.len() / 2 };
    let (left, right) = order.split_at_mut(middle);
    halve(uvw_m, left);
    halve(uvw_m, right);
}

/// Sources of one kind: points, or such as have a shape.
struct Group {
    sources: Vec<Source>,
    places: Vec<Place>,
}

impl Group {
    fn new(sources: Vec<Source>) -> Group {
        let places = sources.iter().map(Source::place).collect();
        Group { sources, places }
    }

    /// Largest |s - s_0|: its square is -2 (n - 1).
    fn reach(&self) -> f64 {
        self.places.iter().map(|p| (-2.0 * p.lmn1[2]).max(0.0).sqrt()).fold(0.0, f64::max)
    }

    fn add<R: Real>(
        &self,
        sums: &mut Sums,
        stations: &Stations,
        (beams, pointing): (&StationBeams, Option<[f64; 3]>),
        (channel, freq_hz): (usize, f64),
        with: Vectors,
        watch: &Watch,
    ) -> Result<()> {
        for (sources, places) in self.sources.chunks(BLOCK).zip(self.places.chunks(BLOCK)) {
            watch.check()?;
            let stokes: Vec<[f64; 4]> = sources.iter().map(|s| s.stokes[channel]).collect();
            let tapers: Vec<[f64; 3]> = sources.iter().filter_map(|s| s.taper.map(|t| t.abc)).collect();
            let voltage = (!beams.is_unity()).then(|| voltages(beams, pointing, places, freq_hz));
            let block = Sources { places, stokes: &stokes, tapers: &tapers, voltage: voltage.as_deref() };
            match tapers.is_empty() && stations.smearing.is_none() {
                true => sums.add::<R>(with, stations, &block),
                false => sums.add_each::<R>(with, stations, &block),
            }
        }
        Ok(())
    }
}

/// Voltage patterns \[class\]\[source\].
fn voltages(beams: &StationBeams, pointing: Option<[f64; 3]>, places: &[Place], freq_hz: f64) -> Vec<Vec<f64>> {
    let of = |beam: &dyn VoltageBeam, place: &Place| {
        let ([l, m, n1], towards) = (place.lmn1, place.towards);
        // sine and cosine of the distance from where the beam looks
        let (sin, cos) = match pointing {
            None => (l.hypot(m), 1.0 + n1),
            Some(centre) => (cross(centre, towards).into_iter().fold(0.0, f64::hypot), dot(centre, towards)),
        };
        match beam.is_unity() {
            true => 1.0,
            // a dish sees nothing behind its back
            false if cos <= 0.0 => 0.0,
            false => beam.voltage(sin.min(1.0), freq_hz),
        }
    };
    let of_class = |beam: &Arc<dyn VoltageBeam>| places.iter().map(|place| of(beam.as_ref(), place)).collect();
    beams.classes.iter().map(of_class).collect()
}

/// The beams of aperture arrays, of which stations may share one.
struct Arrays<'a> {
    arrays: &'a ApertureArrays,
    /// Stations whose beams are formed.
    formed: Vec<usize>,
    /// Beam of each station, in the order in which they stand side by side.
    beam_of: Vec<usize>,
    centre: [f64; 3],
    reach: f64,
    count: usize,
    /// Relative to the sum of the antennas' weights: that of the sums.
    epsilon: f64,
}

impl<'a> Arrays<'a> {
    fn new(
        arrays: &'a ApertureArrays,
        order: &[usize],
        table: &VisibilityTable,
        groups: &[Group],
        epsilon: f64,
    ) -> Arrays<'a> {
        let mut formed: Vec<usize> = Vec::new();
        let beam_of = order.iter().map(|station| {
            let stands = arrays.stands_for(*station);
            formed.iter().position(|known| *known == stands).unwrap_or_else(|| {
                formed.push(stands);
                formed.len() - 1
            })
        });
        let beam_of = beam_of.collect();
        let centre = table.phase_centre.unit_vector();
        let reach = groups.iter().map(Group::reach).fold(0.0, f64::max);
        let count = groups.iter().map(|g| g.sources.len()).sum();
        Arrays { arrays, formed, beam_of, centre, reach, count, epsilon }
    }

    fn formed(&self, instant: &Instant, freq_hz: f64, step: u32) -> Vec<StationResponse<'a>> {
        let centre = instant.beam.unwrap_or(self.centre);
        let away = [0, 1, 2].map(|k| centre[k] - self.centre[k]).into_iter().fold(0.0, f64::hypot);
        let aim = Aim { freq_hz, step, reach: self.reach + away, count: self.count, epsilon: self.epsilon };
        let form = |station: &usize| {
            StationResponse::Antennas(self.arrays.form(*station, instant.horizon(*station), centre, &aim))
        };
        self.formed.par_iter().map(form).collect()
    }
}
