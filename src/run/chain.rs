//! The command `run`: sky -> visibilities -> images -> preview and record. With `image.method = "psf"` the dirty cube is
//! made without visibilities ([`super::route`]).

use super::check::{Extent, require_feasible};
use super::headers::{observation_cards, program};
use super::image::{CubeAxes, StageProduct, image_table, params_of, square, totals, write_product};
use super::observe::{observe, write};
use super::params::{RouteChoice, Settings, SkySource};
use super::picture;
use super::record::Record;
use super::route::{self, Route};
use super::sampling::{Sampling, TOO_LOW};
use super::skies::{PreparedSky, SkyContent, prepare};
use super::sky::make_folder;
use super::sky_files::{SKY, SKY_KINEMATIC, SKY_TB, write_sky};
use super::{Progress, plan};
use crate::error::{Error, Result};
use crate::formats::fits::Card;
use crate::formats::visibilities::{Precision, VisibilityTable, read_visibilities};
use crate::formats::{Staged, sha256_file};
use crate::imaging::Images;
use crate::units::{Dimension, format_quantity};
use crate::visibilities::{Track, flag_autocorrelations};
use rustfft::num_complex::Complex64;
use serde_json::json;
use std::path::Path;
use std::time::Instant as Clock;

const VISIBILITIES: &str = "visibilities.h5";
/// The fact of the record that says why "auto" predicted visibilities.
const ROUTE_REASON: &str = "visibilities_because";

/// Runs the whole chain into `out`.
///
/// Every product appears under its name only when it is complete. With `resume` the visibilities that
/// an interrupted run of the same configuration left in `out` are taken up instead of computed again;
/// the products are the same either way.
pub fn run(settings: &Settings, out: &Path, resume: bool, progress: &dyn Progress) -> Result<String> {
    settings.require_observable()?;
    let telescope = &settings.telescope.telescope;
    let track = plan::track(&settings.observation, telescope)?;
    plan::require_rows_in_memory(telescope, &track)?;
    let usable = plan::require_up(settings, &track)?;
    let _folder = make_folder(out)?;
    // an unwritable folder or a product that is no file shows now, not after the computing
    for name in [SKY, SKY_TB, SKY_KINEMATIC, VISIBILITIES, "dirty.fits", "psf.fits", "preview.png", "run.json"] {
        if name != VISIBILITIES || settings.image.route() != RouteChoice::Psf {
            drop(Staged::new(&out.join(name))?);
        }
    }
    telescope.notes.iter().for_each(|n| progress.note(n));

    let mut record = Record::new(out, &settings.canonical, &inputs(settings)?);
    let earlier = if resume { record.of_same_run() } else { None };
    if resume && earlier.is_none() {
        progress.note("nothing to take up: no earlier run of this configuration in the folder");
    }

    let clock = Clock::now();
    let sky = prepare(settings, &track, None, progress)?;
    require_feasible(settings, &track, &usable, &sky, Extent::Run)?;
    drop(usable);
    sky.notes.iter().for_each(|n| {
        progress.note(n);
        record.note(n);
    });
    let prepared_s = clock.elapsed().as_secs_f64();

    let clock = Clock::now();
    let kept = earlier.filter(|e| e.holds(out, VISIBILITIES));
    let route = match &kept {
        // it was chosen by the interrupted run
        Some(earlier) => Route::Visibilities(earlier.text(ROUTE_REASON).map(str::to_string)),
        None => route::choose(settings, &track, &sky, progress)?,
    };
    let by_psf = match &route {
        Route::Visibilities(reason) => {
            if let Some(reason) = reason {
                record.fact(ROUTE_REASON, json!(reason));
            }
            None
        }
        Route::Psf(made) => {
            record.seconds("dirty", clock.elapsed().as_secs_f64());
            record.fact("psf", made.report.facts());
            made.report.notes().iter().for_each(|n| {
                progress.note(n);
                record.note(n);
            });
            if out.join(VISIBILITIES).exists() {
                progress.note("visibilities.h5 in this folder is of an earlier run");
            }
            Some(made.report)
        }
    };
    let (route_words, route_cards) = (route.words(), route.cards());

    let clock = Clock::now();
    let mut products = write_sky(&sky, settings, out, progress)?;
    for name in &products {
        record.product(out, name)?;
    }
    record.seconds("sky", prepared_s + clock.elapsed().as_secs_f64());

    let clock = Clock::now();
    let (mut table, sampling, dirty) = match (route, &kept) {
        (Route::Psf(made), _) => (made.table, made.sampling, Some(made.dirty)),
        (Route::Visibilities(_), Some(_)) => {
            progress.note("visibilities.h5 is kept from the interrupted run");
            let table = read_visibilities(&out.join(VISIBILITIES))?;
            let sampling = Sampling::of(&table, &Sampling::low_rows(settings, &track)?);
            (table, sampling, None)
        }
        (Route::Visibilities(_), None) => {
            let observed = observe(settings, &track, &sky, progress)?;
            let mut table = observed.table;
            write(&table, settings, Staged::new(&out.join(VISIBILITIES))?, progress)?;
            // images are made from what the file holds, so that a resumed run makes the same ones
            if settings.precision == Precision::Single {
                table.vis.mapv_inplace(|v| Complex64::new(f64::from(v.re as f32), f64::from(v.im as f32)));
            }
            (table, observed.sampling, None)
        }
    };
    sampling.notes(TOO_LOW).iter().for_each(|n| {
        progress.note(n);
        record.note(n);
    });
    if by_psf.is_none() {
        record.product(out, VISIBILITIES)?;
        record.seconds("visibilities", clock.elapsed().as_secs_f64());
    }

    // stations with themselves are no part of an image
    flag_autocorrelations(&mut table);
    let clock = Clock::now();
    let params = params_of(settings, square(sky.pixels.size, sky.pixels.cell_rad));
    let mut images = image_table(&table, &params, progress)?;
    if let Some(dirty) = dirty {
        images.dirty = dirty;
    }
    images.notes.iter().for_each(|n| {
        progress.note(n);
        record.note(n);
    });
    let watch = progress.stage("products", 3);
    let beams = settings.telescope.beams().describe();
    let mut cards = observation_cards(settings, &sky.object, track.start_mjd_utc, &beams);
    cards.extend(sky.cards.iter().filter(|c| c.key != "OBJECT").cloned());
    if let Some(noise) = &settings.noise
        && let Some(seed) = noise.seed
    {
        cards.push(Card::int("SEED", seed as i64, "seed of the thermal noise"));
    }
    cards.extend(route_cards);
    let axes = CubeAxes { table: &table, specsys: &sky.specsys, left_out: &sampling.channels, by_psf: by_psf.as_ref() };
    for (name, product) in [("dirty.fits", StageProduct::Dirty), ("psf.fits", StageProduct::Psf)] {
        write_product(&out.join(name), &axes.cube(&images, product, &params, &cards))?;
        record.product(out, name)?;
        watch.advance(1)?;
    }
    record.seconds("images", clock.elapsed().as_secs_f64());

    let mut facts = facts(settings, &track, &sky, &table, &images, &beams);
    facts.extend(route_words.map(|words| ("route".to_string(), words)));
    picture::draw(&sky, &table, &images, &params, &facts, &title(&sky, settings)).save(&out.join("preview.png"))?;
    record.product(out, "preview.png")?;
    watch.advance(1)?;
    for (name, value) in &facts {
        record.fact(name, json!(value));
    }
    let samples = totals(&images.samples);
    record.fact("samples_used", json!(samples.used));
    record.fact("samples_beyond_nyquist", json!(sampling.left_out() + samples.beyond_nyquist));
    record.fact("noise_seed", json!(settings.noise.as_ref().and_then(|n| n.seed)));
    record.complete()?;

    products.extend(by_psf.is_none().then_some(VISIBILITIES));
    products.extend(["dirty.fits", "psf.fits", "preview.png", "run.json"]);
    let mut text = format!("{}: {}\n", out.display(), products.join(", "));
    for (name, value) in facts {
        text.push_str(&format!("{name:>14}  {value}\n"));
    }
    Ok(text)
}

