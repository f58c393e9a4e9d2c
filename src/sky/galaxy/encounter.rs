//! Two galaxies that pass each other, and what their tides do to test particles: the restricted three-body problem of
//! Toomre & Toomre (1972), with extended haloes.

/// The potential of a galaxy that keeps its shape: a logarithmic halo, V = V_flat r/sqrt(r^2 + r_c^2), that ends at
/// `edge_kpc`; a point mass outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Potential {
    v2: f64,
    core2: f64,
    edge_kpc: f64,
    /// G M of all of it, kpc (km/s)^2.
    pub gm: f64,
}

impl Potential {
    pub fn new(v_flat_km_s: f64, core_kpc: f64, edge_kpc: f64) -> Potential {
        let (v2, core2) = (v_flat_km_s * v_flat_km_s, core_kpc * core_kpc);
        Potential { v2, core2, edge_kpc, gm: v2 * edge_kpc.powi(3) / (edge_kpc * edge_kpc + core2) }
    }

    /// Acceleration over distance at a squared distance, towards the centre, (km/s/kpc)^2.
    pub fn pull(&self, r2: f64) -> f64 {
        if r2 < self.edge_kpc * self.edge_kpc { self.v2 / (r2 + self.core2) } else { self.gm / (r2 * r2.sqrt()) }
    }

    /// Potential at `r` kpc, (km/s)^2; 0 far away.
    pub fn depth(&self, r: f64) -> f64 {
        let at_edge = -self.gm / self.edge_kpc;
        if r >= self.edge_kpc {
            return -self.gm / r;
        }
        let edge2 = self.edge_kpc * self.edge_kpc;
        at_edge + 0.5 * self.v2 * ((r * r + self.core2) / (edge2 + self.core2)).ln()
    }

    /// Circular speed at `r` kpc, km/s.
    pub fn circular_km_s(&self, r: f64) -> f64 {
        r * self.pull(r * r).sqrt()
    }
}

/// Where the two centres are at each step, about their centre of mass. They move in the x-y plane, counter-clockwise as
/// seen from +z, and are closest on the x axis.
#[derive(Debug, Clone)]
pub struct Passage {
    pub potentials: [Potential; 2],
    /// Step, kpc/(km/s).
    pub step: f64,
    /// Positions of both, kpc.
    centres: Vec<[[f64; 3]; 2]>,
    /// Velocities of both at the first and at the last step, km/s.
    pub first_velocities: [[f64; 3]; 2],
    pub last_velocities: [[f64; 3]; 2],
}

impl Passage {
    /// A parabolic passage with the closest approach `pericentre_kpc`, from where the centres are `from_kpc` apart to
    /// `after` (kpc/(km/s)) beyond the closest approach.
    ///
    /// Each galaxy draws the other's centre; there is no friction, so that they part again.
    pub fn parabolic(potentials: [Potential; 2], pericentre_kpc: f64, from_kpc: f64, after: f64, step: f64) -> Passage {
        let depth = |r: f64| potentials[0].depth(r) + potentials[1].depth(r);
        let pull = |r2: f64| potentials[0].pull(r2) + potentials[1].pull(r2);
        let start = ([pericentre_kpc, 0.0], [0.0, (-2.0 * depth(pericentre_kpc)).sqrt()]);
        // leapfrog either way; the way in is the mirrored way out
        let advance = |(mut x, mut v): ([f64; 2], [f64; 2])| {
            let kick = |x: [f64; 2], v: [f64; 2]| {
                let k = 0.5 * step * pull(x[0] * x[0] + x[1] * x[1]);
                [v[0] - k * x[0], v[1] - k * x[1]]
            };
            v = kick(x, v);
            x = [x[0] + step * v[0], x[1] + step * v[1]];
            (x, kick(x, v))
        };
        let mut out = vec![start];
        // parabolas reach any distance; the bound is for steps that are absurdly short
        while out.len() < 100_000 && out[out.len() - 1].0[0].hypot(out[out.len() - 1].0[1]) < from_kpc {
            out.push(advance(out[out.len() - 1]));
        }
        let mut all: Vec<([f64; 2], [f64; 2])> =
            out[1..].iter().rev().map(|(x, v)| ([x[0], -x[1]], [-v[0], v[1]])).collect();
        let mut state = start;
        all.push(state);
        for _ in 0..(after / step).round() as usize {
            state = advance(state);
            all.push(state);
        }
        let total = potentials[0].gm + potentials[1].gm;
        let shares = [-potentials[1].gm / total, potentials[0].gm / total];
        let both = |d: [f64; 2]| shares.map(|f| [f * d[0], f * d[1], 0.0]);
        Passage {
            potentials,
            step,
            first_velocities: both(all[0].1),
            last_velocities: both(state.1),
            centres: all.iter().map(|(x, _)| both(*x)).collect(),
        }
    }

    /// Positions of both centres at the first step, kpc.
    pub fn first(&self) -> [[f64; 3]; 2] {
        self.centres[0]
    }

