//! Planes from the visibility file into the products, a few at a time.

use super::beams::{beams_of, earth_of, telescope_of};
use super::clean::{clean_cards, most_scales};
use super::continuum::{LineCube, Place, subtract_in_uv};
use super::headers::{Facts, beam_card, fact_cards, has_sigma, method_cards, observation_cards, totals};
use super::memory::{Need, Schedule, words};
use super::products::Product;
use super::{ImageOptions, ImageRequest};
use crate::error::{Error, Result, Watch};
use crate::formats::Staged;
use crate::formats::fits::{Beam, Card, CubeHeader, CubeWriter};
use crate::formats::visibilities::{ChannelReader, Polarisations, VisibilityTable};
use crate::gridding::cost;
use crate::imaging::continuum::ContinuumFit;
use crate::imaging::{
    AT_ONCE, ChannelSource, Deconvolver, Density, FeedAngles, ImageParams, Method, NO_BEAM, Noise, Plane,
    PlaneChannels, PlaneRequest, PlaneSamples, PreparedPlane, Samples, Stokes, check_table, check_weights, coarse_note,
    deconvolve, image_plane, nyquist_note, prepare_plane,
};
use crate::run::Progress;
use crate::run::headers::{sky_axes, spectral_axis};
use crate::run::provenance::specsys_of;
use crate::telescope::beam::StationBeams;
use crate::units::{C_M_S, DEG_RAD, Dimension, format_quantity};
use crate::visibilities::beyond_nyquist;
use rayon::prelude::*;
use std::fmt::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// What stays of a plane when its pixels are on the disk.
#[derive(Debug, Clone, Copy)]
struct Kept {
    freq_hz: f64,
    beam: Beam,
    sum_weights: f64,
    noise: Noise,
    samples: Samples,
}

/// A product on its way.
struct Output {
    product: Product,
    /// Index into the request's Stokes parameters.
    stokes: usize,
    path: PathBuf,
    staged: Staged,
    writer: CubeWriter,
}

/// One command `image`.
pub(super) struct Run<'a> {
    request: &'a ImageRequest,
    reader: &'a ChannelReader,
    deconvolver: Option<&'a dyn Deconvolver>,
    products: Vec<Product>,
    planes: usize,
    channels_a_plane: usize,
    beams: Option<StationBeams>,
    angles: Option<FeedAngles>,
    continuum: Option<ContinuumFit>,
    schedule: Schedule,
}