/// What identifies the inputs beyond the configuration: a changed sky file is another run.
fn inputs(settings: &Settings) -> Result<String> {
    let path = match &settings.sky.source {
        SkySource::Galaxy { .. } => return Ok("none".into()),
        SkySource::Snapshot { path, .. }
        | SkySource::Fits { path, .. }
        | SkySource::Eor { path, .. }
        | SkySource::Components { path, .. } => path,
    };
    let meta = std::fs::metadata(path).map_err(|e| Error::io("open the sky", path, e))?;
    // snapshots can be terabytes: they are told apart by name only, single files by their bytes
    if meta.is_file() && meta.len() < 1 << 30 {
        Ok(format!("sha256 {}", sha256_file(path)?))
    } else {
        Ok(format!("path {}", path.display()))
    }
}

fn title(sky: &PreparedSky, settings: &Settings) -> String {
    format!("{} with {}", sky.object, settings.telescope.telescope.name)
}

fn facts(
    settings: &Settings,
    track: &Track,
    sky: &PreparedSky,
    table: &VisibilityTable,
    images: &Images,
    beams: &str,
) -> Vec<(String, String)> {
    let telescope = &settings.telescope.telescope;
    let mut facts = vec![(
        "telescope".to_string(),
        format!("{} ({}), {} stations", telescope.name, telescope.version, telescope.stations.len()),
    )];
    let mut add = |name: &str, value: String| facts.push((name.to_string(), value));
    if let SkyContent::Cube { products: Some(p), .. } = &sky.content {
        add("HI mass", format!("{:.3e} Msun", p.total_hi_msun));
        add("distance", format!("{:.2} Mpc, z = {:.5}", p.placement.luminosity_distance_mpc, p.placement.redshift));
    }
    add(
        "observation",
        format!(
            "{} from {} in {} steps",
            format_quantity(settings.observation.length_s, Dimension::Time),
            &crate::time::format_utc(track.start_mjd_utc)[..16],
            track.steps
        ),
    );
    add(
        "channels",
        format!(
            "{} of {} about {:.4} MHz ({})",
            table.freq_hz.len(),
            format_quantity(table.channel_width_hz, Dimension::Frequency),
            0.5e-6 * (table.freq_hz[0] + table.freq_hz[table.freq_hz.len() - 1]),
            sky.specsys
        ),
    );
    add(
        "pixels",
        format!(
            "{} x {} of {}",
            sky.pixels.size,
            sky.pixels.size,
            format_quantity(sky.pixels.cell_rad, Dimension::Angle)
        ),
    );
    add("weighting", settings.image.weighting.to_string());
    if let Some(b) = images.beams.get(images.beams.len() / 2) {
        add(
            "beam",
            format!(
                "{} x {}, PA {:.0} deg",
                format_quantity(b.major_rad, Dimension::Angle),
                format_quantity(b.minor_rad, Dimension::Angle),
                b.angle_rad / crate::units::DEG_RAD
            ),
        );
    }
    if let Some(noise) = &settings.noise {
        let added = if noise.seed.is_some() { "" } else { " expected, none added" };
        let sigma = images.noise_jy.iter().copied().fold(0.0, f64::max);
        add("noise", format!("{}/beam a channel{added}", format_quantity(sigma, Dimension::FluxDensity)));
    }
    add("station beams", beams.to_string());
    add("made by", program());
    facts
}
