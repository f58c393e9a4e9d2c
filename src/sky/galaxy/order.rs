//! What is asked for, and what is drawn from it before anything is made.

use super::disc::Disc;
use super::frame::Frame;
use super::gas::{MadeGalaxy, Part, Scene, fill};
use super::merger::Merger;
use super::params::GalaxyParams;
use super::relations::hi_mass_msun;
use super::satellites::SatelliteSystem;
use super::stars::{Halo, HaloParticle, StarParticle, age_gyr, stars};
use super::{SET, derived_seed};
use crate::error::{Error, Result};
use crate::math::random::Stream;

/// Kinds of made galaxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// A spiral.
    #[default]
    Disc,
    /// An irregular dwarf.
    Dwarf,
    /// Two discs that have just passed each other, with tidal tails and a bridge.
    Merger,
    /// A spiral with dwarf companions.
    Satellites,
    /// Any of them: masses from the HI mass function, kinds by mass.
    Population,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 5] = [Kind::Disc, Kind::Dwarf, Kind::Merger, Kind::Satellites, Kind::Population];

    /// The word of configurations and commands.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Disc => "disc",
            Kind::Dwarf => "dwarf",
            Kind::Merger => "merger",
            Kind::Satellites => "satellites",
            Kind::Population => "population",
        }
    }

    /// What a galaxy of this kind is called.
    pub const fn noun(self) -> &'static str {
        match self {
            Kind::Disc | Kind::Population => "galaxy",
            Kind::Dwarf => "dwarf",
            Kind::Merger => "merger",
            Kind::Satellites => "galaxy with satellites",
        }
    }

    /// The kind of this word.
    pub fn named(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.word() == word)
    }

    /// HI masses that are drawn where none are given, Msun; a disc's are its own.
    const fn hi_masses_msun(self) -> [f64; 2] {
        match self {
            Kind::Dwarf => [1e7, 5e8],
            Kind::Merger | Kind::Satellites => [1.5e9, 3e10],
            Kind::Disc | Kind::Population => [1e8, 3e10],
        }
    }
}

/// Shares of mergers and of spirals with satellites among the heavy galaxies of a population: choices; a few per cent
/// of nearby galaxies merge (Darg et al. 2010).
const MERGERS: f64 = 0.04;
const WITH_SATELLITES: f64 = 0.12;
/// Between these HI masses, log10 Msun, dwarfs give way to spirals; above the second there are groups.
const DWARFS_TO_SPIRALS: [f64; 2] = [8.4, 9.3];

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Kind.
    pub kind: Kind,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Lightest and heaviest HI mass, Msun; equal: exactly that.
    pub hi_mass_msun: Option<[f64; 2]>,
    /// Redshift of the file; positions and velocities are physical whatever it is.
    pub redshift: f64,
    /// Gas cells; 80,000 where not given.
    pub cells: Option<usize>,
    /// Star particles, and as many of dark matter.
    pub particles: usize,
}

impl Default for Order {
    /// A disc of seed 1, gas alone.
    fn default() -> Order {
        Order { kind: Kind::Disc, seed: 1, hi_mass_msun: None, redshift: 0.0, cells: None, particles: 0 }
    }
}

/// What was drawn: enough to make the galaxy, cheap to have.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    what: What,
    seed: u64,
    redshift: f64,
    cells: usize,
    particles: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    One { kind: Kind, params: Box<GalaxyParams> },
    Satellites(Box<SatelliteSystem>),
    Merger(Box<Merger>),
}

/// What was drawn, as labels of a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The kind, never a population.
    pub kind: Kind,
    /// Seed.
    pub seed: u64,
    /// HI of all, Msun.
    pub hi_mass_msun: f64,
    /// Stars of all, Msun.
    pub stellar_mass_msun: f64,
    /// Galaxies in the file.
    pub galaxies: usize,
    /// The heaviest of them (in a merger, before it).
    pub main: GalaxyParams,
    /// Time since the closest approach of a merger, Myr; 0 for others.
    pub since_pericentre_myr: f64,
}

impl Order {
    /// The order of galaxy number `index` of a set: it depends on this order and the number alone.
    pub fn member(&self, index: u64) -> Order {
        Order { seed: derived_seed(self.seed, index, SET), ..self.clone() }
    }

