//! Samples of a data set per CPU second, 2-D pairs and cube pairs, stage by stage, and the same by visibilities.

use super::measure::{Cost, load, measured};
use super::scene::{ByVisibilities, LOWEST_RAD, Scene, SceneWords};
use crate::datasets::observer::{Observer, Setup, Wanted, Way, probe_flux_over_peak};
use crate::datasets::{Scaling, ScalingKind};
use crate::error::{Error, Result, Watch};
use crate::formats::shard::{Compression, ShardField, ShardHeader, ShardWriter};
use crate::imaging::fast::RouteChoice;
use crate::run::Progress;
use crate::sky::band::Band;
use crate::sky::cells::GasCells;
use crate::sky::cube::SkyCube;
use crate::sky::galaxy::{GalaxyParams, make_galaxy};
use crate::sky::maps::{MapRequest, ViewSet};
use crate::sky::mock::{LineBand, line_mock};
use crate::sky::neutral::HiModel;
use crate::sky::orient::{Orientation, Rotation};
use crate::sky::placing::Placement;
use crate::sky::products::{CubeRequest, build_cube};
use crate::sky::snapshot::from_snapshot;
use crate::sky::temperature::TbFrame;
use crate::telescope::beam::BeamChoice;
use ndarray::{Array3, ArrayD, Axis};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct DatasetRequest {
    /// Array with its station layout.
    pub telescope: String,
    /// Pixels along each side.
    pub npix: usize,
    /// Pixel size with its unit.
    pub cell: String,
    /// Channels of the cube.
    pub channels: usize,
    /// Gas cells of a galaxy.
    pub cells: usize,
    /// Length of the observation, with its unit.
    pub length: String,
    /// Time steps.
    pub steps: usize,
    /// Channels on which the visibility route is timed; its cost is scaled to all. 0: it is not timed.
    pub visibility_channels: usize,
    /// Samples of each kind.
    pub reps: usize,
}

/// Redshift of the galaxies: some 42 Mpc, where 256 pixels of 2 arcsec are 103 kpc.
const REDSHIFT: f64 = 0.0095;
/// Band of the 2-D pair and of all channels together: 1050 km/s.
const BAND_HZ: f64 = 5e6;
const CUBE_BAND_HZ: f64 = 2.5e6;
const WEIGHT: &str = "briggs:0";
const EPSILON: f64 = 1e-3;
/// Galaxies that tell the flux over peak, and what is planned for over what they have.
const PROBED: usize = 2;
const MARGIN: f64 = 2.0;

/// Galaxies to make samples of.
struct Galaxies {
    cells: Vec<GasCells>,
    placement: Placement,
    /// Of making one.
    cost: Cost,
}

/// What is done for a sample, in this order.
const STAGES: [&str; 5] = ["deposit", "observe", "noise", "scaling", "write"];

