//! One observation planned once, then dirty images with noise of many skies without visibilities (docs/fast-path.md):
//! `cargo run --release --example fast_path`. What it costs is measured by `skyfringe bench fast`.

use ndarray::Array3;
use skyfringe::error::{Result, Watch};
use skyfringe::formats::visibilities::Polarisations;
use skyfringe::gridding::ImageGeometry;
use skyfringe::imaging::fast::{FastPlan, FastRequest, Route};
use skyfringe::imaging::{ImageParams, Method, Weighting};
use skyfringe::sky::cube::SkyCube;
use skyfringe::telescope::Telescope;
use skyfringe::telescope::beam::{BeamChoice, StationBeams};
use skyfringe::time::{EarthOrientation, Frame};
use skyfringe::units::{ARCSEC_RAD, DEG_RAD, RaDec};
use skyfringe::visibilities::{Track, add_thermal_noise, new_table};

fn main() -> Result<()> {
    let watch = Watch::silent();
    let telescope = Telescope::preset("meerkat")?;
    let phase_centre = RaDec::from_deg(30.0, -35.0);
    let earth = EarthOrientation::new(Frame::Icrs);
    let longitude = telescope.reference().lon_rad;
    let start_mjd_utc = earth.time_of_hour_angle(phase_centre.unit_vector(), longitude, -30.0 * DEG_RAD, 61_406.0)?;
    let track = Track {
        phase_centre,
        earth,
        start_mjd_utc,
        step_s: 600.0,
        steps: 24,
        pointing: Default::default(),
        correlations: Default::default(),
    };
    let (freq_hz, width_hz) = ([1.4180e9, 1.4181e9], 1e5);
    let (mut table, instants, _) = new_table(&telescope, &track, &freq_hz, width_hz, Polarisations::I, 15.0 * DEG_RAD)?;
    // no seed: weights only
    add_thermal_noise(&mut table, &vec![406.0; telescope.stations.len()], None, &watch)?;
    let beams = StationBeams::new(&telescope, BeamChoice::Auto);

    let geometry = ImageGeometry { nx: 128, ny: 128, dl: -4.0 * ARCSEC_RAD, dm: 4.0 * ARCSEC_RAD };
    let params = ImageParams {
        geometry,
        weighting: Weighting::Briggs(0.0),
        taper: Default::default(),
        method: Method::Fft { epsilon: 1e-5 },
        keep_beyond_nyquist: false,
    };
    let station = Some((instants.as_slice(), &beams));
    // the largest disc covers some hundred beams: the bound grows with summed flux over peak
    let request = FastRequest { flux_over_peak: 500.0, ..FastRequest::default() };
    let plan = match FastPlan::choose(&table, station, &params, geometry, &request, &watch)? {
        Route::Fast(plan) => plan,
        Route::Visibilities(reason) => {
            println!("visibilities are needed: {reason}");
            return Ok(());
        }
    };
    for radius in [5.0f64, 10.0, 20.0] {
        let flux_jy = Array3::from_shape_fn((2, 128, 128), |(_, y, x)| {
            1e-4 * (-(x as f64 - 64.0).hypot(y as f64 - 64.0) / radius).exp()
        });
        let sky = SkyCube {
            flux_jy,
            freq_hz: freq_hz.to_vec(),
            channel_width_hz: width_hz,
            cell_rad: geometry.dm,
            centre: phase_centre,
            specsys: "BARYCENT".into(),
        };
        let mut image = plan.dirty(&sky, &watch)?;
        let peak = image.dirty.iter().fold(0.0f64, |p, d| p.max(*d));
        match plan.refusal(&image.bound) {
            None => println!("disc of {radius} pixels: peak {peak:.2e} Jy/beam, error at most {}", image.bound),
            Some(reason) => println!("disc of {radius} pixels needs visibilities: {reason}"),
        }
        plan.add_noise(&mut image.dirty, 1, &watch)?;
    }
    Ok(())
}
