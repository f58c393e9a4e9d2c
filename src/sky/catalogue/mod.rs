//! Catalogues as lists of components: what the columns of a table mean.

mod columns;
mod mapping;
mod units;

pub use mapping::{Given, Mapping, Role};
pub use units::Measure;

use super::components::{Component, FaradayRotation, GaussianShape, Spectrum};
use crate::error::{Error, Result};
use crate::formats::catalogue::{Catalogue, FrameWords, Values};
use crate::formats::oskar::{degrees_of_text, right_ascension_of_text};
use crate::units::{C_M_S, DEG_RAD, RaDec, from_galactic};
use columns::{Choice, Taken, choose};
use std::f64::consts::{FRAC_PI_2, LN_10};

/// The sources of a table. What is taken for what, and what is left out, is added to `notes`.
///
/// # Errors
/// Columns that are missing, could be several, or have no unit; values without which a source is none (but for
/// [`Mapping::skip_incomplete`]) and values that cannot be, with their place; a frame other than ICRS, FK5 (J2000) and galactic.
pub fn components(catalogue: &Catalogue, mapping: &Mapping, notes: &mut Vec<String>) -> Result<Vec<Component>> {
    let choice = choose(catalogue, mapping, notes)?;
    frame(catalogue, &choice, notes)?;
    check(catalogue, &choice)?;
    let table = Sources::read(catalogue, &choice)?;
    let mut list = Vec::with_capacity(catalogue.rows);
    let (mut incomplete, mut without_index) = (0usize, 0usize);
    for row in 0..catalogue.rows {
        match table.source(row)? {
            Ok(component) => {
                without_index += usize::from(table.lacks_index(row));
                list.push(component);
            }
            Err(_) if mapping.skip_incomplete => incomplete += 1,
            Err(role) => {
                return Err(Error::input(format!("a source has no {}", role.words()))
                    .found("an entry that is empty, or not a number")
                    .expected("a number")
                    .place(table.place(row, role))
                    .hint("sky.columns.incomplete = \"skip\" leaves such sources out"));
            }
        }
    }
    if incomplete > 0 {
        notes.push(format!("{incomplete} of {} sources have no position or flux density: left out", catalogue.rows));
    }
    if without_index > 0 {
        notes.push(format!("{without_index} sources have no spectral index: their flux is the same everywhere"));
    }
    Ok(list)
}

/// What a source cannot do without.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Needed {
    Longitude,
    Latitude,
    Flux,
}

impl Needed {
    fn words(self) -> &'static str {
        match self {
            Needed::Longitude | Needed::Latitude => "position",
            Needed::Flux => "flux density",
        }
    }
}

/// Columns that need others.
fn check(catalogue: &Catalogue, choice: &Choice) -> Result<()> {
    let needs = |role: Role, other: Role, why: &str| {
        if choice.of(role).is_some() && choice.of(other).is_none() {
            return Err(Error::input(format!("{} without {}", role.key(), other.key()))
                .found(format!("a column for sky.columns.{} alone", role.key()))
                .expected(format!("{} too: {why}", other.key()))
                .place(catalogue.table_place())
                .hint(format!(
                    "{} = \"200 MHz\" is one for all sources; {} = \"none\" leaves the column out",
                    other.key(),
                    role.key()
                )));
        }
        Ok(())
    };
    needs(Role::SpectralIndex, Role::ReferenceFreq, "the frequency of the flux density")?;
    needs(Role::Curvature, Role::ReferenceFreq, "the frequency of the flux density")?;
    needs(Role::RotationMeasure, Role::ReferenceFreq, "the frequency at which Q and U are stated")
}

/// Whether the frame that the file states for the positions is one that is known.
fn frame(catalogue: &Catalogue, choice: &Choice, notes: &mut Vec<String>) -> Result<()> {
    let role = if choice.is_galactic() { Role::Glon } else { Role::Ra };
    let Some(Taken::Column { index, .. } | Taken::Text { index }) = choice.of(role) else { return Ok(()) };
    let column = &catalogue.columns[index];
    if choice.is_galactic() {
        notes.push("galactic coordinates are turned to ICRS".into());
        return Ok(());
    }
    let refused = |found: String| {
        Err(Error::input("the positions of the catalogue are in a frame that is not read")
            .found(found)
            .expected("ICRS, FK5 of J2000, or galactic coordinates as sky.columns.glon and glat")
            .place(format!("{}, column {}", catalogue.table_place(), column.name))
            .hint("choose columns in ICRS, or convert them first, for example with astropy or topcat"))
    };
    if column.name.contains("1950") {
        return refused(format!("the column {}", column.name));
    }
    let Some(FrameWords { system, equinox }) = &column.frame else {
        notes.push("the catalogue does not state its frame: taken as ICRS".into());
        return Ok(());
    };
    let name = system.to_ascii_lowercase();
    let year = equinox.trim().trim_start_matches(['J', 'j', 'B', 'b']).parse::<f64>().unwrap_or(2000.0);
    let of_date = year != 2000.0 || equinox.trim().starts_with(['B', 'b']);
    match name.as_str() {
        "icrs" => Ok(()),
        "eq_fk5" | "fk5" | "" if !of_date => {
            notes.push("positions in FK5 are taken as ICRS, within 0.03 arcsec".into());
            Ok(())
        }
        _ => refused(format!("{system} {equinox}").trim().to_string()),
    }
}

