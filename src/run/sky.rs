//! `sky galaxies` and `sky info`.

mod subhalos;
mod tables;

use super::Progress;
use crate::error::{Error, Result, Watch};
use crate::formats::Staged;
use crate::formats::catalogue::CatalogueFormat;
use crate::formats::fits::{has_image, header_summary};
use crate::formats::hdf_cube::hdf_cube_summary;
use crate::formats::maps::maps_summary;
use crate::formats::oskar::{OskarSource, read_oskar_sky};
use crate::formats::shard::shard_summary;
use crate::formats::snapshot::{Format, resembles_catalogue, resembles_snapshot};
use crate::formats::visibilities::read_visibility_frame;
use crate::sky::galaxy::{Order, SetMember, write_galaxies};
use crate::sky::snapshot::{self, SubhaloFilter};
use crate::time::format_utc;
use crate::units::{DEG_RAD, Dimension, format_quantity, parse_quantities};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Writes `count` galaxies in IllustrisTNG's format into `out`, with the table of what was drawn, galaxies.csv.
pub fn galaxies(order: &Order, count: u32, out: &Path, progress: &dyn Progress) -> Result<String> {
    // what no galaxy can be like is found before any is made
    order.plan()?;
    let _folder = make_folder(out)?;
    let watch = progress.stage("galaxies", u64::from(count));
    let members = write_galaxies(order, count as usize, out, &watch)?;
    let kept = members.iter().filter(|m| m.kept).count();
    if kept > 0 {
        progress.note(&format!("{kept} of {count} galaxies were there and are kept"));
    }
    let table = out.join("galaxies.csv");
    Staged::write_bytes(&table, csv(order, &members).as_bytes())?;
    Ok(members.iter().map(|m| &m.path).chain([&table]).map(|path| format!("{}\n", path.display())).collect())
}

/// One line a galaxy: totals, and the parameters of the heaviest.
fn csv(order: &Order, members: &[SetMember]) -> String {
    let mut text = String::from(
        "file,kind,seed,redshift,galaxies,hi_mass_msun,stellar_mass_msun,since_pericentre_myr,main_hi_mass_msun,\
         hi_radius_kpc,v_flat_km_s,turnover_kpc,scale_height_kpc,flare,warp_deg,warp_twist_deg,arms,pitch_deg,holes,\
         lopsidedness,turbulence_km_s,central_metallicity,field_ug\n",
    );
    for SetMember { path, facts, .. } in members {
        let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let p = &facts.main;
        text.push_str(&format!(
            "{file},{},{},{},{},{:.6e},{:.6e},{:.1},{:.6e},{:.4},{:.3},{:.4},{:.4},{:.3},{:.2},{:.2},{},{:.2},{},{:.3},{:.2},{:.5},{:.2}\n",
            facts.kind.word(),
            facts.seed,
            order.redshift,
            facts.galaxies,
            facts.hi_mass_msun,
            facts.stellar_mass_msun,
            facts.since_pericentre_myr,
            p.hi_mass_msun,
            p.hi_radius_kpc,
            p.v_flat_km_s,
            p.turnover_kpc,
            p.scale_height_kpc,
            p.flare,
            p.warp_deg,
            p.warp_twist_deg,
            p.arms,
            p.pitch_deg,
            p.holes,
            p.lopsidedness,
            p.turbulence_km_s,
            p.central_metallicity,
            p.field_ug,
        ));
    }
    text
}

/// What `sky info` is asked.
#[derive(Debug, Clone, Default)]
pub struct InfoRequest {
    /// The file or folder.
    pub path: PathBuf,
    /// Layout of a snapshot; None: told from it.
    pub format: Option<Format>,
    /// Ranges of mass of the subhalos of a group catalogue.
    pub filter: SubhaloFilter,
    /// The catalogue's snapshot, for HI masses.
    pub snapshot: Option<PathBuf>,
    /// Its offsets file.
    pub offsets: Option<PathBuf>,
    /// Where the table of subhalos goes (CSV).
    pub out: Option<PathBuf>,
}

