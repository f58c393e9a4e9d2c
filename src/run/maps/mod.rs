//! `sky maps`: the maps of one object, or of several subhalos, in many orientations.

mod compat;
mod files;
pub(in crate::run) mod picture;

use super::Progress;
use super::compare_h2::settings;
use super::image::memory::{default_bytes, words};
use super::params::{PixelChoice, Settings, SkySource, WhichSubhalo};
use super::skies::{extent_kpc, hi_model, object_name, orientation, placed, placing_cards, snapshot_request};
use super::sky::make_folder;
use crate::error::{Error, Result, Watch};
use crate::formats::fits::Card;
use crate::formats::snapshot::{ParticleKind, subhalo_gas};
use crate::sky::maps::{Domain, Map, MapObject, MapRequest, View, ViewSet, draw};
use crate::sky::snapshot::{Collisionless, LoadedGalaxy, Selection, SnapshotRequest, made_object};
use crate::units::{Dimension, parse_quantity};
use files::{Folder, Sheet};
use std::path::{Path, PathBuf};

/// The words of the command.
#[derive(Debug, Clone)]
pub struct MapOptions {
    /// Configuration or snapshot.
    pub input: PathBuf,
    /// `--set table.key=value`.
    pub changes: Vec<String>,
    /// List of domains; `None`: all that there are.
    pub domains: Option<String>,
    /// Pixels along each side; `None`: `image.size`, or 512.
    pub size: Option<usize>,
    /// Width of the maps, a length or an angle.
    pub width: Option<String>,
    /// List of orientations.
    pub orientations: String,
    /// Seed of random orientations.
    pub seed: u64,
    /// List of subhalos.
    pub subhalos: Option<String>,
    /// Neighbour to which kernels of stars and dark matter reach.
    pub neighbours: usize,
    /// fits, hdf5 or both.
    pub format: String,
    /// "skais" or none.
    pub compat: Option<String>,
    /// Folder of the products.
    pub out: PathBuf,
}

/// How wide the maps are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Width {
    /// kpc at the object.
    Length(f64),
    /// rad.
    Angle(f64),
}

/// A validated command.
#[derive(Debug)]
pub struct MapsRequest {
    /// Number of the subhalo and settings, one an object.
    objects: Vec<(Option<u64>, Settings)>,
    domains: Vec<Domain>,
    /// Whether the domains were asked for by name.
    named: bool,
    size: Option<usize>,
    width: Option<Width>,
    views: Vec<ViewSet>,
    seed: u64,
    neighbours: usize,
    fits: bool,
    hdf5: bool,
    /// The pixels of skais-mapper.
    skais: bool,
    out: PathBuf,
}

impl MapsRequest {
    /// Reads the words, the configuration and the group catalogue.
    ///
    /// # Errors
    /// Those of configurations; words that are none; a subhalo that is not there or has no gas.
    pub fn new(options: MapOptions) -> Result<MapsRequest> {
        let (fits, hdf5) = match options.format.as_str() {
            "fits" => (true, false),
            "hdf5" => (false, true),
            "both" => (true, true),
            other => {
                return Err(Error::input("there is no such format of maps")
                    .found(format!("--format {other}"))
                    .expected("fits, hdf5 or both"));
            }
        };
        let skais = match options.compat.as_deref() {
            None => false,
            Some("skais") => true,
            Some(other) => {
                return Err(Error::input("there is no program of this name to be compatible with")
                    .found(format!("--compat {other}"))
                    .expected("skais"));
            }
        };
        let named = options.domains.as_deref().is_some_and(|d| !d.split(',').any(|word| word.trim() == "all"));
        let domains = Domain::parse_list(options.domains.as_deref().unwrap_or("all"))?;
        let width = options.width.as_deref().map(parse_width).transpose()?;
        let views = ViewSet::parse_list(&options.orientations).map_err(|e| e.place("--orientations"))?;
        let mut objects = Vec::new();
        match &options.subhalos {
            None => objects.push((None, settings(&options.input, &options.changes)?)),
            Some(list) => {
                for index in parse_subhalos(list)? {
                    let mut changes = options.changes.clone();
                    changes.push(format!("sky.subhalo={index}"));
                    objects.push((Some(index), settings(&options.input, &changes)?));
                }
            }
        }
        for (_, settings) in &objects {
            if let SkySource::Snapshot { subhalo: Some(choice), .. } = &settings.sky.source
                && let WhichSubhalo::Number(index) = choice.which
            {
                subhalo_gas(&choice.catalogue, choice.offsets.as_deref(), index)?;
            }
        }
        let skais = skais || objects.iter().any(|(_, settings)| settings.sky.compat_skais);
        if skais && !hdf5 {
            return Err(Error::input("skais-mapper's maps have no place on the sky, and no FITS files")
                .found("--format fits")
                .expected("--format hdf5"));
        }
        Ok(MapsRequest {
            objects,
            domains,
            named,
            size: options.size,
            width,
            views,
            seed: options.seed,
            neighbours: options.neighbours,
            fits,
            hdf5,
            skais,
            out: options.out,
        })
    }
}

