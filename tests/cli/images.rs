//! `image`: bad visibility files and words, and the same images as in a run.

use super::Place;
use skyfringe::formats::fits::read_cube;

/// A folder with visibilities in f.h5.
fn with_visibilities() -> Place {
    let place = Place::with_configurations();
    place.run(&["observe", "small.toml", "--out", "f.h5", "--set", "output.precision=double"]).ok();
    place
}

fn spoilt(place: &Place, name: &str, change: impl Fn(&hdf5::File)) {
    std::fs::copy(place.path("f.h5"), place.path(name)).unwrap();
    change(&hdf5::File::open_rw(place.path(name)).unwrap());
}

#[test]
fn visibility_files_that_cannot_be_imaged() {
    let place = with_visibilities();
    let whole = std::fs::read(place.path("f.h5")).unwrap();
    place.write("half.h5", &whole[..whole.len() / 2]);
    place.write("text.h5", "hello");
    for name in ["vis", "uvw", "freq_hz"] {
        spoilt(&place, &format!("no-{name}.h5"), |f| f.unlink(name).unwrap());
    }
    spoilt(&place, "centre.h5", |f| f.delete_attr("phase_centre_ra_deg").unwrap());
    spoilt(&place, "flagged.h5", |f| {
        let flag = f.dataset("flag").unwrap();
        flag.write(&ndarray::Array3::from_elem((56, 3, 1), true)).unwrap();
    });
    spoilt(&place, "weightless.h5", |f| {
        f.dataset("weight").unwrap().write(&ndarray::Array3::from_elem((56, 3, 1), 0.0f32)).unwrap();
    });
    spoilt(&place, "nan.h5", |f| {
        let uvw = f.dataset("uvw").unwrap();
        let mut values: ndarray::Array2<f64> = uvw.read_2d().unwrap();
        values[[5, 0]] = f64::NAN;
        uvw.write(&values).unwrap();
    });
    spoilt(&place, "frequency.h5", |f| f.dataset("freq_hz").unwrap().write(&[1e9, -1.0, 2e9]).unwrap());
    spoilt(&place, "uneven.h5", |f| f.dataset("freq_hz").unwrap().write(&[1.41e9, 1.42e9, 1.47e9]).unwrap());
    spoilt(&place, "rows.h5", |f| {
        f.unlink("uvw").unwrap();
        f.new_dataset_builder().with_data(&ndarray::Array2::<f64>::zeros((50, 3))).create("uvw").unwrap();
    });
    std::fs::create_dir(place.path("folder")).unwrap();
    super::skies::snapshot(&place, "galaxy.hdf5");
    let cases: &[(&str, &[&str])] = &[
        ("half.h5", &["truncated or damaged", "half.h5", "copy it again"]),
        ("text.h5", &["not an HDF5 file", "hello", "docs/formats.md", "text.h5"]),
        ("no-vis.h5", &["no data set vis", "uvw, time_mjd_utc", "at least uvw, freq_hz and vis", "no-vis.h5"]),
        ("no-uvw.h5", &["no data set uvw", "no-uvw.h5"]),
        ("no-freq_hz.h5", &["no data set freq_hz", "no-freq_hz.h5"]),
        ("centre.h5", &["no attribute phase_centre_ra_deg", "centre.h5", "h5py"]),
        ("flagged.h5", &["no visibility has any weight", "56 rows x 3 channels", "flags"]),
        ("weightless.h5", &["no visibility has any weight"]),
        ("nan.h5", &["uvw", "1 coordinates that are not finite", "nan.h5"]),
        ("frequency.h5", &["-1 Hz", "positive frequencies", "frequency.h5"]),
        ("uneven.h5", &["not equally spaced", "mean step 30000000 Hz", "uneven.h5"]),
        ("rows.h5", &["shape", "50", "rows.h5"]),
        ("folder", &["not a regular file", "folder"]),
        ("nowhere.h5", &["cannot open", "nowhere.h5", "No such file"]),
        ("galaxy.hdf5", &["no data set", "none of the known", "galaxy.hdf5"]),
    ];
    for (name, says) in cases {
        place.refused(&["image", name, "--size", "64", "--scale", "16asec", "--out", "x"], says);
    }
    for (name, says) in cases.iter().filter(|c| ["half.h5", "no-uvw.h5", "nowhere.h5"].contains(&c.0)) {
        place.refused(&["observe", "small.toml", "--uvw-from", name, "--out", "g.h5"], says);
    }
}

