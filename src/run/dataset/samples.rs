//! The samples of one galaxy: its sky in every orientation, what each instrument makes of it, and noise.

use super::row::{Identity, Row, Seen};
use super::scene::{Instrument, stored};
use super::sources::Subject;
use crate::datasets::observer::{Observation, Observer, Signal};
use crate::datasets::{Field, Layout, Observed, SampleKey};
use crate::error::{Error, Result, Watch};
use crate::math::random::philox;
use crate::run::params::DatasetSettings;
use crate::run::skies::orientation;
use crate::sky::cube::SkyCube;
use crate::sky::maps::{Domain, View, ViewSet, draw};
use crate::sky::mock::{LineBand, LineMock};
use crate::sky::orient::Orientation;
use crate::sky::products::{HiProducts, Systemic, build_cube};
use crate::sky::temperature::TbFrame;
use crate::units::DEG_RAD;
use ndarray::{Array2, Array3, ArrayD, ArrayView3, Axis};
use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A finished sample: physical values of each stored field, in single precision.
#[derive(Debug)]
pub(super) struct Sample {
    pub row: Row,
    pub fields: Vec<ArrayD<f32>>,
}

/// All that samples are made by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Maker<'a> {
    pub dataset: &'a DatasetSettings,
    pub layout: Layout,
    pub instruments: &'a [Instrument],
}

/// What a galaxy is called.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub id: String,
    pub group: String,
    pub split: String,
}

/// Purposes of derived seeds.
const VIEW: u32 = 0x7669_6577;
const NOISE: u32 = 0x6e6f_6973;

/// A seed of its own for a purpose, positive as a signed number.
fn derived(seed: u64, words: [u32; 4]) -> u64 {
    let [high, low, ..] = philox(words, seed);
    (u64::from(high) << 32 | u64::from(low)) >> 1
}

/// The sky of one orientation on one instrument's pixels.
struct Sky {
    /// Maps, in the order of [`Maker::domains`].
    maps: Vec<Array2<f64>>,
    pair: Option<LineMock>,
    cube: Option<Box<HiProducts>>,
    hi_mass_msun: f64,
    hi_mass_field_msun: f64,
    flux_jy: f64,
}

/// What was made last, so that it is not made again for the next sample; errors that belong to a sample are kept as well.
struct Kept<K, T> {
    key: Option<K>,
    value: std::result::Result<T, String>,
}

impl<K: PartialEq, T> Kept<K, T> {
    fn nothing() -> Kept<K, T> {
        Kept { key: None, value: Err(String::new()) }
    }

    fn get(&mut self, key: K, make: impl FnOnce() -> Result<T>) -> Result<std::result::Result<&T, String>> {
        if self.key.as_ref() != Some(&key) {
            self.value = own_failure(make())?;
            self.key = Some(key);
        }
        Ok(self.value.as_ref().map_err(Clone::clone))
    }
}

/// A sample's own failure as its reason; an interrupt stays an error.
pub(super) fn own_failure<T>(result: Result<T>) -> Result<std::result::Result<T, String>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) if error.is_interrupt() => Err(error),
        Err(error) => Ok(Err(error.to_string())),
    }
}

