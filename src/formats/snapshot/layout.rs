//! What tells one simulation's files from another's, and where each keeps the gas.

use super::{Header, arrays, camels, eagle, hdf, simba, swift, tng};
use crate::error::{Error, Result};
use hdf5::{Dataset, File, Group};
use std::path::Path;

/// The layouts of files that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// IllustrisTNG and Illustris (AREPO).
    #[default]
    Tng,
    /// SIMBA and other GIZMO runs with Grackle.
    Simba,
    /// EAGLE (GADGET-3) with unit attributes on every field.
    Eagle,
    /// SWIFT: COLIBRE, FLAMINGO, SWIFT-EAGLE.
    Swift,
    /// CAMELS: the suite, IllustrisTNG or SIMBA, is told from the fields.
    Camels,
    /// Named arrays in HDF5, with units as attributes.
    Arrays,
}

impl Format {
    /// What `sky.format` may be; "auto" is [`Format::detect`].
    pub const NAMES: [&'static str; 7] = ["auto", "tng", "simba", "eagle", "swift", "camels", "arrays"];

    /// The format of one of [`Format::NAMES`]; None for "auto" and for words that are none of them.
    pub fn named(name: &str) -> Option<Format> {
        match name {
            "tng" => Some(Format::Tng),
            "simba" => Some(Format::Simba),
            "eagle" => Some(Format::Eagle),
            "swift" => Some(Format::Swift),
            "camels" => Some(Format::Camels),
            "arrays" => Some(Format::Arrays),
            _ => None,
        }
    }

    /// Its field of the mass fraction of metals.
    pub fn metallicity_field(self) -> &'static str {
        match self {
            Format::Tng | Format::Camels => "GFM_Metallicity",
            Format::Simba | Format::Eagle => "Metallicity",
            Format::Swift => "MetalMassFractions",
            Format::Arrays => "metallicity",
        }
    }

    /// Its name in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Format::Tng => "IllustrisTNG",
            Format::Simba => "SIMBA (GIZMO)",
            Format::Eagle => "EAGLE",
            Format::Swift => "SWIFT",
            Format::Camels => "CAMELS",
            Format::Arrays => "plain arrays",
        }
    }

    /// The format of an open file, by groups, attributes and names of fields. CAMELS files are found as what they
    /// are made of, IllustrisTNG's or SIMBA's layout; a file that nothing distinguishes counts as IllustrisTNG's.
    pub fn detect(file: &File) -> Format {
        let distinct: [(Format, fn(&File) -> bool); 4] = [
            (Format::Swift, swift::resembles),
            (Format::Eagle, eagle::resembles),
            (Format::Simba, simba::resembles),
            (Format::Arrays, arrays::resembles),
        ];
        distinct.into_iter().find(|(_, resembles)| resembles(file)).map_or(Format::Tng, |(format, _)| format)
    }

    /// An error where the cells of a subhalo are no contiguous run of the snapshot at `path`.
    pub fn require_subhalo_order(self, path: &Path) -> Result<()> {
        if matches!(self, Format::Tng | Format::Camels) {
            return Ok(());
        }
        Err(Error::input("only IllustrisTNG's snapshots are ordered by subhalo")
            .found(format!("the {} format", self.words()))
            .expected("a selection by centre and radius, or a whole file")
            .place(path.display())
            .hint("give sky.centre and sky.radius in place of sky.subhalo"))
    }

    pub(super) fn layout(self) -> &'static dyn Layout {
        match self {
            Format::Tng => &tng::Tng,
            Format::Simba => &simba::Simba,
            Format::Eagle => &eagle::Eagle,
            Format::Swift => &swift::Swift,
            Format::Camels => &camels::Camels,
            Format::Arrays => &arrays::Arrays,
        }
    }
}

/// How one simulation's files are read: what every format has to say about itself.
pub(super) trait Layout {
    /// The header in the terms of [`Header`]; code lengths of formats with units of their own become ckpc/h.
    fn header(&self, file: &File, path: &Path) -> Result<Header>;

    /// The group that holds the gas; None where the file has no gas.
    fn gas(&self, file: &File) -> Option<Group> {
        if file.link_exists("PartType0") { file.group("PartType0").ok() } else { None }
    }

    /// The fields that errors say it needs, and what helps where one is missing.
    fn needs(&self) -> (&'static str, &'static str);

    /// Where the quantities of the gas are. Errors: a field that is missing, or whose units are not stated.
    fn fields(&self, gas: &Gas, file: &File, header: &Header) -> Result<GasFields>;
}

/// Hydrogen fraction of files that state none, the same as sky::neutral's.
pub(super) const ASSUMED_HYDROGEN: f64 = 0.76;

/// h, Omega_m and Omega_Lambda of files that state none: those of IllustrisTNG (Planck 2015, rounded).
pub(super) const ASSUMED_COSMOLOGY: [f64; 3] = [0.6774, 0.3089, 0.6911];

