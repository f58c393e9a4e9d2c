//! Made galaxies against published relations, and the files they come in.

use skyfringe::error::Watch;
use skyfringe::sky::cells::GasCells;
use skyfringe::sky::galaxy::{Facts, Kind, Order, relations, write_galaxies};
use skyfringe::sky::neutral::HiModel;
use skyfringe::sky::snapshot::{LoadedGalaxy, from_snapshot};
use std::f64::consts::{PI, TAU};

fn order(kind: Kind, seed: u64, cells: usize) -> Order {
    Order { kind, seed, cells: Some(cells), ..Order::default() }
}

/// What the reader finds in a made galaxy, about the middle of the box.
fn read(order: &Order) -> (LoadedGalaxy, Facts) {
    let plan = order.plan().unwrap();
    let made = plan.make().unwrap().snapshot;
    let centre = [0.5 * made.header.box_size; 3];
    (from_snapshot(&made, Some(centre), &HiModel::default()).unwrap(), plan.facts())
}

/// Single galaxies of a population with their facts.
fn sample(count: usize, cells: usize) -> Vec<(LoadedGalaxy, Facts)> {
    (0..)
        .map(|seed| order(Kind::Population, seed, cells))
        .filter(|o| matches!(o.plan().unwrap().facts().kind, Kind::Disc | Kind::Dwarf))
        .take(count)
        .map(|o| read(&o))
        .collect()
}

/// Radius where the face-on column, averaged over rings, falls below 1 Msun/pc^2, kpc.
fn measured_hi_radius_kpc(cells: &GasCells, about: f64) -> f64 {
    let (width, rings) = (0.05 * about, 60);
    let mut mass = vec![0.0; rings];
    for (p, m) in cells.position_kpc.iter().zip(&cells.hi_mass_msun) {
        if let Some(ring) = mass.get_mut((p[0].hypot(p[1]) / width) as usize) {
            *ring += m;
        }
    }
    let column = |i: usize| mass[i] / (PI * (2 * i + 1) as f64 * (width * 1e3).powi(2));
    let last = (0..rings - 1).rev().find(|i| column(*i) >= 1.0).unwrap();
    let (inside, outside) = (column(last).ln(), column(last + 1).max(1e-9).ln());
    width * (last as f64 + 0.5 + inside / (inside - outside))
}

fn mean_and_scatter(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt())
}

#[test]
fn sizes_and_speeds_follow_their_relations() {
    let (mut sizes, mut speeds) = (Vec::new(), Vec::new());
    for (galaxy, facts) in sample(40, 2500) {
        let radius = measured_hi_radius_kpc(&galaxy.cells, facts.main.hi_radius_kpc);
        // Wang et al. (2016): log10 D_HI = 0.506 log10 M_HI - 3.293, 0.06 dex
        let relation = 0.506 * galaxy.totals.hi_msun.log10() - 3.293;
        sizes.push((2.0 * radius).log10() - relation);
        // mean rotation about R_HI in the plane of the inner disc
        let (mut spin, mut mass) = (0.0, 0.0);
        let cells = galaxy.cells.position_kpc.iter().zip(&galaxy.cells.velocity_km_s).zip(&galaxy.cells.hi_mass_msun);
        for ((p, v), m) in cells {
            let r = p[0].hypot(p[1]);
            if (0.9..1.3).contains(&(r / facts.main.hi_radius_kpc)) {
                spin += m * (p[0] * v[1] - p[1] * v[0]) / r;
                mass += m;
            }
        }
        // McGaugh (2012): M_b = 47 V^4, M_b = M_star + 1.33 M_HI
        let baryons = facts.stellar_mass_msun + 1.33 * galaxy.totals.hi_msun;
        speeds.push((spin / mass).log10() - 0.25 * (baryons / 47.0).log10());
    }
    let (offset, scatter) = mean_and_scatter(&sizes);
    assert!(offset.abs() < 0.03 && (0.03..0.08).contains(&scatter), "size {offset} {scatter}");
    // dwarfs still rise at R_HI (by 0.05 dex), and gas above the plane lags
    let (offset, scatter) = mean_and_scatter(&speeds);
    assert!((-0.08..0.0).contains(&offset) && scatter < 0.06, "speed {offset} {scatter}");
}