impl Maker<'_> {
    /// Domains that are drawn.
    pub(super) fn domains(&self) -> Vec<Domain> {
        let map = |f: Field| if let Field::Map(domain) = f { Some(domain) } else { None };
        stored(self.dataset).filter_map(map).collect()
    }

    /// Seed of the noise of a sample.
    fn noise_seed(&self, key: SampleKey) -> u64 {
        let SampleKey { galaxy, view, instrument, realisation } = key;
        let purpose = NOISE.wrapping_add(instrument as u32);
        derived(self.dataset.seed, [galaxy as u32, view as u32, realisation as u32, purpose])
    }

    /// The orientations of galaxy number `galaxy`.
    fn views(&self, subject: &Subject, galaxy: usize) -> Result<Vec<View>> {
        let inclined = self.instruments[0].scene.settings.sky.inclined;
        let needed = self.dataset.views.iter().any(|v| matches!(v, ViewSet::Configured | ViewSet::Steps { .. }));
        // a spin is only looked for where it is needed: not all gas has one
        let configured = if needed { orientation(inclined) } else { Orientation::Box(crate::sky::orient::BoxAxis::Z) };
        let configured = configured.rotation(&subject.object.cells)?;
        let seed = derived(self.dataset.seed, [galaxy as u32, 0, 0, VIEW]);
        Ok(self.dataset.views.iter().flat_map(|set| set.views(&configured, seed)).collect())
    }

    /// Makes the samples `range`, all of one galaxy, and hands each or its failure to `sink` in turn.
    ///
    /// # Errors
    /// An interrupt; those of `sink`.
    pub(super) fn make(
        &self,
        subject: std::result::Result<&Subject, &str>,
        named: &Named,
        range: Range<usize>,
        watch: &Watch,
        sink: &mut dyn FnMut(usize, std::result::Result<Sample, Box<Row>>) -> Result<()>,
    ) -> Result<()> {
        let galaxy = self.layout.key(range.start).galaxy;
        let views = match subject {
            Ok(subject) => own_failure(self.views(subject, galaxy))?,
            Err(reason) => Err(reason.to_string()),
        };
        let mut sky = Kept::nothing();
        let mut signals = Kept::nothing();
        for number in range {
            let key = self.layout.key(number);
            let row = self.row(named, key, views.as_ref().ok(), subject.ok());
            let made = match (&views, subject) {
                (Ok(views), Ok(subject)) => {
                    let one = || self.one(key, subject, &views[key.view], &mut sky, &mut signals, row.clone(), watch);
                    // what was kept of the sample before stays as it was until a new one is whole
                    match catch_unwind(AssertUnwindSafe(one)) {
                        Ok(made) => made?,
                        Err(fault) => Err(format!("a fault of the program: {}", words_of(&*fault))),
                    }
                }
                (Err(reason), _) => Err(reason.clone()),
                (_, Err(reason)) => Err(reason.to_string()),
            };
            sink(number, made.map_err(|reason| Box::new(Row { failure: Some(reason), ..row })))?;
            watch.check()?;
        }
        Ok(())
    }

    /// What is known of a sample before it is made.
    fn row(&self, named: &Named, key: SampleKey, views: Option<&Vec<View>>, subject: Option<&Subject>) -> Row {
        let instrument = &self.instruments[key.instrument];
        let scene = &instrument.scene;
        let view = views.map(|views| &views[key.view]);
        let noise_seed = scene.settings.noise.as_ref().and_then(|n| n.seed).map(|_| self.noise_seed(key));
        let centre = scene.settings.observation.phase_centre;
        let identity = Identity {
            id: sample_id(&named.id, key, &scene.name),
            galaxy: named.id.clone(),
            group: named.group.clone(),
            split: named.split.clone(),
            view: view.map(|v| v.name.clone()).unwrap_or_default(),
            instrument: scene.name.clone(),
            realisation: key.realisation,
            noise_seed,
        };
        let nothing = f64::NAN;
        Row {
            identity,
            failure: None,
            euler_deg: view.map_or([nothing; 3], |v| v.rotation.euler_deg()),
            snapshot_redshift: subject.map_or(nothing, |s| s.redshift),
            hi_mass_msun: subject.map_or(nothing, |s| s.object.hi_msun()),
            hi_mass_field_msun: nothing,
            flux_jy: nothing,
            redshift: scene.placement.redshift,
            distance_mpc: scene.placement.luminosity_distance_mpc,
            ra_deg: centre.ra_rad / DEG_RAD,
            dec_deg: centre.dec_rad / DEG_RAD,
            cell_deg: scene.pixels.cell_rad / DEG_RAD,
            pair: scene.band_hz.map(|_| [nothing; 2]),
            channels_share: scene.channels.as_ref().map(|_| nothing),
            seen: instrument.observers().map(|(band, observer)| Seen::unseen(band, observer)).collect(),
        }
    }

    fn one(
        &self,
        key: SampleKey,
        subject: &Subject,
        view: &View,
        sky: &mut Kept<(usize, usize), Sky>,
        signals: &mut Kept<(usize, usize), [Option<Signal>; 2]>,
        mut row: Row,
        watch: &Watch,
    ) -> Result<std::result::Result<Sample, String>> {
        let instrument = &self.instruments[key.instrument];
        // instruments with the same pixels see the same sky
        let same = |i: &usize| self.instruments[*i].scene.same_sky(&instrument.scene);
        let drawn_for = (0..=key.instrument).find(same).unwrap_or(key.instrument);
        let sky = match sky.get((key.view, drawn_for), || self.sky(subject, view, key.instrument, watch))? {
            Ok(sky) => sky,
            Err(reason) => return Ok(Err(reason)),
        };
        let signals = match signals.get((key.view, key.instrument), || self.signals(sky, instrument, watch))? {
            Ok(signals) => signals,
            Err(reason) => return Ok(Err(reason)),
        };
        let noise = row.identity.noise_seed;
        let observe = |observer: &Option<Observer>, signal: &Option<Signal>| -> Result<Option<Observation>> {
            match (observer, signal) {
                (Some(observer), Some(signal)) => observer.with_noise(signal, noise, watch).map(Some),
                _ => Ok(None),
            }
        };
        let seen = own_failure(
            observe(&instrument.band, &signals[0]).and_then(|band| Ok([band, observe(&instrument.cube, &signals[1])?])),
        )?;
        let seen = match seen {
            Ok(seen) => seen,
            Err(reason) => return Ok(Err(reason)),
        };
        row.hi_mass_msun = sky.hi_mass_msun;
        row.hi_mass_field_msun = sky.hi_mass_field_msun;
        row.flux_jy = sky.flux_jy;
        row.pair = sky.pair.as_ref().map(|pair| [pair.share_in_band, pair.jy_per_mk]);
        row.channels_share = sky.cube.as_ref().map(|cube| (1.0 - cube.flux_lost_fraction_band).clamp(0.0, 1.0));
        row.seen = instrument
            .observers()
            .zip(signals.iter().flatten())
            .map(|((band, observer), signal)| Seen::of(band, observer, signal))
            .collect();
        let fields = self.fields(sky, &seen, instrument);
        Ok(fields.map(|fields| Sample { row, fields }))
    }

    fn sky(&self, subject: &Subject, view: &View, instrument: usize, watch: &Watch) -> Result<Sky> {
        let scene = &self.instruments[instrument].scene;
        let watch = watch.quiet();
        let request = scene.map_request();
        let mut domains = self.domains();
        let wanted = domains.len();
        if scene.band_hz.is_some() && !domains.contains(&Domain::HiMass) {
            domains.push(Domain::HiMass);
        }
        let drawn = if domains.is_empty() {
            Vec::new()
        } else {
            draw(&subject.object, &domains, &view.rotation, &request, &watch)?
        };
        let mass = drawn.iter().find(|map| map.domain == Domain::HiMass);
        let mut hi_mass_msun = subject.object.hi_msun();
        let (mut hi_mass_field_msun, mut flux_jy) = (f64::NAN, f64::NAN);
        let mut pair = None;
        if let (Some([freq_hz, width_hz]), Some(mass)) = (scene.band_hz, mass) {
            let sky = &scene.settings.sky;
            let band = LineBand {
                low_hz: freq_hz - 0.5 * width_hz,
                high_hz: freq_hz + 0.5 * width_hz,
                systemic: if sky.systemic_zero { Systemic::Zero } else { Systemic::Keep },
                hubble_flow: sky.hubble_flow,
            };
            let share = band.share(&subject.object.cells, &view.rotation, &scene.placement)?;
            (hi_mass_msun, hi_mass_field_msun) = (mass.total, mass.total - mass.outside);
            if hi_mass_field_msun <= 0.0 {
                return Err(
                    Error::input("there is no HI in the image").found(format!("{:.3e} Msun outside", mass.outside))
                );
            }
            let mock = LineMock::of_mass(&mass.values, share, mass.total, mass.outside, &request, &band)?;
            flux_jy = mock.flux_jy.sum();
            pair = Some(mock);
        }
        let mut cube = None;
        if let Some(mut request) = scene.cube_request() {
            let [alpha_deg, beta_deg, gamma_deg] = view.rotation.euler_deg();
            request.orientation = Orientation::Euler { alpha_deg, beta_deg, gamma_deg };
            let products = build_cube(&subject.object.cells, &request, &watch)?;
            if pair.is_none() {
                hi_mass_field_msun = products.total_hi_msun * (1.0 - products.mass_outside_field_fraction);
                flux_jy = products.cube.flux_jy.sum() / products.cube.freq_hz.len() as f64;
            }
            cube = Some(Box::new(products));
        }
        let maps = drawn.into_iter().take(wanted).map(|map| map.values).collect();
        Ok(Sky { maps, pair, cube, hi_mass_msun, hi_mass_field_msun, flux_jy })
    }

    /// The skies that the observers of the band and of cubes would look at.
    pub(super) fn flux(
        &self,
        subject: &Subject,
        galaxy: usize,
        view: usize,
        instrument: usize,
        watch: &Watch,
    ) -> Result<[Option<SkyCube>; 2]> {
        let views = self.views(subject, galaxy)?;
        let sky = self.sky(subject, &views[view], instrument, watch)?;
        let planned = &self.instruments[instrument];
        let band = sky.pair.as_ref().zip(planned.scene.band_hz).map(|(pair, band_hz)| plane(pair, band_hz, planned));
        Ok([band, sky.cube.map(|products| products.cube)])
    }

    fn signals(&self, sky: &Sky, instrument: &Instrument, watch: &Watch) -> Result<[Option<Signal>; 2]> {
        let watch = watch.quiet();
        let band = match (&instrument.band, &sky.pair, instrument.scene.band_hz) {
            (Some(observer), Some(pair), Some(band_hz)) => {
                Some(observer.signal(&plane(pair, band_hz, instrument), &watch)?)
            }
            _ => None,
        };
        let cube = match (&instrument.cube, &sky.cube) {
            (Some(observer), Some(products)) => Some(observer.signal(&products.cube, &watch)?),
            _ => None,
        };
        Ok([band, cube])
    }

    /// The stored fields, in their order; an error names one that is not finite.
    fn fields(
        &self,
        sky: &Sky,
        seen: &[Option<Observation>; 2],
        instrument: &Instrument,
    ) -> std::result::Result<Vec<ArrayD<f32>>, String> {
        let mut maps = sky.maps.iter();
        let mut fields = Vec::new();
        for field in stored(self.dataset) {
            let single = match field {
                Field::Map(_) => maps.next().map(|map| map.mapv(|v| v as f32).into_dyn()),
                Field::TbCube => sky.cube.as_ref().map(|p| cube32(p.kinematic_cube_k(TbFrame::Rest).view())),
                Field::Band(Observed::Flux) => sky.pair.as_ref().map(|p| p.flux_jy.mapv(|v| v as f32).into_dyn()),
                Field::Cube(Observed::Flux) => sky.cube.as_ref().map(|p| cube32(p.cube.flux_jy.view())),
                Field::Band(of) => {
                    part(&seen[0], of).map(|cube| cube.index_axis(Axis(0), 0).mapv(|v| v as f32).into_dyn())
                }
                Field::Cube(of) => part(&seen[1], of).map(|cube| cube32(cube.view())),
            };
            let name = field.word();
            let single = single.ok_or_else(|| format!("nothing was made for the field {name}"))?;
            if single.shape() != instrument.scene.shape(field) || single.iter().any(|v| !v.is_finite()) {
                return Err(format!("the field {name} came out with values that are not finite"));
            }
            fields.push(single);
        }
        Ok(fields)
    }
}

