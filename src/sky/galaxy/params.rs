//! What one disc is like, and how discs and dwarfs are drawn.

use super::relations::{baryons_msun, hi_radius_kpc, metal_fraction, rotation_km_s, stellar_mass_msun};
use crate::error::{Error, Result};
use crate::math::random::Stream;

/// What a made galaxy is like. [`GalaxyParams::default`] is the galaxy of the demo.
#[derive(Debug, Clone, PartialEq)]
pub struct GalaxyParams {
    /// Seed of everything that is drawn: turbulence, holes, cell positions.
    pub seed: u64,
    /// HI mass that the reader's default model shall find, Msun.
    pub hi_mass_msun: f64,
    /// Radius where the HI column falls to 1 Msun/pc^2, kpc.
    pub hi_radius_kpc: f64,
    /// Number of gas cells.
    pub n_cells: usize,
    /// Redshift of the file; positions and velocities are physical whatever it is.
    pub redshift: f64,
    /// Rotation speed of the flat part, km/s.
    pub v_flat_km_s: f64,
    /// Radius over which the rotation rises, kpc: V = v_flat (1 - exp(-R/R_t)).
    pub turnover_kpc: f64,
    /// Stellar mass, Msun.
    pub stellar_mass_msun: f64,
    /// Central depression A of the column exp(-R/R_s)/(1 + A exp(-1.6 R/R_s)) (the form of Wang et al. 2014); molecules
    /// deepen it in the HI.
    pub central_depression: f64,
    /// Scale length R_s of the outer column over `hi_radius_kpc` (close to 0.2 in Wang et al. 2014).
    pub scale_length: f64,
    /// Scale height (sech^2) of the gas in the centre, kpc.
    pub scale_height_kpc: f64,
    /// Factor by which the disc is thicker at `hi_radius_kpc` (exponential flare).
    pub flare: f64,
    /// Tilt of the outer disc reached at 1.5 `hi_radius_kpc`, deg (0 for no warp).
    pub warp_deg: f64,
    /// Turn of the warp's line of nodes from its start to 1.5 `hi_radius_kpc`, deg; positive as the disc turns
    /// (leading, as Briggs 1990 finds).
    pub warp_twist_deg: f64,
    /// Number of spiral arms.
    pub arms: usize,
    /// Pitch angle of the arms, deg.
    pub pitch_deg: f64,
    /// Natural logarithm of arm over inter-arm density, about half of the total contrast.
    pub arm_strength: f64,
    /// Dispersion of the logarithm of density made by turbulence.
    pub turbulence_ln: f64,
    /// Slope of the three-dimensional power spectrum of ln density (Kolmogorov: -11/3).
    pub spectral_slope: f64,
    /// Longest waves of the turbulence over `hi_radius_kpc`: of the small structures, and of the large, sheared ones.
    pub coarsest: [f64; 2],
    /// Dispersion of ln R of the outline about a circle (0: round).
    pub irregularity: f64,
    /// Share of the arms' winding by which differential rotation has sheared the larger structures.
    pub shear: f64,
    /// How much slower gas turns above the plane, km/s a kpc, up to three tenths of the rotation: about 10 in spirals
    /// (Marasco et al. 2019).
    pub lag_km_s_kpc: f64,
    /// One-dimensional dispersion of resolved turbulent motion, km/s.
    pub turbulence_km_s: f64,
    /// Number of holes blown by star formation.
    pub holes: usize,
    /// Smallest and largest radius of a hole over `hi_radius_kpc`.
    pub hole_radii: [f64; 2],
    /// Share of one side's excess: the disc's lopsidedness (m = 1), 0 to about 0.4.
    pub lopsidedness: f64,
    /// Metal mass fraction in the centre.
    pub central_metallicity: f64,
    /// Fall of log10 metallicity from the centre to `hi_radius_kpc`.
    pub metallicity_fall_dex: f64,
    /// Mean strength of the magnetic field in the disc, weighted by mass within `hi_radius_kpc`, microgauss.
    pub field_ug: f64,
}

