//! The products of `sky maps`: FITS images, one HDF5 file, the preview.

use crate::error::{Error, Result};
use crate::formats::fits::{Card, CardValue, FitsCube, SpectralAxis};
use crate::formats::maps::{MapField, MapFile, MapView, MapWriter};
use crate::formats::png::Figure;
use crate::formats::{Attribute, Staged};
use crate::run::headers::{program, sky_axes};
use crate::run::image::write_product;
use crate::sky::h2::SOLAR_METALLICITY;
use crate::sky::maps::{Domain, Map, MapRequest, View};
use crate::units::DEG_RAD;
use ndarray::Axis;
use std::path::{Path, PathBuf};

const HDF5: &str = "maps.hdf5";
const PICTURE: &str = "maps.png";

/// What all products of one object say.
pub(super) struct Sheet<'a> {
    /// Name of the object.
    pub name: &'a str,
    pub domains: &'a [Domain],
    pub views: &'a [View],
    pub request: &'a MapRequest,
    /// Cards of every map.
    pub cards: Vec<Card>,
}

impl Sheet<'_> {
    /// The name of a FITS image.
    fn file(&self, domain: Domain, view: usize) -> String {
        match self.views.len() {
            1 => format!("{}.fits", domain.word()),
            _ => format!("{}-{view:03}.fits", domain.word()),
        }
    }

    /// The cards of one domain.
    fn domain_cards(&self, domain: Domain) -> Vec<Card> {
        let mut cards = vec![Card::text("DOMAIN", domain.word(), domain.title())];
        if let Some(weight) = domain.weight() {
            cards.push(Card::text("WEIGHT", weight, "what the mean is weighted by; 0 without any"));
        }
        if let Some(frame) = domain.temperature_frame() {
            cards.push(Card::text("TBFRAME", frame.keyword(), "frame of the temperatures"));
        }
        match domain {
            Domain::Tb => {
                let scale = self.request.tb_scale();
                cards.extend([
                    Card::float("TBCOEFF", scale.coefficient_mk, "[mK] coefficient of T_b"),
                    Card::float("TBDEPTH", scale.depth_ckpc, "[kpc] comoving depth of the map"),
                ]);
            }
            Domain::Metallicity => {
                cards.push(Card::float("ZSOLAR", SOLAR_METALLICITY, "mass fraction that counts as 1"))
            }
            _ => {}
        }
        cards
    }
}

/// The folder of one object while maps are made.
pub(super) struct Folder {
    out: PathBuf,
    fits: bool,
    /// The writer goes first: what it gives back must be there.
    hdf5: Option<(MapWriter, Staged)>,
}

impl Folder {
    /// Starts the products; a folder that cannot be written shows now.
    pub fn begin(out: &Path, sheet: &Sheet, fits: bool, hdf5: bool) -> Result<Folder> {
        drop(Staged::new(&out.join(PICTURE))?);
        let hdf5 = hdf5
            .then(|| {
                let staged = Staged::new(&out.join(HDF5))?;
                let writer = MapWriter::create(staged.path(), &map_file(sheet))?;
                Ok::<_, Error>((writer, staged))
            })
            .transpose()?;
        Ok(Folder { out: out.into(), fits, hdf5 })
    }

    /// The maps of orientation `view`.
    pub fn add(&self, sheet: &Sheet, view: usize, maps: &[Map]) -> Result<()> {
        for (number, map) in maps.iter().enumerate() {
            if self.fits {
                write_product(&self.out.join(sheet.file(map.domain, view)), &image(sheet, view, map))?;
            }
            if let Some((writer, _)) = &self.hdf5 {
                writer.put(number, view, map.values.view())?;
            }
        }
        Ok(())
    }

    /// Completes the products and returns their names.
    pub fn finish(self, sheet: &Sheet, picture: &Figure) -> Result<Vec<String>> {
        let mut names = Vec::new();
        if self.fits {
            let of_view = |view: usize| sheet.domains.iter().map(move |d| sheet.file(*d, view));
            names.extend((0..sheet.views.len()).flat_map(of_view));
        }
        if let Some((writer, staged)) = self.hdf5 {
            writer.finish()?;
            staged.commit()?;
            names.push(HDF5.into());
        }
        picture.save(&self.out.join(PICTURE))?;
        names.push(PICTURE.into());
        Ok(names)
    }
}

