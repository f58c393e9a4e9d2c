//! Configurations that are wrong, and overrides.

use super::{NO_SKY, Place, SMALL};

#[test]
fn keys_tables_and_values_that_are_wrong_are_named_with_their_line() {
    let place = Place::new();
    // the text of a configuration, and what the message says
    let cases: &[(&str, &[&str])] = &[
        ("[sky]\n\n# a comment\nchanels = 3\n", &["sky.chanels", "c.toml, line 4", "did you mean \"channels\"?"]),
        ("[sky]\ndistance = \"20 Mpc\"\n[skyy]\nx = 1\n", &["skyy", "line 3", "did you mean \"sky\"?"]),
        ("[sky]\ngalaxy = { sede = 7 }\n", &["sky.galaxy.sede", "line 2", "did you mean \"seed\"?"]),
        ("[sky]\ndistance = \"20 GHz\"\n", &["\"20 GHz\"", "Mpc, kpc, Gpc", "line 2, key sky.distance"]),
        ("[sky]\ndistance = 20\n", &["no unit", "Mpc, kpc, Gpc", "line 2, key sky.distance"]),
        ("[sky]\ndistance = \"-2 Mpc\"\n", &["-2 Mpc", "above 0", "line 2, key sky.distance"]),
        ("[sky]\nchannels = \"many\"\n", &["\"many\"", "an integer", "line 2, key sky.channels"]),
        ("[sky]\nchannels = 0\n", &["at least 1", "line 2, key sky.channels"]),
        ("[sky]\nchannels = 3.5\n", &["3.5", "an integer", "key sky.channels"]),
        ("[sky]\nhubble_flow = 1\n", &["true or false", "key sky.hubble_flow"]),
        ("[sky]\nturbulence = \"-5 km/s\"\n", &["-5 km/s", "0 km/s or more"]),
        ("[sky]\nredshift = 100\n", &["100", "0 to 30", "line 2, key sky.redshift"]),
        ("[sky]\nredshift = -0.1\n", &["-0.1", "peculiar_velocity"]),
        ("[sky]\npeculiar_velocity = \"300000 km/s\"\n", &["300000 km/s", "speed of light"]),
        ("[sky]\ncosmology = \"Plank15\"\n", &["Plank15", "Planck15", "line 2, key sky.cosmology"]),
        ("[sky]\neuler = \"3 4 deg\"\n", &["three angles", "key sky.euler"]),
        ("sky = 3\n", &["a table [sky]", "line 1"]),
        ("[[sky]]\nchannels = 3\n", &["a table [sky]"]),
        ("[observation]\ndec = \"100 deg\"\n", &["100 deg", "-90 deg to 90 deg", "key observation.dec"]),
        ("[observation]\nlength = \"0 h\"\n", &["above 0", "key observation.length"]),
        ("[observation]\nstart_utc = \"yesterday\"\n", &["\"yesterday\"", "2026-03-01T12:00:00"]),
        ("[observation]\nframe = \"icsr\"\n", &["did you mean \"icrs\"?", "key observation.frame"]),
        (
            "[observation]\nstart_utc = \"2027-01-01\"\nhour_angle_start = \"1 h\"\n",
            &["given twice", "line 2", "line 3"],
        ),
        ("[telescope]\nname = \"ska-mid-aa44\"\n", &["ska-mid-aa44", "did you mean \"ska-mid-aa4\"?", "line 2"]),
        ("[telescope]\nname = \"vla\"\nfile = \"x.txt\"\n", &["given twice", "line 2", "line 3"]),
        ("[telescope]\nfile = \"nowhere.txt\"\n", &["nowhere.txt", "No such file"]),
        ("[noise]\nseed = 3\n", &["noise.sefd", "272 Jy"]),
        ("[noise]\nsefd = \"272\"\n", &["no unit", "Jy", "key noise.sefd"]),
        ("[noise]\nsefd = { ska-mid = \"272 Jy\" }\n", &["noise.sefd.meerkat", "stations of type meerkat"]),
        ("[noise]\nsefd = { ska-midd = \"272 Jy\" }\n", &["ska-mid"]),
        ("[image]\nsize = 4\n", &["at least 8", "key image.size"]),
        ("[image]\ncell = 2\n", &["no unit", "arcsec", "key image.cell"]),
        ("[image]\nweight = \"robust\"\n", &["briggs:", "key image.weight"]),
        ("[image]\nepsilon = 0.5\n", &["0.5", "1e-12 to 1e-2", "key image.epsilon"]),
        (
            "[image]\nmethod = \"psfs\"\n",
            &["\"visibilities\", \"psf\", \"auto\"", "did you mean \"psf\"?", "line 2, key image.method"],
        ),
        ("[image]\nmethod = true\n", &["\"visibilities\", \"psf\", \"auto\"", "key image.method"]),
        ("[image]\npsf_epsilon = 0.5\n", &["0.5", "1e-12 to 1e-2", "line 2, key image.psf_epsilon"]),
        ("[image]\npsf_epsilon = \"small\"\n", &["small", "a number", "key image.psf_epsilon"]),
        (
            "[sky]\ncomponents = \"a.osm\"\nband_centre = \"1 GHz\"\nchannel_width = \"1 MHz\"\n[image]\nmethod = \"psf\"\n",
            &["\"psf\"", "\"auto\"", "a list of components", "line 6, key image.method"],
        ),
        (
            "[prediction]\nmethod = \"direct\"\n[image]\nmethod = \"psf\"\n",
            &["prediction.method", "line 4, key image.method"],
        ),
        ("[prediction]\nepsilon = 1e-20\n", &["1e-20", "1e-12 to 1e-2", "key prediction.epsilon"]),
        ("[prediction]\nmethod = \"fft\"\n", &["\"auto\", \"grid\", \"direct\""]),
        ("[output]\nprecision = \"half\"\n", &["\"single\", \"double\""]),
        (
            "[sky]\nfits = \"a.fits\"\n[sky.galaxy]\nseed = 2\n",
            &["given twice", "sky.fits and sky.galaxy", "line 2", "line 3", "remove"],
        ),
        (
            "[sky]\ninclination = \"3 deg\"\nline_of_sight = \"x\"\n",
            &["orientation is given twice", "line 2", "line 3"],
        ),
        ("[sky\nx = 1\n", &["not valid TOML", "c.toml, line 1"]),
        ("[sky]\ndistance = 20 Mpc\n", &["not valid TOML", "distance = 20 Mpc", "line 2", "double quotes"]),
        ("[sky]\nchannels = 3\nchannels = 4\n", &["duplicate key", "line 3"]),
        ("[sky]\nsnapshot = \"x.hdf5\"\ncentre = \"1 2 3 ckpc/h\"\n", &["sky.centre alone", "line 3"]),
        ("[sky]\nsnapshot = \"x.hdf5\"\ncentre = \"1 2 ckpc/h\"\n", &["three coordinates", "line 3"]),
        ("[sky]\nsnapshot = \"x.hdf5\"\nsubhalo = 3\n", &["sky.group_catalogue", "fof_subhalo_tab"]),
        (
            "[sky]\nsnapshot = \"x.hdf5\"\ngroup_catalogue = \"groups_099\"\n",
            &["sky.group_catalogue has no effect", "line 3", "sky.subhalo"],
        ),
        ("[sky]\nsnapshot = \"x.hdf5\"\noffsets = \"o.hdf5\"\n", &["sky.offsets has no effect", "line 3"]),
        (
            "[sky]\nsnapshot = \"x.hdf5\"\nsubhalo = 3\ngroup_catalogue = \"g\"\nradius = \"3 ckpc\"\n",
            &["selection is given twice", "sky.subhalo and sky.radius", "line 5"],
        ),
        (
            "[sky]\nsnapshot = \"x.hdf5\"\ngas_mass = \"1e9 1e11 Msun\"\ngroup_catalogue = \"g\"\ncentre = \"1 2 3 kpc\"\n",
            &["selection is given twice", "sky.gas_mass and sky.centre"],
        ),
    ];
    for (text, says) in cases {
        place.write("c.toml", text);
        place.refused(&["run", "c.toml", "--out", "out"], says);
        place.refused(&["run", "c.toml", "--check"], says);
    }
}