#[test]
fn words_of_image_that_cannot_be_used() {
    let place = with_visibilities();
    let image = |words: &[&str], says: &[&str]| {
        place.refused(&[&["image", "f.h5", "--out", "x"], words].concat(), says);
    };
    image(&["--scale", "16"], &["no unit", "arcsec", "--scale"]);
    image(&["--scale", "16Hz"], &["unit \"Hz\"", "--scale"]);
    image(&["--scale", "-16asec"], &["above 0", "-16asec", "2asec", "--scale"]);
    image(&["--scale", "0asec"], &["above 0"]);
    image(&["--scale", "16asec", "--weight", "robust"], &["\"robust\"", "briggs:R", "--weight"]);
    image(&["--scale", "16asec", "--weight", "briggs"], &["\"briggs\"", "briggs:R", "--weight"]);
    image(&["--scale", "16asec", "--weight", "briggs:x"], &["\"briggs:x\"", "--weight"]);
    image(&["--scale", "16asec", "--epsilon", "0"], &["0e0", "1e-12 to 1e-2", "--epsilon"]);
    image(&["--scale", "16asec", "--epsilon", "0.5"], &["1e-12 to 1e-2", "--epsilon"]);
    image(&["--scale", "16asec", "--epsilon", "-1e-5"], &["1e-12 to 1e-2", "--epsilon"]);
    image(&["--scale", "2deg"], &["hemisphere", "smaller pixels"]);
    image(&["--scale", "20amin", "--size", "64"], &["beyond the image's Nyquist limit", "smaller pixel"]);
    place.refused(&["image", "f.h5", "--scale", "16asec", "--out", "nowhere/x"], &["nowhere", "No such file"]);
    place.refused(&["image", "f.h5", "--scale", "16asec", "--out", "/"], &["no file prefix", "out/galaxy"]);
    let words = |words: &[&str], says: &[&str]| {
        place.run(&[&["image", "f.h5", "--out", "x"], words].concat()).bad_words(says);
    };
    words(&["--scale", "16asec", "--size", "3"], &["--size", "8..=16384"]);
    words(&["--scale", "16asec", "--epsilon", "small"], &["--epsilon", "small"]);
    words(&["--size", "64"], &["--scale <ANGLE>"]);
}

#[test]
fn image_of_observe_is_the_image_of_run() {
    let place = Place::with_configurations();
    let same = ["--set", "image.cell=16arcsec", "--set", "image.weight=natural", "--set", "image.epsilon=1e-6"];
    let noise = ["--set", "noise.sefd=300 Jy"];
    place.run(&[&["observe", "small.toml", "--out", "F.h5"], &same[..], &noise].concat()).ok();
    place.run(&[&["run", "small.toml", "--out", "run"], &same[..], &noise].concat()).ok();
    let words = ["image", "F.h5", "--size", "64", "--scale", "16asec", "--weight", "natural", "--epsilon", "1e-6"];
    let out = place.run(&[&words[..], &["--out", "P"]].concat()).ok();
    assert!(out.contains("P-dirty.fits, P-psf.fits: 3 channels, 168 samples used"), "{out}");
    for (image, run) in [("P-dirty.fits", "run/dirty.fits"), ("P-psf.fits", "run/psf.fits")] {
        let (image, run) = (read_cube(&place.path(image)).unwrap(), read_cube(&place.path(run)).unwrap());
        assert_eq!(image.data, run.data);
        assert_eq!(image.beams, run.beams);
        assert_eq!(image.sky, run.sky);
        assert_eq!(image.spectral.freq_hz, run.spectral.freq_hz);
    }
    // and the exact sums agree with the grid
    place.run(&[&words[..], &["--dft", "--out", "D"]].concat()).ok();
    let (fft, dft) = (read_cube(&place.path("P-dirty.fits")).unwrap(), read_cube(&place.path("D-dirty.fits")).unwrap());
    let peak = dft.data.iter().fold(0.0f32, |p, v| p.max(v.abs()));
    let worst = fft.data.iter().zip(&dft.data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    // natural weights are not the norm of epsilon, hence ten times it
    assert!(worst < 1e-5 * peak && peak > 0.0, "{worst} of {peak}");
}

#[test]
fn a_file_with_only_uvw_frequencies_visibilities_and_a_centre_is_imaged() {
    let place = Place::new();
    let file = hdf5::File::create(place.path("bare.h5")).unwrap();
    // a point source of 2 Jy at the phase centre on a few baselines
    let uvw = ndarray::Array2::from_shape_fn((20, 3), |(row, axis)| match axis {
        0 => 40.0 * (row as f64 * 1.7).sin(),
        1 => 40.0 * (row as f64 * 1.1).cos(),
        _ => 0.0,
    });
    let vis = ndarray::Array2::from_elem((20, 2), num_complex(2.0));
    file.new_dataset_builder().with_data(&uvw).create("uvw").unwrap();
    file.new_dataset_builder().with_data(&[1.40e9, 1.41e9]).create("freq_hz").unwrap();
    file.new_dataset_builder().with_data(&vis).create("vis").unwrap();
    for (name, value) in [("phase_centre_ra_deg", 10.0), ("phase_centre_dec_deg", -20.0)] {
        file.new_attr::<f64>().create(name).unwrap().write_scalar(&value).unwrap();
    }
    drop(file);
    let words = ["image", "bare.h5", "--size", "32", "--scale", "2amin", "--weight", "natural", "--out", "bare"];
    assert!(place.run(&words).ok().contains("40 samples used"));
    assert_eq!(place.names(), ["bare-dirty.fits", "bare-psf.fits", "bare.h5"]);
    let (dirty, psf) =
        (read_cube(&place.path("bare-dirty.fits")).unwrap(), read_cube(&place.path("bare-psf.fits")).unwrap());
    assert!((dirty.data[[1, 16, 16]] - 2.0).abs() < 2e-5 && (psf.data[[1, 16, 16]] - 1.0).abs() < 1e-5);
    assert!((dirty.sky.centre.ra_rad.to_degrees() - 10.0).abs() < 1e-9);
}

fn num_complex(re: f64) -> rustfft::num_complex::Complex64 {
    rustfft::num_complex::Complex64::new(re, 0.0)
}
