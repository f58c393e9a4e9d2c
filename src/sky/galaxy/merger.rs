//! Two discs that have just passed each other: tidal tails and a bridge.

use super::density::densities;
use super::disc::Disc;
use super::encounter::{Passage, Potential};
use super::field::Waves;
use super::frame::Frame;
use super::gas::{GasCell, Part};
use super::magnetic::MagneticField;
use super::order::{Contents, shared_out};
use super::params::{EDGE, GalaxyParams};
use super::stars::{Halo, StarParticle, age_gyr, stars};
use super::{MEMBER, derived_seed};
use crate::math::random::{Stream, normal_pair};
use crate::units::DEG_RAD;
use rayon::prelude::*;
use std::f64::consts::{SQRT_2, TAU};

/// Myr in one kpc/(km/s).
const MYR: f64 = 977.792_2;
/// Where a halo ends, in R_HI.
const HALO_EDGE: f64 = 2.5;
/// Dispersion of the gas on its way, km/s: that of HI in discs.
const DISPERSION_KM_S: f64 = 8.0;
/// Neighbours for the densities.
const NEIGHBOURS: usize = 32;

/// Two discs and their passage.
#[derive(Debug, Clone, PartialEq)]
pub struct Merger {
    /// The discs before it, the heavier first.
    pub discs: [GalaxyParams; 2],
    /// How they are turned: z is that of the orbit, so a spin with positive z passes in the sense of the orbit.
    pub frames: [Frame; 2],
    /// Distance of the centres at the closest approach, kpc.
    pub pericentre_kpc: f64,
    /// Time since then, Myr.
    pub since_pericentre_myr: f64,
    /// Azimuth of the closest approach in the file, rad.
    pub azimuth: f64,
}

impl Merger {
    /// A merger with `hi_mass_msun` of HI in all: mass ratios of 1 to 0.3, in stars as in HI; a parabolic orbit with
    /// the closest approach at 0.6 to 1.3 R_HI of the heavier, whose spin is within 50 degrees of the orbit's, as tails
    /// need (Toomre & Toomre 1972); the other's is anywhere. Seen 2.2 to 3.6 times R_HI/V_flat later, from a random
    /// azimuth.
    pub fn draw(seed: u64, hi_mass_msun: f64, cells: usize) -> Merger {
        let mut draw = Stream::new(seed, [13, 0, 0]);
        let ratio = 0.3f64.powf(draw.uniform());
        let heavy = hi_mass_msun / (1.0 + ratio);
        let first = GalaxyParams::spiral(seed, heavy);
        let second = GalaxyParams::spiral(derived_seed(seed, 1, MEMBER), hi_mass_msun - heavy)
            .with_stellar_mass(ratio * first.stellar_mass_msun);
        let discs = [first, second];
        let frames = [
            Frame::tilted(50.0 * DEG_RAD * draw.uniform(), TAU * draw.uniform()),
            Frame::random(draw.uniform(), draw.uniform()),
        ];
        let (radius, speed) = (discs[0].hi_radius_kpc, discs[0].v_flat_km_s);
        let pericentre_kpc = radius * (0.6 + 0.7 * draw.uniform());
        let since_pericentre_myr = MYR * radius / speed * (2.2 + 1.4 * draw.uniform());
        let azimuth = TAU * draw.uniform();
        let mut merger = Merger { discs, frames, pericentre_kpc, since_pericentre_myr, azimuth };
        merger.share_cells(cells);
        merger
    }

    /// Shares `cells` among the discs.
    pub(super) fn share_cells(&mut self, cells: usize) {
        let counts = shared_out(cells, &[0, 1].map(|k| self.discs[k].hi_mass_msun.powf(0.7)), 300);
        (0..2).for_each(|k| self.discs[k].n_cells = counts[k]);
    }

