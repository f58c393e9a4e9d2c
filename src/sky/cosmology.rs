//! Homogeneous cosmology: E(z), distances and their inverse.
//!
//! Matter, a cosmological constant, curvature, photons and neutrinos. Massive neutrinos follow
//! the fit of Komatsu et al. (2011), eq. 26, as astropy uses it, so that named cosmologies give
//! the published distances.

use crate::error::{Error, Result};
use crate::formats::snapshot::Header;
use crate::math::quadrature::gauss_legendre;
use crate::units::{C_KM_S, C_M_S, G_SI, H_PLANCK_J_S, K_B_J_K, PC_M};
use std::f64::consts::PI;

/// A Friedmann-Lemaitre-Robertson-Walker cosmology.
#[derive(Debug, Clone, PartialEq)]
pub struct Cosmology {
    /// Name for headers: "Planck18", "snapshot header", ...
    pub name: String,
    /// Hubble constant in units of 100 km/s/Mpc.
    pub h: f64,
    /// Present-day matter density over the critical one, without massive neutrinos.
    pub omega_m: f64,
    /// Present-day density of the cosmological constant over the critical one.
    pub omega_lambda: f64,
    radiation: Radiation,
}

/// Photons and neutrinos.
#[derive(Debug, Clone, PartialEq, Default)]
struct Radiation {
    /// Photon density over the critical one.
    omega_gamma: f64,
    /// Effective number of neutrinos shared by one species.
    neff_per_species: f64,
    /// Species without mass.
    massless: f64,
    /// m c^2/(k T_nu) today of each species with mass.
    massive_y: Vec<f64>,
}

/// 7/8 (4/11)^(4/3): neutrino over photon density for one massless species.
fn neutrino_over_photon() -> f64 {
    0.875 * (4.0f64 / 11.0).powf(4.0 / 3.0)
}

impl Radiation {
    fn new(h: f64, t_cmb_k: f64, n_eff: f64, masses_ev: &[f64]) -> Radiation {
        if t_cmb_k <= 0.0 {
            return Radiation::default();
        }
        // photon mass density a T^4/c^2 with a = 8 pi^5 k^4/(15 h^3 c^3)
        let radiation_constant = 8.0 * PI.powi(5) * K_B_J_K.powi(4) / (15.0 * H_PLANCK_J_S.powi(3) * C_M_S.powi(3));
        let omega_gamma = radiation_constant * t_cmb_k.powi(4) / C_M_S.powi(2) / critical_density_kg_m3(h);
        let species = n_eff.floor();
        if species < 1.0 {
            return Radiation { omega_gamma, ..Radiation::default() };
        }
        // elementary charge, C (exact): eV to J
        let kt_nu_ev = K_B_J_K * (4.0f64 / 11.0).cbrt() * t_cmb_k / 1.602_176_634e-19;
        let massive_y: Vec<f64> = masses_ev.iter().filter(|m| **m > 0.0).map(|m| m / kt_nu_ev).collect();
        Radiation {
            omega_gamma,
            neff_per_species: n_eff / species,
            massless: species - massive_y.len() as f64,
            massive_y,
        }
    }

    /// Density of photons and neutrinos over the present-day critical one, divided by (1+z)^4.
    fn density(&self, z: f64) -> f64 {
        // Komatsu et al. (2011): f(y) = (1 + (0.3173 y)^1.83)^(1/1.83)
        let massive: f64 =
            self.massive_y.iter().map(|y| (1.0 + (0.3173 * y / (1.0 + z)).powf(1.83)).powf(1.0 / 1.83)).sum();
        self.omega_gamma * (1.0 + neutrino_over_photon() * self.neff_per_species * (self.massless + massive))
    }
}

/// 3 H0^2/(8 pi G), kg/m^3.
fn critical_density_kg_m3(h: f64) -> f64 {
    let h0_s = h * 1e5 / (1e6 * PC_M);
    3.0 * h0_s * h0_s / (8.0 * PI * G_SI)
}

impl Cosmology {
    /// Matter and a cosmological constant, without radiation; curvature is what is left to 1.
    pub fn lambda_cdm(name: &str, h: f64, omega_m: f64, omega_lambda: f64) -> Result<Cosmology> {
        let sound = h > 0.0 && h.is_finite() && omega_m >= 0.0 && omega_m.is_finite() && omega_lambda.is_finite();
        if !sound {
            return Err(Error::input("the cosmology is impossible")
                .found(format!("h {h}, Omega_m {omega_m}, Omega_Lambda {omega_lambda}"))
                .expected("h > 0, Omega_m >= 0 and a finite Omega_Lambda"));
        }
        Ok(Cosmology { name: name.into(), h, omega_m, omega_lambda, radiation: Radiation::default() })
    }

