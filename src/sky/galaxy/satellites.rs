//! A spiral with dwarf companions.

use super::disc::Disc;
use super::frame::Frame;
use super::gas::Part;
use super::order::{Contents, shared_out};
use super::params::GalaxyParams;
use super::relations::HI_MASS_FUNCTION;
use super::stars::{Halo, age_gyr, stars};
use super::{MEMBER, derived_seed};
use crate::math::random::Stream;
use std::f64::consts::{FRAC_1_SQRT_2, TAU};

/// Mean number of satellites: what SAGA finds about galaxies like the Milky Way (Mao et al. 2021: 0 to 9), here from 1
/// on.
const MEAN_COUNT: f64 = 3.5;
const MOST: usize = 9;
/// Lightest and heaviest satellite over its host, HI.
const MASS_RATIOS: [f64; 2] = [0.004, 0.12];
/// Nearest and farthest, in R_HI of the host.
const DISTANCES: [f64; 2] = [1.4, 4.5];

/// A companion where it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Satellite {
    /// What it is like.
    pub params: GalaxyParams,
    /// Where it stands and how it moves.
    pub frame: Frame,
}

/// A spiral in the middle of the box and its companions.
#[derive(Debug, Clone, PartialEq)]
pub struct SatelliteSystem {
    /// The spiral.
    pub host: GalaxyParams,
    /// Dwarfs about it.
    pub satellites: Vec<Satellite>,
}

impl SatelliteSystem {
    /// A system with `hi_mass_msun` of HI in all: a number of satellites of Poisson's distribution, masses with the
    /// slope of the HI mass function, as many in each shell of equal depth (n ~ r^-2, as in an isothermal halo),
    /// velocities of such a halo, below 1.3 times the host's speed.
    pub fn draw(seed: u64, hi_mass_msun: f64, cells: usize) -> SatelliteSystem {
        let mut draw = Stream::new(seed, [12, 0, 0]);
        let (mut count, mut product) = (0, draw.uniform());
        while product > (-MEAN_COUNT).exp() {
            count += 1;
            product *= draw.uniform();
        }
        let index = HI_MASS_FUNCTION.1 + 1.0;
        let ratios: Vec<f64> = (0..count.clamp(1, MOST))
            .map(|_| {
                let (low, high, u) = (MASS_RATIOS[0].powf(index), MASS_RATIOS[1].powf(index), draw.uniform());
                (low + u * (high - low)).powf(1.0 / index)
            })
            .collect();
        let host_mass = hi_mass_msun / (1.0 + ratios.iter().sum::<f64>());
        let host = GalaxyParams::spiral(seed, host_mass);
        let satellites = ratios
            .iter()
            .enumerate()
            .map(|(i, ratio)| {
                let params = GalaxyParams::dwarf(derived_seed(seed, i as u64 + 1, MEMBER), ratio * host_mass);
                let mut frame = Frame::random(draw.uniform(), draw.uniform());
                let distance = DISTANCES[0] + (DISTANCES[1] - DISTANCES[0]) * draw.uniform();
                let cos = 2.0 * draw.uniform() - 1.0;
                let (sin, angle) = ((1.0 - cos * cos).sqrt(), TAU * draw.uniform());
                frame.centre_kpc =
                    [sin * angle.cos(), sin * angle.sin(), cos].map(|x| distance * host.hi_radius_kpc * x);
                let velocity = [0, 1, 2].map(|_| FRAC_1_SQRT_2 * host.v_flat_km_s * draw.normal());
                let speed = velocity.iter().map(|v| v * v).sum::<f64>().sqrt();
                frame.velocity_km_s = velocity.map(|v| v * (1.3 * host.v_flat_km_s / speed).min(1.0));
                Satellite { params, frame }
            })
            .collect();
        let mut system = SatelliteSystem { host, satellites };
        system.share_cells(cells);
        system
    }

    /// Shares `cells` among the galaxies: more a mass for the light ones, 300 at least.
    pub(super) fn share_cells(&mut self, cells: usize) {
        let masses = std::iter::once(&self.host).chain(self.satellites.iter().map(|s| &s.params));
        let weights: Vec<f64> = masses.map(|p| p.hi_mass_msun.powf(0.6)).collect();
        let counts = shared_out(cells, &weights, 300);
        self.host.n_cells = counts[0];
        self.satellites.iter_mut().zip(&counts[1..]).for_each(|(s, n)| s.params.n_cells = *n);
    }