    /// Positions of both centres at the last step, kpc.
    pub fn last(&self) -> [[f64; 3]; 2] {
        self.centres[self.centres.len() - 1]
    }

    /// A test particle from the first step to the last: leapfrog in the moving potentials.
    pub fn carry(&self, mut x: [f64; 3], mut v: [f64; 3]) -> ([f64; 3], [f64; 3]) {
        let acceleration = |x: [f64; 3], centres: &[[f64; 3]; 2]| {
            let mut a = [0.0; 3];
            for (potential, centre) in self.potentials.iter().zip(centres) {
                let d = [x[0] - centre[0], x[1] - centre[1], x[2] - centre[2]];
                let k = potential.pull(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
                (0..3).for_each(|i| a[i] -= k * d[i]);
            }
            a
        };
        let mut a = acceleration(x, &self.centres[0]);
        for centres in &self.centres[1..] {
            for k in 0..3 {
                v[k] += 0.5 * self.step * a[k];
                x[k] += self.step * v[k];
            }
            a = acceleration(x, centres);
            (0..3).for_each(|k| v[k] += 0.5 * self.step * a[k]);
        }
        (x, v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> [Potential; 2] {
        [Potential::new(160.0, 2.0, 60.0), Potential::new(100.0, 1.5, 35.0)]
    }

    #[test]
    fn potentials_and_their_slopes_agree() {
        let p = pair()[0];
        for r in [0.5, 3.0, 20.0, 59.9, 60.1, 200.0] {
            let slope = (p.depth(r + 1e-4) - p.depth(r - 1e-4)) / 2e-4;
            assert!((slope / (r * p.pull(r * r)) - 1.0).abs() < 1e-6, "{r}");
        }
        assert!((p.circular_km_s(30.0) - 160.0 * 30.0 / 904f64.sqrt()).abs() < 1e-9);
        assert!((p.circular_km_s(240.0) - (p.gm / 240.0).sqrt()).abs() < 1e-9);
    }

    #[test]
    fn the_centres_pass_on_a_parabola() {
        let step = 1.3e-3;
        let passage = Passage::parabolic(pair(), 15.0, 120.0, 0.4, step);
        let apart = |c: &[[f64; 3]; 2]| (0..3).map(|k| (c[1][k] - c[0][k]).powi(2)).sum::<f64>().sqrt();
        let nearest = passage.centres.iter().map(apart).fold(f64::INFINITY, f64::min);
        assert!((nearest - 15.0).abs() < 1e-3, "{nearest}");
        assert!(apart(&passage.first()) >= 120.0 && apart(&passage.first()) < 121.0);
        // no energy: the relative speed is that of escape, at the end as at the start
        for (centres, v) in [(passage.first(), passage.first_velocities), (passage.last(), passage.last_velocities)] {
            let speed2: f64 = (0..3).map(|k| (v[1][k] - v[0][k]).powi(2)).sum();
            let depth: f64 = pair().iter().map(|p| p.depth(apart(&centres))).sum();
            assert!((speed2 / (-2.0 * depth) - 1.0).abs() < 1e-3, "{}", speed2 / (-2.0 * depth));
            // their centre of mass rests
            assert!((0..3).all(|k| (pair()[0].gm * v[0][k] + pair()[1].gm * v[1][k]).abs() < 1e-6 * pair()[0].gm));
        }
    }

    #[test]
    fn an_orbit_far_from_the_other_galaxy_stays_a_circle() {
        let far = [pair()[0], Potential::new(1e-3, 1.0, 2.0)];
        let passage = Passage::parabolic(far, 500.0, 900.0, 1.0, 1.3e-3);
        let (c, v) = (passage.first()[0], passage.first_velocities[0]);
        let speed = far[0].circular_km_s(8.0);
        let (x, _) = passage.carry([c[0] + 8.0, c[1], c[2]], [v[0], v[1] + speed, v[2]]);
        let end = passage.last()[0];
        let radius = (0..3).map(|k| (x[k] - end[k]).powi(2)).sum::<f64>().sqrt();
        assert!((radius - 8.0).abs() < 0.01, "{radius}");
    }

    #[test]
    fn steps_are_short_enough() {
        // a disc particle through the whole passage with the step of mergers, and with a tenth of it
        let coarse = Passage::parabolic(pair(), 15.0, 120.0, 0.26, 1.3e-3);
        let fine = Passage::parabolic(pair(), 15.0, 120.0, 0.26, 1.3e-4);
        let place = |p: &Passage| {
            let (c, v) = (p.first()[0], p.first_velocities[0]);
            let moved =
                p.carry([c[0], c[1] + 14.0, c[2] + 0.2], [v[0] - p.potentials[0].circular_km_s(14.0), v[1], v[2]]);
            [0, 1, 2].map(|k| moved.0[k] - p.last()[0][k])
        };
        let (a, b) = (place(&coarse), place(&fine));
        let off = (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt();
        // the passages begin up to a step apart, within which the particle moves 0.2 kpc
        assert!(off < 0.6, "{off} {a:?} {b:?}");
    }
}