    fn passage(&self) -> Passage {
        let potentials = [0, 1]
            .map(|k| &self.discs[k])
            .map(|p| Potential::new(p.v_flat_km_s, p.turnover_kpc, HALO_EDGE * p.hi_radius_kpc));
        // from where the discs' edges are as far from each other as they are wide
        let from_kpc = 1.4 * EDGE * (self.discs[0].hi_radius_kpc + self.discs[1].hi_radius_kpc);
        // a tenth of a radian of the fastest turn
        let fastest = self.discs.iter().map(|p| p.v_flat_km_s / p.turnover_kpc).fold(0.0, f64::max);
        let after = self.since_pericentre_myr / MYR;
        Passage::parabolic(potentials, self.pericentre_kpc, from_kpc, after, 0.1 / fastest)
    }

    pub(super) fn contents(&self, particles: usize, redshift: f64) -> Contents {
        let passage = self.passage();
        let start = [0, 1].map(|k| Frame {
            centre_kpc: passage.first()[k],
            velocity_km_s: passage.first_velocities[k],
            ..self.frames[k].clone()
        });
        let end = [0, 1].map(|k| Frame {
            centre_kpc: passage.last()[k],
            velocity_km_s: passage.last_velocities[k],
            ..self.frames[k].clone()
        });
        let smooth = [0, 1].map(|k| smooth(&self.discs[k]));
        let discs = [0, 1].map(|k| Disc::new(&smooth[k]));
        let mut cells = Vec::new();
        let mut masses = Vec::new();
        for k in 0..2 {
            let (own, shares) = carried(&discs[k], &start[k], &passage, k);
            masses.extend(shares);
            cells.extend(own);
        }
        let positions: Vec<[f64; 3]> = cells.iter().map(|c: &GasCell| c.position_kpc).collect();
        let density = densities(&positions, &masses, NEIGHBOURS);
        for ((cell, mass), density) in cells.iter_mut().zip(&masses).zip(density) {
            cell.density = density;
            cell.volume_kpc3 = mass / density;
        }
        self.magnetise(&mut cells, &end);
        self.stir(&mut cells);

        let light = shared_out(particles, &[0, 1].map(|k| self.discs[k].stellar_mass_msun), 0);
        let now = age_gyr(1.0 / (1.0 + redshift));
        let born = [0, 1].map(|k| stars(&discs[k], light[k], &start[k], now)).concat();
        let carried_star = |star: &StarParticle| {
            let (position_kpc, velocity_km_s) = passage.carry(star.position_kpc, star.velocity_km_s);
            StarParticle { position_kpc, velocity_km_s, ..*star }
        };
        let stars: Vec<StarParticle> = born.par_iter().map(carried_star).collect();

        let all = positions.iter().chain(stars.iter().map(|s| &s.position_kpc));
        let farthest = all.flatten().fold(4.0 * self.discs[0].hi_radius_kpc, |m, x| m.max(x.abs()));
        let halos = [0, 1].map(|k| {
            let off = end[k].centre_kpc.iter().map(|x| x * x).sum::<f64>().sqrt();
            Halo::of(&self.discs[k], (farthest - off).max(self.discs[k].hi_radius_kpc))
        });
        let halo_masses = halos.map(|h| h.mass_msun(h.edge_kpc));
        let dark = shared_out(particles, &halo_masses, 0);
        let mut contents = Contents {
            // turned about z, a square's corner comes to lie on its side
            box_kpc: 2.1 * SQRT_2 * farthest,
            parts: vec![Part { hi_mass_msun: self.discs.iter().map(|p| p.hi_mass_msun).sum(), cells }],
            stars,
            halo: (
                [0, 1].map(|k| halos[k].particles(&self.discs[k], dark[k], &end[k])).concat(),
                halo_masses.iter().sum(),
            ),
        };
        contents.turn(&Frame::tilted(0.0, self.azimuth));
        contents
    }