/// What [`Header::assumptions`] says of [`ASSUMED_COSMOLOGY`]; `missing` names the attributes.
pub(super) fn assumed_cosmology(missing: &str) -> String {
    let [h, m, l] = ASSUMED_COSMOLOGY;
    format!("no {missing}: h = {h}, Omega_m = {m}, Omega_Lambda = {l} assumed")
}

/// The gas group of one file, and how to speak of it.
pub(super) struct Gas<'a> {
    pub group: &'a Group,
    pub path: &'a Path,
    pub format: Format,
    /// The fields that the format needs, for errors.
    pub needs: &'static str,
    /// What helps where one is missing.
    pub hint: &'static str,
}

/// A data set with its name for messages.
pub(super) struct Field {
    pub data: Dataset,
    /// "PartType0/Masses".
    pub name: String,
}

/// One column of a field, times a factor.
pub(super) struct Column {
    pub field: Field,
    pub index: usize,
    pub factor: f64,
}

/// A number of every cell, from one or several columns.
pub(super) struct Scalar {
    pub columns: Vec<Column>,
    pub combine: fn(&[f64]) -> f64,
}

/// A vector of every cell.
pub(super) struct Vector {
    pub field: Field,
    pub factor: f64,
}

/// Where one file keeps the gas; everything comes out in the units of [`super::GasTable`].
pub(super) struct GasFields {
    pub position: Vector,
    /// Read and checked though not used: damaged ones mark a damaged file.
    pub beside_position: Option<Vector>,
    pub velocity: Vector,
    pub mass: Scalar,
    pub density: Option<Scalar>,
    pub smoothing_length: Option<Scalar>,
    pub internal_energy: Option<Scalar>,
    pub temperature_k: Option<Scalar>,
    pub electron_abundance: Option<Scalar>,
    pub neutral_abundance: Option<Scalar>,
    pub molecular_abundance: Option<Scalar>,
    pub star_formation_rate: Option<Scalar>,
    pub hydrogen_fraction: Option<Scalar>,
    pub metallicity: Option<Scalar>,
    pub magnetic_field: Option<Vector>,
    /// What the file lacks and another of its fields stands in for, one plain sentence each.
    pub stand_ins: Vec<String>,
}

impl GasFields {
    /// Only what every format must have.
    pub fn new(position: Vector, velocity: Vector, mass: Scalar) -> GasFields {
        GasFields {
            position,
            beside_position: None,
            velocity,
            mass,
            density: None,
            smoothing_length: None,
            internal_energy: None,
            temperature_k: None,
            electron_abundance: None,
            neutral_abundance: None,
            molecular_abundance: None,
            star_formation_rate: None,
            hydrogen_fraction: None,
            metallicity: None,
            magnetic_field: None,
            stand_ins: Vec::new(),
        }
    }

    /// Checks that the cells have a size and a temperature; `size` and `heat` name the fields that give them.
    pub fn complete(self, gas: &Gas, size: &str, heat: &str) -> Result<GasFields> {
        if self.density.is_none() && self.smoothing_length.is_none() {
            return Err(gas.missing(size));
        }
        if self.temperature_k.is_none() && self.internal_energy.is_none() {
            return Err(gas.missing(heat));
        }
        Ok(self)
    }
}

impl Gas<'_> {
    /// The first of `names` that is there.
    pub fn optional(&self, names: &[&str]) -> Option<Field> {
        let prefix = if self.format == Format::Arrays { String::new() } else { "PartType0/".to_string() };
        names
            .iter()
            .find_map(|name| Some(Field { data: hdf::dataset(self.group, name)?, name: format!("{prefix}{name}") }))
    }

    /// The first of `names` that is there; an error where there is none.
    pub fn required(&self, names: &[&str]) -> Result<Field> {
        self.optional(names).ok_or_else(|| self.missing(&names.join(" or ")))
    }

    /// The error of a field that is not there.
    pub fn missing(&self, field: &str) -> Error {
        let names = hdf::member_names(self.group).unwrap_or_default();
        let prefix = if self.format == Format::Arrays { "" } else { "PartType0/" };
        Error::input(format!("the field {prefix}{field} is missing ({} format)", self.format.words()))
            .found(if names.is_empty() { "no field at all".into() } else { names.join(", ") })
            .expected(self.needs)
            .place(self.path.display())
            .hint(self.hint)
    }
}

impl Field {
    /// Column `index`, times `factor`.
    pub fn column(self, index: usize, factor: f64) -> Column {
        Column { field: self, index, factor }
    }

    /// The first column as it is.
    pub fn plain(self) -> Scalar {
        self.scaled(1.0)
    }

    /// The first column times `factor`.
    pub fn scaled(self, factor: f64) -> Scalar {
        Scalar { columns: vec![self.column(0, factor)], combine: |v| v[0] }
    }

    /// Three columns times `factor`.
    pub fn vector(self, factor: f64) -> Vector {
        Vector { field: self, factor }
    }
}