fn parse_width(text: &str) -> Result<Width> {
    let width = match (parse_quantity(text, Dimension::SmallDistance), parse_quantity(text, Dimension::Angle)) {
        (Ok(kpc), _) => Width::Length(kpc),
        (Err(_), Ok(rad)) => Width::Angle(rad),
        (Err(error), Err(_)) => return Err(error.place("--width").hint("a length at the object or an angle")),
    };
    let (Width::Length(value) | Width::Angle(value)) = width;
    if value > 0.0 && value.is_finite() {
        return Ok(width);
    }
    Err(Error::input("the width of the maps is not positive").found(text).place("--width"))
}

fn parse_subhalos(list: &str) -> Result<Vec<u64>> {
    let numbers: Option<Vec<u64>> = list.split(',').map(|n| n.trim().parse().ok()).collect();
    let refused = || {
        Error::input("these are no subhalos")
            .found(format!("--subhalos {list}"))
            .expected("numbers of the group catalogue, each once, as in 5,7,9")
    };
    let numbers = numbers.filter(|n| !n.is_empty()).ok_or_else(refused)?;
    let once = (0..numbers.len()).all(|i| !numbers[..i].contains(&numbers[i]));
    if once { Ok(numbers) } else { Err(refused()) }
}

/// Draws and writes the maps; returns what was written.
///
/// # Errors
/// A sky without gas cells; a domain asked for by name that is not there; those of snapshots, maps and files.
pub fn run(request: &MapsRequest, progress: &dyn Progress) -> Result<String> {
    let mut text = String::new();
    for (subhalo, settings) in &request.objects {
        let out = match (subhalo, request.objects.len()) {
            (Some(index), 2..) => request.out.join(format!("subhalo-{index}")),
            _ => request.out.clone(),
        };
        let _folder = make_folder(&out)?;
        let object = if request.skais { compat::one_object } else { one_object };
        text.push_str(&object(request, settings, &out, progress).map_err(|e| match subhalo {
            Some(index) => e.place(format!("subhalo {index}")),
            None => e,
        })?);
    }
    Ok(text)
}

/// An object as it was read.
struct Loaded {
    name: String,
    /// Where from, for headers.
    origin: String,
    galaxy: LoadedGalaxy,
    object: MapObject,
    /// Of a selected sphere.
    radius_ckpc_h: Option<f64>,
}

fn one_object(request: &MapsRequest, settings: &Settings, out: &Path, progress: &dyn Progress) -> Result<String> {
    let loaded = load(request, settings, progress)?;
    loaded.galaxy.notes.iter().for_each(|note| progress.note(note));
    let object = &loaded.object;
    let (domains, absent): (Vec<Domain>, Vec<Domain>) = request.domains.iter().partition(|d| object.holds(**d));
    if !absent.is_empty() {
        let words: Vec<&str> = absent.iter().map(|d| d.word()).collect();
        if request.named {
            return Err(Error::input("a domain that was asked for is not in the file")
                .found(format!("nothing for {}", words.join(", ")))
                .expected("the fields that docs/maps.md lists")
                .place(&loaded.origin)
                .hint("leave --domains out to draw all that there is"));
        }
        progress.note(&format!("left out, for want of their fields: {}", words.join(", ")));
    }

    let (maps_request, cosmology) = geometry(request, settings, &loaded)?;
    require_memory(maps_request.nx * maps_request.ny, domains.len())?;
    let configured = orientation(settings.sky.inclined).rotation(&object.cells)?;
    let views: Vec<View> = request.views.iter().flat_map(|set| set.views(&configured, request.seed)).collect();
    let sheet = Sheet {
        name: &loaded.name,
        domains: &domains,
        views: &views,
        request: &maps_request,
        cards: cards(settings, &loaded, &maps_request, &cosmology),
    };
    let folder = Folder::begin(out, &sheet, request.fits, request.hdf5)?;
    let watch = progress.stage("maps", views.len() as u64);
    let mut first: Vec<Map> = Vec::new();
    let mut worst = (0.0, String::new());
    for (number, view) in views.iter().enumerate() {
        let maps = draw(object, &domains, &view.rotation, &maps_request, &watch.quiet())?;
        folder.add(&sheet, number, &maps)?;
        for map in &maps {
            if map.total > 0.0 && map.outside > worst.0 * map.total {
                worst = (map.outside / map.total, format!("{} in orientation {number}", map.domain.word()));
            }
        }
        if number == 0 {
            first = maps;
        }
        watch.advance(1)?;
    }
    if worst.0 > 0.01 {
        let (share, what) = (100.0 * worst.0, worst.1);
        progress.note(&format!("up to {share:.1} % lie outside the maps ({what}); --width takes a wider field"));
    }
    let picture = picture::figure(&sheet, &first);
    let written = folder.finish(&sheet, &picture)?;
    Ok(report(out, &written, &sheet, &first))
}