/// The values of a table that count.
struct Sources<'c> {
    catalogue: &'c Catalogue,
    choice: &'c Choice,
    /// By column.
    values: Vec<Option<Values>>,
}

impl<'c> Sources<'c> {
    fn read(catalogue: &'c Catalogue, choice: &'c Choice) -> Result<Sources<'c>> {
        let all = Role::ALL.into_iter().filter_map(|role| choice.of(role));
        let mut wanted: Vec<usize> = all
            .chain(choice.flux_at.iter().map(|(_, taken)| *taken))
            .filter_map(|taken| match taken {
                Taken::Column { index, .. } | Taken::Text { index } => Some(index),
                Taken::Fixed(_) => None,
            })
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut values: Vec<Option<Values>> = catalogue.columns.iter().map(|_| None).collect();
        for (index, own) in wanted.iter().zip(catalogue.values(&wanted)?) {
            values[*index] = Some(own);
        }
        Ok(Sources { catalogue, choice, values })
    }

    /// A number of a row; `None`: not given.
    fn number(&self, taken: Taken, row: usize) -> Result<Option<f64>> {
        let (index, scale) = match taken {
            Taken::Fixed(value) => return Ok(Some(value)),
            Taken::Column { index, scale } => (index, scale),
            Taken::Text { .. } => return Ok(None),
        };
        let Some(Values::Numbers(numbers)) = &self.values[index] else { return Ok(None) };
        match numbers[row] {
            value if value.is_nan() => Ok(None),
            value if value.is_infinite() => Err(Error::input("a value of the catalogue is infinite")
                .found(value)
                .expected("a number, or nothing")
                .place(self.catalogue.place(row, index))),
            value => Ok(Some(value * scale)),
        }
    }

    fn optional(&self, role: Role, row: usize) -> Result<Option<f64>> {
        self.choice.of(role).map_or(Ok(None), |taken| self.number(taken, row))
    }

    fn angle(&self, role: Role, row: usize) -> Result<Option<f64>> {
        let Some(Taken::Text { index }) = self.choice.of(role) else { return self.optional(role, row) };
        let Some(Values::Texts(texts)) = &self.values[index] else { return Ok(None) };
        let text = texts[row].as_str();
        if text.is_empty() {
            return Ok(None);
        }
        let read = if role == Role::Ra { right_ascension_of_text(text) } else { degrees_of_text(text) };
        read.map(Some).map_err(|e| e.place(self.catalogue.place(row, index)))
    }

    /// The source of a row, or what it lacks.
    fn source(&self, row: usize) -> Result<std::result::Result<Component, Needed>> {
        let (longitude, latitude) = match self.choice.is_galactic() {
            true => (Role::Glon, Role::Glat),
            false => (Role::Ra, Role::Dec),
        };
        let Some(ra_rad) = self.angle(longitude, row)? else { return Ok(Err(Needed::Longitude)) };
        let Some(dec_rad) = self.angle(latitude, row)? else { return Ok(Err(Needed::Latitude)) };
        if dec_rad.abs() > FRAC_PI_2 * (1.0 + 1e-12) || ra_rad.abs() > 8.0 * FRAC_PI_2 {
            let needed = if dec_rad.abs() > FRAC_PI_2 { Needed::Latitude } else { Needed::Longitude };
            return Err(Error::input("a position of the catalogue is not on the sky")
                .found(format!("{} and {} deg", ra_rad / DEG_RAD, dec_rad / DEG_RAD))
                .expected("a longitude within 720 deg and a latitude within 90 deg")
                .place(self.place(row, needed))
                .hint("check the unit of the columns: sky.columns.ra = \"NAME [UNIT]\""));
        }
        let direction = match self.choice.is_galactic() {
            true => from_galactic(ra_rad, dec_rad),
            false => RaDec { ra_rad, dec_rad },
        };
        let shape = self.shape(row)?;
        if !self.choice.flux_at.is_empty() {
            let mut entries = Vec::new();
            for (freq_hz, taken) in &self.choice.flux_at {
                entries.extend(self.number(*taken, row)?.map(|jy| (*freq_hz, [jy, 0.0, 0.0, 0.0])));
            }
            if entries.is_empty() {
                return Ok(Err(Needed::Flux));
            }
            let spectrum = Spectrum::Table(entries);
            return Ok(Ok(Component { spectrum, shape, ..Component::point(direction, [0.0; 4]) }));
        }
        let Some(i) = self.optional(Role::I, row)? else { return Ok(Err(Needed::Flux)) };
        let mut stokes_jy = [i, 0.0, 0.0, 0.0];
        for (value, role) in stokes_jy[1..].iter_mut().zip([Role::Q, Role::U, Role::V]) {
            *value = self.optional(role, row)?.unwrap_or(0.0);
        }
        let reference_hz = self.optional(Role::ReferenceFreq, row)?;
        if let Some(freq_hz) = reference_hz.filter(|freq| *freq <= 0.0) {
            return Err(Error::input("a reference frequency is not above 0")
                .found(format!("{freq_hz} Hz"))
                .place(self.role_place(row, Role::ReferenceFreq)));
        }
        let index = self.optional(Role::SpectralIndex, row)?;
        let curvature = self.optional(Role::Curvature, row)?.filter(|q| *q != 0.0);
        let spectrum = match reference_hz {
            None => Spectrum::Flat,
            // exp(q (ln x)^2) = x^(q ln 10 lg x)
            Some(reference_hz) => Spectrum::LogPolynomial {
                reference_hz,
                terms: match (index, curvature) {
                    (None, None) => Vec::new(),
                    (index, None) => vec![index.unwrap_or(0.0)],
                    (index, Some(q)) => vec![index.unwrap_or(0.0), q * LN_10],
                },
            },
        };
        let rm = self.optional(Role::RotationMeasure, row)?.filter(|rm| *rm != 0.0);
        let faraday = rm
            .zip(reference_hz)
            .map(|(rm_rad_m2, freq_hz)| FaradayRotation { rm_rad_m2, reference_m: C_M_S / freq_hz });
        Ok(Ok(Component { spectrum, faraday, shape, ..Component::point(direction, stokes_jy) }))
    }

    /// A Gaussian where both axes are above 0; a major axis without a column of minor ones makes a round one.
    fn shape(&self, row: usize) -> Result<Option<GaussianShape>> {
        let Some(major_rad) = self.optional(Role::Major, row)? else { return Ok(None) };
        let minor_rad = match self.choice.of(Role::Minor) {
            None => major_rad,
            Some(taken) => self.number(taken, row)?.unwrap_or(0.0),
        };
        for (axis, role) in [(major_rad, Role::Major), (minor_rad, Role::Minor)] {
            if axis < 0.0 {
                return Err(Error::input("an axis of a Gaussian is negative")
                    .found(format!("{} arcsec", axis / DEG_RAD * 3600.0))
                    .expected("0 or more")
                    .place(self.role_place(row, role)));
            }
        }
        let angle_rad = self.optional(Role::PositionAngle, row)?.unwrap_or(0.0);
        Ok((major_rad > 0.0 && minor_rad > 0.0).then_some(GaussianShape { major_rad, minor_rad, angle_rad }))
    }

    /// Whether a source has no spectral index although there is a column of them.
    fn lacks_index(&self, row: usize) -> bool {
        let taken = self.choice.of(Role::SpectralIndex);
        taken.is_some_and(|taken| self.number(taken, row).is_ok_and(|index| index.is_none()))
    }

    fn place(&self, row: usize, needed: Needed) -> String {
        let galactic = self.choice.is_galactic();
        match needed {
            Needed::Longitude => self.role_place(row, if galactic { Role::Glon } else { Role::Ra }),
            Needed::Latitude => self.role_place(row, if galactic { Role::Glat } else { Role::Dec }),
            Needed::Flux => match self.choice.flux_at.first() {
                Some((_, Taken::Column { index, .. })) => self.catalogue.place(row, *index),
                _ => self.role_place(row, Role::I),
            },
        }
    }

    fn role_place(&self, row: usize, role: Role) -> String {
        match self.choice.of(role) {
            Some(Taken::Column { index, .. } | Taken::Text { index }) => self.catalogue.place(row, index),
            _ => format!("sky.columns.{}", role.key()),
        }
    }
}

#[cfg(test)]
mod tests;