    /// A flat cosmology with photons of `t_cmb_k` and floor(`n_eff`) neutrinos, of which some have
    /// the masses given (eV); the cosmological constant is what is left to 1.
    pub fn flat(name: &str, h: f64, omega_m: f64, t_cmb_k: f64, n_eff: f64, masses_ev: &[f64]) -> Cosmology {
        let radiation = Radiation::new(h, t_cmb_k, n_eff, masses_ev);
        Cosmology { name: name.into(), h, omega_m, omega_lambda: 1.0 - omega_m - radiation.density(0.0), radiation }
    }

    /// A published cosmology: Planck13, Planck15, Planck18, WMAP9 (parameters as in astropy 8, from
    /// the papers' tables), or TNG (Planck15 rounded as the simulations have it).
    pub fn named(name: &str) -> Result<Cosmology> {
        // one neutrino of 0.06 eV, as the Planck papers assume
        let planck = |n: &str, h: f64, om: f64| Cosmology::flat(n, h, om, 2.7255, 3.046, &[0.06]);
        match name.to_ascii_lowercase().as_str() {
            "planck13" => Ok(planck("Planck13", 0.6777, 0.30712)),
            "planck15" => Ok(planck("Planck15", 0.6774, 0.3075)),
            "planck18" => Ok(planck("Planck18", 0.6766, 0.30966)),
            "wmap9" => Ok(Cosmology::flat("WMAP9", 0.6932, 0.2865, 2.725, 3.04, &[])),
            "tng" => Cosmology::lambda_cdm("TNG", 0.6774, 0.3089, 0.6911),
            _ => Err(Error::input("unknown cosmology")
                .found(name)
                .expected("Planck13, Planck15, Planck18, WMAP9, TNG, or \"file\" for that of the snapshot")),
        }
    }

    /// The cosmology that a snapshot's header states (no radiation, as in the simulation).
    pub fn of_header(header: &Header) -> Result<Cosmology> {
        Cosmology::lambda_cdm("snapshot header", header.hubble_param, header.omega0, header.omega_lambda)
    }

    /// H(z)/H0.
    pub fn e(&self, z: f64) -> f64 {
        let x = 1.0 + z;
        (self.omega_lambda + x * x * (self.omega_k() + x * (self.omega_m + x * self.radiation.density(z)))).sqrt()
    }

    /// Present-day curvature "density"; positive for an open universe.
    pub fn omega_k(&self) -> f64 {
        let k = 1.0 - self.omega_m - self.omega_lambda - self.radiation.density(0.0);
        // the rest of a subtraction is not curvature
        if k.abs() < 1e-12 { 0.0 } else { k }
    }

    /// Hubble constant, km/s/Mpc.
    pub fn h0_km_s_mpc(&self) -> f64 {
        100.0 * self.h
    }

    /// Hubble rate at z, km/s/Mpc.
    pub fn hubble_km_s_mpc(&self, z: f64) -> f64 {
        self.h0_km_s_mpc() * self.e(z)
    }

    /// Critical density today, kg/m^3.
    pub fn critical_density_kg_m3(&self) -> f64 {
        critical_density_kg_m3(self.h)
    }

    /// c/H0, Mpc.
    pub fn hubble_distance_mpc(&self) -> f64 {
        C_KM_S / self.h0_km_s_mpc()
    }

    /// Comoving distance along the line of sight, Mpc: c/H0 times the integral of dz/E(z).
    pub fn comoving_distance_mpc(&self, z: f64) -> f64 {
        // in ln(1+z) the integrand is smooth at any redshift; 16 points an e-fold/4 reach 1e-13
        let top = z.ln_1p();
        let pieces = (top.abs() / 0.25).ceil().max(1.0);
        let step = top / pieces;
        let (nodes, weights) = gauss_legendre(16);
        let mut sum = 0.0;
        for piece in 0..pieces as usize {
            for (node, weight) in nodes.iter().zip(&weights) {
                let x = ((piece as f64 + 0.5 * (1.0 + node)) * step).exp();
                sum += weight * x / self.e(x - 1.0);
            }
        }
        self.hubble_distance_mpc() * 0.5 * step * sum
    }