fn load(request: &MapsRequest, settings: &Settings, progress: &dyn Progress) -> Result<Loaded> {
    let sky = &settings.sky;
    let watch = progress.stage("reading", 1);
    match &sky.source {
        SkySource::Snapshot { path, .. } => {
            let snapshot = snapshot_request(sky, &watch.quiet())?;
            let wanted = collisionless(request, &snapshot, &watch)?;
            let (galaxy, object) = snapshot.map_object(wanted, &watch)?;
            let radius_ckpc_h = match snapshot.selection {
                Selection::Sphere { radius_ckpc_h, .. } => Some(radius_ckpc_h),
                _ => None,
            };
            let (name, origin) = (object_name(&snapshot), path.display().to_string());
            Ok(Loaded { name, origin, galaxy, object, radius_ckpc_h })
        }
        SkySource::Galaxy(order) => {
            let wanted = Collisionless {
                stars: request.domains.contains(&Domain::Stars),
                dark_matter: request.domains.contains(&Domain::DarkMatter),
                neighbour: request.neighbours,
            };
            let (galaxy, object) = made_object(order.plan()?.make()?, wanted, &hi_model(sky), &watch)?;
            let name = format!("Built-in galaxy {}", order.seed);
            Ok(Loaded { origin: name.to_lowercase(), name, galaxy, object, radius_ckpc_h: None })
        }
        SkySource::Fits { path, .. } | SkySource::Eor { path, .. } | SkySource::Components { path, .. } => {
            Err(Error::input("maps of the domains need the particles of a simulation")
                .found(path.display())
                .expected("sky.snapshot or sky.galaxy"))
        }
    }
}

/// The particles to read for the domains: those asked for by name must be there.
fn collisionless(request: &MapsRequest, snapshot: &SnapshotRequest, watch: &Watch) -> Result<Collisionless> {
    let there = |domain: Domain, kind: ParticleKind| -> Result<bool> {
        if !request.domains.contains(&domain) {
            return Ok(false);
        }
        match snapshot.require_particles(kind, &watch.quiet()) {
            Err(error) if request.named || error.is_interrupt() => Err(error),
            // what is left out is said with the other domains
            found => Ok(found.is_ok()),
        }
    };
    Ok(Collisionless {
        stars: there(Domain::Stars, ParticleKind::Stars)?,
        dark_matter: there(Domain::DarkMatter, ParticleKind::DarkMatter)?,
        neighbour: request.neighbours,
    })
}

/// Pixels and place: those of `run` for the same configuration, but for the width that is asked for.
fn geometry(
    request: &MapsRequest,
    settings: &Settings,
    loaded: &Loaded,
) -> Result<(MapRequest, crate::sky::cosmology::Cosmology)> {
    let (sky, image) = (&settings.sky, &settings.image);
    let (placement, cosmology) = placed(&sky.placing, &loaded.galaxy.cosmology)?;
    let size = match (request.size, image.size) {
        (Some(size), _) | (None, PixelChoice::Given(size)) => size,
        (None, PixelChoice::Auto) => 512,
    };
    let kpc = placement.angular_diameter_distance_mpc() * 1e3;
    let cell_rad = match (request.width, image.cell_rad, loaded.radius_ckpc_h) {
        (Some(Width::Length(width)), ..) => width / kpc / size as f64,
        (Some(Width::Angle(width)), ..) => width / size as f64,
        (None, PixelChoice::Given(cell), _) => cell,
        (None, PixelChoice::Auto, Some(radius)) => {
            let units = crate::sky::snapshot::CodeUnits::of(&loaded.galaxy.header);
            2.0 * radius * units.length_kpc / kpc / size as f64
        }
        (None, PixelChoice::Auto, None) => extent_kpc(&loaded.galaxy) / kpc / size as f64,
    };
    let mut maps = MapRequest::new(placement, settings.observation.phase_centre, size, size, cell_rad);
    maps.object = sky.placing.direction.unwrap_or(maps.centre);
    maps.tb_depth_ckpc = sky.tb_depth_mpc * 1e3;
    maps.tb_coefficient_mk = sky.tb_coefficient_mk;
    Ok((maps, cosmology))
}

