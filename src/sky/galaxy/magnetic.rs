//! A magnetic field without divergence: the curl of a vector potential.

use super::field::PlaneWaves;
use super::params::GalaxyParams;
use crate::math::random::Stream;
use crate::math::space::{cross, dot};
use crate::units::DEG_RAD;
use std::f64::consts::TAU;

/// Length over which the field falls, over R_HI: the column falls over half of it, so that B goes about as its root.
const FALL: f64 = 0.4;
/// Radius within which the field turns to 0 in the centre, over R_HI.
const CORE: f64 = 0.1;
/// Contrast of the ordered field on and off its spiral ridges.
const RIDGES: f64 = 0.4;
/// Waves of the random part.
const WAVES: usize = 48;
/// Random over ordered field, both at their largest.
const RANDOM_OVER_ORDERED: f64 = 0.9;

/// Field of one disc, in its own axes, any scale.
///
/// B = curl A with, in cylindrical coordinates, S = sech^2(z/h) and f(R) = R/sqrt(R^2 + c^2) exp(-R/L):
/// - an axisymmetric spiral, B_phi = f S and B_R = -tan(pitch) f S, from A_phi = tan(pitch) f h tanh(z/h); it brings
///   B_z = tan(pitch) h tanh(z/h) (f/R + f'), which opens away from the disc as radio haloes' X-shapes do;
/// - ridges along the arms, from A_z = c(R) S cos(u) with the arms' phase u, whose contours are the spirals;
/// - a random part, from A = g sum of a_i cos(k_i x + phase_i) with g = exp(-sqrt(R^2 + c^2)/L) S and Kolmogorov's slope.
///
/// All derivatives are analytic. A warp lifts the field with the disc: z -> z + w(x, y) keeps volumes, so B_z + B grad
/// w keeps it free of divergence. Strength goes with radius and height as the smooth disc's density^(1/2), not with
/// clouds.
#[derive(Debug, Clone)]
pub struct MagneticField {
    fall_kpc: f64,
    core_kpc: f64,
    height_kpc: f64,
    hi_radius_kpc: f64,
    tan_pitch: f64,
    arms: f64,
    phase: f64,
    /// Waves of the random part, and their amplitudes.
    planes: PlaneWaves,
    waves: Vec<Wave>,
}

#[derive(Debug, Clone, Copy)]
struct Wave {
    /// Amplitude of A, across k.
    a: [f64; 3],
    /// k x a
    curl: [f64; 3],
}

impl MagneticField {
    /// The field of a disc: falls over 0.4 R_HI, over some four scale heights of the gas away from the plane.
    pub fn new(params: &GalaxyParams) -> MagneticField {
        let height = 4.0 * params.scale_height_kpc * params.flare.sqrt();
        MagneticField::reaching(params, FALL * params.hi_radius_kpc, height)
    }

    /// A field that falls over `fall_kpc` along and `height_kpc` away from the plane.
    pub fn reaching(params: &GalaxyParams, fall_kpc: f64, height_kpc: f64) -> MagneticField {
        let mut draw = Stream::new(params.seed, [10, 0, 0]);
        let r = params.hi_radius_kpc;
        let phase = TAU * draw.uniform();
        let (longest, shortest) = (0.25 * r, 0.03 * r);
        let mut planes = PlaneWaves::default();
        let mut waves: Vec<Wave> = (0..WAVES)
            .map(|i| {
                let share = (i as f64 + draw.uniform()) / WAVES as f64;
                let length = TAU / (longest * (shortest / longest).powf(share));
                let direction = direction(&mut draw);
                let across = normalised(cross(direction, self::direction(&mut draw)));
                // a wave of B stands for k^3 P(k) of its shell, P ~ k^(-11/3); A is B over k
                let amplitude = length.powf(-1.0 / 3.0) / length;
                let (k, a) = (direction.map(|d| length * d), across.map(|d| amplitude * d));
                planes.push(k, TAU * draw.uniform());
                Wave { a, curl: cross(k, a) }
            })
            .collect();
        // waves of amplitudes b add up to the mean square sum b^2/2
        let square: f64 = waves.iter().map(|w| 0.5 * dot(w.curl, w.curl)).sum();
        let scale = RANDOM_OVER_ORDERED / square.sqrt();
        for wave in &mut waves {
            wave.a = wave.a.map(|a| scale * a);
            wave.curl = wave.curl.map(|c| scale * c);
        }
        MagneticField {
            fall_kpc,
            core_kpc: CORE * r,
            height_kpc,
            hi_radius_kpc: r,
            tan_pitch: (params.pitch_deg * DEG_RAD).tan(),
            arms: params.arms as f64,
            phase,
            planes,
            waves,
        }
    }

