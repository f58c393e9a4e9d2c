//! The sky of a run as files: whoever reads them back finds the galaxy's mass, place and frequency by their headers.

use crate::{card, close, cube, number, run, settings};
use skyfringe::formats::fits::{CardValue, FitsCube};
use skyfringe::run::{Unseen, chain};
use skyfringe::sky::cosmology::Cosmology;
use skyfringe::sky::temperature::{TbScale, column_cm2_per_msun_kpc2};
use skyfringe::units::hi::{NU0_HZ, column_per_k_km_s, mass_per_mpc2_jy_hz, tb_coefficient_mk};
use skyfringe::units::{ARCSEC_RAD, C_KM_S, doppler_ratio};

/// A run whose observation is as short as can be.
fn configuration(sky: &str, output: &str) -> String {
    format!(
        "[sky]\ngalaxy = {{ seed = 4, hi_mass = \"3e9 Msun\", cells = 20000 }}\n{sky}\n[telescope]\nname = \"kat-7\"\n\
         [observation]\nra = \"83 deg\"\ndec = \"-40 deg\"\nlength = \"10 min\"\nsteps = 1\n\
         [image]\nsize = 96\ncell = \"8 arcsec\"\nweight = \"natural\"\n{output}\n"
    )
}

fn sum(cube: &FitsCube) -> f64 {
    cube.data.iter().map(|v| f64::from(*v)).sum()
}

/// M = 49.7 D_L^2 sum S dnu by the header.
fn mass_by_flux(sky: &FitsCube) -> f64 {
    mass_per_mpc2_jy_hz() * number(sky, "DISTLUM").powi(2) * sum(sky) * sky.spectral.width_hz
}

/// Area of pixel (y, x) at the object, physical kpc^2, by the header.
fn area_kpc2(cube: &FitsCube, y: usize, x: usize) -> f64 {
    let step = cube.sky.step_y_rad;
    let [l, m] = [x as f64 - cube.sky.reference_pixel[0], y as f64 - cube.sky.reference_pixel[1]].map(|i| i * step);
    let d_a_kpc = number(cube, "DISTLUM") * 1e3 / (1.0 + number(cube, "REDSHIFT")).powi(2);
    step * step / (1.0 - l * l - m * m).sqrt() * d_a_kpc * d_a_kpc
}

/// HI mass of a T_b map, by its header alone.
fn mass_by_tb(map: &FitsCube) -> f64 {
    let z = number(map, "ZCOSMO");
    let (h, hubble) = (number(map, "HUBBLE0") / 100.0, number(map, "HUBBLEZ"));
    // present-day critical density, Msun/kpc^3: 277.536627 h^2 (Particle Data Group: 2.77536627e11 h^2 Msun/Mpc^3)
    let critical = 277.536_627 * h * h;
    let mk_per_density = number(map, "TBCOEFF") * h * 100.0 * h * (1.0 + z).powi(2) / hubble / critical;
    map.data
        .indexed_iter()
        .map(|((_, y, x), t)| {
            let comoving_msun_ckpc2 = f64::from(*t) / mk_per_density * number(map, "TBDEPTH");
            comoving_msun_ckpc2 * area_kpc2(map, y, x) * (1.0 + z).powi(2)
        })
        .sum()
}

