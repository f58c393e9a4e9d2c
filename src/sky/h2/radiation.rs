//! Dissociating radiation in units of the Milky Way's: from star-forming cells, and from all galaxies.
//!
//! After Diemer et al. (2018, ApJS 238, 33, section 2 and appendix A): every star-forming cell shines by its rate, a
//! constant share of the light escapes from the stars' clouds, and then nothing absorbs it. Approximated: no
//! dust between cells, one escape fraction, stars where gas forms them now, nothing from outside the selection.
//! Light comes here from a tree of sources and not from a grid of 128^3.

use crate::error::{Result, Watch};
use crate::units::{C_M_S, H_PLANCK_J_S};
use rayon::prelude::*;
use std::f64::consts::PI;

/// The field of Draine (1978) at 1000 Angstrom, photons/(cm^2 s Hz), from all directions (Diemer et al. 2018).
const DRAINE_PHOTONS: f64 = 3.43e-8;
/// What 1 Msun/yr of steady star formation sends through 1 cm^2 at 1 kpc, photons/(cm^2 s Hz) at 1000 Angstrom:
/// Starburst99 with the initial mass function of Kroupa (Diemer et al. 2018).
const STARS_PHOTONS_AT_KPC: f64 = 3.2844e-6;
/// Redshift and mean intensity at 1000 Angstrom, 1e-21 erg/(s cm^2 Hz sr), of the background of Faucher-Giguere et al.
/// (2009, ApJ 703, 1416), their tables of December 2011 interpolated in frequency. TNG's own background.
const BACKGROUND: [[f64; 2]; 5] =
    [[0.0, 0.073869], [0.35, 0.183399], [1.0, 0.613015], [2.0, 1.877901], [4.1, 6.682949]];

/// Most sources in a leaf of the tree.
const LEAF: usize = 8;
/// Targets between two looks at the watch.
const BLOCK: usize = 4096;

/// A cell that forms stars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Source {
    /// Position, kpc.
    pub position_kpc: [f64; 3],
    /// Star formation rate, Msun/yr.
    pub rate_msun_yr: f64,
    /// Radius of the sphere of the cell's volume, kpc.
    pub radius_kpc: f64,
}

/// Radiation of all galaxies at `redshift`, in units of the Milky Way's: 1.36e-3 now.
///
/// Straight in log intensity against log (1 + z); constant beyond z = 4.1.
pub fn background_mw(redshift: f64) -> f64 {
    let x = redshift.max(0.0).ln_1p();
    let after = BACKGROUND.iter().position(|[z, _]| z.ln_1p() > x);
    let intensity = match after {
        None => BACKGROUND[BACKGROUND.len() - 1][1],
        Some(k) => {
            let ([z0, j0], [z1, j1]) = (BACKGROUND[k - 1], BACKGROUND[k]);
            let t = (x - z0.ln_1p()) / (z1.ln_1p() - z0.ln_1p());
            j0 * (j1 / j0).powf(t)
        }
    };
    let photon_erg = H_PLANCK_J_S * C_M_S / 1e-7 * 1e7;
    4.0 * PI * intensity * 1e-21 / (photon_erg * DRAINE_PHOTONS)
}

/// Radiation of the `sources` at each of `targets`, in units of the Milky Way's.
///
/// 1/d^2 of each source, but never more than the mean inside its own cell, a sphere of radius r that shines evenly:
/// the mean of 1/d^2 of two points in it is 9/(4 r^2). A group of sources counts as one in its centre of light where
/// its radius is at most `opening` times its distance.
///
/// # Errors
/// Stopped by the user.
pub fn from_stars_mw(
    sources: &[Source],
    targets: &[[f64; 3]],
    escape_fraction: f64,
    opening: f64,
    watch: &Watch,
) -> Result<Vec<f64>> {
    let tree = Tree::new(sources);
    let scale = escape_fraction * STARS_PHOTONS_AT_KPC / DRAINE_PHOTONS;
    let blocks: Vec<Vec<f64>> = targets
        .par_chunks(BLOCK)
        .map(|block| {
            watch.check()?;
            Ok(block.iter().map(|x| scale * tree.rate_over_distance2(x, opening)).collect())
        })
        .collect::<Result<_>>()?;
    Ok(blocks.concat())
}