    pub(super) fn contents(&self, particles: usize, redshift: f64) -> Contents {
        let middle = Frame::tilted(0.0, 0.0);
        let all: Vec<(&GalaxyParams, &Frame)> = std::iter::once((&self.host, &middle))
            .chain(self.satellites.iter().map(|s| (&s.params, &s.frame)))
            .collect();
        let reach = (DISTANCES[1] + 1.0) * self.host.hi_radius_kpc;
        // a satellite's halo is cut where its mean density is that of the host within its distance (Tormen et al. 1998)
        let host_halo = Halo::of(&self.host, reach);
        let halos: Vec<Halo> = all
            .iter()
            .enumerate()
            .map(|(i, (params, frame))| {
                let distance = frame.centre_kpc.iter().map(|x| x * x).sum::<f64>().sqrt();
                if i == 0 { host_halo } else { Halo::of(params, 1e9).cut_by_tides(&host_halo, distance) }
            })
            .collect();
        let masses: Vec<f64> = halos.iter().map(|h| h.mass_msun(h.edge_kpc)).collect();
        let dark = shared_out(particles, &masses, 0);
        let light = shared_out(particles, &all.iter().map(|(p, _)| p.stellar_mass_msun.sqrt()).collect::<Vec<_>>(), 0);
        let now = age_gyr(1.0 / (1.0 + redshift));
        let mut contents =
            Contents { box_kpc: 2.05 * reach, parts: vec![], stars: vec![], halo: (vec![], masses.iter().sum()) };
        for (i, (params, frame)) in all.into_iter().enumerate() {
            let disc = Disc::new(params);
            contents.parts.push(Part { hi_mass_msun: params.hi_mass_msun, cells: disc.gas(frame) });
            contents.stars.extend(stars(&disc, light[i], frame, now));
            contents.halo.0.extend(halos[i].particles(params, dark[i], frame));
        }
        contents
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn companions_are_light_outside_and_bound() {
        let systems: Vec<SatelliteSystem> = (0..300).map(|seed| SatelliteSystem::draw(seed, 6e9, 20_000)).collect();
        let mut ratios = Vec::new();
        let (mut directions, mut squares) = ([0.0; 3], 0.0);
        for system in &systems {
            let mut sum = [0.0; 3];
            for s in &system.satellites {
                let distance = s.frame.centre_kpc.iter().map(|x| x * x).sum::<f64>().sqrt();
                (0..3).for_each(|k| sum[k] += s.frame.centre_kpc[k] / distance);
            }
            (0..3).for_each(|k| directions[k] += sum[k]);
            squares += sum.iter().map(|x| x * x).sum::<f64>() / system.satellites.len() as f64;
            let mut total = system.host.hi_mass_msun;
            let mut cells = system.host.n_cells;
            for s in &system.satellites {
                let distance = s.frame.centre_kpc.iter().map(|x| x * x).sum::<f64>().sqrt() / system.host.hi_radius_kpc;
                assert!((1.39..4.51).contains(&distance));
                let speed = s.frame.velocity_km_s.iter().map(|v| v * v).sum::<f64>().sqrt();
                assert!(speed <= 1.301 * system.host.v_flat_km_s);
                assert!(s.params.n_cells >= 300);
                ratios.push(s.params.hi_mass_msun / system.host.hi_mass_msun);
                total += s.params.hi_mass_msun;
                cells += s.params.n_cells;
            }
            assert!((total / 6e9 - 1.0).abs() < 1e-9 && cells == 20_000);
        }
        // on all sides, independent of each other: n unit vectors add up to a square of n in the mean
        assert!(directions.iter().all(|d| d.abs() / (ratios.len() as f64) < 0.08), "{directions:?}");
        let square = squares / systems.len() as f64;
        assert!((square - 1.0).abs() < 0.2, "{square}");
        let mean = ratios.len() as f64 / systems.len() as f64;
        assert!((3.2..3.9).contains(&mean), "{mean}");
        // n ~ m^-1.25: between 0.01 and 0.02 there are (0.01^-0.25 - 0.02^-0.25)/(0.04^-0.25 - 0.08^-0.25) = sqrt 2
        // times as many as between 0.04 and 0.08
        let between = |low: f64, high: f64| ratios.iter().filter(|r| (low..high).contains(r)).count() as f64;
        let ratio = between(0.01, 0.02) / between(0.04, 0.08);
        assert!((ratio / 2f64.sqrt() - 1.0).abs() < 0.35, "{ratio}");
    }
}
