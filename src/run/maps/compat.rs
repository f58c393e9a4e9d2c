//! `sky maps --compat skais`: the pixels of skais-mapper 0.1.16 in its own layout.

use super::{MapsRequest, Width, collisionless};
use crate::error::{Error, Result};
use crate::formats::maps::{MapField, MapFile, MapView, MapWriter};
use crate::formats::snapshot::Particles;
use crate::formats::{Attribute, Staged};
use crate::run::Progress;
use crate::run::headers::program;
use crate::run::params::{Inclined, PixelChoice, Settings};
use crate::run::skies::{object_name, orientation, snapshot_request};
use crate::sky::cells::GasCells;
use crate::sky::maps::{Domain, View, skais_group, skais_map};
use crate::sky::orient::{BoxAxis, Orientation};
use crate::sky::snapshot::CodeUnits;
use std::path::Path;

const HDF5: &str = "maps-skais.hdf5";
const VERSION: &str = "skais-mapper 0.1.16";

/// Draws and writes the maps of one object.
///
/// # Errors
/// As [`super::run`]; a domain asked for by name that skais-mapper does not have.
pub(super) fn one_object(
    request: &MapsRequest,
    settings: &Settings,
    out: &Path,
    progress: &dyn Progress,
) -> Result<String> {
    let half_width_kpc = match request.width {
        Some(Width::Length(kpc)) => Some(0.5 * kpc),
        None => None,
        Some(Width::Angle(_)) => {
            return Err(Error::input("skais-mapper's maps have no distance")
                .found("--width as an angle")
                .expected("a length"));
        }
    };
    if let Some(domain) = request.domains.iter().find(|d| request.named && skais_group(**d).is_none()) {
        return Err(Error::input("skais-mapper has no maps of this domain")
            .found(domain.word())
            .expected("gas, stars, dm, hi, tb, temperature or b"));
    }
    let watch = progress.stage("reading", 1);
    let snapshot = snapshot_request(&settings.sky, &watch.quiet())?;
    let wanted = collisionless(request, &snapshot, &watch)?;
    let object = snapshot.skais_object(half_width_kpc, wanted, &watch)?;
    let has_density = |p: &Option<Particles>| p.as_ref().is_some_and(|p| p.density.len() == p.mass.len());
    let holds = |domain: &Domain| match domain {
        Domain::Stars => has_density(&object.stars),
        Domain::DarkMatter => has_density(&object.dark_matter),
        Domain::B => !object.gas.magnetic_field.is_empty(),
        _ => true,
    };
    let of_theirs = request.domains.iter().copied().filter_map(|d| Some((d, skais_group(d)?)));
    let (domains, absent): (Vec<_>, Vec<_>) = of_theirs.partition(|(d, _)| request.named || holds(d));
    if !absent.is_empty() {
        let words: Vec<&str> = absent.iter().map(|(d, _)| d.word()).collect();
        progress.note(&format!("left out, for want of their fields: {}", words.join(", ")));
    }

    let configured = match settings.sky.inclined {
        // a disc's orientation is none of theirs
        Inclined::Disc { .. } => Orientation::Box(BoxAxis::Z),
        given => orientation(given),
    };
    let configured = configured.rotation(&GasCells::default())?;
    let views: Vec<View> = request.views.iter().flat_map(|set| set.views(&configured, request.seed)).collect();
    let size = match (request.size, settings.image.size) {
        (Some(size), _) | (None, PixelChoice::Given(size)) => size,
        (None, PixelChoice::Auto) => 512,
    };
    let half_kpc = object.half_width_ckpc_h * CodeUnits::of(&object.header).length_kpc;
    let field = |(_, (group, unit)): &(Domain, (&str, &str))| MapField {
        name: format!("{group}/images"),
        attributes: vec![("units".into(), Attribute::Text((*unit).into()))],
    };
    let header = MapFile {
        shape: (size, size),
        fields: domains.iter().map(field).collect(),
        views: views
            .iter()
            .map(|v| MapView { name: v.name.clone(), euler_deg: v.rotation.euler_deg(), rotation: v.rotation.rows })
            .collect(),
        attributes: vec![
            ("object".into(), Attribute::Text(object_name(&snapshot))),
            ("program".into(), Attribute::Text(program())),
            ("compat".into(), Attribute::Text(VERSION.into())),
            ("snapshot".into(), Attribute::Text(snapshot.path.display().to_string())),
            ("half_width_kpc".into(), Attribute::Number(half_kpc)),
            ("cell_kpc".into(), Attribute::Number(2.0 * half_kpc / size as f64)),
        ],
    };
    let staged = Staged::new(&out.join(HDF5))?;
    let writer = MapWriter::create(staged.path(), &header)?;
    let watch = progress.stage("maps", (views.len() * domains.len()) as u64);
    for (view, seen) in views.iter().enumerate() {
        for (number, (domain, _)) in domains.iter().enumerate() {
            let map = skais_map(&object, *domain, &seen.rotation, size, &watch)
                .map_err(|e| e.place(snapshot.path.display()))?;
            writer.put(number, view, map.view())?;
            watch.advance(1)?;
        }
    }
    writer.finish()?;
    staged.commit()?;
    let words: Vec<&str> = domains.iter().map(|(_, (group, _))| *group).collect();
    Ok(format!(
        "{}: {HDF5}\n  {}, as by {VERSION}: {}; orientations: {}, {size} x {size} pixels of {:.4} kpc\n",
        out.display(),
        object_name(&snapshot),
        words.join(", "),
        views.len(),
        2.0 * half_kpc / size as f64
    ))
}