impl InfoRequest {
    /// From a command line's words: a format of [`Format::NAMES`], ranges of mass as in "1e9 1e11 Msun".
    ///
    /// # Errors
    /// Words that are neither.
    pub fn new(path: PathBuf, format: &str, ranges: [(&str, Option<&str>); 3]) -> Result<InfoRequest> {
        if !Format::NAMES.contains(&format) {
            return Err(Error::input("an unknown format")
                .found(format)
                .expected(format!("one of {}", Format::NAMES.join(", ")))
                .place("--format"));
        }
        let range = |(option, text): (&str, Option<&str>)| -> Result<Option<[f64; 2]>> {
            let Some(text) = text else { return Ok(None) };
            match parse_quantities(text, Dimension::Mass).map_err(|e| e.place(option))?.as_slice() {
                &[low, high] if low >= 0.0 && low <= high => Ok(Some([low, high])),
                _ => Err(Error::input("not a range of masses")
                    .found(text)
                    .expected("the smallest and the largest mass, \"1e9 1e11 Msun\"")
                    .place(option)),
            }
        };
        let [stellar, gas, hi] = ranges;
        let filter = SubhaloFilter { stellar_msun: range(stellar)?, gas_msun: range(gas)?, hi_msun: range(hi)? };
        Ok(InfoRequest { path, format: Format::named(format), filter, ..InfoRequest::default() })
    }

    /// Whether something is asked that only group catalogues answer.
    fn about_subhalos(&self) -> bool {
        self.filter != SubhaloFilter::default()
            || self.snapshot.is_some()
            || self.offsets.is_some()
            || self.out.is_some()
    }
}

/// What a file holds, whatever its format.
pub fn info(request: &InfoRequest, progress: &dyn Progress) -> Result<String> {
    let path = request.path.as_path();
    if resembles_catalogue(path) {
        return subhalos::list(request, progress);
    }
    if request.about_subhalos() {
        return Err(Error::input("ranges of mass, --snapshot, --offsets and --out belong to group catalogues")
            .found(path.display())
            .expected("a folder groups_NNN, or a file fof_subhalo_tab_NNN.K.hdf5")
            .hint("leave them out to see what this file holds"));
    }
    let silent = Watch::silent();
    if path.is_dir() {
        return Ok(snapshot::info(path, request.format, &silent)?.to_string());
    }
    let mut start = Vec::new();
    File::open(path).and_then(|file| file.take(8).read_to_end(&mut start)).map_err(|e| Error::io("read", path, e))?;
    if [&b"PK\x03\x04"[..], b"\x93NUMPY"].iter().any(|magic| start.starts_with(magic)) {
        return Ok(snapshot::info(path, request.format, &silent)?.to_string());
    }
    if start == b"\x89HDF\r\n\x1a\n" {
        for summary in [hdf_cube_summary, maps_summary, shard_summary] {
            if let Some(text) = summary(path)? {
                return Ok(text);
            }
        }
        // a snapshot has a header where visibilities have uvw; a file that is neither is reported as the latter
        return match snapshot::info(path, request.format, &silent) {
            Ok(info) => Ok(info.to_string()),
            Err(not_snapshot) => match read_visibility_frame(path) {
                Ok(table) => Ok(format!("{}: {}", path.display(), visibility_summary(&table))),
                Err(_) if resembles_snapshot(path) || request.format.is_some() => Err(not_snapshot),
                Err(not_visibilities) => Err(not_visibilities),
            },
        };
    }
    match CatalogueFormat::of(path)? {
        Some(CatalogueFormat::Fits) if has_image(path)? => return header_summary(path),
        Some(format) => return tables::summary(path, format),
        // the reader of FITS files says what is wrong
        None if start.starts_with(b"SIMPLE") => return header_summary(path),
        None => {}
    }
    if !resembles_sky_list(path) {
        return Err(Error::input("not a file of a known kind")
            .found(match start.is_empty() {
                true => "an empty file".to_string(),
                false => format!("a file that begins with \"{}\"", String::from_utf8_lossy(&start).escape_debug()),
            })
            .expected("a snapshot, visibilities or a cube (HDF5), a FITS image, a catalogue (VOTable, FITS), or an OSKAR sky list (text)")
            .place(path.display())
            .hint("a configuration is looked at by `skyfringe run CONFIG --check`"));
    }
    let sources = read_oskar_sky(path)?;
    // of several frequencies the first
    let stokes_i = |s: &OskarSource| s.flux.first().map_or(0.0, |(_, stokes)| stokes[0]);
    let total: f64 = sources.iter().map(stokes_i).sum();
    let brightest = sources.iter().map(stokes_i).fold(f64::NEG_INFINITY, f64::max);
    let extended = sources.iter().filter(|s| s.gaussian.is_some()).count();
    Ok(format!(
        "{}: sky list\n  sources    {} ({} points, {extended} Gaussians)\n  Stokes I   {total:.6} Jy in all, brightest {brightest:.6} Jy\n",
        path.display(),
        sources.len(),
        sources.len() - extended,
    ))
}

