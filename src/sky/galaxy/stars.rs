//! Stars and dark matter that go with a disc of gas.

use super::disc::Disc;
use super::frame::Frame;
use super::gas::{HUBBLE, OMEGA_LAMBDA, OMEGA_M};
use super::params::GalaxyParams;
use super::relations::{concentration, g_kpc};
use crate::formats::snapshot::Header;
use crate::math::random::{normal_pair, uniform_pair};
use std::f64::consts::{FRAC_1_SQRT_2, PI, TAU};

/// Scale length of the stellar disc over R_HI: R_HI = 1.7 R_25 (Broeils & Rhee 1997), R_25 = 3.2 scale lengths
/// (Freeman 1970).
const SCALE_LENGTH: f64 = 1.0 / (1.7 * 3.2);
/// Scale radius of the bulge over the scale length of the disc.
const BULGE_OVER_DISC: f64 = 0.15;
/// Stars reach to this many scale lengths.
const EDGE: f64 = 5.5;
/// Scale length over sech^2 height of stellar discs (Kregel et al. 2002).
const FLATNESS: f64 = 7.3;
/// Largest circular speed of the dark matter over the flat rotation speed: the rest is baryons'.
const HALO_SPEED: f64 = 0.85;
/// Ages stop here, Gyr: where the first stars of discs are taken to be from.
const OLDEST_GYR: f64 = 12.5;

/// A star particle about the middle of the box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StarParticle {
    /// Position, kpc.
    pub position_kpc: [f64; 3],
    /// Velocity, km/s.
    pub velocity_km_s: [f64; 3],
    /// Mass, Msun.
    pub mass_msun: f64,
    /// Mass fraction of metals.
    pub metallicity: f64,
    /// Age at the redshift of the file, Gyr.
    pub age_gyr: f64,
}

/// A dark matter particle about the middle of the box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HaloParticle {
    /// Position, kpc.
    pub position_kpc: [f64; 3],
    /// Velocity, km/s.
    pub velocity_km_s: [f64; 3],
}

/// `count` stars of equal mass: an exponential disc with the gas's arms, a bulge in massive galaxies.
///
/// The disc: sech^2 height, dispersions of an isothermal sheet (sigma_z^2 = pi G Sigma z_0, sigma_R = 2 sigma_z) and
/// its asymmetric drift (Binney & Tremaine 2008, eq. 4.228). The bulge: Hernquist (1990) with a scale radius of 0.15 of
/// the disc's scale length, isotropic, sigma = V(R)/sqrt(2), R at least the turnover radius. Ages: a star formation
/// rate that falls with 8 Gyr, constant in dwarfs. The share of the bulge, 0.2 a decade above 10^9.5 Msun up to 0.35,
/// its size and these ages are choices.
pub fn stars(disc: &Disc, count: usize, frame: &Frame, now_gyr: f64) -> Vec<StarParticle> {
    (0..count).map(|i| star(disc, i, count, frame, now_gyr)).collect()
}

