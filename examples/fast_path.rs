//! Cost of a galaxy by the image-domain fast path and by the visibility route: the measurement of docs/fast-path.md.
//!
//! `cargo run --release --example fast_path -- [cell arcsec] [weight] [channels of the visibility route] [channels]`:
//! SKA-Mid AA4, 4 h in 60 s steps, 256 x 256 pixels; CPU seconds of the process. The visibility route is timed on a
//! few channels and scaled, its cost is the same in each.

use ndarray::{Array3, Axis, s};
use skyfringe::error::{Result, Watch};
use skyfringe::formats::visibilities::Polarisations;
use skyfringe::gridding::ImageGeometry;
use skyfringe::imaging::fast::{FastPlan, FastRequest, Route};
use skyfringe::imaging::{ImageParams, Method, Weighting, make_images};
use skyfringe::sky::cube::SkyCube;
use skyfringe::telescope::Telescope;
use skyfringe::telescope::beam::{BeamChoice, StationBeams};
use skyfringe::time::{EarthOrientation, Frame};
use skyfringe::units::{DEG_RAD, RaDec};
use skyfringe::visibilities::{Track, add_thermal_noise, new_table, predict_by_grid};

const PIXELS: usize = 256;
const STEPS: usize = 240;
const WIDTH_HZ: f64 = 26e3;

/// CPU seconds of this process.
fn cpu_s() -> f64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one timespec, which lives until it returns
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut t) };
    t.tv_sec as f64 + 1e-9 * t.tv_nsec as f64
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let start = cpu_s();
    let value = work()?;
    Ok((value, cpu_s() - start))
}