/// Whether a text begins like a sky list: a format line, or a line of numbers.
fn resembles_sky_list(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    text.to_ascii_lowercase().contains("format")
        || first.is_some_and(|line| line.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)))
}

fn visibility_summary(table: &crate::formats::visibilities::VisibilityTable) -> String {
    let (rows, channels, products) = table.vis.dim();
    let mut text = format!(
        "visibilities\n  samples    {rows} rows x {channels} channels x {products} products ({})\n",
        table.polarisations.name()
    );
    if let (Some(low), Some(high)) = (table.freq_hz.first(), table.freq_hz.last()) {
        text.push_str(&format!(
            "  band       {:.6} MHz to {:.6} MHz, channel width {}\n",
            low / 1e6,
            high / 1e6,
            format_quantity(table.channel_width_hz, Dimension::Frequency)
        ));
    }
    if let (Some(first), Some(last)) = (table.time_mjd_utc.first(), table.time_mjd_utc.last()) {
        text.push_str(&format!("  time       {} to {} UTC (mid-points)\n", format_utc(*first), format_utc(*last)));
    }
    let centre = table.phase_centre;
    text.push_str(&format!(
        "  centre     RA {:.6} deg, Dec {:.6} deg\n",
        centre.ra_rad / DEG_RAD,
        centre.dec_rad / DEG_RAD
    ));
    if !table.telescope.is_empty() {
        text.push_str(&format!("  telescope  {}\n", table.telescope));
    }
    let longest = table.uvw_m.rows().into_iter().map(|r| r[0].hypot(r[1])).fold(0.0, f64::max);
    let flagged = table.flag.iter().filter(|f| **f).count();
    text.push_str(&format!(
        "  baselines  to {}\n  flagged    {flagged} of {}\n",
        format_quantity(longest, Dimension::Length),
        table.flag.len()
    ));
    text
}

/// The folder for products. Folders that were made for it and that nothing was put into go away again.
#[derive(Debug)]
pub(super) struct ProductFolder {
    /// The innermost first.
    made: Vec<PathBuf>,
}

/// Makes the folder for products, and those above it.
pub(super) fn make_folder(out: &Path) -> Result<ProductFolder> {
    if out.exists() && !out.is_dir() {
        return Err(Error::input("the output folder is a file")
            .found(out.display())
            .expected("a folder, or a new name")
            .hint("choose another --out"));
    }
    let missing = |p: &&Path| !p.as_os_str().is_empty() && std::fs::symlink_metadata(p).is_err();
    let folder = ProductFolder { made: out.ancestors().take_while(missing).map(Path::to_path_buf).collect() };
    std::fs::create_dir_all(out).map_err(|e| {
        let error = Error::io("make the output folder", out, e);
        error.hint("choose another --out: a folder that you may write in")
    })?;
    Ok(folder)
}

impl Drop for ProductFolder {
    fn drop(&mut self) {
        for folder in &self.made {
            // fails where there is something inside, as it should
            if std::fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
}
