use crate::error::{Error, Result};
use crate::formats::config::Section;
use crate::telescope::Telescope;
use crate::telescope::beam::{BeamTable, Interpolation, KatBand, Mount, Quantity, Shape, ShapedBeams};
use std::sync::Arc;

/// Keys of beams that are no circles.
pub(super) struct DishWords {
    /// A file, or pattern of files, for all stations (without a type) or for those of a type.
    files: Vec<(Option<String>, String)>,
    quantity: Quantity,
    interpolation: Interpolation,
    band: KatBand,
    mount: Mount,
}

impl DishWords {
    pub fn read(s: &Section) -> Result<DishWords> {
        let files = match s.section("beam_file") {
            Ok(table) if table.is_present() => {
                let mut files = Vec::new();
                for kind in table.keys() {
                    files.extend(table.text(&kind)?.map(|file| (Some(kind), file)));
                }
                files
            }
            _ => s.text("beam_file")?.into_iter().map(|file| (None, file)).collect(),
        };
        let quantity = match s.choice("beam_values", &["voltage", "power"])? {
            Some("power") => Quantity::Power,
            _ => Quantity::Voltage,
        };
        let interpolation = match s.choice("beam_interpolation", &["cubic", "linear"])? {
            Some("linear") => Interpolation::Linear,
            _ => Interpolation::Cubic,
        };
        let band = match s.choice("beam_band", &["L", "UHF"])? {
            Some("UHF") => KatBand::Uhf,
            _ => KatBand::L,
        };
        let mount = match s.choice("beam_mount", &["alt-az", "equatorial"])? {
            Some("equatorial") => Mount::Equatorial,
            _ => Mount::AltAz,
        };
        Ok(DishWords { files, quantity, interpolation, band, mount })
    }

    /// katbeam's beams.
    pub fn katbeam(&self, telescope: &Telescope) -> Result<ShapedBeams> {
        ShapedBeams::katbeam(telescope, self.band, self.mount).map_err(|e| e.place("telescope.beam"))
    }

    /// The tables of the files.
    pub fn tables(&self, telescope: &Telescope) -> Result<ShapedBeams> {
        let mut beams = ShapedBeams { shapes: Vec::new(), shape_of: Vec::new(), mount: self.mount };
        let mut known: Vec<&str> = Vec::new();
        for station in &telescope.stations {
            let of = |(kind, _): &&(Option<String>, String)| kind.as_ref().is_none_or(|kind| *kind == station.kind);
            let Some((_, file)) = self.files.iter().find(of) else {
                return Err(Error::input("there is no table of the beam of a type of station")
                    .found(format!("{} has stations of type {}", telescope.name, station.kind))
                    .expected("telescope.beam_file: one file, or one a type of station, { meerkat = \"beam.fits\" }")
                    .place("telescope.beam_file"));
            };
            let number = match known.iter().position(|name| *name == file.as_str()) {
                Some(number) => number,
                None => {
                    let table = BeamTable::read(file, self.quantity, self.interpolation)?;
                    known.push(file);
                    beams.shapes.push(Shape::Table(Arc::new(table)));
                    known.len() - 1
                }
            };
            beams.shape_of.push(number);
        }
        Ok(beams)
    }
}