impl Default for GalaxyParams {
    fn default() -> GalaxyParams {
        GalaxyParams {
            seed: 42,
            hi_mass_msun: 6e9,
            hi_radius_kpc: hi_radius_kpc(6e9),
            n_cells: 80_000,
            redshift: 0.0,
            v_flat_km_s: 165.0,
            turnover_kpc: 2.2,
            stellar_mass_msun: STARS_OVER_HI * 6e9,
            central_depression: 110.0,
            scale_length: SCALE_LENGTH,
            scale_height_kpc: 0.25,
            flare: 2.5,
            warp_deg: 4.0,
            warp_twist_deg: 0.0,
            arms: 2,
            pitch_deg: 17.0,
            arm_strength: 0.85,
            turbulence_ln: 0.95,
            spectral_slope: -3.3,
            coarsest: COARSEST,
            irregularity: 0.0,
            shear: SHEAR,
            lag_km_s_kpc: 10.0,
            turbulence_km_s: 6.0,
            holes: 130,
            hole_radii: HOLE_RADII,
            lopsidedness: 0.12,
            central_metallicity: 0.02,
            metallicity_fall_dex: 0.6,
            field_ug: 6.0,
        }
    }
}

/// Outer edge of the cells over the HI radius.
pub(super) const EDGE: f64 = 1.7;
/// Column of gas over its scale height where made discs are half molecular, were they smooth, Msun/pc^2/kpc; found from
/// made ones. The mean of the squared density in clouds is exp(variance of ln density) times that of a smooth disc.
const MOLECULAR_COLUMN: f64 = 270.0;
/// Stars over HI where baryons are three times the HI and helium and molecules are 0.7 of it.
const STARS_OVER_HI: f64 = 1.3;
const SCALE_LENGTH: f64 = 0.19;
const COARSEST: [f64; 2] = [0.16, 0.5];
const SHEAR: f64 = 0.6;
/// Over R_HI; a spiral's of 20 kpc reach from 0.25 to 1.4 kpc.
const HOLE_RADII: [f64; 2] = [0.012, 0.07];
/// Scatter of the sizes and speeds about their relations, dex: Wang et al. (2016); 6 % intrinsic in speed, Lelli et al.
/// (2019).
const SIZE_SCATTER_DEX: f64 = 0.06;
const SPEED_SCATTER_DEX: f64 = 0.026;

impl GalaxyParams {
    /// A galaxy drawn with `seed`: log10 M_HI normal about 9.55 +- 0.3 within 8.7 to 10.3, size
    /// and speed from their relations with scatter, the rest within what nearby spirals show.
    pub fn random(seed: u64) -> GalaxyParams {
        let mut draw = Stream::new(seed, [1, 0, 0]);
        let log_mass = (9.55 + 0.3 * draw.normal()).clamp(8.7, 10.3);
        let hi_mass_msun = 10f64.powf(log_mass);
        let mut within = |low: f64, high: f64| low + (high - low) * draw.uniform();
        let arms = [2, 2, 3, 4][(within(0.0, 4.0) as usize).min(3)];
        let (pitch_deg, arm_strength) = (within(11.0, 27.0), within(0.35, 0.95));
        let (turbulence_ln, spectral_slope) = (within(0.75, 1.1), within(-3.6, -3.1));
        let central_depression = 10f64.powf(within(1.4, 2.3));
        let (flare, warp_deg) = (within(2.0, 4.5), within(0.0, 10.0));
        let (lopsidedness, holes) = (within(0.0, 0.3), within(60.0, 180.0) as usize);
        let (scale_height, turnover, fall) = (within(0.8, 1.2), within(0.07, 0.16), within(0.3, 0.9));
        let (turbulence_km_s, field_ug) = (within(5.0, 9.0), within(3.0, 9.0));
        // 0.06 dex of scatter about the mass-size relation
        let radius = hi_radius_kpc(hi_mass_msun) * 10f64.powf(0.06 * draw.normal());
        // M_baryon = 47 (V/km/s)^4 Msun (McGaugh 2012), with M_baryon = 3 M_HI: as much again in
        // stars, helium and molecules as spirals of this mass typically have
        let v_flat = (3.0 * hi_mass_msun / 47.0).powf(0.25) * 10f64.powf(0.04 * draw.normal());
        GalaxyParams {
            seed,
            hi_mass_msun,
            hi_radius_kpc: radius,
            n_cells: 80_000,
            redshift: 0.0,
            v_flat_km_s: v_flat,
            turnover_kpc: turnover * radius,
            stellar_mass_msun: STARS_OVER_HI * hi_mass_msun,
            central_depression,
            scale_length: SCALE_LENGTH,
            scale_height_kpc: 0.25 * scale_height * (radius / 18.0).powf(0.3),
            flare,
            warp_deg,
            warp_twist_deg: 0.0,
            arms,
            pitch_deg,
            arm_strength,
            turbulence_ln,
            spectral_slope,
            coarsest: COARSEST,
            irregularity: 0.0,
            shear: SHEAR,
            lag_km_s_kpc: 10.0,
            turbulence_km_s,
            holes,
            hole_radii: HOLE_RADII,
            lopsidedness,
            // mass-metallicity relation of nearby discs, about 0.3 dex a decade of mass
            central_metallicity: 0.018 * 10f64.powf(0.3 * (log_mass - 9.7)),
            metallicity_fall_dex: fall,
            field_ug,
        }
    }