#[test]
fn the_flux_cube_closes_by_its_header() {
    for (placing, z_cosmo, z) in [
        ("distance = \"20 Mpc\"", None, None),
        ("redshift = 0.3", Some(0.3), Some(0.3)),
        ("distance = \"30 Mpc\"\nredshift = 0.004\ncosmology = \"Planck18\"", None, Some(0.004)),
        ("distance = \"12 Mpc\"\npeculiar_velocity = \"-300 km/s\"", None, None),
    ] {
        let folder = run(&configuration(placing, "[output]\nkinematic_cube = true"));
        let sky = cube(folder.path(), "sky.fits");
        let (mass, in_cube, lost) = (number(&sky, "MHI"), number(&sky, "MHICUBE"), number(&sky, "BANDLOST"));
        close(mass_by_flux(&sky), in_cube, 1e-5, "M by the flux");
        close(mass, 3e9, 1e-6, "MHI");
        // the default band holds at least 99.9 % of the flux; the rest of what is missing is outside the image
        assert!(lost < 1e-3, "{lost}");
        let map = cube(folder.path(), "sky-tb.fits");
        close(mass_by_tb(&map) * (1.0 - lost), in_cube, 2e-5, "M by the T_b map and the band");
        close(number(&map, "TBCOEFF"), tb_coefficient_mk(), 1e-12, "TBCOEFF");

        // distances belong to each other and to the cosmology that is named
        let cosmology = match card(&sky, "COSMO") {
            Some(CardValue::Text(name)) if name == "Planck18" => Cosmology::named("Planck18").unwrap(),
            // the built-in galaxy's file states TNG's parameters
            Some(CardValue::Text(name)) if name == "snapshot header" => Cosmology::named("TNG").unwrap(),
            other => panic!("{other:?}"),
        };
        close(cosmology.luminosity_distance_mpc(number(&sky, "ZCOSMO")), number(&sky, "DISTLUM"), 1e-6, "D_L");
        close(cosmology.hubble_km_s_mpc(number(&sky, "ZCOSMO")), number(&sky, "HUBBLEZ"), 1e-9, "H(z)");
        if let Some(expected) = z_cosmo {
            close(number(&sky, "ZCOSMO"), expected, 1e-12, "ZCOSMO");
        }
        if let Some(expected) = z {
            close(number(&sky, "REDSHIFT"), expected, 1e-12, "REDSHIFT");
        }
        if placing.contains("peculiar") {
            let expected = (1.0 + number(&sky, "ZCOSMO")) * doppler_ratio(-300.0);
            close(1.0 + number(&sky, "REDSHIFT"), expected, 1e-12, "peculiar velocity");
        }

        // the line stands at nu0/(1+z): flux-weighted mean frequency; the velocities' mean is removed
        let line_hz = NU0_HZ / (1.0 + number(&sky, "REDSHIFT"));
        let weighted: f64 = (0..sky.spectral.freq_hz.len())
            .map(|c| {
                sky.data.index_axis(ndarray::Axis(0), c).iter().map(|v| f64::from(*v)).sum::<f64>()
                    * sky.spectral.freq_hz[c]
            })
            .sum();
        let off_km_s = (weighted / sum(&sky) / line_hz - 1.0) * C_KM_S;
        assert!(off_km_s.abs() < 0.5, "{placing}: the line is off by {off_km_s} km/s");
        assert_eq!((sky.spectral.rest_hz, sky.spectral.specsys.as_str()), (NU0_HZ, "BARYCENT"));
        let freq = &sky.spectral.freq_hz;
        assert!(freq.windows(2).all(|f| (f[1] - f[0] - sky.spectral.width_hz).abs() < 1e-3));
        // and in the visibilities the same channels
        let table =
            skyfringe::formats::visibilities::read_visibilities(&folder.path().join("visibilities.h5")).unwrap();
        assert!(table.freq_hz.iter().zip(freq).all(|(a, b)| (a - b).abs() < 1e-3));
        assert!((table.channel_width_hz - sky.spectral.width_hz).abs() < 1e-3);
        let dirty = cube(folder.path(), "dirty.fits");
        assert_eq!(dirty.spectral, sky.spectral);
        assert_eq!(dirty.sky, sky.sky);
    }
}

