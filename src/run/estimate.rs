//! What the stages of a run need, by measured constants.
//!
//! Constants are of one core of an AMD EPYC (2 cores, 2026), by the stages' times at one thread and the peak of
//! resident memory of whole runs; gridding has its own model, [`crate::gridding::cost`].

use crate::error::Result;
use crate::formats::visibilities::Precision;
use crate::gridding::{ImageGeometry, cost};
use crate::imaging::fast::Foresight;
use crate::telescope::beam::StationBeams;
use crate::units::C_M_S;
use std::collections::BTreeMap;

/// The size of a run.
#[derive(Debug)]
pub(super) struct Size<'a> {
    /// uvw of the usable rows, m, and their stations.
    pub rows: &'a [([f64; 3], [u32; 2])],
    /// How many rows each of these stands for.
    pub stands_for: usize,
    /// Rows in all.
    pub all_rows: usize,
    /// Most of the table that is held at once, bytes.
    pub table_limit: f64,
    pub channels: usize,
    pub products: usize,
    /// Gas cells that become the sky; 0 for other skies.
    pub cells: usize,
    /// Whether those cells are made here, and not read.
    pub made: bool,
    /// Sources of a direct sum and how it is made, None for prediction by the grid.
    pub direct: Option<Direct>,
    /// Sides of sky and image, pixels.
    pub sky_side: usize,
    pub image_side: usize,
    pub cell_rad: f64,
    /// Frequency of the middle channel, Hz.
    pub freq_hz: f64,
    pub noise: bool,
    pub precision: Precision,
    pub prediction_epsilon: f64,
    pub image_epsilon: f64,
    pub keep_beyond_nyquist: bool,
    /// One channel of the way without visibilities, where that is taken.
    pub by_psf: Option<Foresight>,
}

/// A direct sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Direct {
    pub sources: usize,
    /// Whether samples are smeared, or sources have shapes.
    pub each: bool,
    /// Stations whose beams are made of antennas, times time steps.
    pub formed: usize,
}

/// What a run needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Needs {
    /// Seconds of all cores together.
    pub cpu_s: f64,
    /// Seconds on the clock with the threads there are.
    pub wall_s: f64,
    /// Peak of memory, bytes.
    pub memory: f64,
    /// Size of the products, bytes.
    pub disk: f64,
}

/// The program itself, fonts and libraries.
const BASE_BYTES: f64 = 25e6;
/// A gas cell of the built-in maker; a cell on its way from file or maker to the sky; a pixel that receives gas.
const MAKE_CELL_S: f64 = 11e-6;
const CELL_S: f64 = 3e-6;
const DEPOSIT_PIXEL_S: f64 = 0.4e-6;
const CELL_BYTES: f64 = 220.0;
/// One channel of one source at one baseline, I and XX..YY (docs/direct.md): a product, and with factors of its own.
const DIRECT_S: [f64; 2] = [0.15e-9, 0.8e-9];
const DIRECT_EACH_S: [f64; 2] = [1.5e-9, 2.5e-9];
/// A source in the beam of a station of antennas.
const BEAM_S: f64 = 200e-9;
/// A sample's noise; a sample on its way to the file and through its checksum; a pixel of a cube likewise.
const NOISE_S: f64 = 50e-9;
const WRITE_SAMPLE_S: f64 = 60e-9;
const WRITE_PIXEL_S: f64 = 12e-9;
/// A sample on its way into an image, beside gridding: Stokes I, weights.
const WEIGH_S: f64 = 150e-9;
/// The preview, and what it adds for each pixel of a plane.
const PREVIEW_S: f64 = 0.3;
const PREVIEW_PIXEL_S: f64 = 0.2e-6;
const PREVIEW_BYTES: f64 = 15e6;