    /// The same galaxy with another HI mass; size, speed, thickness and metallicity follow the
    /// relations that [`GalaxyParams::random`] draws about.
    pub fn with_hi_mass(mut self, hi_mass_msun: f64) -> GalaxyParams {
        let mass = hi_mass_msun / self.hi_mass_msun;
        let size = hi_radius_kpc(hi_mass_msun) / hi_radius_kpc(self.hi_mass_msun);
        self.hi_mass_msun = hi_mass_msun;
        self.hi_radius_kpc *= size;
        self.turnover_kpc *= size;
        self.scale_height_kpc *= size.powf(0.3);
        self.v_flat_km_s *= mass.powf(0.25);
        self.stellar_mass_msun *= mass;
        self.central_metallicity *= mass.powf(0.3);
        self
    }

    /// A spiral of the population: mass in stars at this HI mass, size and speed each from their relation with its
    /// scatter ([`relations`]); structure as in [`GalaxyParams::random`], but a quarter of the warps are strong and
    /// twisted.
    ///
    /// [`relations`]: super::relations
    pub fn spiral(seed: u64, hi_mass_msun: f64) -> GalaxyParams {
        let mut draw = Stream::new(seed, [8, 0, 0]);
        let mut params = GalaxyParams::random(seed).with_hi_mass(hi_mass_msun);
        params.relate(&mut draw);
        params.scale_length = scale_length(&params);
        if draw.uniform() < 0.25 {
            params.warp_deg = 8.0 + 17.0 * draw.uniform();
            params.warp_twist_deg = 90.0 * draw.uniform();
        }
        params
    }