/// What came of all planes.
struct Made {
    /// Of each Stokes parameter and plane.
    kept: Vec<Vec<Kept>>,
    /// Whether the weights tell the noise.
    sigma: bool,
    /// By how much subtraction of the continuum raises the noise of a channel, at most.
    rise: Option<f64>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        request: &'a ImageRequest,
        reader: &'a ChannelReader,
        deconvolver: Option<&'a dyn Deconvolver>,
    ) -> Result<Run<'a>> {
        let options = &request.options;
        let frame = reader.frame();
        let channels = reader.channels();
        let planes = planes_of(options, channels)?;
        let in_image = request.continuum.as_ref().is_some_and(|c| c.place == Place::Image);
        let products = match &request.products {
            Some(products) => products.clone(),
            None => {
                let mut usual = vec![Product::Dirty, Product::Psf];
                if deconvolver.is_some() {
                    usual.extend([Product::Residual, Product::Model, Product::Image]);
                }
                if in_image {
                    usual.extend([Product::Line, Product::Continuum]);
                }
                usual
            }
        };
        if in_image != products.iter().any(|p| p.needs_continuum()) {
            return Err(Error::input("line and continuum cubes are made by subtraction of the continuum in the image")
                .found(if in_image { "neither among --products" } else { "no such subtraction in this request" })
                .expected("--continuum-in image with --line-free, and line or continuum among --products")
                .place("--products")
                .hint("with --continuum-in uv the dirty image itself is without continuum"));
        }
        if deconvolver.is_none() && products.iter().any(|p| p.needs_clean()) {
            return Err(Error::input("residual, model and restored images are made by CLEAN")
                .found("no CLEAN in this request")
                .expected("dirty, psf, pb, dirty-pb and weights")
                .place("--products")
                .hint("--niter 10000 asks for CLEAN"));
        }
        let telescope = options.telescope.as_deref();
        let beams = if products.iter().any(|p| p.needs_beam()) {
            Some(beams_of(options.beam.as_deref(), telescope, frame)?)
        } else {
            if options.beam.is_some() {
                return Err(Error::input("--beam changes nothing without a product that needs it")
                    .expected("pb, dirty-pb or image-pb among --products"));
            }
            None
        };
        let angles = if request.stokes.iter().any(|s| s.needs_angles()) && frame.polarisations == Polarisations::Linear
        {
            Some(FeedAngles::new(&telescope_of(telescope, frame)?, frame, earth_of(frame))?)
        } else {
            None
        };
        let g = request.params.geometry;
        let need = Need {
            rows: frame.uvw_m.nrows() as u64,
            products: frame.polarisations.count() as u64,
            planes: planes as u64,
            channels_a_plane: (channels / planes) as u64,
            pixels: (g.nx * g.ny) as u64,
            gridder: gridder_bytes(&request.params, frame)?,
            stokes: request.stokes.len() as u64,
            scales: deconvolver.map_or(0, |_| request.clean.as_ref().map_or(1, |c| most_scales(c, g.nx.min(g.ny)))),
            beam: beams.is_some(),
            shared_grids: options.mf_weighting,
            whole: request.continuum.is_some() && !in_image,
            joined: deconvolver.is_some_and(|d| d.joins()),
            cube: in_image,
            at_once: rayon::current_num_threads().clamp(1, AT_ONCE) as u64,
        };
        let channels_a_plane = channels / planes;
        let each = if in_image { channels_a_plane } else { 1 };
        let continuum = request.continuum.as_ref().map(|c| c.fit(&frame.freq_hz, each)).transpose()?;
        let schedule = need.schedule(request.memory_bytes)?;
        let run = Run {
            request,
            reader,
            deconvolver,
            products,
            planes,
            channels_a_plane,
            beams,
            angles,
            continuum,
            schedule,
        };
        run.check_spacing()?;
        Ok(run)
    }

    /// Makes and writes everything; the text for standard output.
    pub(super) fn image(&self, progress: &dyn Progress) -> Result<String> {
        let stokes = &self.request.stokes;
        let mut outputs = self.outputs()?;
        let table = self.table_output()?;
        let mut made = Made { kept: vec![Vec::with_capacity(self.planes); stokes.len()], sigma: false, rise: None };
        let whole = self.without_continuum(&mut made, progress)?;
        let densities = self.densities(whole.as_ref(), progress)?;
        let request = PlaneRequest {
            params: self.request.params,
            stokes,
            angles: self.angles.as_ref(),
            densities: &densities,
            beams: self.beams.as_ref(),
            clean_beam: self.request.clean_beam,
            deconvolver: self.deconvolver,
        };
        let mut cubes = self.line_cubes();
        let watch = progress.stage("images", self.planes as u64);
        let sigma = AtomicBool::new(false);
        let read_block = |channels: Range<usize>| {
            let table = self.reader.read(channels)?;
            sigma.fetch_or(has_sigma(&table), Ordering::Relaxed);
            Ok(table)
        };
        for first in (0..self.planes).step_by(self.schedule.loaded) {
            let end = (first + self.schedule.loaded).min(self.planes);
            watch.check()?;
            let each = self.channels_a_plane;
            let read = match &whole {
                None if !self.schedule.blocked => Some(self.reader.read(first * each..end * each)?),
                _ => None,
            };
            let source = match (&whole, &read) {
                (Some(table), _) => ChannelSource::Table(table, 0),
                (_, Some(table)) => ChannelSource::Table(table, first * each),
                _ => ChannelSource::File(&self.reader.frame().freq_hz, &read_block),
            };
            if let ChannelSource::Table(table, _) = source {
                made.sigma |= has_sigma(table);
            }
            let numbers: Vec<usize> = (first..end).collect();
            if self.deconvolver.is_some_and(|d| d.joins()) {
                for planes in self.joined(source, &numbers, &request, &watch)? {
                    self.take(planes, &mut outputs, &mut made, &mut cubes, progress)?;
                }
                continue;
            }
            for group in numbers.chunks(self.schedule.parallel) {
                let planes: Vec<Result<Vec<Plane>>> = group
                    .par_iter()
                    .map(|plane| {
                        let planes = image_plane(&self.channels(source, *plane), &request, &watch.quiet())?;
                        watch.advance(1)?;
                        Ok(planes)
                    })
                    .collect();
                for planes in planes {
                    self.take(planes?, &mut outputs, &mut made, &mut cubes, progress)?;
                }
            }
        }
        made.sigma |= sigma.into_inner();
        self.subtract(cubes, &mut outputs, &mut made, progress)?;
        self.finish(outputs, table, &made, progress)
    }

    fn channels<'t>(&self, source: ChannelSource<'t>, plane: usize) -> PlaneChannels<'t> {
        let first = plane * self.channels_a_plane;
        PlaneChannels { source, channels: first..first + self.channels_a_plane, block: self.schedule.block, plane }
    }

    /// Planes that are deconvolved together: all of the cube.
    fn joined(
        &self,
        source: ChannelSource<'_>,
        numbers: &[usize],
        request: &PlaneRequest<'_>,
        watch: &Watch,
    ) -> Result<Vec<Vec<Plane>>> {
        let mut by_stokes: Vec<Vec<PreparedPlane>> = self.request.stokes.iter().map(|_| Vec::new()).collect();
        for group in numbers.chunks(self.schedule.parallel) {
            let made: Vec<Result<Vec<PreparedPlane>>> = group
                .par_iter()
                .map(|plane| {
                    let planes = prepare_plane(&self.channels(source, *plane), request, &watch.quiet())?;
                    watch.advance(1)?;
                    Ok(planes)
                })
                .collect();
            for planes in made {
                by_stokes.iter_mut().zip(planes?).for_each(|(list, plane)| list.push(plane));
            }
        }
        let mut cube: Vec<Vec<Plane>> = numbers.iter().map(|_| Vec::new()).collect();
        for mut planes in by_stokes {
            deconvolve(&mut planes, request, &watch.quiet())?;
            cube.iter_mut().zip(planes).for_each(|(list, made)| list.push(made.plane));
        }
        Ok(cube)
    }

    /// Appends a plane, one image a Stokes parameter, to the products.
    fn take(
        &self,
        planes: Vec<Plane>,
        outputs: &mut [Output],
        made: &mut Made,
        cubes: &mut [LineCube],
        progress: &dyn Progress,
    ) -> Result<()> {
        for output in outputs.iter_mut().filter(|o| !o.product.needs_continuum()) {
            let pixels = output.product.pixels(&planes[output.stokes], self.request.options.pb_limit);
            output.writer.append(pixels.mapv(|v| v as f32).view())?;
        }
        for (cube, (plane, kept)) in cubes.iter_mut().zip(planes.iter().zip(&made.kept)) {
            cube.keep(kept.len(), plane, self.deconvolver.is_some());
        }
        for (plane, kept) in planes.iter().zip(&mut made.kept) {
            plane.notes.iter().for_each(|n| progress.note(n));
            kept.push(Kept {
                freq_hz: plane.freq_hz,
                beam: plane.beam.unwrap_or(NO_BEAM),
                sum_weights: plane.sum_weights,
                noise: plane.noise,
                samples: plane.samples,
            });
        }
        Ok(())
    }

    /// All visibilities without their continuum, where it is subtracted in the uv plane.
    fn without_continuum(&self, made: &mut Made, progress: &dyn Progress) -> Result<Option<VisibilityTable>> {
        let Some(fit) = self.continuum.as_ref().filter(|_| !self.in_image()) else {
            return Ok(None);
        };
        let mut table = self.reader.read(0..self.reader.channels())?;
        check_table(&table)?;
        let watch = progress.stage("continuum", table.uvw_m.nrows() as u64);
        let (note, rise) = subtract_in_uv(fit, &mut table, &watch)?;
        note.iter().for_each(|n| progress.note(n));
        made.rise = rise;
        Ok(Some(table))
    }

    /// Whether the continuum is subtracted in the image.
    fn in_image(&self) -> bool {
        self.request.continuum.as_ref().is_some_and(|c| c.place == Place::Image)
    }

    /// One a Stokes parameter, where the continuum is subtracted in the image.
    fn line_cubes(&self) -> Vec<LineCube> {
        let g = self.request.params.geometry;
        let count = if self.in_image() { self.request.stokes.len() } else { 0 };
        (0..count).map(|_| LineCube::new((self.planes, g.ny, g.nx))).collect()
    }

    /// Fits and subtracts the continuum of the cubes, and writes them.
    fn subtract(
        &self,
        cubes: Vec<LineCube>,
        outputs: &mut [Output],
        made: &mut Made,
        progress: &dyn Progress,
    ) -> Result<()> {
        let Some(fit) = self.continuum.as_ref().filter(|_| !cubes.is_empty()) else {
            return Ok(());
        };
        let watch = progress.stage("continuum", (self.planes * cubes.len()) as u64);
        for (stokes, cube) in cubes.into_iter().enumerate() {
            let parts = cube.subtract(fit, &watch)?;
            made.rise = made.rise.into_iter().chain(parts.rise).reduce(f64::max);
            for output in outputs.iter_mut().filter(|o| o.stokes == stokes && o.product.needs_continuum()) {
                let cube = if output.product == Product::Line { &parts.line } else { &parts.continuum };
                for plane in cube.outer_iter() {
                    output.writer.append(plane.mapv(|v| v as f32).view())?;
                }
            }
        }
        Ok(())
    }

    /// Sums of weights over all channels, one grid a Stokes parameter.
    fn densities(&self, whole: Option<&VisibilityTable>, progress: &dyn Progress) -> Result<Vec<Density>> {
        if !self.request.options.mf_weighting {
            return Ok(Vec::new());
        }
        let params = self.request.params;
        let watch = progress.stage("weights", self.reader.channels() as u64);
        let mut densities = vec![Density::new(&params.geometry); self.request.stokes.len()];
        let step =
            if self.schedule.blocked { self.schedule.block } else { self.schedule.loaded * self.channels_a_plane };
        for first in (0..self.reader.channels()).step_by(step) {
            let end = (first + step).min(self.reader.channels());
            let read = if whole.is_some() { None } else { Some(self.reader.read_frame(first..end)?) };
            let Some(loaded) = read.as_ref().or(whole) else { continue };
            // the channel that is the table's first
            let zero = if whole.is_some() { 0 } else { first };
            for channel in first - zero..end - zero {
                for (stokes, density) in self.request.stokes.iter().zip(&mut densities) {
                    let angles = self.angles.as_ref();
                    let range = channel..channel + 1;
                    let samples = PlaneSamples::of_table(loaded, range, zero, *stokes, angles, &params)?;
                    density.add(samples.uvw(), samples.natural());
                }
                watch.advance(1)?;
            }
        }
        Ok(densities)
    }

    /// Suffix of a file: none for Stokes I alone.
    fn suffix(&self, stokes: usize) -> Option<Stokes> {
        let list = &self.request.stokes;
        (list.as_slice() != [Stokes::I]).then(|| list[stokes])
    }

    fn outputs(&self) -> Result<Vec<Output>> {
        let provisional: Vec<Kept> = (0..self.planes)
            .map(|p| Kept {
                freq_hz: self.mean_freq_hz(p),
                beam: NO_BEAM,
                sum_weights: 0.0,
                noise: Noise::default(),
                samples: Samples::default(),
            })
            .collect();
        let mut outputs = Vec::new();
        for stokes in 0..self.request.stokes.len() {
            for product in self.products.iter().copied().filter(|p| *p != Product::Weights) {
                let path = product.path(&self.request.options.out, self.suffix(stokes));
                let staged = Staged::new(&path)?;
                let writer = CubeWriter::create(
                    staged.path(),
                    &self.header(
                        product,
                        stokes,
                        &provisional,
                        &Made { kept: Vec::new(), sigma: true, rise: Some(1.0) },
                    ),
                )?;
                outputs.push(Output { product, stokes, path, staged, writer });
            }
        }
        Ok(outputs)
    }

    fn table_output(&self) -> Result<Option<(PathBuf, Staged)>> {
        if !self.products.contains(&Product::Weights) {
            return Ok(None);
        }
        let path = Product::Weights.path(&self.request.options.out, None);
        let staged = Staged::new(&path)?;
        Ok(Some((path, staged)))
    }

    fn mean_freq_hz(&self, plane: usize) -> f64 {
        let each = self.channels_a_plane;
        self.reader.frame().freq_hz[plane * each..(plane + 1) * each].iter().sum::<f64>() / each as f64
    }

    /// Width of a plane: the step from plane to plane; of a single one that of its channels together.
    fn width_hz(&self) -> f64 {
        if self.planes > 1 {
            return (self.mean_freq_hz(self.planes - 1) - self.mean_freq_hz(0)).abs() / (self.planes - 1) as f64;
        }
        let frame = self.reader.frame();
        let step = super::channel_width_hz(frame);
        let width = if frame.channel_width_hz > 0.0 { frame.channel_width_hz } else { step };
        (self.channels_a_plane - 1) as f64 * step + width
    }

    /// Refuses planes that no FITS cube can state, before they are imaged.
    fn check_spacing(&self) -> Result<()> {
        let first = self.mean_freq_hz(0);
        let step = match self.planes {
            1 => return Ok(()),
            n => (self.mean_freq_hz(n - 1) - first) / (n - 1) as f64,
        };
        let off = |p: usize| (self.mean_freq_hz(p) - first - p as f64 * step).abs();
        let worst = (0..self.planes).map(off).fold(0.0, f64::max);
        if !(step != 0.0 && worst <= 1e-3 * step.abs()) {
            return Err(Error::input("the channels are not equally spaced, as the planes of a FITS cube must be")
                .found(format!("mean step {step} Hz, up to {worst} Hz off"))
                .expected("freq_hz in equal steps")
                .place(self.request.options.visibilities.display())
                .hint("write the channels into files of their own, and image those; or --channels-out 1"));
        }
        Ok(())
    }

    /// Cards and axes; `kept` holds the planes of this Stokes parameter.
    fn header(&self, product: Product, stokes: usize, kept: &[Kept], made: &Made) -> CubeHeader {
        let frame = self.reader.frame();
        let g = self.request.params.geometry;
        // one plane states the mean by weights; the planes of a cube are equally spaced by definition
        let freq_hz: Vec<f64> = match kept {
            [one] => vec![one.freq_hz],
            _ => (0..self.planes).map(|p| self.mean_freq_hz(p)).collect(),
        };
        let samples: Vec<Samples> = kept.iter().map(|k| k.samples).collect();
        let facts = Facts {
            samples: totals(&samples),
            noise_jy: made.sigma.then(|| kept.iter().map(|k| k.noise.image_jy).fold(0.0, f64::max)),
            loss: kept.iter().map(|k| k.noise.loss()).fold(0.0, f64::max),
            sum_weights: kept.iter().map(|k| k.sum_weights).sum(),
        };
        let mut cards = observation_cards(frame);
        cards.extend(method_cards(&self.request.params));
        cards.push(beam_card(self.request.clean_beam));
        if self.request.options.mf_weighting {
            cards.push(Card::text("WGTCHAN", "all", "uv cells are counted over all channels"));
        }
        cards.push(Card::int("NCHANIN", self.channels_a_plane as i64, "channels in each plane"));
        cards.extend(fact_cards(&facts, &self.request.params, product.has_noise()));
        if matches!(product, Product::DirtyPb | Product::ImagePb)
            && let Some(beams) = &self.beams
        {
            cards.push(Card::text("PBCORR", beams.describe(), "divided by the power of"));
            cards.push(Card::float("PBLIMIT", self.request.options.pb_limit, "0 where the power is lower"));
        }
        let cleaned = product.needs_clean() || (product.needs_continuum() && self.deconvolver.is_some());
        if cleaned && let Some(options) = &self.request.clean {
            cards.extend(clean_cards(options, self.request.options.clean.join_channels));
        }
        let without = if self.in_image() { product == Product::Line } else { product.is_of_visibilities() };
        if let (Some(words), Some(fit)) = (&self.request.continuum, &self.continuum)
            && (without || product == Product::Continuum)
        {
            cards.extend(words.cards(fit, made.rise.filter(|_| without)));
        }
        if self.request.stokes[stokes].to_string().ends_with('i') {
            cards.push(Card::text("IMAGPART", "yes", "imaginary part of the complex image"));
        }
        CubeHeader {
            shape: (self.planes, g.ny, g.nx),
            sky: sky_axes(frame.phase_centre, g.nx, g.ny, g.dm),
            spectral: spectral_axis(&freq_hz, self.width_hz(), specsys_of(frame)),
            stokes: self.request.stokes[stokes].axis_name().into(),
            unit: product.unit().into(),
            beams: kept.iter().map(|k| k.beam).collect(),
            cards,
        }
    }

    fn finish(
        &self,
        outputs: Vec<Output>,
        table: Option<(PathBuf, Staged)>,
        made: &Made,
        progress: &dyn Progress,
    ) -> Result<String> {
        let kept = &made.kept;
        let samples: Vec<Samples> = kept.iter().flatten().map(|k| k.samples).collect();
        check_weights(&samples, self.reader.frame().uvw_m.nrows(), self.reader.channels())?;
        let beams: Vec<Beam> = kept.iter().flatten().map(|k| k.beam).collect();
        nyquist_note(&samples, &self.request.params).iter().for_each(|n| progress.note(n));
        coarse_note(&beams, &self.request.params.geometry).iter().for_each(|n| progress.note(n));

        let watch = progress.stage("writing", outputs.len() as u64);
        let mut paths = Vec::new();
        for Output { product, stokes, path, staged, writer } in outputs {
            writer.finish(&self.header(product, stokes, &kept[stokes], made))?;
            staged.commit()?;
            paths.push(path.display().to_string());
            watch.advance(1)?;
        }
        if let Some((path, staged)) = table {
            std::fs::write(staged.path(), self.table(kept)).map_err(|e| Error::io("write", &path, e))?;
            staged.commit()?;
            paths.push(path.display().to_string());
        }
        Ok(self.summary(&paths, kept, made.sigma))
    }

    /// One line a plane and Stokes parameter.
    fn table(&self, kept: &[Vec<Kept>]) -> String {
        let mut text = String::from(
            "plane,stokes,freq_hz,sum_weights,noise_jy_beam,natural_noise_jy_beam,sensitivity_loss,\
             beam_major_deg,beam_minor_deg,beam_angle_deg,used,flagged,beyond_nyquist,outside_uv_range\n",
        );
        for (stokes, planes) in self.request.stokes.iter().zip(kept) {
            for (plane, k) in planes.iter().enumerate() {
                let (b, s) = (k.beam, k.samples);
                // writing into a string cannot fail
                let _ = writeln!(
                    text,
                    "{plane},{stokes},{},{:e},{:e},{:e},{:.6},{:e},{:e},{:.4},{},{},{},{}",
                    k.freq_hz,
                    k.sum_weights,
                    k.noise.image_jy,
                    k.noise.natural_jy,
                    k.noise.loss(),
                    b.major_rad / DEG_RAD,
                    b.minor_rad / DEG_RAD,
                    b.angle_rad / DEG_RAD,
                    s.used,
                    s.flagged,
                    s.beyond_nyquist,
                    s.outside_range
                );
            }
        }
        text
    }

    fn summary(&self, paths: &[String], kept: &[Vec<Kept>], sigma: bool) -> String {
        let planes: Vec<&Kept> = kept.iter().flatten().collect();
        let total = totals(planes.iter().map(|k| &k.samples));
        let mut text = format!(
            "{}: {}, {} samples used, {} beyond Nyquist left out",
            paths.join(", "),
            match self.channels_a_plane {
                1 => format!("{} channels", self.planes),
                each => format!("{} planes of {each} channels", self.planes),
            },
            total.used,
            if self.request.params.keep_beyond_nyquist { 0 } else { total.beyond_nyquist },
        );
        if total.outside_range > 0 {
            let _ = write!(text, ", {} outside the uv range", total.outside_range);
        }
        if let Some(b) = planes.iter().map(|k| k.beam).find(|b| b.major_rad > 0.0) {
            let size = |rad: f64| format_quantity(rad, Dimension::Angle);
            let _ = write!(text, ", beam {} x {}", size(b.major_rad), size(b.minor_rad));
        }
        text.push('\n');
        let most = |of: fn(&Kept) -> f64| planes.iter().map(|k| of(k)).fold(0.0, f64::max);
        let noise = match sigma {
            true => format!(
                "thermal noise by the weights {}/beam, ",
                format_quantity(most(|k| k.noise.image_jy), Dimension::FluxDensity)
            ),
            false => "noise ".to_string(),
        };
        let _ = writeln!(
            text,
            "{}: {noise}{:.3} times that of natural weights; about {} of memory",
            self.request.params.weighting,
            most(|k| k.noise.loss()),
            words(self.schedule.bytes)
        );
        text
    }
}