#[test]
fn the_temperature_files_are_products_a_and_b() {
    let folder = run(&configuration(
        "redshift = 0.2\nchannels = 20\ntb_coefficient = 189\ntb_depth = \"0.5 Mpc\"",
        "[output]\nkinematic_cube = true",
    ));
    let sky = cube(folder.path(), "sky.fits");
    let map = cube(folder.path(), "sky-tb.fits");
    let kinematic = cube(folder.path(), "sky-kinematic.fits");
    let text = |cube: &FitsCube, key: &str| match card(cube, key) {
        Some(CardValue::Text(t)) => t.clone(),
        other => panic!("{key}: {other:?}"),
    };

    // (a): the figures of the header are those of the configuration, and the mass does not depend on them
    assert_eq!((map.unit.as_str(), text(&map, "TBFRAME").as_str()), ("mK", "OBSERVED"));
    assert_eq!((number(&map, "TBCOEFF"), number(&map, "TBDEPTH")), (189.0, 500.0));
    assert_eq!(map.data.dim(), (1, 96, 96));
    close(map.spectral.width_hz, 20.0 * sky.spectral.width_hz, 1e-9, "the band in one channel");
    close(map.spectral.freq_hz[0], 0.5 * (sky.spectral.freq_hz[0] + sky.spectral.freq_hz[19]), 1e-12, "its centre");
    close(mass_by_tb(&map), number(&sky, "MHICUBE"), 2e-4, "M by the T_b map, but for the band");
    let scale = TbScale {
        coefficient_mk: 189.0,
        depth_ckpc: 500.0,
        redshift: number(&map, "ZCOSMO"),
        h: number(&map, "HUBBLE0") / 100.0,
        hubble_km_s_mpc: number(&map, "HUBBLEZ"),
    };
    let area = ndarray::Array2::from_shape_fn((96, 96), |(y, x)| area_kpc2(&map, y, x));
    let plane = map.data.index_axis(ndarray::Axis(0), 0).mapv(f64::from);
    close(scale.hi_mass_msun(&plane, &area), mass_by_tb(&map), 1e-5, "the library's inversion");

    // (b): N_HI = 1.822e18 sum T dv in the rest frame, pixel by pixel the mass of the flux cube
    assert_eq!((kinematic.unit.as_str(), text(&kinematic, "TBFRAME").as_str()), ("K", "REST"));
    assert_eq!(kinematic.spectral, sky.spectral);
    let z = number(&kinematic, "REDSHIFT");
    close(number(&kinematic, "DVREST"), C_KM_S * (1.0 + z) * sky.spectral.width_hz / NU0_HZ, 1e-12, "DVREST");
    let per_jy = mass_per_mpc2_jy_hz() * number(&sky, "DISTLUM").powi(2) * sky.spectral.width_hz;
    let brightest = sky.data.iter().fold(0.0f32, |m, v| m.max(*v));
    let mut compared = 0;
    for (at, flux) in sky.data.indexed_iter().filter(|(_, s)| **s > 1e-3 * brightest) {
        let column = column_per_k_km_s() * f64::from(kinematic.data[at]) * number(&kinematic, "DVREST");
        let msun = column / column_cm2_per_msun_kpc2() * area_kpc2(&kinematic, at.1, at.2);
        close(msun, f64::from(*flux) * per_jy, 1e-6, "mass of a pixel and channel");
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
    // rest-frame temperatures over (1+z) are what an observer measures: S = 2 k T nu^2 Omega/c^2 at the line
    let at = (10, 48, 48);
    let observed = f64::from(kinematic.data[at]) / (1.0 + z);
    let hand =
        2.0 * 1.380_649e-23 * observed * (NU0_HZ / (1.0 + z) / 299_792_458.0).powi(2) * (8.0 * ARCSEC_RAD).powi(2);
    close(f64::from(sky.data[at]) * 1e-26, hand, 1e-5, "Jy of a temperature");
}

#[test]
fn products_are_listed_and_the_kinematic_cube_comes_on_request_only() {
    let text = configuration("distance = \"20 Mpc\"", "");
    let folder = tempfile::tempdir().unwrap();
    let said = chain::run(&settings(&text), folder.path(), false, &Unseen).unwrap();
    let record: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("run.json")).unwrap()).unwrap();
    let names = ["sky.fits", "sky-tb.fits", "visibilities.h5", "dirty.fits", "psf.fits", "preview.png"];
    let products = record["products"].as_object().unwrap();
    assert_eq!(products.len(), names.len());
    for name in names {
        assert!(products.contains_key(name) && said.contains(name) && folder.path().join(name).is_file(), "{name}");
    }
    assert!(!folder.path().join("sky-kinematic.fits").exists());
    let folder = run(&configuration("distance = \"20 Mpc\"", "[output]\nkinematic_cube = true"));
    let record = std::fs::read_to_string(folder.path().join("run.json")).unwrap();
    assert!(record.contains("sky-kinematic.fits"));
    // no temporary files are left
    assert!(
        std::fs::read_dir(folder.path()).unwrap().all(|f| !f.unwrap().file_name().to_string_lossy().starts_with('.'))
    );
}

