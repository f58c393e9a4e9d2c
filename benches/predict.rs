//! Benchmarks of the direct sum, the cases of `bench predict` in small: `cargo bench --bench predict`.

use criterion::{Criterion, criterion_group, criterion_main};
use skyfringe::error::{Result, Watch};
use skyfringe::formats::visibilities::Polarisations;
use skyfringe::math::random::Stream;
use skyfringe::sky::components::Component;
use skyfringe::telescope::Telescope;
use skyfringe::telescope::array::{ApertureArrays, DipoleLength, Element, Pattern, Taper};
use skyfringe::telescope::beam::{BeamChoice, StationBeams};
use skyfringe::time::{EarthOrientation, Frame};
use skyfringe::units::RaDec;
use skyfringe::visibilities::{
    Cell, DirectOptions, DirectSky, EARTH_RATE, Smearing, Summing, Track, new_table, predict_direct,
};
use std::sync::Arc;

fn direct(c: &mut Criterion) {
    let Ok(telescope) = Telescope::preset("ska-low-aa2") else { return };
    let phase_centre = RaDec::from_deg(329.0, -30.0);
    let track = Track {
        phase_centre,
        earth: EarthOrientation::new(Frame::Oskar),
        start_mjd_utc: 60_512.75,
        step_s: 60.0,
        steps: 1,
        pointing: Default::default(),
        correlations: Default::default(),
    };
    let mut random = Stream::new(1, [0, 0, 3]);
    let mut part = || random.uniform() - 0.5;
    let mut source = || {
        let direction = RaDec::from_lm(0.06 * part(), 0.06 * part(), phase_centre);
        Component::point(direction, [1.0 + part(), part(), part(), part()])
    };
    let list: Vec<Component> = (0..500).map(|_| source()).collect();
    let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
    let mut place = || [38.0 * part(), 38.0 * part(), 0.0];
    let stations = telescope.stations.len();
    let places: Vec<Vec<[f64; 3]>> = (0..stations).map(|_| (0..256).map(|_| place()).collect()).collect();
    let pattern = Pattern::Dipole(DipoleLength::Wavelengths(0.5));
    let element = Element { pattern, taper: Taper::None, feed_angle_rad: [0.0; 2] };
    let arrays = ApertureArrays::from_places(&places, (0..stations).collect(), &element, true);
    let (none, dipoles) = (StationBeams::new(&telescope, BeamChoice::None), StationBeams::of_arrays(Arc::new(arrays)));

    let cell = Cell { time_s: 60.0, bandwidth_hz: 500e3, rate_rad_s: EARTH_RATE };
    let (plain, sinc) = (Smearing::None, Smearing::Sinc(cell));
    let average = Smearing::Average { cell, epsilon: 1e-4 };
    let (scalar, full) = (Polarisations::I, Polarisations::Linear);
    let (double, single) = (Summing::Float64, Summing::Float32);
    let mut group = c.benchmark_group("68 stations, 500 points");
    for (name, polarisations, summing, smearing, beams, channels) in [
        ("I f64", scalar, double, plain, &none, 1),
        ("I f32", scalar, single, plain, &none, 1),
        ("full f64", full, double, plain, &none, 1),
        ("full f32", full, single, plain, &none, 1),
        ("I f64 sinc", scalar, double, sinc, &none, 1),
        ("I f64 average", scalar, double, average, &none, 1),
        ("full f64 sinc", full, double, sinc, &none, 1),
        ("full f64, 256 dipoles", full, double, plain, &dipoles, 1),
        ("full f64, 256 dipoles, 16 channels", full, double, plain, &dipoles, 16),
    ] {
        let freq_hz: Vec<f64> = (0..channels).map(|k| 150e6 + 10e3 * f64::from(k)).collect();
        let Ok((mut table, instants, _)) = new_table(&telescope, &track, &freq_hz, 1.0, polarisations, -1.6) else {
            return;
        };
        let options = DirectOptions { summing, smearing };
        let mut predict = || -> Result<()> {
            predict_direct(&mut table, sky, Some((&instants, beams)), None, options, &Watch::silent())?;
            Ok(())
        };
        group.bench_function(name, |b| b.iter(&mut predict));
    }
    group.finish();
}

criterion_group!(benches, direct);
criterion_main!(benches);
