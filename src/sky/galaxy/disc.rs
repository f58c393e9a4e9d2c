//! Where the gas of the disc is and how it moves, up to the scale of its density.

use super::field::Waves;
use super::frame::Frame;
use super::gas::GasCell;
use super::magnetic::MagneticField;
use super::params::{EDGE, GalaxyParams, outskirts};
use crate::math::random::{Stream, uniform_pair};
use crate::units::DEG_RAD;
use rayon::prelude::*;
use std::f64::consts::{PI, TAU};

/// One cell before its thermal state is known.
#[derive(Debug, Clone, Copy)]
pub struct DiscCell {
    /// Position about the galaxy's centre, kpc.
    pub position_kpc: [f64; 3],
    /// Velocity about the galaxy's own, km/s.
    pub velocity_km_s: [f64; 3],
    /// Density in units that the HI mass fixes later.
    pub density: f64,
    /// Volume, kpc^3.
    pub volume_kpc3: f64,
    /// Radius in the disc, kpc.
    pub radius_kpc: f64,
    /// Where it would be without the warp, kpc.
    pub flat_kpc: [f64; 3],
}

/// The drawn structure of one disc.
pub struct Disc<'a> {
    params: &'a GalaxyParams,
    /// Cumulative share of cells within `edges[i]`.
    cumulative: Vec<f64>,
    /// Radii, kpc.
    edges: Vec<f64>,
    turbulence: Waves,
    sheared: Waves,
    wobble: Waves,
    motion: [Waves; 3],
    holes: Vec<Hole>,
    arm_phase: f64,
    heavy_side: f64,
    warp_axis: f64,
    magnetic: MagneticField,
}

struct Hole {
    centre: [f64; 2],
    radius: f64,
    /// Long axis, drawn out along the arms by differential rotation.
    axis: [f64; 2],
    /// Short over long axis.
    ratio: f64,
}

/// Radii over the HI radius between which the warp rises.
const WARP: [f64; 2] = [0.7, 1.5];
/// Cells follow column^this: more, and smaller, cells than mass in the faint outskirts.
const SAMPLING: f64 = 0.6;