    /// An irregular dwarf: the same relations; a thick layer, slowly rising rotation with dispersion to match, no arms,
    /// clumps as large as the galaxy, a ragged outline, few but large holes, one side heavier.
    pub fn dwarf(seed: u64, hi_mass_msun: f64) -> GalaxyParams {
        let mut draw = Stream::new(seed, [9, 0, 0]);
        let mut params = GalaxyParams { seed, ..GalaxyParams::default() }.with_hi_mass(hi_mass_msun);
        params.relate(&mut draw);
        let mut within = |low: f64, high: f64| low + (high - low) * draw.uniform();
        let radius = params.hi_radius_kpc;
        params.central_depression = 10f64.powf(within(0.5, 1.3));
        params.turnover_kpc = within(0.3, 0.55) * radius;
        // gas discs of faint irregulars have axis ratios near 0.57 (Roychowdhury et al. 2010), brighter ones less
        params.scale_height_kpc = within(0.11, 0.19) * radius * (hi_mass_msun / 1e8).powf(-0.12);
        params.flare = within(1.2, 1.8);
        params.warp_deg = within(0.0, 6.0);
        params.arms = 0;
        params.turbulence_ln = within(0.95, 1.2);
        params.spectral_slope = within(-3.0, -2.4);
        params.coarsest = [within(0.3, 0.45), within(0.8, 1.2)];
        params.irregularity = within(0.15, 0.35);
        params.scale_length = scale_length(&params);
        // in proportion to the speed
        params.lag_km_s_kpc = 10.0 * params.v_flat_km_s / 165.0;
        params.shear = within(0.02, 0.1);
        params.turbulence_km_s = within(5.0, 8.0);
        params.holes = within(4.0, 16.0) as usize;
        params.hole_radii = [0.06, 0.28];
        params.lopsidedness = within(0.15, 0.55);
        // flat, or nearly so
        params.metallicity_fall_dex = within(0.0, 0.15);
        // Chyzy et al. (2011): 4.2 +- 1.8 in dwarfs of the Local Group
        params.field_ug = within(2.4, 6.0);
        params
    }

    /// The same gas with another stellar mass; speed and metals follow their relations.
    pub(super) fn with_stellar_mass(mut self, stellar_mass_msun: f64) -> GalaxyParams {
        let speed = |stars: f64| rotation_km_s(baryons_msun(self.hi_mass_msun, stars));
        self.v_flat_km_s *= speed(stellar_mass_msun) / speed(self.stellar_mass_msun);
        self.central_metallicity = metal_fraction(stellar_mass_msun);
        self.stellar_mass_msun = stellar_mass_msun;
        self
    }

    /// Stellar mass, size, speed and metals that go with `hi_mass_msun`.
    fn relate(&mut self, draw: &mut Stream) {
        let mass = self.hi_mass_msun;
        let size = hi_radius_kpc(mass) * 10f64.powf(SIZE_SCATTER_DEX * draw.normal()) / self.hi_radius_kpc;
        self.hi_radius_kpc *= size;
        self.turnover_kpc *= size;
        self.stellar_mass_msun = stellar_mass_msun(draw.uniform(), mass);
        let baryons = baryons_msun(mass, self.stellar_mass_msun);
        self.v_flat_km_s = rotation_km_s(baryons) * 10f64.powf(SPEED_SCATTER_DEX * draw.normal());
        self.central_metallicity = metal_fraction(self.stellar_mass_msun);
    }

    /// Gas column at `radius_kpc` before arms and clouds, any scale.
    pub(super) fn column(&self, radius_kpc: f64) -> f64 {
        let x = radius_kpc / (self.scale_length * self.hi_radius_kpc);
        (-x).exp() / (1.0 + self.central_depression * (-1.6 * x).exp())
    }

    /// Mass fraction of metals in the gas at `radius_kpc`.
    pub(super) fn metallicity(&self, radius_kpc: f64) -> f64 {
        let x = (radius_kpc / self.hi_radius_kpc).min(1.5);
        self.central_metallicity * 10f64.powf(-self.metallicity_fall_dex * x)
    }

    /// Rotation speed at `radius_kpc`, km/s.
    pub(super) fn rotation_km_s(&self, radius_kpc: f64) -> f64 {
        self.v_flat_km_s * (1.0 - (-radius_kpc / self.turnover_kpc).exp())
    }