/// CPU seconds of each stage, one number a sample.
#[derive(Default)]
struct Stages(BTreeMap<&'static str, Vec<f64>>);

/// A shard of maps and dirty images in a file of its own, which goes away.
struct Store {
    path: PathBuf,
    writer: Option<ShardWriter>,
    scalings: [Scaling; 2],
}

/// Runs the benchmark; the text is one JSON object. A sample is another orientation of one of the galaxies, with noise
/// of its own; making galaxies and planning the instrument are reported apart.
///
/// # Errors
/// Words that cannot be; an observation whose bound cannot be met; galaxies whose line is wider than the band; an
/// interrupt.
pub fn dataset(request: &DatasetRequest, progress: &dyn Progress) -> Result<String> {
    let galaxies = Galaxies::make(request.cells)?;
    let line_hz = galaxies.placement.line_freq_hz();
    let words = SceneWords {
        telescope: &request.telescope,
        npix: request.npix,
        cell: &request.cell,
        length: &request.length,
        steps: request.steps,
        weight: WEIGHT,
        epsilon: EPSILON,
    };
    let width_hz = CUBE_BAND_HZ / request.channels as f64;
    let first_hz = line_hz - 0.5 * (CUBE_BAND_HZ - width_hz);
    let flat = Scene::new(&words, line_hz, 1, BAND_HZ)?;
    let cube = Scene::new(&words, first_hz, request.channels, width_hz)?;
    let pair = timed(request, &flat, progress, |number| galaxies.flat(&flat, number))?;
    let cubes = timed(request, &cube, progress, |number| galaxies.cube(&cube, number))?;
    let text = json!({
        "telescope": flat.telescope.name,
        "npix": request.npix,
        "channels": request.channels,
        "cells": request.cells,
        "steps": request.steps,
        "threads": rayon::current_num_threads(),
        "reps": request.reps,
        "make_galaxy_cpu_s": galaxies.cost.cpu_s,
        "pair_2d": pair,
        "pair_cube": cubes,
        "load": load(),
    });
    Ok(format!("{text:#}\n"))
}

/// Plans the instrument of a scene and makes samples of `sky(number)`: what stands in a pair, and what is observed.
fn timed(
    request: &DatasetRequest,
    scene: &Scene,
    progress: &dyn Progress,
    sky: impl Fn(usize) -> Result<(Array3<f64>, SkyCube)>,
) -> Result<Value> {
    let mut setup = scene.setup();
    let (observer, set_up) = {
        let watch = progress.stage("instrument", 2 * setup.freq_hz.len() as u64);
        let (made, cost) = measured(|| {
            let probes = (0..PROBED).map(|number| Ok(sky(number)?.1)).collect::<Result<Vec<SkyCube>>>()?;
            let probed = probe_flux_over_peak(&setup, &probes, &watch)?;
            setup.flux_over_peak = MARGIN * probed.unwrap_or(setup.flux_over_peak);
            Observer::new(setup, Wanted::default(), &watch)
        });
        (made?, cost)
    };
    let watch = progress.stage("samples", request.reps as u64);
    let mut stages = Stages::default();
    let (mut bound, mut peak_mib, mut last) = (0.0f64, 0.0f64, None);
    let mut store = {
        let (map, observed) = sky(0)?;
        let dirty = observer.observe(&observed, Some(0), &watch.quiet())?.dirty;
        Store::new(request.reps, [map, dirty])?
    };
    for number in 0..request.reps {
        let (made, deposit) = measured(|| sky(number));
        let (map, observed) = made?;
        let (signal, observe) = measured(|| observer.signal(&observed, &watch.quiet()));
        let signal = signal?;
        let (made, noise) = measured(|| observer.with_noise(&signal, Some(number as u64), &watch.quiet()));
        let (scaled, scaling) = measured(|| store.scaled([&map, &made?.dirty]));
        let scaled = scaled?;
        let (written, write) = measured(|| store.write(number, &scaled));
        written?;
        for (name, cost) in STAGES.into_iter().zip([deposit, observe, noise, scaling, write]) {
            stages.push(name, cost.cpu_s);
            peak_mib = peak_mib.max(cost.peak_mib);
        }
        if signal.route == Way::Visibilities {
            return Err(Error::input("a sample cannot be made without visibilities")
                .found(signal.route_reason.unwrap_or_default())
                .expected("an observation whose error bound can be met"));
        }
        bound = bound.max(signal.bound.unwrap_or(f64::NAN));
        last = Some(observed);
        watch.advance(1)?;
    }
    let (bytes, finish) = measured(|| store.finish());
    let bytes = bytes? as f64 / request.reps as f64;
    // all samples share it
    stages.add("write", finish.cpu_s / request.reps as f64);
    let sample_s = stages.total_s();
    let mut report = Map::new();
    report.insert("samples_per_cpu_s".into(), json!(1.0 / sample_s));
    report.insert("sample_cpu_s".into(), json!(sample_s));
    report.insert("stages_cpu_s".into(), stages.medians());
    report.insert("sample_bytes".into(), json!(bytes));
    report.insert("bound".into(), json!(bound));
    report.insert("setup_cpu_s".into(), json!(set_up.cpu_s));
    report.insert("setup_peak_mib".into(), json!(set_up.peak_mib));
    report.insert("instrument_mib".into(), json!(observer.bytes() as f64 / 1_048_576.0));
    report.insert("samples_peak_mib".into(), json!(peak_mib));
    drop(observer);
    if let (Some(last), true) = (last, request.visibility_channels > 0) {
        let channels = request.visibility_channels.min(scene.freq_hz.len());
        let watch = progress.stage("visibility route", channels as u64);
        let by_visibilities = scene.by_visibilities(&last, channels, &watch)?;
        let ByVisibilities { predict_s, noise_s, image_s, .. } = by_visibilities;
        // the maps are the same whatever observes them
        let sample = by_visibilities.cpu_s() + stages.median("deposit");
        report.insert(
            "visibility_route".into(),
            json!({
                "sample_cpu_s": sample,
                "predict_cpu_s": predict_s,
                "noise_cpu_s": noise_s,
                "image_cpu_s": image_s,
                "channels_timed": by_visibilities.timed,
                "ratio": sample / sample_s,
            }),
        );
    }
    Ok(Value::Object(report))
}

impl Stages {
    fn push(&mut self, name: &'static str, cpu_s: f64) {
        self.0.entry(name).or_default().push(cpu_s);
    }

    /// Adds `cpu_s` to every sample.
    fn add(&mut self, name: &'static str, cpu_s: f64) {
        self.0.entry(name).or_default().iter_mut().for_each(|s| *s += cpu_s);
    }

    fn median(&self, name: &str) -> f64 {
        let mut all = self.0.get(name).cloned().unwrap_or_default();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn medians(&self) -> Value {
        Value::Object(STAGES.into_iter().map(|name| (name.to_string(), json!(self.median(name)))).collect())
    }

    fn total_s(&self) -> f64 {
        STAGES.into_iter().map(|name| self.median(name)).sum()
    }
}

impl Store {
    /// For so many samples of a map and a dirty image like `first`, on which the scalings are fitted.
    fn new(samples: usize, first: [Array3<f64>; 2]) -> Result<Store> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("skyfringe-bench-{}-{number}.h5", std::process::id()));
        let [map, dirty] = &first;
        let fit = |kind, values: &Array3<f64>, signed| {
            let values: Vec<f64> = values.iter().copied().collect();
            Scaling::fit(kind, &values, signed, &Watch::silent())
        };
        let scalings = [fit(ScalingKind::Log, map, false)?, fit(ScalingKind::Asinh, dirty, true)?];
        let field = |name: &str, values: &Array3<f64>| ShardField {
            name: name.into(),
            shape: values.shape().to_vec(),
            unit: String::new(),
            attributes: Vec::new(),
        };
        let header = ShardHeader {
            samples,
            first_sample: 0,
            fields: vec![field("map", map), field("dirty", dirty)],
            columns: Vec::new(),
            groups: Vec::new(),
            attributes: Vec::new(),
        };
        let writer = ShardWriter::create(&path, &header, Compression::default())?;
        Ok(Store { path, writer: Some(writer), scalings })
    }

    fn scaled(&self, planes: [&Array3<f64>; 2]) -> Result<Vec<ArrayD<f32>>> {
        let one = |(scaling, values): (&Scaling, &Array3<f64>)| {
            let mut scaled = Array3::<f32>::zeros(values.dim());
            // both are fresh arrays in standard layout
            if let (Some(from), Some(to)) = (values.as_slice(), scaled.as_slice_mut()) {
                scaling.apply_to(from, to)?;
            }
            Ok(scaled.into_dyn())
        };
        self.scalings.iter().zip(planes).map(one).collect()
    }

    fn write(&mut self, sample: usize, fields: &[ArrayD<f32>]) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        fields.iter().enumerate().try_for_each(|(field, values)| writer.put(field, sample, values.view()))
    }

    /// Bytes of the whole file.
    fn finish(&mut self) -> Result<u64> {
        if let Some(writer) = self.writer.take() {
            writer.finish()?;
        }
        let meta = std::fs::metadata(&self.path).map_err(|e| Error::io("look at the shard", &self.path, e))?;
        Ok(meta.len())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.writer.take());
        // nothing is lost where it cannot be removed
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Scene {
    fn setup(&self) -> Setup {
        Setup {
            telescope: self.telescope.clone(),
            beam: BeamChoice::Auto,
            track: self.track.clone(),
            min_elevation_rad: LOWEST_RAD,
            freq_hz: self.freq_hz.clone(),
            channel_width_hz: self.width_hz,
            specsys: "BARYCENT".into(),
            sefd_jy: Some(self.sefd_jy.clone()),
            image: self.params,
            pb_limit: 0.1,
            route: RouteChoice::Auto,
            psf_epsilon: EPSILON,
            flux_over_peak: 50.0,
            prediction_epsilon: EPSILON,
            clean: Setup::usual_clean(1000),
            most_bytes: None,
        }
    }
}