/// Needs of `observe`, and of a whole run if `images`.
pub(super) fn needs(size: &Size, beams: &StationBeams, images: bool, threads: usize) -> Result<Needs> {
    let channels = size.channels as f64;
    let samples = (size.all_rows * size.channels * size.products) as f64;
    let sky = (size.sky_side * size.sky_side * size.channels) as f64;
    let image = (size.image_side * size.image_side * size.channels) as f64;
    // visibilities that nobody writes take no memory
    let sample_bytes = if size.by_psf.is_some() { 5.0 } else { 21.0 };
    let table_bytes = (size.all_rows as f64 * 40.0 + samples * sample_bytes).min(size.table_limit);
    // gas cells leave their cube twice: in the products and as the sky
    let sky_bytes = sky * if size.cells > 0 { 16.0 } else { 8.0 };

    // work of one thread, and work that all share
    let mut serial_s = size.cells as f64 * if size.made { MAKE_CELL_S } else { 0.0 };
    let mut cpu_s = 0.0;
    if size.cells > 0 {
        cpu_s += size.cells as f64 * CELL_S + (size.sky_side * size.sky_side) as f64 * DEPOSIT_PIXEL_S;
    }
    let mut peak = size.cells as f64 * CELL_BYTES + sky_bytes;
    let used = usable(size);
    match (size.by_psf, size.direct) {
        (Some(f), _) => {
            cpu_s += channels * (f.plan_cpu_s + f.image_cpu_s);
            peak = peak.max(sky_bytes + table_bytes + channels * f.bytes + f.work_bytes + 8.0 * image);
        }
        (None, Some(direct)) => {
            let Direct { sources, each, formed } = direct;
            let each_s = if each { DIRECT_EACH_S } else { DIRECT_S }[usize::from(size.products == 4)];
            let terms = (size.rows.len() * size.stands_for) as f64;
            cpu_s += channels * sources as f64 * (each_s * terms + BEAM_S * formed as f64);
            peak = peak.max(sky_bytes + table_bytes);
        }
        (None, None) => {
            let mut groups: BTreeMap<[usize; 2], Vec<[f64; 3]>> = BTreeMap::new();
            for (uvw, stations) in &used {
                let mut classes = stations.map(|s| beams.class_of[s as usize]);
                classes.sort_unstable();
                groups.entry(classes).or_default().push(*uvw);
            }
            let mut most = 0.0f64;
            for uvw in groups.values() {
                let one = cost(square(size.sky_side, size.cell_rad), uvw, size.prediction_epsilon, 1)?;
                cpu_s += channels * one.cpu_s * size.stands_for as f64;
                most = most.max(one.bytes + 64.0 * uvw.len() as f64);
            }
            peak = peak.max(sky_bytes + table_bytes + most);
        }
    }
    let value = match size.precision {
        Precision::Single => 8.0,
        Precision::Double => 16.0,
    };
    let mut disk = 0.0;
    if size.by_psf.is_none() {
        cpu_s += if size.noise { samples * NOISE_S } else { 0.0 };
        serial_s += samples * WRITE_SAMPLE_S;
        disk += size.all_rows as f64 * 40.0 + samples * (value + 5.0);
    }

    if images {
        let plane = (size.image_side * size.image_side) as f64;
        serial_s += WRITE_PIXEL_S * (sky + 2.0 * image) + PREVIEW_S + PREVIEW_PIXEL_S * plane;
        let uvw: Vec<[f64; 3]> = used.iter().map(|u| u.0).collect();
        let one = cost(square(size.image_side, size.cell_rad), &uvw, size.image_epsilon, 2)?;
        // of nothing but the PSF where there are no visibilities
        let gridded = if size.by_psf.is_some() { 1.0 } else { 2.0 };
        cpu_s += channels * (gridded * one.cpu_s + WEIGH_S * size.rows.len() as f64);
        let at_once = size.channels.min(threads.clamp(1, 8)) as f64;
        let each = one.bytes + 160.0 * size.rows.len() as f64 + 16.0 * image / channels;
        let cubes = if size.by_psf.is_some() { 24.0 } else { 16.0 } * image;
        peak = peak.max(sky_bytes + table_bytes + cubes + at_once * each);
        peak = peak.max(sky_bytes + table_bytes + cubes + 4.0 * image + PREVIEW_BYTES);
        disk += 4.0 * (sky + 2.0 * image) + 0.5e6;
    }
    let wall_s = serial_s + cpu_s / threads.max(1) as f64;
    Ok(Needs { cpu_s: serial_s + cpu_s, wall_s, memory: BASE_BYTES + peak, disk })
}

fn square(side: usize, cell_rad: f64) -> ImageGeometry {
    ImageGeometry { nx: side, ny: side, dl: -cell_rad, dm: cell_rad }
}

/// Rows within the pixels' Nyquist limit in the middle channel, in wavelengths.
fn usable(size: &Size) -> Vec<([f64; 3], [u32; 2])> {
    let per_m = size.freq_hz / C_M_S;
    let limit = if size.keep_beyond_nyquist { f64::INFINITY } else { 0.5 / size.cell_rad };
    size.rows
        .iter()
        .map(|(uvw, stations)| (uvw.map(|x| x * per_m), *stations))
        .filter(|(uvw, _)| uvw[0].abs().max(uvw[1].abs()) < limit)
        .collect()
}