fn star(disc: &Disc, i: usize, count: usize, frame: &Frame, now_gyr: f64) -> StarParticle {
    let p = disc.params();
    let uniform = |n: u32| uniform_pair([i as u32, 20, n, 0], p.seed);
    let normal = |n: u32| normal_pair([i as u32, 21, n, 0], p.seed);
    let length = SCALE_LENGTH * p.hi_radius_kpc;
    let bulge_share = (0.2 * (p.stellar_mass_msun.log10() - 9.5)).clamp(0.0, 0.35);
    let [u0, u1] = uniform(0);
    let [u2, u3] = uniform(1);
    let [n0, n1] = normal(0);
    let [n2, n3] = normal(1);
    let oldest = OLDEST_GYR.min(0.95 * now_gyr);
    let mass_msun = p.stellar_mass_msun / count as f64;
    let in_bulge = (i as f64 + 0.5) / (count as f64) < bulge_share;
    let (position, velocity, age_gyr, radius);
    if in_bulge {
        // M(<r) = r^2/(r + a)^2, cut at 0.9 of it
        let root = (0.9 * u0).sqrt();
        let r = BULGE_OVER_DISC * length * root / (1.0 - root);
        let cos = 2.0 * u1 - 1.0;
        let sin = (1.0 - cos * cos).sqrt();
        let (s, c) = (TAU * u2).sin_cos();
        position = [r * sin * c, r * sin * s, r * cos];
        let sigma = FRAC_1_SQRT_2 * p.rotation_km_s(r.max(p.turnover_kpc));
        velocity = [n0, n1, n2].map(|n| sigma * n.clamp(-2.5, 2.5));
        age_gyr = oldest * (0.7 + 0.3 * u3);
        radius = r;
    } else {
        // stars formed at exp((oldest - age)/tau)
        let tau = if p.arms > 0 { 8.0 } else { 1e3 };
        age_gyr = tau * (1.0 + u3 * ((oldest / tau).exp() - 1.0)).ln();
        // arms by moving stars towards their ridges: the younger, the closer
        let place = drawn(disc, i, length);
        radius = place.0;
        let phi = place.1;
        let contrast = if age_gyr < 0.5 { 0.75 } else { 0.3 };
        let phi = if p.arms > 0 {
            phi - (contrast * p.arm_strength).min(0.8) / p.arms as f64 * disc.arm_phase(radius, phi).sin()
        } else {
            phi - p.lopsidedness * (radius / p.hi_radius_kpc).min(1.0) * (phi - disc.heavy_side()).sin()
        };
        // irregulars' stars are as thick as a third of their gas
        let height = (length / FLATNESS).max(if p.arms > 0 { 0.0 } else { 0.35 * p.scale_height_kpc });
        let z = height * (2.0 * u2 - 1.0).clamp(-0.9995, 0.9995).atanh();
        let (sin, cos) = phi.sin_cos();
        position = [radius * cos, radius * sin, z + disc.warp_height_kpc(radius, phi)];
        let central = (1.0 - bulge_share) * p.stellar_mass_msun / (TAU * length * length);
        let sigma_z = (PI * g_kpc() * central * (-radius / length).exp() * height).sqrt().max(5.0);
        let v = p.rotation_km_s(radius);
        let sigma_r = (2.0 * sigma_z).min(0.5 * p.v_flat_km_s);
        let v_phi = (v * v - sigma_r * sigma_r * (2.0 * radius / length - 0.5)).max(0.0).sqrt();
        let (v_r, v_phi, v_z) = (sigma_r * n0, v_phi + FRAC_1_SQRT_2 * sigma_r * n1, 0.5 * sigma_r * n2);
        velocity = [v_r * cos - v_phi * sin, v_r * sin + v_phi * cos, v_z];
    }
    // older stars are poorer, by 0.04 dex a Gyr, with 0.1 dex of scatter
    let metallicity = p.metallicity(radius) * 10f64.powf(-0.04 * age_gyr + 0.1 * n3);
    StarParticle {
        position_kpc: frame.position(position),
        velocity_km_s: frame.velocity(velocity),
        mass_msun,
        metallicity: metallicity.min(0.1),
        age_gyr: age_gyr.max(1e-3),
    }
}

/// Radius and azimuth of disc star `i`: an exponential disc, and where the outline is ragged places are drawn again until
/// one is taken with half of exp(-R outline/L) over exp(-R/L).
fn drawn(disc: &Disc, i: usize, length: f64) -> (f64, f64) {
    let seed = disc.params().seed;
    let mut last = (0.0, 0.0);
    for attempt in 0..12 {
        let pair = |n: u32| uniform_pair([i as u32, 25, n, attempt], seed);
        let ([u, v], [chance, _]) = (pair(0), pair(1));
        last = (length * exponential_radius(u), TAU * v);
        let outline = disc.outline(last.0, last.1);
        if outline == 1.0 || chance < 0.5 * (last.0 / length * (1.0 - outline)).exp() {
            break;
        }
    }
    last
}

