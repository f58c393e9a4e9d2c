//! `image --niter`: CLEAN from words to files.

use super::Place;
use ndarray::{Array3, Axis};
use rustfft::num_complex::Complex64;
use skyfringe::error::Watch;
use skyfringe::formats::fits::{FitsCube, read_cube, write_cube};
use skyfringe::formats::visibilities::{Precision, read_visibilities, write_visibilities};
use skyfringe::units::{ARCSEC_RAD, C_M_S};
use std::f64::consts::TAU;

const CELL_RAD: f64 = 16.0 * ARCSEC_RAD;
/// Column, row, Jy.
const POINTS: [(usize, usize, f64); 2] = [(40, 36, 1.0), (20, 25, 0.5)];
const IMAGE: [&str; 8] = ["image", "f.h5", "--size", "64", "--scale", "16asec", "--weight", "natural"];
const CLEAN: [&str; 6] = ["--niter", "20000", "--threshold", "1mJy", "--gain", "0.1"];

/// A folder with visibilities of [`POINTS`], without noise, in f.h5.
fn two_points() -> Place {
    let place = Place::with_configurations();
    place.run(&["observe", "small.toml", "--out", "observed.h5", "--set", "observation.steps=12"]).ok();
    let mut table = read_visibilities(&place.path("observed.h5")).unwrap();
    let (uvw, freq) = (table.uvw_m.clone(), table.freq_hz.clone());
    table.vis = Array3::from_shape_fn(table.vis.dim(), |(row, channel, _)| {
        POINTS
            .iter()
            .map(|(x, y, flux)| {
                let (l, m) = ((32.0 - *x as f64) * CELL_RAD, (*y as f64 - 32.0) * CELL_RAD);
                let n1 = (1.0 - l * l - m * m).sqrt() - 1.0;
                let turns = (uvw[[row, 0]] * l + uvw[[row, 1]] * m + uvw[[row, 2]] * n1) * freq[channel] / C_M_S;
                Complex64::from_polar(*flux, TAU * turns)
            })
            .sum()
    });
    write_visibilities(&place.path("f.h5"), &table, Precision::Double, &Watch::silent()).unwrap();
    place
}

fn cube(place: &Place, name: &str) -> FitsCube {
    read_cube(&place.path(name)).unwrap()
}

fn largest(cube: &FitsCube) -> f32 {
    cube.data.iter().fold(0.0, |m, v| m.max(v.abs()))
}

#[test]
fn two_points_are_cleaned() {
    let place = two_points();
    let more = ["--products", "dirty,psf,residual,model,image,image-pb", "--beam", "none", "--out", "c"];
    place.run(&[&IMAGE[..], &CLEAN, &more].concat()).ok();
    let [dirty, residual, model, image, corrected] =
        ["dirty", "residual", "model", "image", "image-pb"].map(|name| cube(&place, &format!("c-{name}.fits")));
    assert_eq!(model.data.dim(), (3, 64, 64));
    assert_eq!((model.unit.as_str(), image.unit.as_str()), ("Jy/pixel", "Jy/beam"));
    assert!(largest(&dirty) > 0.9 && largest(&residual) <= 1.1e-3, "{} {}", largest(&dirty), largest(&residual));
    for (channel, plane) in model.data.outer_iter().enumerate() {
        let mut rest = plane.to_owned();
        for (x, y, flux) in POINTS {
            assert!((f64::from(plane[[y, x]]) / flux - 1.0).abs() < 0.01, "channel {channel}: {}", plane[[y, x]]);
            let peak = f64::from(image.data[[channel, y, x]]);
            assert!((peak / flux - 1.0).abs() < 0.02, "channel {channel}: {peak}");
            rest[[y, x]] = 0.0;
        }
        assert!(rest.iter().all(|v| v.abs() < 0.01), "channel {channel}");
    }
    assert_eq!(corrected.data, image.data);
    let card = |key: &str| model.cards.iter().any(|c| c.key == key);
    assert!(card("NITER") && card("THRESH") && !card("AUTOMASK"));
    assert!(image.beams.len() == 3 && image.beams.iter().all(|b| b.minor_rad > 0.0));

    // the same without a word on products, and threads that change nothing
    place.run(&[&IMAGE[..], &CLEAN, &["--threads", "1", "--out", "d"]].concat()).ok();
    assert_eq!(cube(&place, "d-image.fits").data, image.data);
    for name in ["d-dirty.fits", "d-psf.fits", "d-residual.fits", "d-model.fits"] {
        assert!(place.path(name).exists(), "{name}");
    }
}

#[test]
fn masks_are_files_and_words_without_iterations_are_refused() {
    let place = two_points();
    place.run(&[&IMAGE[..], &["--products", "dirty", "--out", "m"]].concat()).ok();
    let mut mask = cube(&place, "m-dirty.fits");
    // the weaker point may not be cleaned
    mask.data.fill(0.0);
    mask.data.index_axis_mut(Axis(1), POINTS[0].1).index_axis_mut(Axis(1), POINTS[0].0).fill(1.0);
    write_cube(&place.path("mask.fits"), &mask).unwrap();
    place.run(&[&IMAGE[..], &CLEAN, &["--mask", "mask.fits", "--out", "c"]].concat()).ok();
    let model = cube(&place, "c-model.fits").data;
    for plane in model.outer_iter() {
        assert_eq!(plane.iter().filter(|v| **v != 0.0).count(), 1);
        assert!(plane[[POINTS[0].1, POINTS[0].0]] > 0.5);
    }

    mask.data.fill(0.0);
    write_cube(&place.path("empty.fits"), &mask).unwrap();
    let refused = |words: &[&str], says: &[&str]| place.refused(&[&IMAGE[..], words, &["--out", "x"]].concat(), says);
    let with = |words: &[&'static str]| [&CLEAN[..], words].concat();
    refused(&with(&["--mask", "empty.fits"]), &["allows no pixel", "empty.fits", "--mask"]);
    let small = ["image", "f.h5", "--size", "32", "--scale", "16asec", "--mask", "mask.fits", "--out", "x"];
    place.refused(&[&small[..], &CLEAN].concat(), &["shape of the images", "64 x 64", "32 x 32"]);
    refused(&with(&["--mask", "nowhere.fits"]), &["nowhere.fits"]);
    refused(&["--threshold", "1mJy"], &["without iterations", "--niter"]);
    refused(&["--products", "model"], &["made by CLEAN", "--niter"]);
    refused(&["--niter", "10", "--gain", "2"], &["gain", "at most 1"]);
    refused(&["--niter", "10", "--threshold", "5"], &["no unit", "--threshold"]);
}
