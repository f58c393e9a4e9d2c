//! Gas cells to HI maps and cubes, through the public door.

use skyfringe::error::Watch;
use skyfringe::math::random::Stream;
use skyfringe::sky::band::Band;
use skyfringe::sky::cells::GasCells;
use skyfringe::sky::galaxy::{GalaxyParams, make_galaxy};
use skyfringe::sky::moments::{integrated_spectrum_jy, moments};
use skyfringe::sky::neutral::HiModel;
use skyfringe::sky::orient::{BoxAxis, Orientation};
use skyfringe::sky::placing::Placement;
use skyfringe::sky::products::{CubeRequest, HiProducts, OpticalDepth, Systemic, build_cube};
use skyfringe::sky::snapshot::from_snapshot;
use skyfringe::sky::temperature::{TbFrame, column_cm2_per_msun_kpc2, critical_density_msun_kpc3};
use skyfringe::sky::width::line_width_km_s;
use skyfringe::units::hi::{
    NU0_HZ, column_per_k_km_s, flux_jy_from_temperature, mass_per_mpc2_jy_hz, mass_per_mpc2_jy_km_s, tb_coefficient_mk,
};
use skyfringe::units::{ARCSEC_RAD, C_KM_S, DEG_RAD, RaDec, doppler_ratio};

/// A galaxy 20 Mpc away.
fn nearby() -> Placement {
    Placement::new(0.0047, 0.0, 20.0, 0.6774, 67.9).unwrap()
}

fn centre() -> RaDec {
    RaDec::from_deg(150.0, -35.0)
}

fn request(channels: usize) -> CubeRequest {
    CubeRequest::new(nearby(), centre(), 128, 128, 4.0 * ARCSEC_RAD, Band::Auto { channels })
}

fn build(cells: &GasCells, request: &CubeRequest) -> HiProducts {
    build_cube(cells, request, &Watch::silent()).unwrap()
}

fn empty(redshift: f64) -> GasCells {
    GasCells { scale_factor: 1.0 / (1.0 + redshift), ..GasCells::default() }
}