/// Slope of the power spectrum of the face-on column between two wavelengths, kpc: the Fourier sum over the cells, each
/// a Gaussian of its volume's width, over all directions.
fn power_slope(cells: &GasCells, longest: f64, shortest: f64) -> f64 {
    let (lengths, directions) = (6, 16);
    let (mut sx, mut sy, mut sxx, mut sxy) = (0.0, 0.0, 0.0, 0.0);
    for i in 0..lengths {
        let k = TAU / (longest * (shortest / longest).powf(i as f64 / (lengths - 1) as f64));
        let mut power = 0.0;
        for j in 0..directions {
            let (sin, cos) = (PI * (j as f64 + 0.5) / directions as f64).sin_cos();
            let (mut re, mut im) = (0.0, 0.0);
            for ((p, m), v) in cells.position_kpc.iter().zip(&cells.hi_mass_msun).zip(&cells.volume_kpc3) {
                // a sphere of this volume has this dispersion along an axis
                let sigma = (3.0 * v / (4.0 * PI)).cbrt() / 5f64.sqrt();
                let amplitude = m * (-0.5 * (k * sigma).powi(2)).exp();
                let (s, c) = (k * (cos * p[0] + sin * p[1])).sin_cos();
                re += amplitude * c;
                im += amplitude * s;
            }
            power += re * re + im * im;
        }
        let (x, y) = (k.ln(), power.ln());
        sx += x;
        sy += y;
        sxx += x * x;
        sxy += x * y;
    }
    let n = f64::from(lengths);
    (n * sxy - sx * sy) / (n * sxx - sx * sx)
}

#[test]
fn power_spectra_are_as_steep_as_observed() {
    // Dutta et al. (2013): -1.3 +- 0.5 in 18 spirals of THINGS, most between -1.9 and -1.5; Walker et al. (2014) fit
    // -2.5 to THINGS. Dutta et al. (2009): -1.5 to -2.6 in dwarfs
    for (kind, each, mean_range) in [(Kind::Disc, -2.8..-0.8, -2.2..-1.3), (Kind::Dwarf, -3.3..-1.2, -2.6..-1.5)] {
        let slopes: Vec<f64> = (0..5)
            .map(|seed| {
                let (galaxy, facts) = read(&order(kind, seed, 10_000));
                let radius = facts.main.hi_radius_kpc;
                power_slope(&galaxy.cells, 0.4 * radius, 0.08 * radius)
            })
            .collect();
        let (mean, _) = mean_and_scatter(&slopes);
        assert!(slopes.iter().all(|s| each.contains(s)) && mean_range.contains(&mean), "{kind:?} {mean} {slopes:?}");
    }
}

#[test]
fn a_population_has_the_mass_function_and_gas_fractions_observed() {
    let facts: Vec<Facts> = (0..4000).map(|seed| order(Kind::Population, seed, 1000).plan().unwrap().facts()).collect();
    // numbers in half decades against the Schechter function of Jones et al. (2018), integrated anew
    let density = |log: f64| 10f64.powf((log - 9.94) * -0.25) * (-(10f64.powf(log - 9.94))).exp();
    let integral = |low: f64, high: f64| {
        (0..2000).map(|i| density(low + (high - low) * (f64::from(i) + 0.5) / 2000.0)).sum::<f64>() * (high - low)
            / 2000.0
    };
    let top = 3e10f64.log10();
    for half in 0..5 {
        let (low, high) = (8.0 + 0.5 * f64::from(half), (8.5 + 0.5 * f64::from(half)).min(top));
        let expected = 4000.0 * integral(low, high) / integral(8.0, top);
        let found = facts.iter().filter(|f| (low..high).contains(&f.hi_mass_msun.log10())).count() as f64;
        assert!((found - expected).abs() < 4.0 * expected.sqrt() + 2.0, "{low}: {found} {expected}");
    }
    // gas fractions fall with stellar mass as in xGASS (Catinella et al. 2018); at its lightest bins, where HI below
    // 1e8 Msun is rare
    let mut before = f64::INFINITY;
    for [log, median] in &relations::GAS_FRACTION_DEX[..6] {
        let mut fractions: Vec<f64> = facts
            .iter()
            .filter(|f| (f.stellar_mass_msun.log10() - log).abs() < 0.15)
            .map(|f| (f.hi_mass_msun / f.stellar_mass_msun).log10())
            .collect();
        fractions.sort_by(f64::total_cmp);
        assert!(fractions.len() > 20, "{log}: {}", fractions.len());
        let found = fractions[fractions.len() / 2];
        assert!((found - median).abs() < 0.3, "{log}: {found} {median}");
        assert!(found < before + 0.1);
        before = found;
    }
    // dwarfs below, spirals above, few mergers
    let share = |kind: Kind| facts.iter().filter(|f| f.kind == kind).count() as f64 / 4000.0;
    assert!(facts.iter().all(|f| (f.kind == Kind::Dwarf) || f.hi_mass_msun > 10f64.powf(8.4)));
    assert!(share(Kind::Dwarf) > 0.4 && share(Kind::Disc) > 0.2, "{} {}", share(Kind::Dwarf), share(Kind::Disc));
    assert!((0.002..0.03).contains(&share(Kind::Merger)), "{}", share(Kind::Merger));
}