/// What a panic said.
fn words_of(fault: &(dyn Any + Send)) -> String {
    let text = fault.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| fault.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without words".into())
}

/// "g00012-v003-mid-n000".
fn sample_id(galaxy: &str, key: SampleKey, instrument: &str) -> String {
    format!("{galaxy}-v{:03}-{instrument}-n{:03}", key.view, key.realisation)
}

fn part(seen: &Option<Observation>, of: Observed) -> Option<&Array3<f64>> {
    let seen = seen.as_ref()?;
    match of {
        Observed::Dirty => Some(&seen.dirty),
        Observed::NoiseFree => seen.noise_free.as_ref(),
        Observed::Corrected => seen.corrected.as_ref(),
        Observed::Restored => seen.restored.as_ref(),
        // these are no images of a sample's observation
        Observed::Flux | Observed::Psf => None,
    }
}

fn cube32(cube: ArrayView3<f64>) -> ArrayD<f32> {
    cube.mapv(|v| v as f32).into_dyn()
}

/// The line averaged over the band as a cube of one plane.
fn plane(pair: &LineMock, [freq_hz, width_hz]: [f64; 2], instrument: &Instrument) -> SkyCube {
    let scene = &instrument.scene;
    SkyCube {
        flux_jy: pair.flux_jy.clone().insert_axis(Axis(0)),
        freq_hz: vec![freq_hz],
        channel_width_hz: width_hz,
        cell_rad: scene.pixels.cell_rad,
        centre: scene.settings.observation.phase_centre,
        specsys: scene.settings.sky.spectral.specsys().to_string(),
    }
}