/// Square of the distance within which a source is not brighter, kpc^2.
fn softening2(source: &Source) -> f64 {
    4.0 / 9.0 * source.radius_kpc * source.radius_kpc
}

fn distance2(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    (0..3).map(|k| (a[k] - b[k]).powi(2)).sum()
}

/// Sources in groups, halved again and again along their longest side.
#[derive(Debug)]
struct Tree {
    sources: Vec<Source>,
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    centre_kpc: [f64; 3],
    rate: f64,
    /// Farthest source from the centre, kpc.
    radius_kpc: f64,
    /// Largest softening, kpc.
    softening_kpc: f64,
    first: usize,
    count: usize,
    /// The two halves; none in leaves.
    halves: Option<[usize; 2]>,
}

impl Tree {
    fn new(sources: &[Source]) -> Tree {
        let mut tree = Tree { sources: sources.to_vec(), nodes: Vec::new() };
        if !sources.is_empty() {
            tree.grow(0, sources.len());
        }
        tree
    }

    /// Makes the node of `count` sources from `first` on, and all below; returns its number.
    fn grow(&mut self, first: usize, count: usize) -> usize {
        let members = &mut self.sources[first..first + count];
        let rate: f64 = members.iter().map(|s| s.rate_msun_yr).sum();
        let centre_kpc =
            [0, 1, 2].map(|k| members.iter().map(|s| s.rate_msun_yr * s.position_kpc[k]).sum::<f64>() / rate);
        let radius2 = members.iter().map(|s| distance2(&s.position_kpc, &centre_kpc)).fold(0.0, f64::max);
        let softening = members.iter().map(softening2).fold(0.0, f64::max);
        let extent = [0, 1, 2].map(|k| {
            let along = members.iter().map(|s| s.position_kpc[k]);
            along.clone().fold(f64::NEG_INFINITY, f64::max) - along.fold(f64::INFINITY, f64::min)
        });
        let axis = (0..3).max_by(|a, b| extent[*a].total_cmp(&extent[*b])).unwrap_or(0);
        if count > LEAF {
            members.sort_by(|a, b| a.position_kpc[axis].total_cmp(&b.position_kpc[axis]));
        }
        let number = self.nodes.len();
        self.nodes.push(Node {
            centre_kpc,
            rate,
            radius_kpc: radius2.sqrt(),
            softening_kpc: softening.sqrt(),
            first,
            count,
            halves: None,
        });
        if count > LEAF {
            let half = count / 2;
            let halves = [self.grow(first, half), self.grow(first + half, count - half)];
            self.nodes[number].halves = Some(halves);
        }
        number
    }

