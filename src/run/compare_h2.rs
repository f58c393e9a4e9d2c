//! `sky compare-h2`: one galaxy under all models of molecular hydrogen.

use super::Progress;
use super::params::{Settings, SkySource};
use super::skies::{hi_model, snapshot_request};
use crate::error::{Error, Result};
use crate::formats::Staged;
use crate::formats::config::Document;
use crate::sky::snapshot::{H2Comparison, H2Row, compare_h2};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The settings of `path`: a configuration, or a snapshot that stands for one with nothing but its name, changed by
/// `--set table.key=value`.
///
/// # Errors
/// Those of configurations.
pub fn settings(path: &Path, changes: &[String]) -> Result<Settings> {
    let mut document = if names_snapshot(path) {
        let text = toml::Value::String(path.display().to_string()).to_string();
        Document::parse(&format!("[sky]\nsnapshot = {text}\n"), &path.display().to_string())?
    } else {
        if !path.exists() {
            return Err(Error::input("there is no such file")
                .found(path.display())
                .expected("a configuration (TOML), or a snapshot: a file or folder"));
        }
        Document::read(path)?
    };
    changes.iter().try_for_each(|change| document.set(change))?;
    Settings::from_document(&document)
}

/// A folder, an HDF5 file or a file of numpy, of which only archives are snapshots.
fn names_snapshot(path: &Path) -> bool {
    let mut start = [0; 8];
    path.is_dir()
        || File::open(path).is_ok_and(|mut f| {
            f.read_exact(&mut start).is_ok()
                && (&start == b"\x89HDF\r\n\x1a\n"
                    || [&b"PK\x03\x04"[..], b"\x93NUMPY"].iter().any(|magic| start.starts_with(magic)))
        })
}

/// Prints the table of all models for the galaxy of `settings`, and writes it to `out` as CSV where that is given.
///
/// # Errors
/// A sky without gas cells, those of the snapshot, a file that cannot be written.
pub fn run(settings: &Settings, out: Option<&Path>, progress: &dyn Progress) -> Result<String> {
    // a place that cannot be written is found before any work
    let staged = out.map(|path| Ok((path, Staged::new(path)?))).transpose()?;
    let (sky, model) = (&settings.sky, hi_model(&settings.sky));
    let watch = progress.stage("reading", 1);
    let (name, comparison) = match &sky.source {
        SkySource::Snapshot { path, .. } => {
            let request = snapshot_request(sky, &watch.quiet())?;
            (path.display().to_string(), request.compare_h2(&watch)?)
        }
        SkySource::Galaxy(order) => {
            let made = order.plan()?.make()?.snapshot;
            let centre = [0.5 * made.header.box_size; 3];
            (format!("built-in galaxy {}", order.seed), compare_h2(&made, Some(centre), &model, &watch)?)
        }
        SkySource::Fits { path, .. } | SkySource::Eor { path, .. } | SkySource::Components { path, .. } => {
            return Err(Error::input("models of molecular hydrogen need gas cells")
                .found(path.display())
                .expected("sky.snapshot or sky.galaxy"));
        }
    };
    comparison.notes.iter().for_each(|note| progress.note(note));
    if let Some((path, staged)) = staged {
        std::fs::write(staged.path(), csv(&comparison)).map_err(|e| Error::io("write", path, e))?;
        staged.commit()?;
    }
    Ok(table(&name, &comparison))
}

fn table(name: &str, comparison: &H2Comparison) -> String {
    let (totals, c) = (&comparison.totals, comparison.centre_ckpc_h);
    let mut text = format!("{name}: {} gas cells\n", comparison.cells);
    let mut line = |what: &str, value: String| text.push_str(&format!("  {what:<15}{value}\n"));
    line("centre", format!("{:.1} {:.1} {:.1} ckpc/h", c[0], c[1], c[2]));
    line("gas", format!("{:.4e} Msun", totals.gas_msun));
    line("neutral H", format!("{:.4e} Msun (HI and H2)", totals.neutral_msun));
    line("star formation", format!("{:.4} Msun/yr", totals.sfr_msun_yr));
    line("metallicity", format!("{:.4} of the sun's (mean over neutral H)", comparison.mean_dust_mw));
    line("radiation", format!("{:.4} of the Milky Way's (mean over neutral H)", comparison.mean_uv_mw));
    text.push_str("\n  model        HI, Msun      H2, Msun     HI/H2   HI half-mass radius, kpc\n");
    for row in &comparison.rows {
        let ratio = ratio(row).map_or("-".into(), |r| format!("{r:.4}"));
        text.push_str(&format!(
            "  {:<6} {:>14.4e} {:>13.4e} {ratio:>9} {:>9.3}   {}\n",
            row.model.word(),
            row.hi_msun,
            row.h2_msun,
            row.hi_half_mass_kpc,
            row.model.paper()
        ));
    }
    text
}

fn csv(comparison: &H2Comparison) -> String {
    let mut text = String::from("model,hi_msun,h2_msun,hi_over_h2,hi_half_mass_radius_kpc\n");
    for row in &comparison.rows {
        let ratio = ratio(row).map_or(String::new(), |r| format!("{r:.6e}"));
        let H2Row { model, hi_msun, h2_msun, hi_half_mass_kpc } = row;
        text.push_str(&format!("{},{hi_msun:.6e},{h2_msun:.6e},{ratio},{hi_half_mass_kpc:.6e}\n", model.word()));
    }
    text
}

/// HI/H2; none without H2.
fn ratio(row: &H2Row) -> Option<f64> {
    (row.h2_msun > 0.0).then(|| row.hi_msun / row.h2_msun)
}