/// What the gridder needs for an image and its PSF at the highest frequency.
fn gridder_bytes(params: &ImageParams, frame: &VisibilityTable) -> Result<u64> {
    let Method::Fft { epsilon } = params.method else { return Ok(0) };
    let freq_hz = frame.freq_hz.iter().copied().fold(0.0, f64::max);
    let (g, scale) = (params.geometry, freq_hz / C_M_S);
    let rows = frame.uvw_m.rows().into_iter();
    let rows = rows.filter(|r| params.keep_beyond_nyquist || !beyond_nyquist(r[0], r[1], freq_hz, g.dm));
    let uvw: Vec<[f64; 3]> = rows.map(|r| [r[0] * scale, r[1] * scale, r[2] * scale]).collect();
    Ok(cost(g, &uvw, epsilon, 2)?.image_bytes as u64)
}

/// Number of planes; each has equally many channels.
pub(super) fn planes_of(options: &ImageOptions, channels: usize) -> Result<usize> {
    let planes = options.channels_out.unwrap_or(channels);
    if planes > channels || !channels.is_multiple_of(planes) {
        let divisors: Vec<String> =
            (1..=channels).filter(|d| channels.is_multiple_of(*d)).map(|d| d.to_string()).collect();
        return Err(Error::input("the channels cannot be shared out equally")
            .found(format!("{planes} planes of {channels} channels"))
            .expected(format!("one of {}", divisors.join(", ")))
            .place("--channels-out"));
    }
    Ok(planes)
}