    /// Clouds and turbulent motion, as in discs; after the passage, which would have wound up what was there before.
    fn stir(&self, cells: &mut [GasCell]) {
        let p = &self.discs[0];
        let r = p.hi_radius_kpc;
        let waves = |n: u32, count: usize, longest: f64, shortest: f64, slope: f64| {
            Waves::new(&mut Stream::new(p.seed, [14, n, 0]), count, longest * r, shortest * r, slope)
        };
        let clouds = waves(0, 256, 0.4, 0.015, p.spectral_slope);
        let motion = [1, 2, 3].map(|n| waves(n, 48, 0.25, 0.02, -11.0 / 3.0));
        cells.par_iter_mut().for_each(|cell| {
            let chaos = p.turbulence_ln * clouds.at(cell.position_kpc) - 0.5 * p.turbulence_ln.powi(2);
            cell.density *= chaos.exp();
            for k in 0..3 {
                cell.velocity_km_s[k] += p.turbulence_km_s * motion[k].at(cell.position_kpc);
            }
        });
    }

    /// The sum of two fields without divergence, one about each centre, each with its disc's mean strength within R_HI.
    /// They reach farther than those of discs, into the tails, where they are random.
    fn magnetise(&self, cells: &mut [GasCell], end: &[Frame; 2]) {
        for (p, frame) in self.discs.iter().zip(end) {
            let field = MagneticField::reaching(p, 0.8 * p.hi_radius_kpc, 0.4 * p.hi_radius_kpc);
            let raw: Vec<([f64; 3], f64)> = cells
                .par_iter()
                .map(|cell| {
                    let away = [0, 1, 2].map(|k| cell.position_kpc[k] - frame.centre_kpc[k]);
                    let radius = away.iter().map(|x| x * x).sum::<f64>().sqrt();
                    (frame.turned(field.at(frame.turned_back(away), [0.0; 2])), radius)
                })
                .collect();
            let (mut strength, mut mass) = (0.0, 0.0);
            for (cell, (b, _)) in cells.iter().zip(&raw).filter(|(_, (_, r))| *r < p.hi_radius_kpc) {
                let m = cell.density * cell.volume_kpc3;
                strength += m * b.iter().map(|x| x * x).sum::<f64>().sqrt();
                mass += m;
            }
            let scale = if strength > 0.0 { p.field_ug * mass / strength } else { 0.0 };
            for (cell, (b, _)) in cells.iter_mut().zip(&raw) {
                (0..3).for_each(|k| cell.field_ug[k] += scale * b[k]);
            }
        }
    }
}

/// A disc without arms, clouds, holes and warp.
fn smooth(params: &GalaxyParams) -> GalaxyParams {
    GalaxyParams {
        turbulence_ln: 0.0,
        arms: 0,
        holes: 0,
        lopsidedness: 0.0,
        warp_deg: 0.0,
        turbulence_km_s: 0.0,
        ..params.clone()
    }
}