fn image(sheet: &Sheet, view: usize, map: &Map) -> FitsCube {
    let (request, seen) = (sheet.request, &sheet.views[view]);
    let [alpha, beta, gamma] = seen.rotation.euler_deg();
    let mut cards = sheet.domain_cards(map.domain);
    cards.extend([
        Card::float("TOTAL", map.total, "of the whole object: Msun, Msun/yr, or weight"),
        Card::float("OUTSIDE", map.outside, "of TOTAL, outside the map"),
        Card::text("ORIENT", seen.name.clone(), "which orientation"),
        Card::float("EULERA", alpha, "[deg] first turn, about z (away)"),
        Card::float("EULERB", beta, "[deg] second turn, about x (east)"),
        Card::float("EULERG", gamma, "[deg] third turn, about z (away)"),
    ]);
    cards.extend(sheet.cards.iter().cloned());
    cards.push(Card::text("OBJECT", sheet.name, ""));
    cards.push(Card::text("ORIGIN", program(), ""));
    FitsCube {
        data: map.values.mapv(|v| v as f32).insert_axis(Axis(0)),
        sky: sky_axes(request.centre, request.nx, request.ny, request.cell_rad),
        // an image of the sky alone
        spectral: SpectralAxis::default(),
        stokes: "I".into(),
        unit: map.domain.unit().into(),
        beams: Vec::new(),
        cards,
    }
}

fn map_file(sheet: &Sheet) -> MapFile {
    let request = sheet.request;
    let fields = sheet.domains.iter().map(|domain| {
        let mut attributes = vec![
            ("units".to_string(), Attribute::Text(domain.unit().into())),
            ("title".to_string(), Attribute::Text(domain.title().into())),
        ];
        attributes.extend(sheet.domain_cards(*domain).iter().filter(|c| c.key != "DOMAIN").map(attribute));
        MapField { name: domain.word().into(), attributes }
    });
    let views = sheet.views.iter().map(|v| MapView {
        name: v.name.clone(),
        euler_deg: v.rotation.euler_deg(),
        rotation: v.rotation.rows,
    });
    let number = |name: &str, value: f64| (name.to_string(), Attribute::Number(value));
    let text = |name: &str, value: &str| (name.to_string(), Attribute::Text(value.into()));
    let mut attributes = vec![
        text("object", sheet.name),
        text("program", &program()),
        number("cell_kpc", request.placement.pixel_kpc(request.cell_rad)),
        number("cell_deg", request.cell_rad / DEG_RAD),
        number("centre_ra_deg", request.centre.ra_rad / DEG_RAD),
        number("centre_dec_deg", request.centre.dec_rad / DEG_RAD),
    ];
    let (history, cards): (Vec<&Card>, Vec<&Card>) = sheet.cards.iter().partition(|c| c.value == CardValue::Commentary);
    attributes.extend(cards.into_iter().filter(|c| c.key != "CELLKPC").map(attribute));
    let lines: Vec<&str> = history.into_iter().map(|c| c.comment.as_str()).collect();
    attributes.push(text("history", &lines.join("\n")));
    MapFile { shape: (request.ny, request.nx), fields: fields.collect(), views: views.collect(), attributes }
}

/// A card as an attribute, its name in small letters.
fn attribute(card: &Card) -> (String, Attribute) {
    let value = match &card.value {
        CardValue::Float(v) => Attribute::Number(*v),
        CardValue::Int(v) => Attribute::Integer(*v),
        CardValue::Bool(v) => Attribute::Integer(i64::from(*v)),
        CardValue::Text(v) => Attribute::Text(v.clone()),
        CardValue::Commentary => Attribute::Text(card.comment.clone()),
    };
    (card.key.to_lowercase(), value)
}