/// The header's numbers of what lies beyond Nyquist, against a count by hand.
#[test]
fn samples_beyond_the_pixels_limit_are_in_the_header() {
    let folder = run("[sky]\ngalaxy = { seed = 4, cells = 2000 }\nchannels = 3\n[telescope]\nname = \"meerkat\"\n\
         [observation]\ndec = \"-30 deg\"\nlength = \"2 h\"\nsteps = 2\n\
         [image]\nsize = 64\ncell = \"12 arcsec\"\nweight = \"natural\"\n");
    let dirty = cube(folder.path(), "dirty.fits");
    let table = skyfringe::formats::visibilities::read_visibilities(&folder.path().join("visibilities.h5")).unwrap();
    let limit = 0.5 / (12.0 * ARCSEC_RAD);
    let (rows, channels, _) = table.vis.dim();
    let mut beyond = 0;
    for row in 0..rows {
        for channel in 0..channels {
            let longest = table.uvw_m[[row, 0]].abs().max(table.uvw_m[[row, 1]].abs());
            let out = longest * table.freq_hz[channel] / 299_792_458.0 >= limit;
            assert_eq!(out, table.flag[[row, channel, 0]]);
            beyond += usize::from(out);
        }
    }
    assert!(beyond > 0);
    assert_eq!(number(&dirty, "NNYQUIST"), beyond as f64);
    assert_eq!(number(&dirty, "NVIS"), (rows * channels - beyond) as f64);
    close(number(&dirty, "WNYQUIST"), beyond as f64 / (rows * channels) as f64, 1e-12, "share of equal weights");
}

#[test]
fn the_skies_that_a_run_writes_are_skies_that_a_run_reads() {
    let folder = run(&configuration("redshift = 0.2\nchannels = 20", "[output]\nkinematic_cube = true"));
    let sky = cube(folder.path(), "sky.fits");
    let again = |name: &str| {
        let text = configuration("", "").replace(
            "galaxy = { seed = 4, hi_mass = \"3e9 Msun\", cells = 20000 }",
            &format!("fits = \"{}\"\nsubtract_mean = \"none\"", folder.path().join(name).display()),
        );
        run(&text)
    };
    let flux = again("sky.fits");
    assert_eq!(cube(flux.path(), "sky.fits").data, sky.data);
    // the visibilities come from pixels of single precision then
    let (first, second) = (cube(folder.path(), "dirty.fits"), cube(flux.path(), "dirty.fits"));
    let peak = first.data.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    assert!(first.data.iter().zip(&second.data).all(|(a, b)| (a - b).abs() < 1e-5 * peak));
    // rest-frame temperatures become observed ones; with a plane's own frequency in place of the line's
    let kinematic = cube(again("sky-kinematic.fits").path(), "sky.fits");
    let line_hz = NU0_HZ / 1.2;
    let brightest = sky.data.iter().fold(0.0f32, |m, v| m.max(*v));
    for ((c, y, x), jy) in sky.data.indexed_iter().filter(|(_, s)| **s > 1e-3 * brightest) {
        let expected = f64::from(*jy) * (sky.spectral.freq_hz[c] / line_hz).powi(2);
        close(f64::from(kinematic.data[[c, y, x]]), expected, 1e-5, "Jy of a rest-frame temperature");
    }
}