impl Instrument {
    /// Share of the natural weight beyond the pixels' Nyquist limit, which is left out, of the middle channel.
    pub(super) fn beyond_nyquist(&self) -> Option<f64> {
        let (_, observer) = self.observers().next()?;
        let samples = &observer.facts().samples;
        samples.get(samples.len() / 2).map(|s| s.beyond_nyquist_weight)
    }

    /// What is left out, in words, where it is much.
    pub(super) fn left_out(&self) -> Option<String> {
        let share = self.beyond_nyquist().filter(|share| *share > 0.01)?;
        Some(format!(
            "{:.1} % of the weight is of baselines beyond the pixels' Nyquist limit and left out; finer pixels keep them",
            100.0 * share
        ))
    }

    /// Of the band (true), then of cubes (false).
    pub(super) fn observers(&self) -> impl Iterator<Item = (bool, &Observer)> {
        [(true, &self.band), (false, &self.cube)].into_iter().filter_map(|(band, o)| o.as_ref().map(|o| (band, o)))
    }
}

impl Seen {
    /// What is known without a sky.
    fn unseen(band: bool, observer: &Observer) -> Seen {
        let setup = observer.setup();
        let middle = setup.freq_hz.len() / 2;
        let beam = observer.beams().get(middle);
        Seen {
            band,
            freq_hz: 0.5 * (setup.freq_hz[0] + setup.freq_hz[setup.freq_hz.len() - 1]),
            width_hz: setup.channel_width_hz,
            beam_deg: beam.map_or([f64::NAN; 3], |b| [b.major_rad, b.minor_rad, b.angle_rad].map(|v| v / DEG_RAD)),
            noise_jy: observer.noise_jy().get(middle).copied().unwrap_or(0.0),
            peak_jy: f64::NAN,
            bound: None,
            route: String::new(),
            route_reason: String::new(),
        }
    }

    fn of(band: bool, observer: &Observer, signal: &Signal) -> Seen {
        Seen {
            peak_jy: signal.dirty.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            bound: signal.bound,
            route: signal.route.word().to_string(),
            route_reason: signal.route_reason.clone().unwrap_or_default(),
            ..Seen::unseen(band, observer)
        }
    }
}