/// Radius of an exponential disc, cut at [`EDGE`], within which the share `u` of its mass is, in scale lengths.
fn exponential_radius(u: f64) -> f64 {
    let share = |x: f64| 1.0 - (1.0 + x) * (-x).exp();
    let wanted = u * share(EDGE);
    let (mut low, mut high) = (0.0, EDGE);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if share(middle) < wanted { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// A Navarro, Frenk & White (1997) halo about a disc.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Halo {
    /// Mass within the radius of 200 times the critical density, Msun.
    pub m200_msun: f64,
    /// Scale radius, kpc.
    pub scale_kpc: f64,
    /// Concentration.
    pub concentration: f64,
    /// Where it ends, kpc.
    pub edge_kpc: f64,
    seed: u64,
}

impl Halo {
    /// The halo whose largest circular speed is 0.85 of the disc's flat rotation (the rest is the baryons'), with the
    /// mean concentration of its mass, cut at r_200 or `edge_kpc`.
    pub fn of(params: &GalaxyParams, edge_kpc: f64) -> Halo {
        // km/s/kpc
        let hubble = 0.1 * HUBBLE;
        let v_max = HALO_SPEED * params.v_flat_km_s;
        let (mut c, mut m200, mut r200) = (10.0, 0.0, 0.0);
        for _ in 0..20 {
            // V_max^2 = 0.216 c/m(c) V_200^2, V_200 = 10 H r_200
            let v200 = v_max / (0.2162 * c / mass(c)).sqrt();
            r200 = v200 / (10.0 * hubble);
            m200 = v200 * v200 * r200 / g_kpc();
            c = concentration(m200, HUBBLE);
        }
        Halo { m200_msun: m200, scale_kpc: r200 / c, concentration: c, edge_kpc: edge_kpc.min(r200), seed: params.seed }
    }

    /// Mass within `radius_kpc`, Msun.
    pub fn mass_msun(&self, radius_kpc: f64) -> f64 {
        self.m200_msun * mass(radius_kpc / self.scale_kpc) / mass(self.concentration)
    }

    /// The halo of a satellite at `distance_kpc` from the middle of `host`, cut where its mean density is that of the
    /// host within the distance.
    pub fn cut_by_tides(mut self, host: &Halo, distance_kpc: f64) -> Halo {
        let host_density = host.mass_msun(distance_kpc.min(host.edge_kpc)) / distance_kpc.powi(3);
        let (mut low, mut high) = (0.01 * self.scale_kpc, self.edge_kpc);
        for _ in 0..40 {
            let middle = 0.5 * (low + high);
            if self.mass_msun(middle) / middle.powi(3) > host_density { low = middle } else { high = middle }
        }
        self.edge_kpc = 0.5 * (low + high);
        self
    }

    /// `count` particles, each with an isotropic dispersion of 1/sqrt(2) of the local circular speed of `disc` and halo
    /// together, as in an isothermal sphere.
    pub fn particles(&self, disc: &GalaxyParams, count: usize, frame: &Frame) -> Vec<HaloParticle> {
        let edge = mass(self.edge_kpc / self.scale_kpc);
        (0..count)
            .map(|i| {
                let uniform = |n: u32| uniform_pair([i as u32, 22, n, 0], self.seed);
                let normal = |n: u32| normal_pair([i as u32, 23, n, 0], self.seed);
                let [u0, u1] = uniform(0);
                let [u2, _] = uniform(1);
                let (mut low, mut high) = (0.0, self.edge_kpc / self.scale_kpc);
                for _ in 0..40 {
                    let middle = 0.5 * (low + high);
                    if mass(middle) < u0 * edge { low = middle } else { high = middle }
                }
                let r = 0.5 * (low + high) * self.scale_kpc;
                let cos = 2.0 * u1 - 1.0;
                let (sin, (s, c)) = ((1.0 - cos * cos).sqrt(), (TAU * u2).sin_cos());
                let own = (g_kpc() * self.mass_msun(r) / r.max(1e-6)).sqrt();
                let sigma = FRAC_1_SQRT_2 * own.max(disc.rotation_km_s(r).min(disc.v_flat_km_s));
                let ([n0, n1], [n2, _]) = (normal(0), normal(1));
                HaloParticle {
                    position_kpc: frame.position([r * sin * c, r * sin * s, r * cos]),
                    velocity_km_s: frame.velocity([n0, n1, n2].map(|n| sigma * n.clamp(-2.5, 2.5))),
                }
            })
            .collect()
    }
}

/// ln(1 + x) - x/(1 + x)
fn mass(x: f64) -> f64 {
    x.ln_1p() - x / (1.0 + x)
}

/// Age of the universe at scale factor `a`, Gyr: flat, matter and a cosmological constant.
pub fn age_gyr(a: f64) -> f64 {
    let ratio = (OMEGA_LAMBDA / OMEGA_M).sqrt() * a.powf(1.5);
    2.0 / (3.0 * OMEGA_LAMBDA.sqrt()) * ratio.asinh() * HUBBLE_TIME_GYR
}

/// 977.79 Gyr (km/s/Mpc) over the Hubble constant.
const HUBBLE_TIME_GYR: f64 = 9.777_922 / HUBBLE;

/// Scale factor when stars of this age at the time of the file were born.
pub fn scale_factor_at_birth(age: f64, header: &Header) -> f64 {
    let born = (age_gyr(header.time) - age).max(1e-3);
    let x = (1.5 * OMEGA_LAMBDA.sqrt() * born / HUBBLE_TIME_GYR).sinh();
    (OMEGA_M / OMEGA_LAMBDA).cbrt() * x.powf(2.0 / 3.0)
}

#[cfg(test)]
mod tests {
    use super::super::{Order, make_galaxy};
    use super::*;

    #[test]
    fn ages_are_those_of_the_cosmology() {
        // astropy FlatLambdaCDM(H0=67.74, Om0=0.3089, Tcmb0=0): 13.8023 Gyr now
        assert!((age_gyr(1.0) - 13.802).abs() < 0.01, "{}", age_gyr(1.0));
        let header = make_galaxy(&GalaxyParams { n_cells: 500, ..GalaxyParams::default() }).unwrap().header;
        let a = scale_factor_at_birth(5.0, &header);
        assert!((age_gyr(1.0) - age_gyr(a) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn stars_and_halo_have_their_masses_sizes_and_speeds() {
        let params = GalaxyParams { n_cells: 2000, ..GalaxyParams::default() };
        let disc = Disc::new(&params);
        let at_rest = Frame::tilted(0.0, 0.0);
        let all = stars(&disc, 20_000, &at_rest, 13.8);
        let total: f64 = all.iter().map(|s| s.mass_msun).sum();
        assert!((total / params.stellar_mass_msun - 1.0).abs() < 1e-9);
        assert!(all.iter().all(|s| s.age_gyr > 0.0 && s.age_gyr < 13.0 && s.metallicity > 0.0));
        // half of an exponential disc is within 1.678 scale lengths; cut and bulge move it inwards a little
        let mut radii: Vec<f64> = all.iter().map(|s| s.position_kpc[0].hypot(s.position_kpc[1])).collect();
        radii.sort_by(f64::total_cmp);
        let half = radii[10_000] / (SCALE_LENGTH * params.hi_radius_kpc);
        assert!((1.4..1.7).contains(&half), "{half}");
        // they turn with the gas, a little slower
        let turning = all
            .iter()
            .filter(|s| s.position_kpc[0].hypot(s.position_kpc[1]) > 2.5 * SCALE_LENGTH * params.hi_radius_kpc);
        let speeds: Vec<f64> = turning
            .map(|s| {
                let ([x, y, _], [u, v, _]) = (s.position_kpc, s.velocity_km_s);
                (x * v - y * u) / x.hypot(y)
            })
            .collect();
        let mean = speeds.iter().sum::<f64>() / speeds.len() as f64 / params.v_flat_km_s;
        assert!((0.85..1.0).contains(&mean), "{mean}");

        let halo = Halo::of(&params, 1e9);
        // the largest circular speed of an NFW halo is at 2.163 scale radii
        let speed = |r: f64| (g_kpc() * halo.mass_msun(r) / r).sqrt();
        let peak = speed(2.163 * halo.scale_kpc);
        assert!((peak / (0.85 * params.v_flat_km_s) - 1.0).abs() < 1e-3, "{peak}");
        assert!(speed(1.5 * halo.scale_kpc) < peak && speed(3.0 * halo.scale_kpc) < peak);
        // abundance matching puts stars of 7.8e9 Msun into some 3e11 Msun (Moster et al. 2013)
        assert!((1e11..1e12).contains(&halo.m200_msun), "{}", halo.m200_msun);
        let particles = halo.particles(&params, 10_000, &at_rest);
        let within = |r: f64| {
            particles.iter().filter(|p| p.position_kpc.iter().map(|x| x * x).sum::<f64>() < r * r).count() as f64 / 1e4
        };
        for share in [0.1, 0.3, 0.6] {
            let r = share * halo.edge_kpc;
            let expected = halo.mass_msun(r) / halo.mass_msun(halo.edge_kpc);
            assert!((within(r) - expected).abs() < 0.02, "{share}: {} {expected}", within(r));
        }
    }

    #[test]
    fn as_many_as_asked_for() {
        let order = Order { cells: Some(1000), particles: 300, ..Order::default() };
        let made = order.plan().unwrap().make().unwrap();
        assert_eq!((made.stars.mass.len(), made.dark_matter.position.len()), (300, 300));
        assert!(made.dark_matter.particle_mass > 0.0);
        let box_size = made.snapshot.header.box_size;
        let inside = |p: &[f64; 3]| p.iter().all(|x| (0.0..box_size).contains(x));
        assert!(made.stars.position.iter().chain(&made.dark_matter.position).all(inside));
    }
}
