//! Sources as all stations at all times see them.

use super::average::{Lot, Seen, cell, lots_of_sources, motion};
use super::band::{Nodes, lots};
use super::dishes::Dishes;
use super::{DirectSky, Smearing, Source};
use crate::error::{Result, Watch};
use crate::formats::visibilities::VisibilityTable;
use crate::math::space::{cross, dot};
use crate::math::vectors::Vectors;
use crate::telescope::array::{Aim, ApertureArrays};
use crate::telescope::beam::{StationBeams, StationResponse, VoltageBeam};
use crate::visibilities::geometry::{Beams, Instant};
use crate::visibilities::product::{BLOCK, FormedBeams, Place, Real, Scratch, Sources, Stations, Sums};
use ndarray::Axis;
use ndarray::parallel::prelude::*;
use rustfft::num_complex::Complex64;
use std::collections::HashMap;

/// Adds `sources` to the rows of `table`, which are those of the time steps, summed in `R`.
pub(super) fn add<R: Real>(
    table: &mut VisibilityTable,
    sky: &DirectSky,
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
    let all = sources.len();
    let (points, extended): (Vec<Source>, Vec<Source>) = sources.into_iter().partition(|s| s.taper.is_none());
    let mut groups: Vec<Group> = [points, extended].into_iter().filter(|g| !g.is_empty()).map(Group::new).collect();
    let (order, position) = side_by_side(instants, smearing);
    let dishes = beams.shaped.as_deref().map(|shaped| Dishes::new(shaped, &order, table.phase_centre.unit_vector()));
    let products = table.polarisations.count();
    let arrays = beams.arrays.as_deref().map(|arrays| {
        let (reach, count) = (reach_of(&groups), all);
        let each_its_own = instants.iter().any(|instant| matches!(instant.beams, Beams::Each(_)));
        Arrays::new(arrays, &order, table, (reach, count), (products == 1, each_its_own), R::EPSILON)
    });
    let rows_each = table.uvw_m.nrows() / instants.len().max(1);
    let sum_bytes = order.len() * order.len() * products * size_of::<Complex64>() + all * size_of::<[f64; 4]>();
    // of lists without antennas nothing is shared between channels
    let path_m = arrays.as_ref().and_then(Arrays::path_m);
    let mut scratch = Scratch::<R>::new();
    for channels in lots(&table.freq_hz, path_m, R::EPSILON, sum_bytes) {
        let freq_hz = table.freq_hz[channels.clone()].to_vec();
        let highest = freq_hz.iter().copied().fold(0.0, f64::max);
        groups.iter_mut().for_each(|group| group.shine(sky, channels.start, &freq_hz));
        let mut sums: Vec<Sums> = channels.clone().map(|_| Sums::new(order.len(), products)).collect();
        for (step, instant) in instants.iter().enumerate() {
            let rows = step * rows_each..(step + 1) * rows_each;
            if table.flag.slice(ndarray::s![rows.clone(), channels.clone(), ..]).iter().all(|flag| *flag) {
                watch.advance((all * channels.len()) as u64)?;
                continue;
            }
            sums.iter_mut().for_each(Sums::clear);
            let cell = cell(smearing);
            let seen = Seen { sky, groups: &groups, beams, centre: table.phase_centre, products };
            let sources = lots_of_sources(smearing, instant, &seen, (channels.start, highest));
            let parts = sources.iter().flat_map(|lot| (0..lot.cut.parts).map(move |part| (lot, part)));
            for (Lot { groups, cut }, part) in parts {
                let cut = *cut;
                let late =
                    cell.map_or(0.0, |(c, _)| c.rate_rad_s * c.time_s) * ((part as f64 + 0.5) / cut.parts as f64 - 0.5);
                let turned = (late != 0.0).then(|| instant.turned(late));
                let instant = turned.as_ref().unwrap_or(instant);
                // responses of the middle, and where they change of the part's ends, too; phases are those of the middle
                let half = cell.map_or(0.0, |(c, _)| 0.5 * c.rate_rad_s * c.time_s / cut.parts as f64);
                let times: Vec<Instant> = match cut.sloped {
                    false => vec![instant.clone()],
                    true => vec![instant.clone(), instant.turned(-half), instant.turned(half)],
                };
                let looks: Vec<Looks> = times.iter().map(|at| Looks::new(beams, at, &order)).collect();
                let see = |(at, looks): (&Instant, &'_ Looks)| {
                    let formed = arrays.as_ref().map(|arrays| arrays.formed(at, &freq_hz));
                    Stations {
                        uvw_m: order.iter().map(|s| instant.station_uvw_m[*s]).collect(),
                        zenith: order.iter().map(|s| at.zenith[*s]).collect(),
                        class_of: looks.of.clone(),
                        freq_hz: &freq_hz,
                        formed: formed.or_else(|| dishes.as_ref().map(|dishes| dishes.formed(at, &freq_hz))),
                        smearing: cell.map(|(cell, epsilon)| motion(instant, &order, cell, epsilon, cut, part)),
                    }
                };
                let stations: Vec<Stations> = times.iter().zip(&looks).map(see).collect();
                for group in groups.iter() {
                    group.add(&mut scratch, &mut sums, &stations, (beams, &looks), with, watch)?;
                }
            }
            for (channel, sums) in channels.clone().zip(&sums) {
                hand_over(table, rows.clone(), channel, sums, &position);
            }
            watch.advance((all * channels.len()) as u64)?;
        }
    }
    Ok(())
}