#[test]
fn dwarfs_are_thick_slow_and_gas_rich() {
    for seed in 0..6 {
        let (galaxy, facts) = read(&order(Kind::Dwarf, seed, 4000));
        let p = &facts.main;
        // thickness: HI-weighted height over radius, rms; a thin disc of constant column has 0.05 or less
        let (mut z2, mut r2) = (0.0, 0.0);
        for (x, m) in galaxy.cells.position_kpc.iter().zip(&galaxy.cells.hi_mass_msun) {
            z2 += m * x[2] * x[2];
            r2 += m * (x[0] * x[0] + x[1] * x[1]);
        }
        let axis_ratio = (2.0 * z2 / r2).sqrt();
        assert!((0.15..0.75).contains(&axis_ratio), "{axis_ratio}");
        assert!(p.v_flat_km_s < 75.0 && facts.hi_mass_msun > facts.stellar_mass_msun);
        // half of the speed is not reached within a fifth of the disc
        assert!(p.turnover_kpc > 0.29 * p.hi_radius_kpc);
    }
}

#[test]
fn every_kind_has_its_hi_mass_and_passes_the_reader() {
    for kind in [Kind::Disc, Kind::Dwarf, Kind::Merger, Kind::Satellites] {
        for seed in [2, 3] {
            let (galaxy, facts) = read(&order(kind, seed, 4000));
            let ratio = galaxy.totals.hi_msun / facts.hi_mass_msun;
            assert!((ratio - 1.0).abs() < 1e-6, "{kind:?} {ratio}");
            assert_eq!(galaxy.cells.len(), 4000);
            assert!(galaxy.totals.neutral_msun < galaxy.totals.hydrogen_msun);
            let many = matches!(kind, Kind::Merger | Kind::Satellites);
            assert_eq!(facts.galaxies > 1, many);
            assert!(galaxy.cells.volume_kpc3.iter().all(|v| *v > 0.0 && v.is_finite()));
        }
    }
}

#[test]
fn threads_change_nothing_and_seeds_everything() {
    let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for kind in [Kind::Dwarf, Kind::Merger, Kind::Satellites] {
        let make = |seed: u64| Order { particles: 100, ..order(kind, seed, 1500) }.plan().unwrap().make().unwrap();
        let one = make(4);
        assert_eq!(one, single.install(|| make(4)));
        assert_ne!(one.snapshot.gas.mass, make(5).snapshot.gas.mass);
    }
}

#[test]
fn files_hold_stars_and_dark_matter_and_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let order = Order { particles: 500, redshift: 0.1, ..order(Kind::Population, 6, 1000) };
    let write = |order: &Order, count: usize| write_galaxies(order, count, folder.path(), &Watch::silent()).unwrap();
    let first = write(&order, 2);
    assert!(first.iter().all(|m| !m.kept));
    let bytes = std::fs::read(&first[0].path).unwrap();

    let file = hdf5::File::open(&first[0].path).unwrap();
    let header = file.group("Header").unwrap();
    let numbers = |name: &str| header.attr(name).unwrap().read_1d::<u32>().unwrap().to_vec();
    assert_eq!(numbers("NumPart_ThisFile"), [1000, 500, 0, 0, 500, 0]);
    assert_eq!(numbers("NumPart_Total"), [1000, 500, 0, 0, 500, 0]);
    let mass_table = header.attr("MassTable").unwrap().read_1d::<f64>().unwrap();
    assert!(mass_table[1] > 0.0 && mass_table[4] == 0.0);
    let scalars = |name: &str| file.dataset(name).unwrap().read_1d::<f64>().unwrap().to_vec();
    // the stellar mass that was drawn, 1e10 Msun/h
    let stars: f64 = scalars("PartType4/Masses").iter().sum();
    assert!((stars * 1e10 / 0.6774 / first[0].facts.stellar_mass_msun - 1.0).abs() < 1e-5);
    let born = scalars("PartType4/GFM_StellarFormationTime");
    assert!(born.iter().all(|a| *a > 0.0 && *a < 1.0 / 1.1));
    assert!(scalars("PartType4/GFM_Metallicity").iter().all(|z| *z > 0.0 && *z < 0.11));
    for field in ["PartType1/Coordinates", "PartType1/Velocities", "PartType4/Coordinates", "PartType4/Velocities"] {
        assert_eq!(file.dataset(field).unwrap().shape(), [500, 3]);
    }
    let mut ids = Vec::new();
    for part in ["PartType0", "PartType1", "PartType4"] {
        ids.extend(file.dataset(&format!("{part}/ParticleIDs")).unwrap().read_1d::<u64>().unwrap());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 2000);
    drop(file);

    // the same order goes on where it was, another one replaces
    let more = write(&order, 3);
    assert_eq!(more.iter().map(|m| m.kept).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(std::fs::read(&more[0].path).unwrap(), bytes);
    let other = write(&Order { redshift: 0.2, ..order.clone() }, 1);
    assert!(!other[0].kept && std::fs::read(&other[0].path).unwrap() != bytes);
    // what is damaged is made anew
    std::fs::write(&more[1].path, b"no snapshot").unwrap();
    assert!(!write(&order, 2)[1].kept);
}