impl<'a> Disc<'a> {
    /// Draws the structure with the seed of `params`.
    pub fn new(params: &'a GalaxyParams) -> Disc<'a> {
        let stream = |n: u32| Stream::new(params.seed, [2, n, 0]);
        let r = params.hi_radius_kpc;
        let mut angles = stream(0);
        // from the arms' width down to the size of a cell
        let waves = |n: u32, count: usize, longest: f64, shortest: f64, slope: f64| {
            Waves::new(&mut stream(n), count, longest * r, shortest * r, slope)
        };
        let kolmogorov = -11.0 / 3.0;
        let mut disc = Disc {
            params,
            cumulative: Vec::new(),
            edges: Vec::new(),
            turbulence: waves(1, 256, params.coarsest[0], 0.012, params.spectral_slope),
            sheared: waves(2, 256, params.coarsest[1], 0.03, params.spectral_slope),
            wobble: waves(3, 24, 1.2, 0.25, kolmogorov),
            motion: [4, 5, 6].map(|n| waves(n, 48, 0.25, 0.02, kolmogorov)),
            holes: holes(params, &mut stream(7)),
            arm_phase: TAU * angles.uniform(),
            heavy_side: TAU * angles.uniform(),
            warp_axis: TAU * angles.uniform(),
            magnetic: MagneticField::new(params),
        };
        let steps = 2000;
        disc.edges = (0..=steps).map(|i| EDGE * r * f64::from(i) / f64::from(steps)).collect();
        let mut sum = 0.0;
        disc.cumulative.push(0.0);
        for pair in disc.edges.windows(2) {
            let middle = 0.5 * (pair[0] + pair[1]);
            sum += params.column(middle).powf(SAMPLING) * middle * (pair[1] - pair[0]);
            disc.cumulative.push(sum);
        }
        disc.cumulative.iter_mut().for_each(|c| *c /= sum);
        disc
    }

    /// All cells, in an order and with numbers that do not depend on threads.
    pub fn cells(&self) -> Vec<DiscCell> {
        (0..self.params.n_cells).into_par_iter().map(|i| self.cell(i)).collect()
    }

    fn cell(&self, i: usize) -> DiscCell {
        let n = self.params.n_cells as f64;
        let key = self.params.seed;
        let [ju, jv] = uniform_pair([i as u32, 3, 0, 0], key);
        let [uz, _] = uniform_pair([i as u32, 3, 1, 0], key);
        // the R2 sequence (Roberts 2018) fills the disc evenly; a jitter of a cell's spacing hides
        // that it is a lattice
        let g = 1.324_717_957_244_746_f64;
        let jitter = 0.9 / n.sqrt();
        let share = ((i as f64 + 0.5) / g + jitter * (ju - 0.5)).rem_euclid(1.0);
        let phi = TAU * ((i as f64 + 0.5) / (g * g) + jitter * (jv - 0.5)).rem_euclid(1.0);
        let bin = self.cumulative.partition_point(|c| *c <= share).clamp(1, self.edges.len() - 1);
        let (c0, c1) = (self.cumulative[bin - 1], self.cumulative[bin]);
        let inside = if c1 > c0 { (share - c0) / (c1 - c0) } else { 0.5 };
        let radius = (self.edges[bin - 1] + inside * (self.edges[bin] - self.edges[bin - 1])).max(1e-3);
        let height = self.scale_height(radius);
        let z = height * (2.0 * uz - 1.0).clamp(-0.9995, 0.9995).atanh();
        // probability density of a cell here; the vertical factor is that of the gas itself
        let area_density =
            (c1 - c0) / (PI * (self.edges[bin].powi(2) - self.edges[bin - 1].powi(2)).max(f64::MIN_POSITIVE));
        let vertical = (z / height).cosh().powi(-2) / (2.0 * height);
        let volume_kpc3 = 1.0 / (n * area_density * vertical);
        let (density, arm) = self.density(radius, phi, z);
        self.placed(radius, phi, z, density * vertical, volume_kpc3, arm)
    }

    /// Scale height at `radius`, kpc.
    fn scale_height(&self, radius: f64) -> f64 {
        self.params.scale_height_kpc * self.params.flare.powf(radius / self.params.hi_radius_kpc)
    }

    /// Column with arms, turbulence and holes, and the phase of the arms (0 on their ridge) with
    /// their local strength.
    fn density(&self, radius: f64, phi: f64, z: f64) -> (f64, (f64, f64)) {
        let p = self.params;
        let x = radius / p.hi_radius_kpc;
        // winding of trailing arms: along an arm phi falls as ln R grows
        let winding = x.max(0.02).ln() / (p.pitch_deg * DEG_RAD).tan();
        let point = [radius * phi.cos(), radius * phi.sin(), z];
        // the same map with half the winding shears clumps as differential rotation does; it
        // keeps areas
        let sheared_angle = phi + p.shear * winding;
        let sheared = [radius * sheared_angle.cos(), radius * sheared_angle.sin(), z];
        let wobble = self.wobble.at(sheared);
        let phase = p.arms as f64 * (phi + winding) - self.arm_phase + 0.8 * wobble;
        // arms start outside the centre and fade into the outskirts
        let taper = smooth_step(x, 0.08, 0.25) * (1.0 - 0.6 * smooth_step(x, 0.9, 1.5));
        let strength = if p.arms == 0 { 0.0 } else { p.arm_strength * taper * (1.0 + 0.3 * wobble).max(0.2) };
        let arm = strength * (phase.cos() + 0.35 * (2.0 * phase).cos() - 0.25);
        // a smooth disc need not know the waves
        let rough = p.turbulence_ln > 0.0 || p.holes > 0;
        let (small, large) = if rough { (self.turbulence.at(point), self.sheared.at(sheared)) } else { (0.0, 0.0) };
        let chaos = p.turbulence_ln * (0.66 * small + 0.75 * large) - 0.5 * p.turbulence_ln.powi(2);
        let side = 1.0 + p.lopsidedness * x.min(1.0) * (phi - self.heavy_side).cos();
        let mut hollow = 0.0;
        for hole in &self.holes {
            let (dx, dy) = (point[0] - hole.centre[0], point[1] - hole.centre[1]);
            if dx * dx + dy * dy > (3.0 * hole.radius).powi(2) {
                continue;
            }
            let long = dx * hole.axis[0] + dy * hole.axis[1];
            let short = (dx * hole.axis[1] - dy * hole.axis[0]) / hole.ratio;
            // ragged walls
            let d = long.hypot(short) / hole.radius * (0.25 * small).exp();
            if d < 2.5 {
                // emptied inside, swept up in a shell
                hollow += -2.2 * (-d.powi(4)).exp() + 0.6 * (-((d - 1.25) / 0.25).powi(2)).exp();
            }
        }
        let outline = (p.irregularity * wobble).exp();
        let fade = if p.irregularity > 0.0 { outskirts(x) } else { 1.0 };
        (p.column(radius * outline) * fade * side * (arm + chaos + hollow).exp(), (phase, strength))
    }

    fn placed(
        &self,
        radius: f64,
        phi: f64,
        z: f64,
        density: f64,
        volume_kpc3: f64,
        (phase, strength): (f64, f64),
    ) -> DiscCell {
        let p = self.params;
        let (sin, cos) = phi.sin_cos();
        let point = [radius * cos, radius * sin, z];
        let v = p.rotation_km_s(radius);
        let lag = (p.lag_km_s_kpc * z.abs()).min(0.3 * v);
        // streaming along the arms: inwards behind the ridge, faster on its outer side
        let streaming = 0.07 * v * strength;
        let v_radial = -streaming * phase.cos();
        let v_phi = v - lag + 0.7 * streaming * phase.sin();
        let warp = self.warp(radius, phi);
        let turbulent: [f64; 3] =
            if p.turbulence_km_s > 0.0 { [0, 1, 2].map(|k| self.motion[k].at(point)) } else { [0.0; 3] };
        let flow = [v_radial * cos - v_phi * sin, v_radial * sin + v_phi * cos, v_phi * warp.tilt * warp.cos];
        DiscCell {
            position_kpc: [point[0], point[1], z + warp.height],
            velocity_km_s: [0, 1, 2].map(|k| flow[k] + p.turbulence_km_s * turbulent[k]),
            density,
            volume_kpc3,
            radius_kpc: radius,
            flat_kpc: point,
        }
    }

    /// How the warp lifts the disc at `radius` and `phi`.
    fn warp(&self, radius: f64, phi: f64) -> Warp {
        let p = self.params;
        let x = radius / p.hi_radius_kpc;
        let step = smooth_step(x, WARP[0], WARP[1]);
        let tilt = (p.warp_deg * DEG_RAD * step).tan();
        let twist = p.warp_twist_deg * DEG_RAD;
        let (sin_w, cos_w) = (phi - self.warp_axis - twist * step).sin_cos();
        // height w = R tan(tilt) sin(phi - axis - twist): its slopes along R and phi
        let step_slope = smooth_step_slope(x, WARP[0], WARP[1]) / p.hi_radius_kpc;
        let tilt_slope = (1.0 + tilt * tilt) * p.warp_deg * DEG_RAD * step_slope;
        let along_r = (tilt + radius * tilt_slope) * sin_w - radius * tilt * cos_w * twist * step_slope;
        let (along_phi, (sin, cos)) = (tilt * cos_w, phi.sin_cos());
        Warp {
            height: radius * tilt * sin_w,
            tilt,
            cos: cos_w,
            slope: [along_r * cos - along_phi * sin, along_r * sin + along_phi * cos],
        }
    }

    /// The magnetic field at a position in space, any scale: the function that the cells' fields are taken from.
    #[cfg(test)]
    pub fn field_at(&self, position_kpc: [f64; 3]) -> [f64; 3] {
        let [x, y, z] = position_kpc;
        let warp = self.warp(x.hypot(y), y.atan2(x));
        self.magnetic.at([x, y, z - warp.height], warp.slope)
    }

    /// What was asked for.
    pub fn params(&self) -> &GalaxyParams {
        self.params
    }

    /// Phase of the arms without wobble (0 on their ridge) at `radius` and `phi`.
    pub fn arm_phase(&self, radius: f64, phi: f64) -> f64 {
        let winding = (radius / self.params.hi_radius_kpc).max(0.02).ln() / (self.params.pitch_deg * DEG_RAD).tan();
        self.params.arms as f64 * (phi + winding) - self.arm_phase
    }

    /// Factor on the radius in the plane by which the outline is ragged: 1 where the disc is round.
    pub fn outline(&self, radius: f64, phi: f64) -> f64 {
        let p = self.params;
        if p.irregularity == 0.0 {
            return 1.0;
        }
        let winding = (radius / p.hi_radius_kpc).max(0.02).ln() / (p.pitch_deg * DEG_RAD).tan();
        let (sin, cos) = (phi + p.shear * winding).sin_cos();
        (p.irregularity * self.wobble.at([radius * cos, radius * sin, 0.0])).exp()
    }

    /// Azimuth of the heavier side.
    pub fn heavy_side(&self) -> f64 {
        self.heavy_side
    }

    /// Height of the warped mid-plane, kpc.
    pub fn warp_height_kpc(&self, radius: f64, phi: f64) -> f64 {
        self.warp(radius, phi).height
    }

    /// All cells as they stand in `frame`, with metals and a magnetic field of the mean strength asked for.
    pub fn gas(&self, frame: &Frame) -> Vec<GasCell> {
        let (p, cells) = (self.params, self.cells());
        let field = |cell: &DiscCell| {
            let [x, y, _] = cell.flat_kpc;
            self.magnetic.at(cell.flat_kpc, self.warp(cell.radius_kpc, y.atan2(x)).slope)
        };
        let fields: Vec<[f64; 3]> = cells.par_iter().map(field).collect();
        let (mut strength, mut mass) = (0.0, 0.0);
        for (cell, b) in cells.iter().zip(&fields).filter(|(c, _)| c.radius_kpc < p.hi_radius_kpc) {
            let m = cell.density * cell.volume_kpc3;
            strength += m * b.iter().map(|b| b * b).sum::<f64>().sqrt();
            mass += m;
        }
        let scale = if strength > 0.0 { p.field_ug * mass / strength } else { 0.0 };
        let of = |(cell, b): (&DiscCell, &[f64; 3])| GasCell {
            position_kpc: frame.position(cell.position_kpc),
            velocity_km_s: frame.velocity(cell.velocity_km_s),
            density: cell.density,
            volume_kpc3: cell.volume_kpc3,
            metallicity: p.metallicity(cell.radius_kpc),
            field_ug: frame.turned(b.map(|b| scale * b)),
        };
        cells.iter().zip(&fields).map(of).collect()
    }
}

/// The warp at one place.
struct Warp {
    /// Height of the mid-plane, kpc.
    height: f64,
    /// Tangent of the tilt, and cosine of the azimuth from the line of nodes: their product is vertical over azimuthal
    /// speed.
    tilt: f64,
    cos: f64,
    /// Slope of the height along x and y.
    slope: [f64; 2],
}

/// Holes with radii from a power law of index -2.9 (Bagetakos et al. 2011), all over the disc.
fn holes(params: &GalaxyParams, draw: &mut Stream) -> Vec<Hole> {
    let [smallest, largest] = params.hole_radii;
    (0..params.holes)
        .map(|_| {
            let u = draw.uniform();
            let index = -1.9;
            let size = (smallest.powf(index) * (1.0 - u) + largest.powf(index) * u).powf(1.0 / index);
            let radius = params.hi_radius_kpc * (0.1 + 0.85 * draw.uniform().sqrt());
            let phi = TAU * draw.uniform();
            let (sin, cos) = phi.sin_cos();
            // half a radian about the tangent
            let (ay, ax) = (phi + 0.5 * PI + params.pitch_deg * DEG_RAD + 0.5 * (draw.uniform() - 0.5)).sin_cos();
            // a floor of 0.15 kpc: smaller ones are below the cells
            Hole {
                centre: [radius * cos, radius * sin],
                radius: (size * params.hi_radius_kpc).max(0.15),
                axis: [ax, ay],
                ratio: 0.5 + 0.5 * draw.uniform(),
            }
        })
        .collect()
}

/// 0 below `low`, 1 above `high`, smooth between.
fn smooth_step(x: f64, low: f64, high: f64) -> f64 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Derivative of [`smooth_step`].
fn smooth_step_slope(x: f64, low: f64, high: f64) -> f64 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    6.0 * t * (1.0 - t) / (high - low)
}