/// Largest |s - s_0| of all sources.
pub(super) fn reach_of(groups: &[Group]) -> f64 {
    groups.iter().map(Group::reach).fold(0.0, f64::max)
}

/// Adds the sums of one time and channel to the rows that are not flagged.
fn hand_over(
    table: &mut VisibilityTable,
    rows: std::ops::Range<usize>,
    channel: usize,
    sums: &Sums,
    position: &[usize],
) {
    let part = ndarray::s![rows.clone(), channel, ..];
    let flags = table.flag.slice(part);
    let pairs = table.antenna1[rows.clone()].par_iter().zip(&table.antenna2[rows]);
    let mut vis = table.vis.slice_mut(part);
    let vis = vis.axis_iter_mut(Axis(0)).into_par_iter();
    vis.zip(flags.axis_iter(Axis(0)).into_par_iter()).zip(pairs).for_each(|((mut vis, flag), (p, q))| {
        if flag.iter().all(|flag| *flag) {
            return;
        }
        let (p, q) = (position[*p as usize], position[*q as usize]);
        vis.iter_mut().enumerate().for_each(|(product, vis)| *vis += sums.of(p, q, product));
    });
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
#[derive(Clone)]
pub(super) struct Group {
    pub(super) sources: Vec<Source>,
    places: Vec<Place>,
    /// I, Q, U, V \[channel\]\[source\] of the channels that are summed together, Jy.
    stokes: Vec<Vec<[f64; 4]>>,
}

impl Group {
    fn new(sources: Vec<Source>) -> Group {
        let places = sources.par_iter().map(Source::place).collect();
        Group { sources, places, stokes: Vec::new() }
    }

    /// Those of these numbers.
    pub(super) fn some(&self, chosen: &[usize]) -> Group {
        let of = |stokes: &Vec<[f64; 4]>| chosen.iter().map(|k| stokes[*k]).collect();
        Group {
            sources: chosen.iter().map(|k| self.sources[*k].clone()).collect(),
            places: chosen.iter().map(|k| self.places[*k]).collect(),
            stokes: self.stokes.iter().map(of).collect(),
        }
    }

    /// Makes the fluxes of the channels from `first` on.
    fn shine(&mut self, sky: &DirectSky, first: usize, freq_hz: &[f64]) {
        let of = |(k, freq_hz): (usize, &f64)| {
            self.sources.par_iter().map(|source| sky.stokes(source, first + k, *freq_hz)).collect()
        };
        self.stokes = freq_hz.iter().enumerate().map(of).collect();
    }

    /// Largest |s - s_0|: its square is -2 (n - 1).
    fn reach(&self) -> f64 {
        self.places.iter().map(|p| (-2.0 * p.lmn1[2]).max(0.0).sqrt()).fold(0.0, f64::max)
    }

    fn add<R: Real>(
        &self,
        scratch: &mut Scratch<R>,
        sums: &mut [Sums],
        stations: &[Stations],
        (beams, looks): (&StationBeams, &[Looks]),
        with: Vectors,
        watch: &Watch,
    ) -> Result<()> {
        for (first, places) in (0..).step_by(BLOCK).zip(self.places.chunks(BLOCK)) {
            watch.check()?;
            let block = first..first + places.len();
            let stokes: Vec<&[[f64; 4]]> = self.stokes.iter().map(|stokes| &stokes[block.clone()]).collect();
            let tapers: Vec<[f64; 3]> = self.sources[block].iter().filter_map(|s| s.taper.map(|t| t.abc)).collect();
            let voltages: Vec<Vec<Vec<Vec<f64>>>> = match beams.is_unity() {
                true => Vec::new(),
                false => looks
                    .iter()
                    .zip(stations)
                    .map(|(looks, seen)| seen.freq_hz.iter().map(|f| looks.voltages(beams, places, *f)).collect())
                    .collect(),
            };
            let seen: Vec<Sources> = (0..stations.len())
                .map(|k| Sources {
                    places,
                    stokes: &stokes,
                    tapers: &tapers,
                    voltage: voltages.get(k).map(|voltage| &voltage[..]),
                })
                .collect();
            scratch.add(sums, with, stations, &seen);
        }
        Ok(())
    }
}

/// Circular beams as they look at one time: those of equal model that look the same way are one.
struct Looks {
    /// Class of the beam, and where it looks (celestial); `None`: at the phase centre.
    looks: Vec<(usize, Option<[f64; 3]>)>,
    /// Look of each station, in the order in which they stand side by side.
    of: Vec<usize>,
}

impl Looks {
    fn new(beams: &StationBeams, instant: &Instant, order: &[usize]) -> Looks {
        let mut looks = Vec::new();
        let mut known = HashMap::new();
        let of = order.iter().map(|station| {
            let look = (beams.class_of[*station], instant.aim(*station));
            *known.entry((look.0, look.1.map(|towards| towards.map(f64::to_bits)))).or_insert_with(|| {
                looks.push(look);
                looks.len() - 1
            })
        });
        let of = of.collect();
        Looks { looks, of }
    }

    /// Voltage patterns \[look\]\[source\].
    fn voltages(&self, beams: &StationBeams, places: &[Place], freq_hz: f64) -> Vec<Vec<f64>> {
        let of = |beam: &dyn VoltageBeam, pointing: Option<[f64; 3]>, place: &Place| {
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
        let of_look = |(class, pointing): &(usize, Option<[f64; 3]>)| {
            places.iter().map(|place| of(beams.classes[*class].as_ref(), *pointing, place)).collect()
        };
        self.looks.par_iter().map(of_look).collect()
    }
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
    scalar: bool,
    /// Relative to the sum of the antennas' weights: that of the sums.
    epsilon: f64,
}

impl<'a> Arrays<'a> {
    fn new(
        arrays: &'a ApertureArrays,
        order: &[usize],
        table: &VisibilityTable,
        (reach, count): (f64, usize),
        (scalar, each_its_own): (bool, bool),
        epsilon: f64,
    ) -> Arrays<'a> {
        let mut formed: Vec<usize> = Vec::new();
        let beam_of = order.iter().map(|station| {
            // beams that look elsewhere are not shared
            let stands = if each_its_own { *station } else { arrays.stands_for(*station) };
            formed.iter().position(|known| *known == stands).unwrap_or_else(|| {
                formed.push(stands);
                formed.len() - 1
            })
        });
        let beam_of = beam_of.collect();
        let centre = table.phase_centre.unit_vector();
        Arrays { arrays, formed, beam_of, centre, reach, count, scalar, epsilon }
    }

    /// [`ApertureArrays::path_m`] while beams look at the phase centre; where they drift it may be more.
    fn path_m(&self) -> Option<f64> {
        self.arrays.path_m(self.reach, self.scalar)
    }

    fn formed(&self, instant: &Instant, freq_hz: &[f64]) -> FormedBeams<'_> {
        let centre = |station: &usize| instant.aim(*station).unwrap_or(self.centre);
        let away = |station: &usize| {
            let centre = centre(station);
            [0, 1, 2].map(|k| centre[k] - self.centre[k]).into_iter().fold(0.0, f64::hypot)
        };
        let reach = self.reach + self.formed.iter().map(away).fold(0.0, f64::max);
        // one channel shares nothing, and needs no path of all antennas
        let path_m = if freq_hz.len() > 1 { self.arrays.path_m(reach, self.scalar) } else { None };
        let nodes = Nodes::new(freq_hz, path_m, self.epsilon);
        let mixed = nodes.weights.is_some();
        let at = |freq_hz: &f64| -> Vec<StationResponse<'a>> {
            let aim = Aim { freq_hz: *freq_hz, step: instant.step, reach, count: self.count, epsilon: self.epsilon };
            let form = |station: &usize| {
                StationResponse::Antennas(match mixed {
                    true => self.arrays.form_plain(*station, instant.horizon(*station), centre(station), &aim),
                    false => self.arrays.form(*station, instant.horizon(*station), centre(station), &aim),
                })
            };
            self.formed.par_iter().map(form).collect()
        };
        let scale = |freq_hz: &f64| -> Vec<[f64; 2]> {
            let of = |s: &usize| self.arrays.scale(*s, instant.horizon(*s), centre(s), (*freq_hz, instant.step));
            self.formed.par_iter().map(of).collect()
        };
        FormedBeams {
            formed: nodes.freq_hz.iter().map(at).collect(),
            scale: if mixed { freq_hz.iter().map(scale).collect() } else { Vec::new() },
            weights: nodes.weights,
            of: &self.beam_of,
        }
    }
}