    /// Draws what shall be made.
    ///
    /// # Errors
    /// Impossible masses, redshift or numbers.
    pub fn plan(&self) -> Result<Plan> {
        let impossible = |what: &str, found: String, expected: &str| {
            Err(Error::input(format!("the {what} of the galaxy is impossible")).found(found).expected(expected))
        };
        if let Some([low, high]) = self.hi_mass_msun
            && !(low >= 1e5 && high >= low && high <= 1e12)
        {
            return impossible("HI mass", format!("{low:e} to {high:e} Msun"), "1e5 to 1e12 Msun, the lighter first");
        }
        if !(0.0..=20.0).contains(&self.redshift) {
            return impossible("redshift", self.redshift.to_string(), "0 to 20");
        }
        let cells = self.cells.unwrap_or(80_000);
        if !(100..=1_000_000_000).contains(&cells) {
            return impossible("number of cells", cells.to_string(), "100 to 1e9");
        }
        let mut draw = Stream::new(self.seed, [11, 0, 0]);
        let mass = hi_mass_msun(draw.uniform(), self.hi_mass_msun.unwrap_or(self.kind.hi_masses_msun()));
        let kind = match self.kind {
            Kind::Population => kind_of_mass(mass, draw.uniform(), draw.uniform()),
            kind => kind,
        };
        let one = |params: GalaxyParams| What::One {
            kind,
            params: Box::new(GalaxyParams { n_cells: cells, redshift: self.redshift, ..params }),
        };
        let what = match (kind, self.kind, self.hi_mass_msun) {
            (Kind::Disc, Kind::Population, _) => one(GalaxyParams::spiral(self.seed, mass)),
            (Kind::Disc, _, Some(_)) => one(GalaxyParams::random(self.seed).with_hi_mass(mass)),
            (Kind::Disc, _, None) => one(GalaxyParams::random(self.seed)),
            (Kind::Dwarf, ..) => one(GalaxyParams::dwarf(self.seed, mass)),
            (Kind::Satellites, ..) => What::Satellites(Box::new(SatelliteSystem::draw(self.seed, mass, cells))),
            (Kind::Merger | Kind::Population, ..) => What::Merger(Box::new(Merger::draw(self.seed, mass, cells))),
        };
        let plan = Plan { what, seed: self.seed, redshift: self.redshift, cells, particles: self.particles };
        plan.members().iter().try_for_each(|p| p.check())?;
        Ok(plan)
    }
}

/// The kind of a galaxy of a population with this HI mass, by two uniform numbers.
fn kind_of_mass(hi_mass_msun: f64, u: f64, v: f64) -> Kind {
    let [low, high] = DWARFS_TO_SPIRALS;
    let log = hi_mass_msun.log10();
    if u >= (log - low) / (high - low) {
        return Kind::Dwarf;
    }
    match v {
        _ if log < high => Kind::Disc,
        v if v < MERGERS => Kind::Merger,
        v if v < MERGERS + WITH_SATELLITES => Kind::Satellites,
        _ => Kind::Disc,
    }
}

impl Plan {
    /// One disc, gas alone.
    pub fn disc(params: GalaxyParams) -> Plan {
        Plan {
            seed: params.seed,
            redshift: params.redshift,
            cells: params.n_cells,
            particles: 0,
            what: What::One { kind: Kind::Disc, params: Box::new(params) },
        }
    }

    /// The same with fewer cells, where it has more: a sample of its shape.
    pub fn sampled(mut self, cells: usize) -> Plan {
        self.cells = self.cells.min(cells);
        match &mut self.what {
            What::One { params, .. } => params.n_cells = self.cells,
            What::Satellites(system) => system.share_cells(self.cells),
            What::Merger(merger) => merger.share_cells(self.cells),
        }
        self
    }

    /// The same without stars and dark matter.
    pub fn gas_alone(self) -> Plan {
        Plan { particles: 0, ..self }
    }

    /// Number of gas cells.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// `SimulationName` of the file: names the order, so that a file tells where it is from.
    pub fn name(&self) -> String {
        let facts = self.facts();
        format!(
            "skyfringe galaxy, seed {}: {} of {:.9e} Msun of HI, {} cells, {} stars, z = {}, version {}",
            self.seed,
            facts.kind.word(),
            facts.hi_mass_msun,
            self.cells,
            self.particles,
            self.redshift,
            env!("CARGO_PKG_VERSION"),
        )
    }

    fn members(&self) -> Vec<&GalaxyParams> {
        match &self.what {
            What::One { params, .. } => vec![&**params],
            What::Satellites(system) => {
                std::iter::once(&system.host).chain(system.satellites.iter().map(|s| &s.params)).collect()
            }
            What::Merger(merger) => merger.discs.iter().collect(),
        }
    }

    /// What was drawn.
    pub fn facts(&self) -> Facts {
        let members = self.members();
        let sum = |of: fn(&GalaxyParams) -> f64| members.iter().map(|p| of(p)).sum();
        let (kind, since_pericentre_myr) = match &self.what {
            What::One { kind, .. } => (*kind, 0.0),
            What::Satellites(_) => (Kind::Satellites, 0.0),
            What::Merger(merger) => (Kind::Merger, merger.since_pericentre_myr),
        };
        Facts {
            kind,
            seed: self.seed,
            hi_mass_msun: sum(|p| p.hi_mass_msun),
            stellar_mass_msun: sum(|p| p.stellar_mass_msun),
            galaxies: members.len(),
            main: members[0].clone(),
            since_pericentre_myr,
        }
    }

