//! Where baselines, zeniths and the sky's north point, against ERFA and against textbook formulae.

use skyfringe::telescope::Telescope;
use skyfringe::time::{EarthOrientation, Frame};
use skyfringe::units::{ARCSEC_RAD, DAY_S, DEG_RAD, RaDec};
use skyfringe::visibilities::{Instant, Track};
use std::f64::consts::TAU;

/// 48 rows written by scripts/erfa_table.py: three telescopes, four dates, four baselines.
const ERFA: &str = include_str!("data/erfa_uvw.csv");

/// A track whose first step is centred on `mjd_utc` as nearly as doubles allow.
fn centred(phase_centre: RaDec, earth: EarthOrientation, mjd_utc: f64) -> Track {
    // half a step of 2^-20 days is added without rounding
    let step_days = 2f64.powi(-20);
    let start_mjd_utc = mjd_utc - 0.5 * step_days;
    Track {
        phase_centre,
        earth,
        start_mjd_utc,
        step_s: step_days * DAY_S,
        steps: 1,
        pointing: Default::default(),
        correlations: Default::default(),
    }
}

#[test]
fn icrs_geometry_equals_erfa() {
    let (mut compared, mut worst, mut worst_angle) = (0, 0.0f64, 0.0f64);
    for line in ERFA.lines().filter(|l| !l.starts_with('#')).skip(1) {
        let (name, numbers) = line.split_once(',').unwrap();
        let n: Vec<f64> = numbers.split(',').map(|w| w.parse().unwrap()).collect();
        let [ra, dec, mjd, ut1_minus_utc_s, xp, yp, p, q, u, v, w, elevation, parallactic] = n[..] else {
            panic!("{line}")
        };
        let telescope = Telescope::preset(name).unwrap();
        let polar_motion_rad = [xp * ARCSEC_RAD, yp * ARCSEC_RAD];
        let earth = EarthOrientation { frame: Frame::Icrs, ut1_minus_utc_s, polar_motion_rad };
        let phase_centre = RaDec::from_deg(ra, dec);
        let instant = Instant::new(&telescope, &centred(phase_centre, earth, mjd), 0).unwrap();
        assert_eq!(instant.mjd_utc, mjd);
        let (p, q) = (p as usize, q as usize);
        for (k, expected) in [u, v, w].into_iter().enumerate() {
            let got = instant.station_uvw_m[p][k] - instant.station_uvw_m[q][k];
            worst = worst.max((got - expected).abs());
            assert!((got - expected).abs() < 1e-9, "{line}: {got}");
        }
        let got = instant.sin_elevation(p, phase_centre.unit_vector()).asin();
        let (cos, sin) = instant.parallactic(p, phase_centre);
        let turn = (sin.atan2(cos) - parallactic).rem_euclid(TAU);
        worst_angle = worst_angle.max((got - elevation).abs()).max(turn.min(TAU - turn));
        assert!((got - elevation).abs() < 1e-12, "{line}: {got}");
        assert!(turn.min(TAU - turn) < 1e-12, "{line}: {}", sin.atan2(cos));
        compared += 1;
    }
    println!("{compared} rows: uvw to {worst:.1e} m, angles to {worst_angle:.1e} rad");
    assert_eq!(compared, 48);
}

#[test]
fn the_two_frames_differ_by_precession() {
    // 24.6 years after J2000 at 50.29 arcsec a year: some 20 arcmin between ICRS and of date
    let direction = RaDec::from_deg(228.0, -35.0).unit_vector();
    let along = |frame| {
        let m = EarthOrientation::new(frame).celestial_to_terrestrial(60512.75).unwrap();
        m.map(|row| row.iter().zip(direction).map(|(a, b)| a * b).sum::<f64>())
    };
    let (icrs, oskar) = (along(Frame::Icrs), along(Frame::Oskar));
    let apart = (0..3).map(|k| (icrs[k] - oskar[k]).powi(2)).sum::<f64>().sqrt();
    assert!((0.15..0.36).contains(&(apart / DEG_RAD)), "{apart}");
}

#[test]
fn dates_without_utc_are_refused() {
    let earth = EarthOrientation::new(Frame::Icrs);
    for mjd in [0.0, 35_000.0, 41_316.9, 88_070.0, 1e9, f64::NAN, f64::INFINITY] {
        let error = earth.celestial_to_terrestrial(mjd).unwrap_err();
        assert!(error.to_string().contains("outside the range of UTC"), "{mjd}: {error}");
    }
    for mjd in [41_317.0, 60_000.0, 88_069.9] {
        earth.celestial_to_terrestrial(mjd).unwrap();
    }
}

/// A cross of stations in the horizon plane: east and north axes, one above the centre.
fn cross() -> (tempfile::TempDir, Telescope) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("position.txt"), "21.44 -30.7 1000\n").unwrap();
    std::fs::write(folder.path().join("layout.txt"), "0 0 0\n1000 0 0\n0 1000 0\n0 0 10\n-700 300 2\n").unwrap();
    let (telescope, _) = Telescope::from_oskar_folder(folder.path()).unwrap();
    (folder, telescope)
}