/// Up to eight columns of gas, each once more while it is summed, the areas and a plane on its way to the disk; the
/// maps, and those of the first orientation for the preview.
fn require_memory(pixels: usize, domains: usize) -> Result<()> {
    let (need, free) = (8 * pixels as u64 * (2 * 8 + 2 + 2 * domains as u64), default_bytes());
    if need <= free {
        return Ok(());
    }
    Err(Error::input("there is not enough memory for the maps")
        .found(format!("{pixels} pixels in {domains} domains: {}", words(need)))
        .expected(format!("at most {}, three quarters of what is free", words(free)))
        .hint("take fewer pixels or fewer domains at a time"))
}

/// The cards that all maps of an object have.
fn cards(
    settings: &Settings,
    loaded: &Loaded,
    maps: &MapRequest,
    cosmology: &crate::sky::cosmology::Cosmology,
) -> Vec<Card> {
    let mut cards = placing_cards(&settings.sky, &loaded.galaxy, &maps.placement, cosmology);
    let object = &loaded.object;
    cards.extend([
        Card::float("MHI", object.hi_msun(), "[Msun] HI of the object"),
        Card::float("MGAS", object.gas_msun(), "[Msun] gas of the object"),
    ]);
    let clouds = [("MSTARS", "stars", &object.stars), ("MDM", "dark matter", &object.dark_matter)];
    for (key, what, cloud) in clouds {
        if let Some(cloud) = cloud {
            cards.push(Card::float(key, cloud.mass_msun.iter().sum(), &format!("[Msun] {what} of the object")));
        }
    }
    cards.extend([
        Card::text("SNAPSHOT", loaded.origin.clone(), "what the maps were made from"),
        Card::float("CELLKPC", maps.placement.pixel_kpc(maps.cell_rad), "[kpc] physical size of a pixel"),
        Card::float("KERNEL", maps.kernel_factor, "kernel radius of gas over cell radius"),
    ]);
    cards
}

fn report(out: &Path, written: &[String], sheet: &Sheet, maps: &[Map]) -> String {
    let shown = if written.len() > 6 {
        let (first, last) = (&written[..3], &written[written.len() - 2..]);
        format!("{}, ... {} ({} files)", first.join(", "), last.join(", "), written.len())
    } else {
        written.join(", ")
    };
    let mut text = format!("{}: {shown}\n", out.display());
    text.push_str(&format!(
        "  {}, orientations: {}, {} x {} pixels of {:.4} kpc\n",
        sheet.name,
        sheet.views.len(),
        sheet.request.nx,
        sheet.request.ny,
        sheet.request.placement.pixel_kpc(sheet.request.cell_rad)
    ));
    text.push_str(&format!("  {:<14}{:>12}{:>12}  unit, outside of the first map\n", "domain", "mean", "largest"));
    for map in maps {
        let largest = map.values.iter().fold(0.0, |m: f64, v| if v.abs() > m.abs() { *v } else { m });
        let outside = if map.total > 0.0 { (map.outside / map.total).max(0.0) } else { 0.0 };
        text.push_str(&format!(
            "  {:<14}{:>12.4e}{largest:>12.4e}  {}, {:.2} %\n",
            map.domain.word(),
            map.values.mean().unwrap_or(0.0),
            if map.domain.unit().is_empty() { "1" } else { map.domain.unit() },
            100.0 * outside
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_beyond_the_memory_are_refused() {
        assert!(require_memory(64 * 64, 12).is_ok());
        let error = require_memory(1 << 50, 12).unwrap_err().to_string();
        assert!(error.contains("fewer pixels"), "{error}");
    }

    #[test]
    fn widths_are_lengths_or_angles() {
        assert_eq!(parse_width("60 kpc").unwrap(), Width::Length(60.0));
        assert!(matches!(parse_width("10 arcmin").unwrap(), Width::Angle(a) if (a - 2.9088820866e-3).abs() < 1e-9));
        for bad in ["60", "-3 kpc", "0 deg", "5 K"] {
            assert!(parse_width(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn subhalos_are_numbers_each_once() {
        assert_eq!(parse_subhalos("5, 7,9").unwrap(), [5, 7, 9]);
        for bad in ["", "5,x", "5,5", "-1"] {
            assert!(parse_subhalos(bad).unwrap_err().to_string().contains("5,7,9"), "{bad}");
        }
    }
}