    /// Makes the galaxy; equal plans give equal numbers, whatever the threads.
    ///
    /// # Errors
    /// Parameters that no disc can have, an HI mass that does not fit into its size.
    pub fn make(&self) -> Result<MadeGalaxy> {
        self.members().iter().try_for_each(|p| p.check())?;
        let contents = match &self.what {
            What::One { params, .. } => alone(params, self.particles, self.redshift),
            What::Satellites(system) => system.contents(self.particles, self.redshift),
            What::Merger(merger) => merger.contents(self.particles, self.redshift),
        };
        let (halo, halo_mass) = contents.halo;
        fill(&Scene {
            name: self.name(),
            redshift: self.redshift,
            box_kpc: contents.box_kpc,
            parts: contents.parts,
            stars: contents.stars,
            halo_particle_msun: if halo.is_empty() { 0.0 } else { halo_mass / halo.len() as f64 },
            halo,
        })
    }
}

/// Everything of a file but its header, about the middle of the box.
pub(super) struct Contents {
    pub box_kpc: f64,
    pub parts: Vec<Part>,
    pub stars: Vec<StarParticle>,
    /// Particles, and the mass of them all, Msun.
    pub halo: (Vec<HaloParticle>, f64),
}

impl Contents {
    /// Turns everything about the middle of the box.
    pub fn turn(&mut self, frame: &Frame) {
        for cell in self.parts.iter_mut().flat_map(|p| &mut p.cells) {
            cell.position_kpc = frame.turned(cell.position_kpc);
            cell.velocity_km_s = frame.turned(cell.velocity_km_s);
            cell.field_ug = frame.turned(cell.field_ug);
        }
        for star in &mut self.stars {
            star.position_kpc = frame.turned(star.position_kpc);
            star.velocity_km_s = frame.turned(star.velocity_km_s);
        }
        for particle in &mut self.halo.0 {
            particle.position_kpc = frame.turned(particle.position_kpc);
            particle.velocity_km_s = frame.turned(particle.velocity_km_s);
        }
    }
}

/// A galaxy that has the box to itself.
fn alone(params: &GalaxyParams, particles: usize, redshift: f64) -> Contents {
    let (disc, frame) = (Disc::new(params), Frame::tilted(0.0, 0.0));
    let box_kpc = 8.0 * params.hi_radius_kpc;
    let halo = Halo::of(params, 0.49 * box_kpc);
    Contents {
        box_kpc,
        parts: vec![Part { hi_mass_msun: params.hi_mass_msun, cells: disc.gas(&frame) }],
        stars: stars(&disc, particles, &frame, age_gyr(1.0 / (1.0 + redshift))),
        halo: (halo.particles(params, particles, &frame), halo.mass_msun(halo.edge_kpc)),
    }
}

/// `total` things shared out by weight, each at least `least`; the first takes what rounding leaves.
pub(super) fn shared_out(total: usize, weights: &[f64], least: usize) -> Vec<usize> {
    let sum: f64 = weights.iter().sum();
    let mut counts: Vec<usize> =
        weights.iter().map(|w| ((total as f64 * w / sum) as usize).max(least.min(total / weights.len()))).collect();
    let others: usize = counts[1..].iter().sum();
    counts[0] = total.saturating_sub(others);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_shared_out_without_rest() {
        assert_eq!(shared_out(1000, &[8.0, 1.0, 1.0], 10), [800, 100, 100]);
        assert_eq!(shared_out(1000, &[1.0, 1e-9], 200), [800, 200]);
        assert_eq!(shared_out(7, &[1.0, 1.0], 0).iter().sum::<usize>(), 7);
        assert_eq!(shared_out(0, &[1.0, 2.0], 5), [0, 0]);
    }

    #[test]
    fn kinds_follow_mass() {
        assert_eq!(kind_of_mass(1e8, 0.0, 0.0), Kind::Dwarf);
        assert_eq!(kind_of_mass(1e10, 0.99, 0.5), Kind::Disc);
        assert_eq!(kind_of_mass(1e10, 0.5, 0.01), Kind::Merger);
        assert_eq!(kind_of_mass(1e10, 0.5, 0.1), Kind::Satellites);
        assert!(Kind::ALL.iter().all(|k| Kind::named(k.word()) == Some(*k)));
    }

    #[test]
    fn impossible_orders_are_refused() {
        for order in [
            Order { hi_mass_msun: Some([1e9, 1e8]), ..Order::default() },
            Order { hi_mass_msun: Some([f64::NAN, 1e8]), ..Order::default() },
            Order { redshift: -1.0, ..Order::default() },
            Order { cells: Some(1), ..Order::default() },
        ] {
            assert!(order.plan().unwrap_err().to_string().contains("impossible"));
        }
    }

    #[test]
    fn a_given_mass_is_the_mass() {
        for kind in Kind::ALL {
            let order = Order { kind, seed: 5, hi_mass_msun: Some([3e9, 3e9]), cells: Some(3000), ..Order::default() };
            let facts = order.plan().unwrap().facts();
            assert!((facts.hi_mass_msun / 3e9 - 1.0).abs() < 1e-9, "{kind:?} {}", facts.hi_mass_msun);
        }
    }
}