/// A turning disc that fills the middle third of the field, channel by channel.
fn galaxy(channels: usize, cell_rad: f64, freq_hz: &[f64], centre: RaDec) -> SkyCube {
    let scale = PIXELS as f64 / 12.0;
    let flux_jy = Array3::from_shape_fn((channels, PIXELS, PIXELS), |(c, y, x)| {
        let (x, y) = (x as f64 - 128.0, (y as f64 - 128.0) / 0.6);
        let radius = x.hypot(y);
        let velocity = x / radius.max(1.0) * (1.0 - (-radius / scale).exp());
        let channel = 2.4 * (c as f64 + 0.5) / channels as f64 - 1.2;
        if radius > 3.0 * scale { 0.0 } else { 1e-6 * (-radius / scale - ((velocity - channel) / 0.08).powi(2)).exp() }
    });
    SkyCube {
        flux_jy,
        freq_hz: freq_hz.to_vec(),
        channel_width_hz: WIDTH_HZ,
        cell_rad,
        centre,
        specsys: "TOPOCENT".into(),
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: f64| arguments.get(i).and_then(|a| a.parse().ok()).unwrap_or(default);
    let cell_rad = number(0, 4.0) * DEG_RAD / 3600.0;
    let weighting = Weighting::parse(arguments.get(1).map_or("briggs:0", String::as_str))?;
    let (some, channels) = (number(2, 1.0) as usize, number(3, 32.0) as usize);

    let telescope = Telescope::preset("ska-mid-aa4")?;
    let earth = EarthOrientation::new(Frame::Oskar);
    let start_mjd_utc = 60_512.25;
    let m = earth.celestial_to_terrestrial(start_mjd_utc)?;
    let ra_rad = m[0][1].atan2(m[0][0]) + (21.44 + 30.0) * DEG_RAD;
    let phase_centre = RaDec { ra_rad, dec_rad: -35.0 * DEG_RAD };
    let track = Track { phase_centre, earth, start_mjd_utc, step_s: 60.0, steps: STEPS };
    let beams = StationBeams::new(&telescope, BeamChoice::Auto);
    let sefd_jy: Vec<f64> =
        telescope.stations.iter().map(|s| if s.kind == "meerkat" { 406.0 } else { 272.0 }).collect();
    let watch = Watch::silent();
    let table_of = |freq_hz: &[f64]| {
        let (mut table, instants, _) =
            new_table(&telescope, &track, freq_hz, WIDTH_HZ, Polarisations::I, 15.0 * DEG_RAD)?;
        add_thermal_noise(&mut table, &sefd_jy, None, &watch)?;
        Ok((table, instants))
    };
    let freq_hz: Vec<f64> = (0..channels).map(|c| 1.40e9 + WIDTH_HZ * c as f64).collect();
    let geometry = ImageGeometry { nx: PIXELS, ny: PIXELS, dl: -cell_rad, dm: cell_rad };
    let params = ImageParams {
        geometry,
        weighting,
        taper: Default::default(),
        method: Method::Fft { epsilon: 1e-4 },
        keep_beyond_nyquist: false,
    };
    let cube = galaxy(channels, cell_rad, &freq_hz, phase_centre);

    let (plan, set_up_s) = {
        let (table, instants) = table_of(&freq_hz)?;
        timed(|| {
            let station = Some((instants.as_slice(), &beams));
            FastPlan::choose(&table, station, &params, geometry, &FastRequest::default(), &watch)
        })?
    };
    let plan = match plan {
        Route::Fast(plan) => plan,
        Route::Visibilities(reason) => {
            println!("refused: {reason}");
            return Ok(());
        }
    };
    let facts = plan.facts()[0];
    println!(
        "set-up {set_up_s:.1} CPU s, {:.0} MB, planned for a bound of {}",
        plan.bytes() as f64 / 1e6,
        plan.bound()
    );
    println!("channel 0: {facts:?}");
    let (mut signal_s, mut noise_s) = (f64::INFINITY, f64::INFINITY);
    let mut fast = None;
    for seed in 0..5 {
        let (made, t) = timed(|| plan.dirty(&cube, &watch))?;
        signal_s = signal_s.min(t);
        let (_, t) = timed(|| plan.noise(seed, &watch))?;
        noise_s = noise_s.min(t);
        fast = Some(made);
    }
    println!("fast path, {channels} channels: signal {signal_s:.3} + noise {noise_s:.3} CPU s (best of 5)");

    let middle = channels / 2 - some / 2;
    let part = SkyCube {
        flux_jy: cube.flux_jy.slice(s![middle..middle + some, .., ..]).to_owned(),
        freq_hz: freq_hz[middle..middle + some].to_vec(),
        ..cube.clone()
    };
    let (mut table, instants) = table_of(&part.freq_hz)?;
    let station = Some((instants.as_slice(), &beams));
    let (_, predict_s) = timed(|| predict_by_grid(&mut table, &part, station, 1e-4, false, &watch))?;
    let exact = make_images(&table, &params, &watch)?;
    let (_, add_s) = timed(|| add_thermal_noise(&mut table, &sefd_jy, Some(1), &watch))?;
    let (_, image_s) = timed(|| make_images(&table, &params, &watch))?;
    let visibility_s = (predict_s + add_s + image_s) * channels as f64 / some as f64;
    println!("visibility route, {some} channels: {predict_s:.1} + noise {add_s:.1} + images {image_s:.1} CPU s");
    println!(
        "visibility route scaled to {channels} channels: {visibility_s:.0} CPU s, ratio {:.0}",
        visibility_s / (signal_s + noise_s)
    );
    if let Some(fast) = fast {
        let ours = fast.dirty.slice(s![middle..middle + some, .., ..]);
        let peak = fast.dirty.iter().fold(0.0f64, |p, d| p.max(d.abs()));
        let error = (&ours - &exact.dirty).iter().fold(0.0f64, |e, d| e.max(d.abs()));
        let rms = exact.dirty.index_axis(Axis(0), 0).std(0.0);
        println!("difference {:.1e} of the peak (peak {peak:.2e}, rms {rms:.1e}), bound {}", error / peak, fast.bound);
    }
    Ok(())
}