    /// Refuses parameters that no disc can have.
    pub(super) fn check(&self) -> Result<()> {
        let positive = [
            ("hi_mass_msun", self.hi_mass_msun),
            ("hi_radius_kpc", self.hi_radius_kpc),
            ("v_flat_km_s", self.v_flat_km_s),
            ("turnover_kpc", self.turnover_kpc),
            ("scale_height_kpc", self.scale_height_kpc),
            ("flare", self.flare),
            ("stellar_mass_msun", self.stellar_mass_msun),
            ("scale_length", self.scale_length),
            ("coarsest", self.coarsest[0].min(self.coarsest[1])),
            ("hole_radii", self.hole_radii[0].min(self.hole_radii[1])),
        ];
        for (name, value) in positive {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::input(format!("galaxy parameter {name} is impossible"))
                    .found(value)
                    .expected("a finite number above 0"));
            }
        }
        let ranges = [
            ("n_cells", self.n_cells as f64, 1.0, 1e9),
            ("redshift", self.redshift, 0.0, 20.0),
            ("central_depression", self.central_depression, 0.0, 1e4),
            ("pitch_deg", self.pitch_deg, 1.0, 89.0),
            ("arm_strength", self.arm_strength, 0.0, 3.0),
            ("turbulence_ln", self.turbulence_ln, 0.0, 2.0),
            ("spectral_slope", self.spectral_slope, -6.0, 0.0),
            ("turbulence_km_s", self.turbulence_km_s, 0.0, 100.0),
            ("warp_deg", self.warp_deg, -60.0, 60.0),
            ("warp_twist_deg", self.warp_twist_deg, -720.0, 720.0),
            ("shear", self.shear, 0.0, 2.0),
            ("lag_km_s_kpc", self.lag_km_s_kpc, 0.0, 100.0),
            ("irregularity", self.irregularity, 0.0, 1.0),
            ("lopsidedness", self.lopsidedness, 0.0, 0.9),
            ("holes", self.holes as f64, 0.0, 1e5),
            ("arms", self.arms as f64, 0.0, 100.0),
            ("central_metallicity", self.central_metallicity, 0.0, 0.1),
            ("metallicity_fall_dex", self.metallicity_fall_dex, 0.0, 10.0),
            ("field_ug", self.field_ug, 0.0, 1e3),
        ];
        for (name, value, low, high) in ranges {
            if !(low..=high).contains(&value) {
                return Err(Error::input(format!("galaxy parameter {name} is impossible"))
                    .found(value)
                    .expected(format!("{low} to {high}")));
            }
        }
        Ok(())
    }
}

/// Share of the gas of a ragged disc that is left at `x` R_HI, so that it is not cut round by the last cells.
pub(super) fn outskirts(x: f64) -> f64 {
    let t = ((x - 1.3) / (EDGE - 1.3)).clamp(0.0, 1.0);
    1.0 - t * t * (3.0 - 2.0 * t)
}

/// The scale length of the column, over R_HI, with which the HI falls to 1 Msun/pc^2 at R_HI.
///
/// Molecules are left out as the default model finds them on average in the made discs, H2/HI = (column/(c
/// height))^0.92 (Blitz & Rosolowsky 2006: pressure goes about as the density of the layer), with c =
/// [`MOLECULAR_COLUMN`].
fn scale_length(params: &GalaxyParams) -> f64 {
    let wanted = params.hi_mass_msun / (1e3 * params.hi_radius_kpc).powi(2);
    let molecular = MOLECULAR_COLUMN * params.scale_height_kpc * (-params.turbulence_ln.powi(2)).exp();
    let hi_mass = |s: f64| {
        let round = |x: f64| (-x / s).exp() / (1.0 + params.central_depression * (-1.6 * x / s).exp());
        // the mean over a ragged outline: three points stand for the normal distribution of ln R
        let ragged = (3f64.sqrt() * params.irregularity).exp();
        let column = |x: f64| match params.irregularity {
            0.0 => round(x),
            _ => (round(x) / 1.5 + (round(x * ragged) + round(x / ragged)) / 6.0) * outskirts(x),
        };
        let steps = 200;
        let width = EDGE / f64::from(steps);
        let ring = |x: f64| {
            let all = column(x) / column(1.0);
            x * all / (1.0 + (all / molecular).powf(0.92))
        };
        let sum: f64 = (0..steps).map(|i| ring((f64::from(i) + 0.5) * width)).sum();
        std::f64::consts::TAU * sum * width
    };
    // longer is less concentrated, until the disc is no longer one
    let (mut low, mut high) = (0.08, 0.33);
    for _ in 0..30 {
        let middle = 0.5 * (low + high);
        if hi_mass(middle) > wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}