/// The cells of a disc after the passage, not yet with densities, and their masses, Msun of HI if all were atomic.
fn carried(disc: &Disc, start: &Frame, passage: &Passage, which: usize) -> (Vec<GasCell>, Vec<f64>) {
    let (p, cells) = (disc.params(), disc.cells());
    let potential = &passage.potentials[which];
    let total: f64 = cells.iter().map(|c| c.density * c.volume_kpc3).sum();
    let masses = cells.iter().map(|c| c.density * c.volume_kpc3 / total * p.hi_mass_msun).collect();
    let moved = cells
        .par_iter()
        .enumerate()
        .map(|(i, cell)| {
            let [x, y, z] = cell.position_kpc;
            let (flat, r) = (x.hypot(y).max(1e-9), (x * x + y * y + z * z).sqrt());
            let v = potential.circular_km_s(r);
            let [n0, n1] = normal_pair([i as u32, 24, 0, 0], p.seed);
            let [n2, _] = normal_pair([i as u32, 24, 1, 0], p.seed);
            let own = [-v * y / flat + DISPERSION_KM_S * n0, v * x / flat + DISPERSION_KM_S * n1, DISPERSION_KM_S * n2];
            let (position_kpc, velocity_km_s) = passage.carry(start.position(cell.position_kpc), start.velocity(own));
            GasCell {
                position_kpc,
                velocity_km_s,
                density: 0.0,
                volume_kpc3: 0.0,
                metallicity: p.metallicity(cell.radius_kpc),
                field_ug: [0.0; 3],
            }
        })
        .collect();
    (moved, masses)
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Order};
    use super::*;

    #[test]
    fn tails_reach_far_beyond_the_discs() {
        for seed in [1, 2, 3] {
            let merger = Merger::draw(seed, 6e9, 12_000);
            let contents = merger.contents(0, 0.0);
            let turn = Frame::tilted(0.0, merger.azimuth);
            let (end, cells) = (merger.passage().last().map(|c| turn.turned(c)), &contents.parts[0].cells);
            let total: f64 = cells.iter().map(|c| c.density * c.volume_kpc3).sum();
            // gas of all that is farther from either centre than 1.7 times the R_HI of its disc, where discs end
            let far: f64 = cells
                .iter()
                .filter(|c| {
                    (0..2).all(|k| {
                        let d2: f64 = (0..3).map(|i| (c.position_kpc[i] - end[k][i]).powi(2)).sum();
                        d2.sqrt() > EDGE * merger.discs[k].hi_radius_kpc
                    })
                })
                .map(|c| c.density * c.volume_kpc3)
                .sum();
            assert!(far / total > 0.04, "seed {seed}: {}", far / total);
            // and some as far as 2.3 R_HI of the heavier
            let reach = contents.parts[0].cells.iter().filter(|c| {
                (0..2).all(|k| {
                    let d2: f64 = (0..3).map(|i| (c.position_kpc[i] - end[k][i]).powi(2)).sum();
                    d2.sqrt() > 2.3 * merger.discs[0].hi_radius_kpc
                })
            });
            assert!(reach.count() > 24, "seed {seed}");
        }
    }

    #[test]
    fn a_passage_against_the_spin_makes_shorter_tails() {
        // Toomre & Toomre (1972): retrograde discs keep their gas
        let far = |inclination: f64| {
            let mut merger = Merger::draw(4, 6e9, 6000);
            // equal masses, and a passage that does not go through the disc
            merger.discs[1] = merger.discs[0].clone();
            merger.pericentre_kpc = 1.2 * merger.discs[0].hi_radius_kpc;
            merger.since_pericentre_myr = 2.5 * MYR * merger.discs[0].hi_radius_kpc / merger.discs[0].v_flat_km_s;
            merger.frames[0] = Frame::tilted(inclination, 0.3);
            let passage = merger.passage();
            let params = smooth(&merger.discs[0]);
            let start = Frame {
                centre_kpc: passage.first()[0],
                velocity_km_s: passage.first_velocities[0],
                ..merger.frames[0].clone()
            };
            let (cells, _) = carried(&Disc::new(&params), &start, &passage, 0);
            let centre = passage.last()[0];
            let far = cells.iter().filter(|c| {
                let d2: f64 = (0..3).map(|i| (c.position_kpc[i] - centre[i]).powi(2)).sum();
                d2.sqrt() > 1.8 * params.hi_radius_kpc
            });
            far.count()
        };
        let (with, against) = (far(0.0), far(std::f64::consts::PI));
        assert!(with > 4 * against + 100, "{with} {against}");
    }

    #[test]
    fn equal_orders_give_equal_mergers_on_any_threads() {
        let order = Order { kind: Kind::Merger, seed: 8, cells: Some(2000), particles: 200, ..Order::default() };
        let make = || order.plan().unwrap().make().unwrap();
        let one = make();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(one, pool.install(make));
    }
}