#[test]
fn files_that_are_no_configuration() {
    let place = Place::new();
    place.write("binary.toml", b"a = 1\n\xff\xfe");
    std::fs::create_dir(place.path("folder")).unwrap();
    place
        .refused(&["run", "binary.toml", "--out", "out"], &["configuration", "not UTF-8 at position 6", "binary.toml"]);
    place.refused(&["run", "folder", "--out", "out"], &["cannot read the configuration folder", "name a file"]);
    place.refused(
        &["run", "nowhere.toml", "--out", "out"],
        &["cannot read the configuration nowhere.toml", "No such file", "path"],
    );
    place.refused(&["run", "/dev/zero", "--out", "out"], &["the device /dev/zero", "a text file"]);
}

#[test]
fn an_empty_configuration_is_all_defaults() {
    let place = Place::new();
    place.write("empty.toml", "");
    let out = place.run(&["run", "empty.toml", "--check"]).ok();
    assert!(out.contains("built-in galaxy, seed 1") && out.contains("ska-mid-aa4"), "{out}");
    assert_eq!(place.names(), ["empty.toml"]);
}

#[test]
fn overrides_that_cannot_be_used() {
    let place = Place::with_configurations();
    let cases: &[(&str, &[&str])] = &[
        ("sky.channels", &["without \"=\"", "sky.channels", "table.key=value"]),
        ("=3", &["readable key", "table.key=value"]),
        ("sky..channels=3", &["readable key"]),
        ("sky.chanels=3", &["sky.chanels", "--set sky.chanels", "did you mean \"channels\"?"]),
        ("telescop.name=vla", &["telescop", "did you mean \"telescope\"?"]),
        ("sky.galaxy=7", &["sky.galaxy.KEY=VALUE"]),
        ("sky.channels.x=7", &["a table [channels]"]),
        ("sky.distance=20", &["no unit", "--set sky.distance"]),
        ("sky.distance=", &["no unit", "--set sky.distance"]),
        ("sky.distance=\"20 Mpc", &["not TOML"]),
        ("sky.channels=", &["an integer", "--set sky.channels"]),
        ("sky.fits=a.fits", &["given twice", "--set sky.fits; small.toml, line 3, key sky.galaxy"]),
    ];
    for (change, says) in cases {
        place.refused(&["run", "small.toml", "--out", "out", "--set", change], says);
    }
}