/// At the zenith u is east, v is north and w is up, with the sign position(1) - position(2).
#[test]
fn uvw_of_a_target_at_the_zenith_is_east_north_up() {
    let (_folder, telescope) = cross();
    let earth = EarthOrientation::new(Frame::Oskar);
    let latitude = telescope.reference().lat_rad;
    let mjd = 60_512.75;
    let m = earth.celestial_to_terrestrial(mjd).unwrap();
    // right ascension of the meridian: R3(GAST) has its first row (cos GAST, sin GAST, 0)
    let lst = m[0][1].atan2(m[0][0]) + telescope.reference().lon_rad;
    let zenith = RaDec { ra_rad: lst, dec_rad: latitude };
    let instant = Instant::new(&telescope, &centred(zenith, earth, mjd), 0).unwrap();
    for (station, enu) in telescope.enu_m().iter().enumerate() {
        for k in 0..3 {
            let got = instant.station_uvw_m[station][k] - instant.station_uvw_m[0][k];
            assert!((got - enu[k]).abs() < 1e-8, "station {station}: {got} {}", enu[k]);
        }
    }
    assert!((instant.sin_elevation(0, zenith.unit_vector()) - 1.0).abs() < 1e-15);
}

/// Hour angle and declination in the formulae of spherical astronomy (Green 1985, ch. 2).
#[test]
fn elevation_and_parallactic_angle_follow_the_textbook() {
    let (_folder, telescope) = cross();
    let earth = EarthOrientation::new(Frame::Oskar);
    let mjd = 60_512.31;
    let m = earth.celestial_to_terrestrial(mjd).unwrap();
    let gast = m[0][1].atan2(m[0][0]);
    for station in 0..telescope.stations.len() {
        let place = telescope.geodetic(station);
        let (sin_lat, cos_lat) = place.lat_rad.sin_cos();
        for (ra, dec) in [(10.0, -80.0), (228.0, -35.0), (228.0, 40.0), (300.0, -30.7), (120.0, 5.0)] {
            let direction = RaDec::from_deg(ra, dec);
            let instant = Instant::new(&telescope, &centred(direction, earth, mjd), 0).unwrap();
            let (sin_h, cos_h) = (gast + place.lon_rad - direction.ra_rad).sin_cos();
            let (sin_dec, cos_dec) = direction.dec_rad.sin_cos();
            let sin_el = sin_lat * sin_dec + cos_lat * cos_dec * cos_h;
            let angle = (cos_lat * sin_h).atan2(sin_lat * cos_dec - cos_lat * sin_dec * cos_h);
            assert!((instant.sin_elevation(station, direction.unit_vector()) - sin_el).abs() < 1e-14);
            let (cos, sin) = instant.parallactic(station, direction);
            assert!((sin.atan2(cos) - angle).abs() < 1e-13, "{ra} {dec}: {} {angle}", sin.atan2(cos));
        }
    }
}

#[test]
fn a_target_has_its_hour_angle_at_the_time_found() {
    let (_folder, telescope) = cross();
    let earth = EarthOrientation::new(Frame::Oskar);
    let (sin_lat, cos_lat) = telescope.reference().lat_rad.sin_cos();
    let direction = RaDec::from_deg(20.0, -45.0);
    let (sin_dec, cos_dec) = direction.dec_rad.sin_cos();
    for hours in [-5.0, -0.1, 0.0, 3.0, 11.0] {
        let hour_angle = hours * TAU / 24.0;
        let lon_rad = telescope.reference().lon_rad;
        let mjd = earth.time_of_hour_angle(direction.unit_vector(), lon_rad, hour_angle, 60_512.0).unwrap();
        assert!((60_512.0..60_513.0).contains(&mjd));
        let instant = Instant::new(&telescope, &centred(direction, earth, mjd), 0).unwrap();
        let sin_el = sin_lat * sin_dec + cos_lat * cos_dec * hour_angle.cos();
        // a microsecond of time is 7e-11 rad; station 0 is the reference point
        assert!((instant.sin_elevation(0, direction.unit_vector()) - sin_el).abs() < 2e-10);
        // the zenith lies towards the meridian: west of the target before transit
        if hours != 0.0 {
            assert_eq!(instant.parallactic(0, direction).1 < 0.0, hours < 0.0, "{hours} h");
        }
    }
}

#[test]
fn a_baseline_keeps_its_length_and_turns_with_the_earth() {
    let telescope = Telescope::preset("meerkat").unwrap();
    let track = Track {
        phase_centre: RaDec::from_deg(40.0, -30.0),
        earth: EarthOrientation::new(Frame::Oskar),
        start_mjd_utc: 61_000.0,
        step_s: 3600.0,
        steps: 24,
        pointing: Default::default(),
        correlations: Default::default(),
    };
    let [a, b] = [3, 60].map(|i| telescope.stations[i].offset_m);
    let length = (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt();
    let mut angles = Vec::new();
    for step in 0..track.steps {
        let instant = Instant::new(&telescope, &track, step).unwrap();
        let uvw: Vec<f64> = (0..3).map(|k| instant.station_uvw_m[3][k] - instant.station_uvw_m[60][k]).collect();
        assert!((uvw.iter().map(|x| x * x).sum::<f64>().sqrt() - length).abs() < 1e-9);
        // u and the equatorial component at right angles to it: a circle about the pole
        let (sin_dec, cos_dec) = track.phase_centre.dec_rad.sin_cos();
        angles.push(uvw[0].atan2(uvw[2] * cos_dec - uvw[1] * sin_dec));
    }
    // eastwards by 15.041 degrees an hour; the equation of the equinoxes changes by 1e-8 rad an hour
    let rate = TAU * 1.002_737_909_35 / 24.0;
    for pair in angles.windows(2) {
        let turned = (pair[1] - pair[0]).rem_euclid(TAU);
        assert!((turned - rate).abs() < 1e-7, "{turned} {rate}");
    }
}