    /// Sum of rates over squared distances at `x`, Msun/yr/kpc^2.
    fn rate_over_distance2(&self, x: &[f64; 3], opening: f64) -> f64 {
        let mut sum = 0.0;
        let mut open = Vec::with_capacity(64);
        open.extend((!self.nodes.is_empty()).then_some(0));
        while let Some(number) = open.pop() {
            let node = &self.nodes[number];
            let d2 = distance2(x, &node.centre_kpc);
            let d = d2.sqrt();
            if node.radius_kpc <= opening * d && d > node.radius_kpc + node.softening_kpc {
                sum += node.rate / d2;
            } else if let Some(halves) = node.halves {
                open.extend(halves);
            } else {
                let members = &self.sources[node.first..node.first + node.count];
                sum += members
                    .iter()
                    .map(|s| s.rate_msun_yr / distance2(x, &s.position_kpc).max(softening2(s)))
                    .sum::<f64>();
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;

    #[test]
    fn one_source_shines_by_the_inverse_square_and_evenly_within_itself() {
        let source = Source { position_kpc: [1.0, 0.0, 0.0], rate_msun_yr: 2.0, radius_kpc: 0.3 };
        let targets = [[1.0, 3.0, 4.0], [1.0, 0.0, 0.0], [1.1, 0.0, 0.0]];
        let u = from_stars_mw(&[source], &targets, 0.1, 0.3, &Watch::silent()).unwrap();
        // 2 Msun/yr at 5 kpc: 0.1 x 3.2844e-6/3.43e-8 x 2/25 = 0.766041
        assert!((u[0] - 0.766041).abs() < 1e-6, "{u:?}");
        // within: 9/(4 x 0.09) = 25/kpc^2 in place of 1/25
        assert!((u[1] - 625.0 * u[0]).abs() < 1e-9 && u[1] == u[2], "{u:?}");
        assert_eq!(from_stars_mw(&[], &targets, 0.1, 0.3, &Watch::silent()).unwrap(), [0.0; 3]);
    }

    /// A disc of sources that brightens inwards, with a companion; some sources coincide.
    fn disc(count: usize) -> Vec<Source> {
        let mut draw = Stream::new(5, [1, 0, 0]);
        let mut sources: Vec<Source> = (0..count)
            .map(|i| {
                let (r, phi) = (-8.0 * draw.uniform().ln(), std::f64::consts::TAU * draw.uniform());
                let shift = if i % 10 == 0 { 40.0 } else { 0.0 };
                Source {
                    position_kpc: [r * phi.cos() + shift, r * phi.sin(), 0.3 * draw.normal()],
                    rate_msun_yr: draw.uniform().powi(4),
                    radius_kpc: 0.1 + 0.3 * draw.uniform(),
                }
            })
            .collect();
        for i in 0..20 {
            sources[i + 20].position_kpc = sources[20].position_kpc;
        }
        sources
    }

    #[test]
    fn the_tree_equals_the_sum_over_all_sources() {
        let sources = disc(3000);
        let mut draw = Stream::new(6, [1, 0, 0]);
        let mut targets: Vec<[f64; 3]> = (0..400).map(|_| [0, 1, 2].map(|_| 30.0 * draw.normal())).collect();
        targets.extend(sources.iter().step_by(17).map(|s| s.position_kpc));
        let scale = 0.1 * STARS_PHOTONS_AT_KPC / DRAINE_PHOTONS;
        let naive = |x: &[f64; 3]| -> f64 {
            let of = |s: &Source| s.rate_msun_yr / distance2(x, &s.position_kpc).max(4.0 / 9.0 * s.radius_kpc.powi(2));
            scale * sources.iter().map(of).sum::<f64>()
        };
        for (opening, tolerance) in [(0.0, 1e-12), (0.1, 0.01), (0.3, 0.09), (0.6, 0.36)] {
            let u = from_stars_mw(&sources, &targets, 0.1, opening, &Watch::silent()).unwrap();
            let worst = targets.iter().zip(&u).map(|(x, u)| (u / naive(x) - 1.0).abs()).fold(0.0, f64::max);
            assert!(worst < tolerance, "opening {opening}: {worst}");
        }
    }

    #[test]
    fn the_sums_do_not_depend_on_the_threads() {
        let sources = disc(500);
        let targets: Vec<[f64; 3]> = sources.iter().cycle().take(3 * BLOCK).map(|s| s.position_kpc).collect();
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| from_stars_mw(&sources, &targets, 0.1, 0.5, &Watch::silent()).unwrap())
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn the_background_is_that_of_the_tables() {
        // 4 pi 0.073869e-21/(1.98645e-11 x 3.43e-8)
        assert!((background_mw(0.0) - 1.36239e-3).abs() < 1e-8, "{}", background_mw(0.0));
        assert!((background_mw(1.0) / background_mw(0.0) - 0.613015 / 0.073869).abs() < 1e-9);
        assert_eq!(background_mw(-1e-9), background_mw(0.0));
        assert_eq!(background_mw(9.0), background_mw(4.1));
        let z = [0.0, 0.1, 0.35, 0.6, 1.0, 1.7, 2.0, 3.0, 4.0, 4.1].map(background_mw);
        assert!(z.is_sorted());
    }
}