fn push(cells: &mut GasCells, position: [f64; 3], velocity: [f64; 3], mass: f64, volume: f64, sigma: f64) {
    cells.position_kpc.push(position);
    cells.velocity_km_s.push(velocity);
    cells.hi_mass_msun.push(mass);
    cells.volume_kpc3.push(volume);
    cells.sigma_km_s.push(sigma);
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn unit(a: [f64; 3]) -> [f64; 3] {
    let length = a.iter().map(|v| v * v).sum::<f64>().sqrt();
    a.map(|v| v / length)
}

/// A disc of rotation speed 150 km/s about `spin`, with a bulk motion.
fn disc(spin: [f64; 3], count: usize) -> GasCells {
    let mut cells = empty(0.0047);
    let mut random = Stream::new(11, [4, 5, 6]);
    let spin = unit(spin);
    let first = unit(cross(spin, [0.1, 0.9, 0.3]));
    let second = cross(spin, first);
    for _ in 0..count {
        let radius = 15.0 * random.uniform().sqrt();
        let (s, c) = (std::f64::consts::TAU * random.uniform()).sin_cos();
        let height = 0.1 * random.normal();
        let outward = [0, 1, 2].map(|k| c * first[k] + s * second[k]);
        let turning = cross(spin, outward);
        let position = [0, 1, 2].map(|k| radius * outward[k] + height * spin[k]);
        let velocity = [0, 1, 2].map(|k| 150.0 * turning[k] + [500.0, -200.0, 900.0][k]);
        push(&mut cells, position, velocity, 1e5 * (0.5 + random.uniform()), 0.02, 8.0);
    }
    cells
}

#[test]
fn mass_is_conserved_and_the_flux_closes() {
    let cells = disc([0.3, -0.5, 0.8], 20_000);
    let mut request = request(32);
    request.band = Band::Centred { channels: 64, width_hz: 40e3 };
    let got = build(&cells, &request);
    let total = cells.total_hi_msun();
    assert!((got.cube_hi_msun / total - 1.0).abs() < 1e-6);
    assert!((got.hi_mass_from_flux_msun() / total - 1.0).abs() < 1e-6, "{}", got.hi_mass_from_flux_msun() / total);
    assert!(got.mass_outside_field_fraction < 1e-12 && got.flux_lost_fraction_band < 1e-7);
    // written out: M = 49.7 D_L^2 sum S dnu, and 2.356e5 D_L^2 / (1 + z) sum S dv_rest
    let integral = got.cube.flux_jy.sum() * 40e3;
    assert!((mass_per_mpc2_jy_hz() * 400.0 * integral / total - 1.0).abs() < 1e-6);
    let z = 1.0 + got.placement.redshift;
    let km_s = got.cube.flux_jy.sum() * C_KM_S * z * 40e3 / NU0_HZ;
    assert!((mass_per_mpc2_jy_km_s() * 400.0 / z * km_s / total - 1.0).abs() < 1e-6);
    // the maps hold the same mass
    let from_tb = got.tb_scale.hi_mass_msun(&got.tb_map_mk, &got.pixel_kpc2);
    assert!((from_tb / total - 1.0).abs() < 1e-6);
    assert!(got.notes.is_empty(), "{:?}", got.notes);
}

#[test]
fn mass_outside_the_field_and_the_band_is_counted_not_folded_back() {
    let cells = disc([0.0, 0.0, 1.0], 5_000);
    let mut small = request(16);
    (small.nx, small.ny) = (40, 30);
    let got = build(&cells, &small);
    assert!(got.mass_outside_field_fraction > 0.2);
    let sum = got.cube_hi_msun / got.total_hi_msun + got.mass_outside_field_fraction;
    assert!((sum - 1.0).abs() < 2e-4, "{sum}");
    assert!(got.notes.iter().any(|note| note.contains("outside the 40 x 30 pixels")), "{:?}", got.notes);

    let mut narrow = request(16);
    narrow.orientation = Orientation::edge_on(0.0);
    narrow.band = Band::Centred { channels: 4, width_hz: 60e3 };
    let got = build(&cells, &narrow);
    assert!(got.flux_lost_fraction_band > 0.1);
    let sum = got.cube_hi_msun / got.total_hi_msun + got.flux_lost_fraction_band;
    assert!((sum - 1.0).abs() < 1e-6, "{sum}");
    assert!(got.notes.iter().any(|note| note.contains("of the line's flux")), "{:?}", got.notes);

    let auto = build(&cells, &request(16));
    assert!(auto.flux_lost_fraction_band <= 1e-3 && auto.notes.is_empty());
}

#[test]
fn an_unresolved_galaxy_gives_its_mass() {
    let cells = disc([0.2, 0.1, 1.0], 2_000);
    let placement = Placement::new(0.0325, 0.0, 145.0, 0.6774, 69.0).unwrap();
    let mut request = CubeRequest::new(
        placement,
        centre(),
        16,
        16,
        300.0 * ARCSEC_RAD,
        Band::Centred { channels: 32, width_hz: 80e3 },
    );
    request.orientation = Orientation::edge_on(70.0);
    let got = build(&cells, &request);
    let spectrum = integrated_spectrum_jy(&got.cube);
    let mass = mass_per_mpc2_jy_hz() * 145.0f64.powi(2) * spectrum.iter().sum::<f64>() * 80e3;
    assert!((mass / cells.total_hi_msun() - 1.0).abs() < 1e-6);
    let peak: f64 = (0..32).map(|c| got.cube.flux_jy[[c, 8, 8]]).sum();
    assert!(peak / spectrum.iter().sum::<f64>() > 0.9);
}

/// A lattice of cells of `spacing` pixels that fills `pixels` and a margin, `layers` deep.
fn lattice(placement: &Placement, cell_rad: f64, spacing: f64, pixels: usize, layers: usize) -> (GasCells, f64) {
    let step = spacing * placement.pixel_kpc(cell_rad);
    let half = ((0.5 * pixels as f64 + 8.0) / spacing).ceil() as i64;
    let mut cells = empty(placement.cosmological_redshift);
    for k in 0..layers {
        let z = (k as f64 - 0.5 * (layers as f64 - 1.0)) * step;
        for j in -half..=half {
            for i in -half..=half {
                // off the pixel centres
                let at = [(i as f64 + 0.31) * step, (j as f64 + 0.17) * step, z];
                push(&mut cells, at, [0.0; 3], 1e4, step.powi(3), 2.0);
            }
        }
    }
    (cells, step)
}

/// T_b = C h H0/(a^2 H) rho/rho_c, mK, of a physical density.
fn formula_mk(placement: &Placement, coefficient: f64, physical_msun_kpc3: f64) -> f64 {
    let z = 1.0 + placement.cosmological_redshift;
    let overdensity = physical_msun_kpc3 / z.powi(3) / critical_density_msun_kpc3(placement.h);
    coefficient * placement.h * 100.0 * placement.h * z * z / placement.hubble_km_s_mpc * overdensity
}

#[test]
fn a_uniform_box_gives_the_formula_for_any_map_width() {
    // Cells reach beyond the map, so no pixel of it feels the edge of the box. A lattice of 1/k
    // pixels gives every pixel the same mass; of k pixels, every k x k pixels.
    let placements =
        [Placement::new(0.0, 0.0, 300.0, 0.7, 70.0).unwrap(), Placement::new(1.0, 0.0, 6600.0, 0.6774, 120.7).unwrap()];
    for placement in placements {
        for (cell_asec, pixels) in [(1.0, 8), (1.0, 32), (7.0, 16), (30.0, 16)] {
            for (spacing, factor, uniform) in
                [(0.5, 2.5, true), (1.0, 2.5, true), (1.0, 5.0, true), (2.0, 2.5, false), (4.0, 2.5, false)]
            {
                let cell_rad = cell_asec * ARCSEC_RAD;
                let (cells, step) = lattice(&placement, cell_rad, spacing, pixels, 3);
                let mut request =
                    CubeRequest::new(placement, centre(), pixels, pixels, cell_rad, Band::Auto { channels: 1 });
                request.kernel_factor = factor;
                request.hubble_flow = false;
                request.tb_depth_ckpc = 3.0 * step * (1.0 + placement.cosmological_redshift);
                let got = build(&cells, &request);
                let expected = formula_mk(&placement, tb_coefficient_mk(), 1e4 / step.powi(3));
                let mean = got.tb_map_mk.mean().unwrap();
                assert!((mean / expected - 1.0).abs() < 1e-6, "{cell_asec} {pixels} {spacing}: {mean} {expected}");
                if uniform {
                    assert!(got.tb_map_mk.iter().all(|t| (t / expected - 1.0).abs() < 1e-6));
                }
                request.tb_coefficient_mk = Some(189.0);
                let published = build(&cells, &request);
                assert_eq!(published.tb_scale.coefficient_mk, 189.0);
                let ratio = published.tb_map_mk.mean().unwrap() / mean;
                assert!((ratio - 189.0 / tb_coefficient_mk()).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn a_uniform_box_gives_the_formula_on_a_wide_field_too() {
    // corner pixels have n = 1 - 1e-4: a pixel area without the 1/n would miss by that
    let placement = Placement::new(0.0, 0.0, 1.0, 0.7, 70.0).unwrap();
    let cell_rad = 0.02 / 32.0;
    // a quarter of a pixel: the stretched lattice's own ripple is then 7e-7 (1.2e-6 at half a pixel)
    let (cells, step) = lattice(&placement, cell_rad, 0.25, 32, 1);
    let mut request = CubeRequest::new(placement, centre(), 32, 32, cell_rad, Band::Auto { channels: 1 });
    request.tb_depth_ckpc = step;
    let got = build(&cells, &request);
    let expected = formula_mk(&placement, tb_coefficient_mk(), 1e4 / step.powi(3));
    for t in &got.tb_map_mk {
        assert!((t / expected - 1.0).abs() < 1e-6, "{}", t / expected - 1.0);
    }
}

#[test]
fn pure_hubble_flow_makes_the_map_equal_the_kinematic_cube() {
    // (a) = (b) / (1 + z) for gas whose only velocity is the Hubble flow; H and D_L are Planck-like
    for (z, hubble, d_l) in [(0.0, 67.74, 20.0), (0.5, 89.6, 2930.0), (2.0, 204.0, 16100.0)] {
        let placement = Placement::new(z, 0.0, d_l, 0.6774, hubble).unwrap();
        let cell_rad = 5.0 / (placement.angular_diameter_distance_mpc() * 1e3);
        let (mut cells, step) = lattice(&placement, cell_rad, 1.0, 6, 161);
        // lines twice as wide as the spacing in velocity fill it evenly (ripple exp(-8 pi^2))
        let spacing_km_s = hubble * step * 1e-3;
        cells.sigma_km_s.iter_mut().for_each(|sigma| *sigma = 2.0 * spacing_km_s);
        let width_hz = 40.0 * spacing_km_s / C_KM_S * placement.line_freq_hz();
        let band = Band::Given { first_hz: placement.line_freq_hz() - width_hz, channels: 3, width_hz };
        let mut request = CubeRequest::new(placement, centre(), 6, 6, cell_rad, band);
        request.tb_depth_ckpc = 161.0 * step * (1.0 + z);
        let got = build(&cells, &request);
        let formula = formula_mk(&placement, tb_coefficient_mk(), 1e4 / step.powi(3));
        let rest = got.kinematic_cube_k(TbFrame::Rest);
        let observed = got.kinematic_cube_k(TbFrame::Observed);
        for y in 0..6 {
            for x in 0..6 {
                let (a, b) = (got.tb_map_mk[[y, x]], 1e3 * rest[[1, y, x]] / (1.0 + z));
                assert!((a / formula - 1.0).abs() < 1e-6, "z {z}: {a} {formula}");
                assert!((b / a - 1.0).abs() < 1e-6, "z {z}: (a) {a} (b)/(1+z) {b}");
                assert!((1e3 * observed[[1, y, x]] / b - 1.0).abs() < 1e-12);
                // (c) from (b): S = 2 k T_obs nu^2 Omega / c^2 at the line's frequency
                let omega = got.cube.solid_angle_sr(y, x).unwrap();
                let jy = flux_jy_from_temperature(observed[[1, y, x]], placement.line_freq_hz(), omega);
                assert!((jy / got.cube.flux_jy[[1, y, x]] - 1.0).abs() < 1e-9);
            }
        }
        // without the flow all gas stands in the middle channel
        request.hubble_flow = false;
        let still = build(&cells, &request);
        assert!(still.cube.flux_jy.index_axis(ndarray::Axis(0), 0).sum() < 1e-9 * still.cube.flux_jy.sum());
    }
}

/// Flux-weighted mean pixel of each channel half: [x, y] of receding and of approaching gas.
fn sides(got: &HiProducts) -> [[f64; 2]; 2] {
    let mut sums = [[0.0; 3]; 2];
    for ((c, y, x), s) in got.cube.flux_jy.indexed_iter() {
        // frequencies rise: the lower half recedes
        let side = usize::from(got.cube.freq_hz[c] > got.placement.line_freq_hz());
        for (sum, weight) in sums[side].iter_mut().zip([x as f64, y as f64, 1.0]) {
            *sum += s * weight;
        }
    }
    sums.map(|[x, y, s]| [x / s, y / s])
}

#[test]
fn the_picture_is_not_mirrored_and_the_receding_side_is_right() {
    // Two bodies, one at +x (2 parts), one at +y (1 part), that turn about +x: away = x cross y = z,
    // so the body at +y recedes. Seen along z with x east and y north it stands above the centre
    // (north), and the heavy one left of it (east).
    let mut cells = empty(0.0047);
    push(&mut cells, [12.0, 0.0, 0.0], [0.0, 0.0, 0.0], 2e8, 0.02, 6.0);
    push(&mut cells, [0.0, 12.0, 0.0], [0.0, 0.0, 100.0], 1e8, 0.02, 6.0);
    // the mean velocity, 33 km/s, is removed: the heavy body approaches at 33, the other recedes at 67
    let mut request = request(24);
    let got = build(&cells, &request);
    let kpc = got.placement.pixel_kpc(got.cube.cell_rad);
    let away = 12.0 / kpc;
    let total = &got.column_map_cm2;
    let brightest = total.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    assert!((brightest.1 as f64 - (64.0 - away)).abs() <= 1.0, "east is left: {brightest:?}");
    assert!((brightest.0 as f64 - 64.0).abs() <= 1.0);
    let [receding, approaching] = sides(&got);
    let near = |got: [f64; 2], x: f64, y: f64| (got[0] - x).abs() < 0.1 && (got[1] - y).abs() < 0.1;
    assert!(near(receding, 64.0, 64.0 + away), "{receding:?}");
    assert!(near(approaching, 64.0 - away, 64.0), "{approaching:?}");

    // the other axes of the box, cyclic: along x the body at +y is east, along y the one at +x north
    request.orientation = Orientation::Box(BoxAxis::X);
    let map = build(&cells, &request).column_map_cm2;
    assert!(map[[64, (64.0 - away).round() as usize]] > 1e-3 * map.iter().cloned().fold(0.0, f64::max));
    request.orientation = Orientation::Box(BoxAxis::Y);
    let map = build(&cells, &request).column_map_cm2;
    assert!(map[[(64.0 + away).round() as usize, 64]] > 1e-3 * map.iter().cloned().fold(0.0, f64::max));
}

#[test]
fn a_spiral_turns_the_way_it_was_made() {
    // A trailing arm: its outer end lies behind in the sense of rotation. About `spin`, arm azimuth
    // falls with radius. Face-on with the spin to the observer the disc turns counterclockwise on
    // the sky (north through east), so along the arm the position angle falls with radius.
    let spin = unit([0.4, -0.7, 0.2]);
    let first = unit(cross(spin, [0.0, 0.0, 1.0]));
    let second = cross(spin, first);
    let mut cells = empty(0.0047);
    for k in 0..400 {
        let radius = 3.0 + 12.0 * f64::from(k) / 400.0;
        let azimuth = 2.0 - 0.15 * radius;
        for turn in [0.0, std::f64::consts::PI] {
            let (s, c) = (azimuth + turn).sin_cos();
            let outward = [0, 1, 2].map(|i| c * first[i] + s * second[i]);
            // one arm is heavier, so that a half turn is told apart
            let mass = if turn == 0.0 { 3e5 } else { 1e5 };
            let velocity = cross(spin, outward).map(|v| 150.0 * v);
            push(&mut cells, outward.map(|v| v * radius), velocity, mass, 0.02, 6.0);
        }
    }
    for (inclination_deg, sense) in [(0.0, -1.0), (180.0, 1.0)] {
        let mut request = request(8);
        request.orientation =
            Orientation::Disc { inclination_deg, position_angle_deg: 0.0, azimuth_deg: 0.0, spin_within_kpc: None };
        let got = build(&cells, &request);
        let kpc = got.placement.pixel_kpc(got.cube.cell_rad);
        // position angle of the heavy arm in two rings
        let angle = |inner: f64, outer: f64| {
            let (mut east, mut north) = (0.0, 0.0);
            for ((y, x), n) in got.column_map_cm2.indexed_iter() {
                let (e, m) = (64.0 - x as f64, y as f64 - 64.0);
                let radius = e.hypot(m) * kpc;
                if (inner..outer).contains(&radius) {
                    east += n * e / radius;
                    north += n * m / radius;
                }
            }
            f64::atan2(east, north)
        };
        let turned = angle(12.0, 14.0) - angle(5.0, 7.0);
        let turned = (turned + 3.0 * std::f64::consts::PI) % std::f64::consts::TAU - std::f64::consts::PI;
        assert!((turned - sense * 0.15 * 7.0).abs() < 0.15, "{inclination_deg}: {turned}");
    }
}

#[test]
fn moments_of_a_rotating_disc() {
    let cells = disc([0.3, -0.5, 0.8], 60_000);
    for (i, pa) in [(60.0, 30.0), (40.0, 250.0), (120.0, 30.0)] {
        let mut request = request(40);
        request.orientation = Orientation::Disc {
            inclination_deg: i,
            position_angle_deg: pa,
            azimuth_deg: 50.0,
            spin_within_kpc: Some(20.0),
        };
        let got = build(&cells, &request);
        let maps = moments(&got.cube, got.placement.line_freq_hz(), 1e-3);
        assert!(maps.moment1_km_s.iter().all(|v| v.is_finite()));
        let kpc = got.placement.pixel_kpc(got.cube.cell_rad);
        let mean_at = |radius: f64, angle_deg: f64| {
            let (s, c) = (angle_deg * DEG_RAD).sin_cos();
            let (x, y) = (64.0 - radius * s / kpc, 64.0 + radius * c / kpc);
            let (mut sum, mut weight) = (0.0, 0.0);
            for dy in -1i64..=1 {
                for dx in -1i64..=1 {
                    let at = [(y.round() as i64 + dy) as usize, (x.round() as i64 + dx) as usize];
                    if maps.valid[at] {
                        sum += maps.moment0_jy_hz[at] * maps.moment1_km_s[at];
                        weight += maps.moment0_jy_hz[at];
                    }
                }
            }
            sum / weight
        };
        let top = 150.0 * (i * DEG_RAD).sin();
        for radius in [7.0, 10.0] {
            assert!((mean_at(radius, pa) - top).abs() < 0.04 * top, "{i} {pa}: {} {top}", mean_at(radius, pa));
            assert!((mean_at(radius, pa + 180.0) + top).abs() < 0.04 * top);
        }
        let across = 7.0 * (i * DEG_RAD).cos().abs();
        assert!(mean_at(across, pa + 90.0).abs() < 0.15 * top);
        let spectrum = integrated_spectrum_jy(&got.cube);
        let mean: f64 =
            spectrum.iter().zip(&got.cube.freq_hz).map(|(s, f)| s * f).sum::<f64>() / spectrum.iter().sum::<f64>();
        // the mean velocity was removed: 500, -200, 900 km/s leave no trace
        assert!(got.placement.velocity_km_s(mean).abs() < 0.5, "{}", got.placement.velocity_km_s(mean));
        assert!(got.systemic_removed_km_s.abs() > 1.0);
    }
}

#[test]
fn systemic_velocity_and_peculiar_velocity_move_the_line() {
    let mut cells = empty(0.0047);
    push(&mut cells, [0.0; 3], [0.0, 0.0, 300.0], 1e9, 1.0, 8.0);
    let mut request = request(16);
    request.systemic = Systemic::Keep;
    let middle = |got: &HiProducts| 0.5 * (got.cube.freq_hz[0] + got.cube.freq_hz[15]);
    let kept = build(&cells, &request);
    let expected = NU0_HZ / 1.0047 / doppler_ratio(300.0);
    assert!((middle(&kept) - expected).abs() < 100.0, "{}", middle(&kept) - expected);
    request.systemic = Systemic::Zero;
    request.placement = Placement::new(0.0047, 300.0, 20.0, 0.6774, 67.9).unwrap();
    let moved = build(&cells, &request);
    assert!((middle(&moved) - expected).abs() < 100.0);
    assert!((moved.hi_mass_from_flux_msun() / 1e9 - 1.0).abs() < 2e-4);
}

#[test]
fn an_object_off_the_phase_centre_stands_where_its_direction_is() {
    let mut cells = empty(0.0047);
    push(&mut cells, [0.0; 3], [0.0; 3], 1e9, 1e-3, 8.0);
    let mut request = request(4);
    request.object =
        RaDec { ra_rad: centre().ra_rad + 80.0 * ARCSEC_RAD, dec_rad: centre().dec_rad + 100.0 * ARCSEC_RAD };
    let got = build(&cells, &request);
    let (mut x, mut y) = (0.0, 0.0);
    for ((j, i), n) in got.column_map_cm2.indexed_iter() {
        x += i as f64 * n / got.column_map_cm2.sum();
        y += j as f64 * n / got.column_map_cm2.sum();
    }
    let [l, m, _] = request.object.lmn(request.centre);
    assert!((x - (64.0 - l / request.cell_rad)).abs() < 1e-6 && (y - (64.0 + m / request.cell_rad)).abs() < 1e-6);
    assert!(x < 64.0 && y > 64.0);
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let cells = disc([0.3, -0.5, 0.8], 12_000);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| build(&cells, &request(24)))
    };
    let (one, two) = (with(1), with(2));
    assert_eq!(one.cube.flux_jy, two.cube.flux_jy);
    assert_eq!(one.cube.freq_hz, two.cube.freq_hz);
    assert_eq!(one.tb_map_mk, two.tb_map_mk);
    assert_eq!(one.mass_outside_field_fraction.to_bits(), two.mass_outside_field_fraction.to_bits());
}

#[test]
fn bad_input_is_named() {
    let good = disc([0.0, 0.0, 1.0], 200);
    let error =
        |cells: &GasCells, request: &CubeRequest| build_cube(cells, request, &Watch::silent()).unwrap_err().to_string();

    let mut dry = good.clone();
    dry.hi_mass_msun.iter_mut().for_each(|m| *m = 0.0);
    assert!(error(&dry, &request(8)).contains("no HI"));
    assert!(error(&empty(0.0), &request(8)).contains("no HI"));

    let mut nan = good.clone();
    nan.position_kpc[17][1] = f64::NAN;
    let text = error(&nan, &request(8));
    assert!(text.contains("position") && text.contains("gas cell 17"), "{text}");
    let mut uneven = good.clone();
    uneven.sigma_km_s.pop();
    assert!(error(&uneven, &request(8)).contains("unequal lengths"));

    let mut away = request(8);
    away.object = RaDec::from_deg(152.0, -35.0);
    let text = error(&good, &away);
    assert!(text.contains("outside the field") && text.contains("pixel"), "{text}");
    away.object = RaDec::from_deg(330.0, 35.0);
    assert!(error(&good, &away).contains("hemisphere"));

    let mut missed = request(8);
    missed.band = Band::Given { first_hz: 1.30e9, channels: 8, width_hz: 1e5 };
    let text = error(&good, &missed);
    assert!(text.contains("misses the line") && text.contains("1413."), "{text}");

    let mut negative = request(8);
    negative.cell_rad = -1.0;
    assert!(error(&good, &negative).contains("pixel size"));
    let mut pixels = request(8);
    pixels.nx = 0;
    assert!(error(&good, &pixels).contains("no pixel"));

    // another epoch is told
    let mut early = good.clone();
    early.scale_factor = 0.5;
    let notes = build(&early, &request(8)).notes;
    assert!(notes.iter().any(|note| note.contains("z = 1.0000")), "{notes:?}");
}

#[test]
fn masses_come_back_from_every_product_at_any_redshift() {
    let cells = disc([0.3, -0.5, 0.8], 5_000);
    let total = cells.total_hi_msun();
    // Planck-like H and D_L
    for (z, hubble, d_l) in [(0.01, 68.1, 44.6), (0.5, 89.6, 2930.0), (2.0, 204.0, 16100.0)] {
        let placement = Placement::new(z, 0.0, d_l, 0.6774, hubble).unwrap();
        let cell_rad = 0.5 / (placement.angular_diameter_distance_mpc() * 1e3);
        for band in [
            Band::Centred { channels: 48, width_hz: 60e3 / (1.0 + z) },
            Band::Optical { channels: 48, width_km_s: Some(13.0 * (1.0 + z)), centre_km_s: None, rest_hz: NU0_HZ },
        ] {
            let request = CubeRequest::new(placement, centre(), 128, 128, cell_rad, band);
            let got = build(&cells, &request);
            assert!((got.cube_hi_msun / total - 1.0).abs() < 1e-6, "deposit: {}", got.cube_hi_msun / total);
            assert!((got.hi_mass_from_flux_msun() / total - 1.0).abs() < 1e-6);
            assert!((got.tb_scale.hi_mass_msun(&got.tb_map_mk, &got.pixel_kpc2) / total - 1.0).abs() < 1e-6);
            // N = 1.82e18 sum T dv with each channel's rest-frame width, times the area of its pixel
            let kelvin = got.kinematic_cube_k(TbFrame::Rest);
            let mut mass = 0.0;
            for (plane, width) in kelvin.outer_iter().zip(got.channels.widths_hz()) {
                let dv = C_KM_S * width * (1.0 + z) / NU0_HZ;
                let column: f64 = plane.iter().zip(&got.pixel_kpc2).map(|(t, area)| t * area).sum();
                mass += column * dv * column_per_k_km_s() / column_cm2_per_msun_kpc2();
            }
            assert!((mass / total - 1.0).abs() < 1e-6, "z = {z}: {}", mass / total);
            let column: f64 = got.column_map_cm2.iter().zip(&got.pixel_kpc2).map(|(n, area)| n * area).sum();
            assert!((column / column_cm2_per_msun_kpc2() / total - 1.0).abs() < 1e-6);
            // T_b scales as column over depth
            let deep = build(&cells, &CubeRequest { tb_depth_ckpc: 700.0, ..request });
            let ratio = got.tb_scale.depth_ckpc / 700.0;
            assert!(deep.tb_map_mk.iter().zip(&got.tb_map_mk).all(|(d, t)| (d - ratio * t).abs() <= 1e-12 * t));
        }
    }
}

#[test]
fn unequal_channels_hold_the_line_as_it_is() {
    // one line of 2000 km/s, so wide that optical channels differ in width by 10 % over it
    let mut cells = empty(0.3);
    push(&mut cells, [0.0; 3], [0.0; 3], 1e9, 1.0, 2000.0);
    let placement = Placement::new(0.3, 0.0, 1600.0, 0.7, 80.0).unwrap();
    let band = Band::Optical { channels: 200, width_km_s: Some(100.0), centre_km_s: None, rest_hz: NU0_HZ };
    let got = build(&cells, &CubeRequest::new(placement, centre(), 16, 16, 1e-5, band));
    let widths = got.channels.widths_hz();
    assert!(widths[199] / widths[0] > 1.09, "{}", widths[199] / widths[0]);
    let spectrum = integrated_spectrum_jy(&got.cube);
    for c in 20..180 {
        // S = M pdf(v) |dv/dnu| / (49.7 D_L^2), by differences of the Doppler shift
        let nu = got.cube.freq_hz[c];
        let v = placement.velocity_km_s(nu);
        let per_hz = (placement.velocity_km_s(nu - 1e3) - placement.velocity_km_s(nu + 1e3)) / 2e3;
        let pdf = (-0.5 * (v / 2000.0f64).powi(2)).exp() / (2000.0 * std::f64::consts::TAU.sqrt());
        let expected = 1e9 * pdf * per_hz / (mass_per_mpc2_jy_hz() * 1600.0f64.powi(2));
        assert!((spectrum[c] / expected - 1.0).abs() < 2e-3, "{c}: {} {expected}", spectrum[c]);
    }
}

#[test]
fn doppler_shifts_are_relativistic_with_their_transverse_part() {
    let placement = nearby();
    let beta = |v: f64| v / C_KM_S;
    for velocity in [[0.0, 0.0, 30_000.0], [40_000.0, -20_000.0, 0.0], [10_000.0, 5_000.0, -60_000.0]] {
        let mut cells = empty(0.0047);
        push(&mut cells, [0.0; 3], velocity, 1e9, 1.0, 1.0);
        let mut request = request(3);
        request.systemic = Systemic::Keep;
        let got = build(&cells, &request);
        let gamma = 1.0 / (1.0 - velocity.iter().map(|v| beta(*v).powi(2)).sum::<f64>()).sqrt();
        // (1 + z) = (1 + z_object) gamma (1 + v_r/c)
        let expected = NU0_HZ / ((1.0 + placement.redshift) * gamma * (1.0 + beta(velocity[2])));
        assert!((got.cube.freq_hz[1] - expected).abs() < 20.0, "{velocity:?}: {}", got.cube.freq_hz[1] - expected);
        // about the object's own mean nothing is left of it
        request.systemic = Systemic::Zero;
        let still = build(&cells, &request);
        assert!((still.cube.freq_hz[1] - placement.line_freq_hz()).abs() < 20.0);
    }
    let mut fast = empty(0.0047);
    push(&mut fast, [0.0; 3], [250_000.0, 200_000.0, 0.0], 1e9, 1.0, 1.0);
    let mut kept = request(3);
    kept.systemic = Systemic::Keep;
    let error = build_cube(&fast, &kept, &Watch::silent()).unwrap_err().to_string();
    assert!(error.contains("faster than light") && error.contains("km/s"), "{error}");
}

#[test]
fn a_line_between_two_frames_moves_and_keeps_its_mass() {
    let cells = disc([0.3, -0.5, 0.8], 3_000);
    let own = build(&cells, &request(16));
    let mut moved = request(16);
    moved.placement.frame_ratio = 1.0 + 1e-4;
    let got = build(&cells, &moved);
    for (a, b) in got.cube.freq_hz.iter().zip(&own.cube.freq_hz) {
        assert!((a / b - (1.0 + 1e-4)).abs() < 1e-8);
    }
    assert!((got.hi_mass_from_flux_msun() / own.hi_mass_from_flux_msun() - 1.0).abs() < 1e-6);
    assert!((&got.column_map_cm2 - &own.column_map_cm2).iter().all(|d| *d == 0.0));
}

/// A thin ring of 15 kpc about `spin` turning with 150 km/s.
fn ring(spin: [f64; 3], count: usize, sigma: f64) -> GasCells {
    let mut cells = empty(0.0047);
    let spin = unit(spin);
    let first = unit(cross(spin, [0.1, 0.9, 0.3]));
    let second = cross(spin, first);
    for k in 0..count {
        let (s, c) = (std::f64::consts::TAU * (k as f64 + 0.5) / count as f64).sin_cos();
        let outward = [0, 1, 2].map(|k| c * first[k] + s * second[k]);
        push(&mut cells, outward.map(|x| 15.0 * x), cross(spin, outward).map(|v| 150.0 * v), 1e4, 0.02, sigma);
    }
    cells
}

#[test]
fn a_rotating_ring_gives_the_double_horned_profile() {
    for inclination in [90.0f64, 60.0, 35.0] {
        let top = 150.0 * inclination.to_radians().sin();
        let request = |sigma: f64| {
            let cells = ring([0.4, -0.7, 0.2], 100_000, sigma);
            let mut request = request(0);
            request.hubble_flow = false;
            request.orientation = Orientation::Disc {
                inclination_deg: inclination,
                position_angle_deg: 30.0,
                azimuth_deg: 0.0,
                spin_within_kpc: None,
            };
            let width_hz = 2.0 / C_KM_S * request.placement.line_freq_hz();
            let first_hz = request.placement.line_freq_hz() - 99.5 * width_hz;
            request.band = Band::Given { first_hz, channels: 200, width_hz };
            build(&cells, &request)
        };
        // without a line width: the share below v is asin(v/top)/pi + 1/2
        let got = request(0.0);
        let spectrum = integrated_spectrum_jy(&got.cube);
        let total: f64 = spectrum.iter().sum();
        let below = |v: f64| (v / top).clamp(-1.0, 1.0).asin() / std::f64::consts::PI;
        let edges = got.channels.edges_km_s(&got.placement);
        for c in 0..200 {
            let expected = below(edges[c]) - below(edges[c + 1]);
            let share = spectrum[c] / total;
            // the transverse Doppler shift moves the horns by 0.04 km/s and less, where the profile is steepest
            let horn =
                edges[c] > top - 4.0 && edges[c + 1] < top + 2.0 || edges[c + 1] < 4.0 - top && edges[c] > -2.0 - top;
            let allowed = if horn { 1e-2 } else { 1e-4 };
            assert!((share - expected).abs() < allowed, "{inclination} {c}: {share} {expected}");
        }
        let velocities = got.velocities_km_s();
        for level in [0.2, 0.5] {
            let width = line_width_km_s(&velocities, &spectrum, level).unwrap();
            assert!((width - 2.0 * top).abs() < 2.0, "{inclination} W{level}: {width} {}", 2.0 * top);
        }
        // with one: the ring's profile by a sum over the ring
        let got = request(8.0);
        let spectrum = integrated_spectrum_jy(&got.cube);
        let exact = |v: f64| {
            let line = |k: i32| {
                let u = top * (std::f64::consts::PI * (f64::from(k) + 0.5) / 4000.0).cos();
                (-0.5 * ((v - u) / 8.0).powi(2)).exp()
            };
            (0..4000).map(line).sum::<f64>()
        };
        let peak = (0..4000).map(|k| exact(f64::from(k) * 0.05)).fold(0.0, f64::max);
        for level in [0.2, 0.5] {
            let (mut low, mut high) = (top, top + 60.0);
            for _ in 0..40 {
                let middle = 0.5 * (low + high);
                if exact(middle) > level * peak { low = middle } else { high = middle }
            }
            let width = line_width_km_s(&got.velocities_km_s(), &spectrum, level).unwrap();
            assert!((width / (2.0 * low) - 1.0).abs() < 2e-3, "{inclination} W{level}: {width} {}", 2.0 * low);
        }
    }
}

#[test]
fn a_gaussian_line_has_its_w20_and_w50() {
    let mut cells = empty(0.0047);
    push(&mut cells, [0.0; 3], [0.0; 3], 1e9, 1.0, 20.0);
    let got = build(&cells, &request(100));
    let spectrum = integrated_spectrum_jy(&got.cube);
    for level in [0.2f64, 0.5] {
        let width = line_width_km_s(&got.velocities_km_s(), &spectrum, level).unwrap();
        let expected = 2.0 * 20.0 * (2.0 * (1.0 / level).ln()).sqrt();
        assert!((width / expected - 1.0).abs() < 1e-3, "{level}: {width} {expected}");
    }
}

#[test]
fn the_line_width_is_never_that_of_the_equation_of_state() {
    let galaxy = make_galaxy(&GalaxyParams { n_cells: 3000, ..GalaxyParams::random(5) }).unwrap();
    let mut hot = galaxy.clone();
    let forming: Vec<bool> = galaxy.gas.star_formation_rate.iter().map(|s| *s > 0.0).collect();
    assert!(forming.iter().filter(|f| **f).count() > 100);
    for (energy, _) in hot.gas.internal_energy.iter_mut().zip(&forming).filter(|(_, forming)| **forming) {
        *energy *= 1e3;
    }
    let model = HiModel { star_forming_correction: false, ..HiModel::default() };
    let sigma = |snapshot| from_snapshot(snapshot, Some([0.0; 3]), &model).unwrap().cells.sigma_km_s;
    assert_eq!(sigma(&galaxy), sigma(&hot));
    // and nowhere above that of 1e4 K: 9.08 km/s with 5 km/s of turbulence
    assert!(sigma(&hot).iter().all(|s| *s < 10.37));
}

#[test]
fn the_reference_pixel_may_stand_anywhere() {
    let mut cells = empty(0.0047);
    push(&mut cells, [0.0; 3], [0.0; 3], 1e9, 1e-3, 8.0);
    let mut request = request(4);
    request.reference_pixel = Some([20.25, 90.5]);
    let got = build(&cells, &request);
    let map = &got.column_map_cm2;
    let (mut x, mut y) = (0.0, 0.0);
    for ((j, i), n) in map.indexed_iter() {
        x += i as f64 * n / map.sum();
        y += j as f64 * n / map.sum();
    }
    assert!((x - 20.25).abs() < 1e-6 && (y - 90.5).abs() < 1e-6, "{x} {y}");
}

#[test]
fn gas_absorbs_its_own_light_as_its_spin_temperature_has_it() {
    let mut cells = disc([0.3, -0.5, 0.8], 4_000);
    let mut request = request(24);
    request.orientation = Orientation::edge_on(30.0);
    let thin = build(&cells, &request);
    request.optical_depth = OpticalDepth::SelfAbsorbed;
    let with = |cells: &mut GasCells, kelvin: f64| {
        cells.spin_temperature_k = vec![kelvin; cells.len()];
        build(cells, &request)
    };
    // hot gas is thin
    let hot = with(&mut cells, 1e13);
    let peak = thin.cube.flux_jy.iter().fold(0.0f64, |a, b| a.max(*b));
    let worst = (&hot.cube.flux_jy - &thin.cube.flux_jy).iter().fold(0.0f64, |a, b| a.max(b.abs()));
    assert!(worst < 1e-6 * peak && hot.absorbed_fraction < 1e-6, "{worst} {peak}");
    assert_eq!(thin.absorbed_fraction, 0.0);
    // cold gas is fainter, nowhere brighter than its spin temperature, and its mass and columns are known all the same
    let mut last = 0.0;
    for kelvin in [1000.0, 100.0, 10.0] {
        let got = with(&mut cells, kelvin);
        let brightest = got.kinematic_cube_k(TbFrame::Rest).iter().fold(0.0f64, |a, b| a.max(*b));
        assert!(brightest <= kelvin * (1.0 + 1e-9), "{kelvin}: {brightest}");
        assert!(got.absorbed_fraction > last, "{kelvin}: {}", got.absorbed_fraction);
        last = got.absorbed_fraction;
        assert!((got.hi_mass_from_flux_msun() / got.cube_hi_msun - 1.0 + got.absorbed_fraction).abs() < 1e-9);
        assert_eq!((got.cube_hi_msun, got.total_hi_msun), (thin.cube_hi_msun, thin.total_hi_msun));
        assert!((&got.column_map_cm2 - &thin.column_map_cm2).iter().all(|d| *d == 0.0));
    }
    assert!(last > 0.3, "{last}");
    cells.spin_temperature_k.clear();
    let error = build_cube(&cells, &request, &Watch::silent()).unwrap_err().to_string();
    assert!(error.contains("spin temperature"), "{error}");
}

#[test]
fn the_nearer_cloud_absorbs_the_farther_one() {
    // two clouds on one line of sight at one velocity, the cold one in front or behind
    let build_with = |cold_at: f64| {
        let mut cells = empty(0.0047);
        push(&mut cells, [0.0, 0.0, cold_at], [0.0; 3], 3e8, 8.0, 6.0);
        push(&mut cells, [0.0, 0.0, -cold_at], [0.0; 3], 3e8, 8.0, 6.0);
        cells.spin_temperature_k = vec![50.0, 5000.0];
        let mut request = request(8);
        request.hubble_flow = false;
        request.optical_depth = OpticalDepth::SelfAbsorbed;
        build(&cells, &request).absorbed_fraction
    };
    // z points away: in front is negative
    let (in_front, behind) = (build_with(-5.0), build_with(5.0));
    assert!(in_front > behind + 0.1, "{in_front} {behind}");
}