    /// Transverse comoving distance, Mpc: with the curvature's sinh or sin.
    pub fn transverse_distance_mpc(&self, z: f64) -> f64 {
        let (line, k) = (self.comoving_distance_mpc(z), self.omega_k());
        let radius = self.hubble_distance_mpc() / k.abs().sqrt();
        if k > 0.0 {
            radius * (line / radius).sinh()
        } else if k < 0.0 {
            radius * (line / radius).sin()
        } else {
            line
        }
    }

    /// Luminosity distance, Mpc.
    pub fn luminosity_distance_mpc(&self, z: f64) -> f64 {
        self.transverse_distance_mpc(z) * (1.0 + z)
    }

    /// Angular-diameter distance, Mpc.
    pub fn angular_diameter_distance_mpc(&self, z: f64) -> f64 {
        self.transverse_distance_mpc(z) / (1.0 + z)
    }

    /// Redshift of the comoving distance `d_mpc` along the line of sight, at least 0.
    ///
    /// Newton's steps on D(z), whose slope is c/H(z); D is concave, so they come from below and never overshoot twice.
    ///
    /// # Errors
    /// A distance that is negative, or farther than any light comes from.
    pub fn redshift_of_comoving_distance(&self, d_mpc: f64) -> Result<f64> {
        let mut z = 0.0;
        for _ in 0..100 {
            let step = (d_mpc - self.comoving_distance_mpc(z)) * self.hubble_km_s_mpc(z) / C_KM_S;
            z = f64::max(z + step, 0.0);
            if !z.is_finite() || z > 1e4 {
                break;
            }
            if step.abs() <= 1e-13 * (1.0 + z) {
                return Ok(z);
            }
        }
        Err(Error::input("no redshift has this comoving distance")
            .found(format!("{d_mpc} Mpc"))
            .expected(format!("a distance within z < 10000 of the cosmology {}", self.name)))
    }