    /// The field at `p` (kpc) of the flat disc, where the mid-plane's height has the given slopes along x and y.
    pub fn at(&self, p: [f64; 3], slope: [f64; 2]) -> [f64; 3] {
        let [x, y, z] = p;
        let (l, c2, h) = (self.fall_kpc, self.core_kpc * self.core_kpc, self.height_kpc);
        let radius2 = x * x + y * y;
        let radius = radius2.sqrt();
        let root = (radius2 + c2).sqrt();
        let tanh = (z / h).tanh();
        let layer = 1.0 - tanh * tanh;
        let decay = (-radius / l).exp();
        // f, f/R and f'
        let f_over_r = decay / root;
        let f = radius * f_over_r;
        let f_slope = decay * c2 / (root * root * root) - f / l;
        let t = self.tan_pitch;
        let (mut b_r, mut b_phi) = (-t * f * layer, f * layer);
        let b_z = t * h * tanh * (f_over_r + f_slope);
        let phi = y.atan2(x);
        if self.arms > 0.0 && radius > 0.0 {
            // c = RIDGES f R tan(pitch)/m: B_R = -c S m sin(u)/R, B_phi = c S m/(R tan(pitch)) sin(u) - c' S cos(u)
            let (m, u) = (self.arms, self.arms * (phi + (radius / self.hi_radius_kpc).ln() / t) - self.phase);
            let (sin, cos) = u.sin_cos();
            b_r -= RIDGES * f * t * layer * sin;
            b_phi += RIDGES * layer * (f * sin - t / m * (f + radius * f_slope) * cos);
        }
        // A and its curl without the envelope g
        let (mut a, mut curl) = ([0.0; 3], [0.0; 3]);
        let (mut cosines, mut sines) = ([0.0; WAVES], [0.0; WAVES]);
        self.planes.at(p, 0, &mut cosines, &mut sines);
        for ((wave, cos), sin) in self.waves.iter().zip(cosines).zip(sines) {
            for i in 0..3 {
                a[i] += wave.a[i] * cos;
                curl[i] -= wave.curl[i] * sin;
            }
        }
        let g = (-root / l).exp() * layer;
        let g_slope = [-x / (root * l) * g, -y / (root * l) * g, -2.0 * tanh / h * g];
        let turned = cross(g_slope, a);
        let (sin, cos) = phi.sin_cos();
        let b = [
            b_r * cos - b_phi * sin + g * curl[0] + turned[0],
            b_r * sin + b_phi * cos + g * curl[1] + turned[1],
            b_z + g * curl[2] + turned[2],
        ];
        [b[0], b[1], b[2] + b[0] * slope[0] + b[1] * slope[1]]
    }
}

fn direction(draw: &mut Stream) -> [f64; 3] {
    let cos = 2.0 * draw.uniform() - 1.0;
    let (sin, angle) = ((1.0 - cos * cos).sqrt(), TAU * draw.uniform());
    [sin * angle.cos(), sin * angle.sin(), cos]
}

fn normalised(v: [f64; 3]) -> [f64; 3] {
    let length = dot(v, v).sqrt().max(f64::MIN_POSITIVE);
    v.map(|x| x / length)
}

#[cfg(test)]
mod tests {
    use super::super::disc::Disc;
    use super::*;

    /// Largest divergence over |B|/L, L = `length`, by central differences over 2 `step`, at drawn points in the disc.
    fn divergence(field: impl Fn([f64; 3]) -> [f64; 3], extent: f64, length: f64, step: f64) -> (f64, f64) {
        let mut draw = Stream::new(5, [0, 0, 0]);
        let (mut largest, mut changes) = (0.0f64, 0.0f64);
        for _ in 0..400 {
            let p = [0, 1, 2].map(|k| if k < 2 { extent } else { 1.0 } * (2.0 * draw.uniform() - 1.0));
            let strength = dot(field(p), field(p)).sqrt();
            let slope = |k: usize| {
                let (mut up, mut down) = (p, p);
                up[k] += step;
                down[k] -= step;
                (field(up)[k] - field(down)[k]) / (2.0 * step)
            };
            let slopes = [0, 1, 2].map(slope);
            largest = largest.max(slopes.iter().sum::<f64>().abs() * length / strength);
            changes = changes.max(slopes[0].abs() * length / strength);
        }
        (largest, changes)
    }

    #[test]
    fn the_field_has_no_divergence() {
        let strong = GalaxyParams { warp_deg: 20.0, warp_twist_deg: 70.0, ..GalaxyParams::default() };
        for params in [strong, GalaxyParams::dwarf(3, 2e8), GalaxyParams::spiral(11, 3e9)] {
            let disc = Disc::new(&params);
            // over the shortest wave, within 1.4 R_HI; the differences themselves err by (2 pi step/wave)^2/6 = 4e-7
            let wave = 0.03 * params.hi_radius_kpc;
            let extent = params.hi_radius_kpc;
            let (rest, changes) = divergence(|p| disc.field_at(p), extent, wave, 2.5e-4 * wave);
            assert!(rest < 2e-4, "{rest}");
            // each of the three terms alone is not small
            assert!(changes > 0.3, "{changes}");
        }
    }

    #[test]
    fn the_ordered_field_follows_the_arms_and_has_the_mean_strength() {
        let (mut pitches, mut shares) = (0.0, 0.0);
        for seed in 0..8 {
            let params = GalaxyParams { n_cells: 5000, seed, ..GalaxyParams::default() };
            let cells = Disc::new(&params).gas(&super::super::frame::Frame::tilted(0.0, 0.0));
            let (mut strength, mut mass) = (0.0, 0.0);
            let mut mean = [0.0; 2];
            for cell in &cells {
                let [x, y, _] = cell.position_kpc;
                let r = x.hypot(y);
                if r < params.hi_radius_kpc {
                    let (m, b) = (cell.density * cell.volume_kpc3, cell.field_ug);
                    strength += m * dot(b, b).sqrt();
                    mass += m;
                    mean[0] += m * (b[0] * x + b[1] * y) / r;
                    mean[1] += m * (b[1] * x - b[0] * y) / r;
                }
            }
            assert!((strength / mass / params.field_ug - 1.0).abs() < 0.02, "{}", strength / mass);
            pitches += (-mean[0] / mean[1]).atan() / DEG_RAD / 8.0;
            shares += mean[1] / mass / params.field_ug / 8.0;
        }
        assert!((pitches - GalaxyParams::default().pitch_deg).abs() < 4.0, "{pitches}");
        // ordered and random parts are alike in strength, as in nearby spirals (Beck et al. 2019)
        assert!((0.4..0.9).contains(&shares), "{shares}");
    }
}