#[test]
fn overrides_of_every_type_win_over_the_file() {
    let place = Place::with_configurations();
    let changes = [
        "sky.galaxy.seed=11",                        // an integer in a table in a table
        "sky.channels=5",                            // over an integer of the file
        "sky.distance=33 Mpc",                       // a quantity without quotes
        "observation.length=\"2 h\"",                // and with them
        "sky.hubble_flow=false",                     // a boolean
        "prediction.epsilon=1e-4",                   // a float
        "observation.start_utc=2027-01-01T17:00:00", // a date without quotes
        "observation.polarisations=XX,XY,YX,YY",     // a choice
        "image.cell=auto",                           // a word for a quantity
        "noise.sefd={ ska-mid = \"300 Jy\" }",       // a table
        "noise.add=false",
        "telescope.beam='airy'",                   // literal text
        "sky.tb_coefficient=189",                  // an integer for a float
        "observation.polar_motion=0.1 0.2 arcsec", // several quantities
        "image.weight=natural",
    ];
    let mut words = vec!["run", "small.toml", "--out", "out"];
    changes.iter().for_each(|c| words.extend(["--set", c]));
    let out = place.run(&words).ok();
    for fact in ["33.00 Mpc", "2 h from 2027-01-01T17:00", "5 of ", "natural", "airy, D 15 m"] {
        assert!(out.contains(fact), "{fact}:\n{out}");
    }
    let record = std::fs::read_to_string(place.path("out/run.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let used: toml::Table = record["configuration"].as_str().unwrap().parse().unwrap();
    assert_eq!(used["sky"]["galaxy"]["seed"].as_integer(), Some(11));
    assert_eq!(used["sky"]["galaxy"]["cells"].as_integer(), Some(2000));
    assert_eq!(used["sky"]["hubble_flow"].as_bool(), Some(false));
    assert_eq!(used["prediction"]["epsilon"].as_float(), Some(1e-4));
}

#[test]
fn the_later_of_two_overrides_counts() {
    let place = Place::with_configurations();
    let words = ["run", "small.toml", "--check", "--set", "sky.channels=7", "--set", "sky.channels=9"];
    assert!(place.run(&words).ok().contains("x 9 channels"));
}

#[test]
fn the_two_configurations_of_these_tests_are_valid() {
    let place = Place::with_configurations();
    assert!(SMALL.contains("galaxy") && !NO_SKY.contains("galaxy"));
    for name in ["small.toml", "no-sky.toml"] {
        assert!(place.run(&["run", name, "--check"]).ok().contains("valid"));
    }
}

#[test]
fn what_can_never_be_observed_or_held_is_refused_before_computing() {
    let place = Place::with_configurations();
    let never = ["run", "small.toml", "--out", "out", "--set"];
    let with = |change: &'static str| [&never[..], &[change]].concat();
    let up = ["never high enough", "highest elevation", "at least 15.0 deg", "ska-mid-aa1", "observation.dec"];
    place.refused(&with("observation.dec=80 deg"), &up);
    place.refused(&with("observation.start_utc=2027-01-01T03:00:00"), &up);
    place.refused(&["run", "small.toml", "--check", "--set", "observation.dec=80 deg"], &up);
    place.refused(
        &["observe", "small.toml", "--out", "x.h5", "--set", "observation.dec=80 deg"],
        &["never high enough"],
    );
    place.refused(
        &[&with("observation.steps=1000000")[..], &["--set", "telescope.name=ska-low-aa4"]].concat(),
        &["do not fit into memory", "512 stations", "fewer steps"],
    );
    place.refused(
        &[&with("sky.channels=65536")[..], &["--set", "image.size=16384", "--set", "image.cell=1 arcsec"]].concat(),
        &["memory", "fewer pixels"],
    );
}

#[test]
fn pixels_too_coarse_for_every_baseline_are_refused_before_anything_is_written() {
    let place = Place::with_configurations();
    let words = ["run", "small.toml", "--out", "out", "--set", "telescope.name=vlba"];
    let ran = place.run(&[&words[..], &["--set", "observation.min_elevation=5 deg"]].concat());
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.err.contains("every baseline is too long for the pixels"), "{}", ran.err);
    assert!(!place.path("out").exists());
}