    /// Redshift of the luminosity distance `d_l_mpc`, on the branch that rises from z = 0.
    pub fn redshift_of_luminosity_distance(&self, d_l_mpc: f64) -> Result<f64> {
        let bad = || {
            Error::input("no redshift has this luminosity distance")
                .found(format!("{d_l_mpc} Mpc"))
                .expected(format!("a positive distance within z < 1000 of the cosmology {}", self.name))
        };
        if !(d_l_mpc > 0.0 && d_l_mpc.is_finite()) {
            return Err(bad());
        }
        // widen until the distance is bracketed; it must still be rising there
        let (mut low, mut high) = (0.0, 1e-3);
        let mut previous = 0.0;
        loop {
            let here = self.luminosity_distance_mpc(high);
            if !here.is_finite() || here <= previous {
                return Err(bad());
            }
            if here >= d_l_mpc {
                break;
            }
            (low, previous) = (high, here);
            high *= 1.5;
            if high > 1000.0 {
                return Err(bad());
            }
        }
        // bisection to the last digits: some 60 cheap integrals, once a galaxy
        while high - low > 1e-15 * high {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if self.luminosity_distance_mpc(middle) < d_l_mpc {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(0.5 * (low + high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, expected: f64, what: &str) {
        assert!((got / expected - 1.0).abs() < 1e-6, "{what}: {got} {expected}");
    }

    /// (z, E, comoving, luminosity, angular-diameter distance in Mpc), from astropy 8.0.2:
    /// `c.efunc(z), c.comoving_distance(z).value, c.luminosity_distance(z).value,
    /// c.angular_diameter_distance(z).value` for c in Planck13, ..., WMAP9 and
    /// `FlatLambdaCDM(67.74, 0.3089)`.
    #[test]
    fn equals_astropy_for_named_cosmologies() {
        let table: [(&str, &[[f64; 5]]); 5] = [
            (
                "Planck13",
                &[
                    [0.1, 1.0498380994040777, 431.9454726698587, 475.1400199368446, 392.67770242714425],
                    [1.0, 1.7778903489208497, 3395.1584957947393, 6790.316991589479, 1697.5792478973697],
                    [8.0, 15.037666254732127, 9143.499230358331, 82291.49307322498, 1015.9443589287034],
                ],
            ),
            (
                "Planck15",
                &[
                    [0.001, 1.0004638809140693, 4.424608256331697, 4.429032864588028, 4.4201880682634345],
                    [2.0, 3.006329995241187, 5311.538547934008, 15934.615643802026, 1770.5128493113361],
                    [8.0, 15.046907252266523, 9143.569317983209, 82292.12386184887, 1015.9521464425787],
                ],
            ),
            (
                "Planck18",
                &[
                    [0.001, 1.0004671280315987, 4.429832647675932, 4.434262480323607, 4.425407240435497],
                    [1.0, 1.7828937335017037, 3395.6344711515662, 6791.2689423031325, 1697.8172355757831],
                    [8.0, 15.099190840358467, 9131.898250223487, 82187.08425201138, 1014.6553611359429],
                ],
            ),
            (
                "WMAP9",
                &[
                    [0.1, 1.0463612400655196, 422.98235578317036, 465.28059136148744, 384.5294143483367],
                    [2.0, 2.907912393096023, 5291.730374382688, 15875.191123148063, 1763.9101247942292],
                    [8.0, 14.496284622121559, 9173.966860709992, 82565.70174638992, 1019.3296511899991],
                ],
            ),
            (
                "TNG",
                &[
                    [0.001, 1.000463705992826, 4.4246086430348734, 4.429033251677907, 4.420188454580294],
                    [0.1, 1.0498789930272918, 432.1283550123209, 475.34119051355304, 392.8439591021099],
                    [2.0, 3.0052287766491257, 5312.3782513822425, 15937.134754146728, 1770.7927504607476],
                    [8.0, 15.029278093108799, 9146.981821786156, 82322.8363960754, 1016.3313135317951],
                ],
            ),
        ];
        for (name, rows) in table {
            let c = Cosmology::named(name).unwrap();
            for row in rows {
                let z = row[0];
                close(c.e(z), row[1], name);
                close(c.comoving_distance_mpc(z), row[2], name);
                close(c.luminosity_distance_mpc(z), row[3], name);
                close(c.angular_diameter_distance_mpc(z), row[4], name);
                let near = c.redshift_of_comoving_distance(c.comoving_distance_mpc(z)).unwrap();
                assert!((near - z).abs() < 1e-12 * (1.0 + z), "{name}: {near} {z}");
                let back = c.redshift_of_luminosity_distance(row[3]).unwrap();
                assert!((back - z).abs() < 2e-6 * z, "{name}: {back} {z}");
            }
        }
        // astropy 8.0.2: Planck18.critical_density0.to(kg/m3)
        close(Cosmology::named("Planck18").unwrap().critical_density_kg_m3(), 8.598814256622891e-27, "rho_c");
        close(Cosmology::named("planck15").unwrap().hubble_km_s_mpc(2.0), 67.74 * 3.006329995241187, "H(2)");
    }

    #[test]
    fn equals_astropy_for_curved_space() {
        // astropy 8.0.2: LambdaCDM(70, 0.3, 0.5 or 0.9, Tcmb0=0), comoving and luminosity distance
        for (ol, z, comoving, luminosity) in [
            (0.5, 0.5, 1819.0036586994763, 2744.9419675834683),
            (0.5, 2.0, 4842.3330003181545, 15154.000985760518),
            (0.9, 0.5, 1969.8385068078724, 2933.965689436962),
            (0.9, 2.0, 5616.327123325101, 15899.601220122704),
        ] {
            let c = Cosmology::lambda_cdm("curved", 0.7, 0.3, ol).unwrap();
            close(c.comoving_distance_mpc(z), comoving, "comoving");
            close(c.luminosity_distance_mpc(z), luminosity, "luminosity");
        }
    }

    #[test]
    fn a_distance_without_a_redshift_is_an_error() {
        let c = Cosmology::named("TNG").unwrap();
        for d in [0.0, -3.0, f64::NAN, 1e12] {
            assert!(c.redshift_of_luminosity_distance(d).is_err(), "{d}");
            assert!(d == 0.0 || c.redshift_of_comoving_distance(d).is_err(), "{d}");
        }
        assert!(Cosmology::named("Plank18").is_err());
        assert!(Cosmology::lambda_cdm("x", -0.7, 0.3, 0.7).is_err());
    }

    #[test]
    fn small_distances_follow_hubbles_law() {
        let c = Cosmology::named("TNG").unwrap();
        let z = c.redshift_of_luminosity_distance(0.01).unwrap();
        assert!((z / (0.01 / c.hubble_distance_mpc()) - 1.0).abs() < 1e-5, "{z}");
    }
}