impl Galaxies {
    /// A few, each of `count` cells.
    fn make(count: usize) -> Result<Galaxies> {
        let (made, cost) = measured(|| {
            let one = |seed| {
                let made = make_galaxy(&GalaxyParams { n_cells: count, ..GalaxyParams::random(seed) })?;
                from_snapshot(&made, Some([0.5 * made.header.box_size; 3]), &HiModel::default())
            };
            (1..=PROBED as u64).map(one).collect::<Result<Vec<_>>>()
        });
        let made = made?;
        let cosmology = made[0].cosmology.clone();
        let (distance, rate) = (cosmology.luminosity_distance_mpc(REDSHIFT), cosmology.hubble_km_s_mpc(REDSHIFT));
        Ok(Galaxies {
            cells: made.into_iter().map(|galaxy| galaxy.cells).collect(),
            placement: Placement::new(REDSHIFT, 0.0, distance, cosmology.h, rate)?,
            cost: Cost { cpu_s: cost.cpu_s / PROBED as f64, ..cost },
        })
    }

    fn view(&self, number: usize) -> (&GasCells, Rotation) {
        let plain = Rotation { rows: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]] };
        let rotation = ViewSet::Random { count: number + 1 }.views(&plain, 1).pop().map_or(plain, |v| v.rotation);
        (&self.cells[number % self.cells.len()], rotation)
    }

    /// T_b map, and the flux density of the band.
    fn flat(&self, scene: &Scene, number: usize) -> Result<(Array3<f64>, SkyCube)> {
        let (cells, rotation) = self.view(number);
        let (g, centre) = (scene.params.geometry, scene.track.phase_centre);
        let map = MapRequest::new(self.placement, centre, g.nx, g.ny, g.dm);
        let band = LineBand::centred(&self.placement, scene.width_hz);
        let made = line_mock(cells, &rotation, &map, &band, &Watch::silent())?;
        let sky = SkyCube {
            flux_jy: made.flux_jy.insert_axis(Axis(0)),
            freq_hz: scene.freq_hz.clone(),
            channel_width_hz: scene.width_hz,
            cell_rad: g.dm,
            centre,
            specsys: "BARYCENT".into(),
        };
        Ok((made.tb_mk.insert_axis(Axis(0)), sky))
    }

    /// Kinematic cube, and the flux densities of the channels.
    fn cube(&self, scene: &Scene, number: usize) -> Result<(Array3<f64>, SkyCube)> {
        let (cells, rotation) = self.view(number);
        let (g, centre) = (scene.params.geometry, scene.track.phase_centre);
        let band = Band::Given { first_hz: scene.freq_hz[0], channels: scene.freq_hz.len(), width_hz: scene.width_hz };
        let [alpha_deg, beta_deg, gamma_deg] = rotation.euler_deg();
        let request = CubeRequest {
            orientation: Orientation::Euler { alpha_deg, beta_deg, gamma_deg },
            ..CubeRequest::new(self.placement, centre, g.nx, g.ny, g.dm, band)
        };
        let made = build_cube(cells, &request, &Watch::silent())?;
        Ok((made.kinematic_cube_k(TbFrame::Rest), made.cube))
    }
}
