//! From what the user says, or from well-known names, to columns of a table.

use super::mapping::{Given, Mapping, Role};
use super::units::Measure;
use crate::error::{Error, Result};
use crate::formats::catalogue::{Catalogue, ColumnInfo, ColumnKind};

/// Where the values of a role come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Taken {
    /// A column times the size of its unit.
    Column { index: usize, scale: f64 },
    /// A column of text.
    Text { index: usize },
    /// The same for all sources.
    Fixed(f64),
}

/// What is taken from a table.
pub(super) struct Choice {
    roles: Vec<(Role, Taken)>,
    /// Columns of flux density at frequencies, Hz.
    pub(super) flux_at: Vec<(f64, Taken)>,
}

impl Choice {
    pub(super) fn of(&self, role: Role) -> Option<Taken> {
        self.roles.iter().find(|(own, _)| *own == role).map(|(_, taken)| *taken)
    }

    /// Right ascension and declination, or galactic longitude and latitude.
    pub(super) fn is_galactic(&self) -> bool {
        self.of(Role::Glon).is_some()
    }
}

/// Names and descriptors that columns of a role have, the surest first.
struct Known {
    /// The whole descriptor.
    ucds: &'static [&'static str],
    names: &'static [&'static str],
    /// The start of the descriptor, where it is no error's; with meta.main it comes first.
    ucd_starts: &'static [&'static str],
}

fn known(role: Role) -> Known {
    let (ucds, names, ucd_starts): (&[&str], &[&str], &[&str]) = match role {
        Role::Ra => (
            &["POS_EQ_RA_MAIN"],
            &["RAJ2000", "RA_ICRS", "_RAJ2000", "RA", "ra_deg", "right_ascension"],
            &["pos.eq.ra", "POS_EQ_RA"],
        ),
        Role::Dec => (
            &["POS_EQ_DEC_MAIN"],
            &["DEJ2000", "DECJ2000", "DE_ICRS", "DEC_ICRS", "_DEJ2000", "Dec", "dec_deg", "declination"],
            &["pos.eq.dec", "POS_EQ_DEC"],
        ),
        Role::Glon => (&[], &["GLON", "_Glon"], &["pos.galactic.lon"]),
        Role::Glat => (&[], &["GLAT", "_Glat"], &["pos.galactic.lat"]),
        Role::I => (
            &[],
            &["I", "Stokes_I", "Total_flux", "Int_flux", "int_flux_wide", "Fintwide", "Fint", "Sint", "S_int", "Flux"],
            &["phot.flux.density"],
        ),
        Role::Q => (&["phys.polarization.stokes.Q"], &["Q", "Stokes_Q", "Total_Q"], &[]),
        Role::U => (&["phys.polarization.stokes.U"], &["U", "Stokes_U", "Total_U"], &[]),
        Role::V => (&["phys.polarization.stokes.V"], &["V", "Stokes_V", "Total_V"], &[]),
        Role::ReferenceFreq => (
            &[],
            &["reference_freq", "ref_freq", "reference_frequency", "freq_ref", "Ref_freq", "Freq", "frequency"],
            &["em.freq"],
        ),
        Role::SpectralIndex => {
            (&[], &["spectral_index", "alpha", "SpIndex", "Sp_Index", "Sp-Index", "spidx"], &["spect.index"])
        }
        Role::Curvature => (&[], &["curvature", "spectral_curvature", "Sp_curv"], &[]),
        Role::RotationMeasure => (&["phys.polarization.rotMeasure"], &["RM", "rotation_measure"], &[]),
        // fitted sizes hold the beam, and descriptors of axes mean half of them: only names that say what they are
        Role::Major => (&[], &["DC_Maj", "Maj", "Major", "MajAxis", "MajorAxis"], &[]),
        Role::Minor => (&[], &["DC_Min", "Min", "Minor", "MinAxis", "MinorAxis"], &[]),
        Role::PositionAngle => (&[], &["DC_PA", "PA", "PosAng", "PositionAngle"], &["pos.posAng"]),
    };
    Known { ucds, names, ucd_starts }
}

/// The columns of a table that are taken, and a note that says which.
pub(super) fn choose(catalogue: &Catalogue, mapping: &Mapping, notes: &mut Vec<String>) -> Result<Choice> {
    let columns = &catalogue.columns;
    let mut roles = Vec::new();
    let mut words = Vec::new();
    let mut guessed = false;
    for role in Role::ALL {
        if !mapping.flux_at.is_empty() && Mapping::REPLACED_BY_TABLE.contains(&role) {
            continue;
        }
        let taken = match mapping.given.get(&role) {
            Some(Given::Nothing) => continue,
            Some(Given::Column { name, unit, fixed }) => {
                Some(stated(catalogue, role.key(), role.measure(), role.may_be_text(), name, unit.as_deref(), *fixed)?)
            }
            None if guessable(role, mapping, &roles) => {
                let guess = guess(catalogue, role)?;
                guessed |= guess.is_some();
                guess
            }
            None => None,
        };
        let Some(taken) = taken else { continue };
        words.push(describe(role.key(), taken, columns));
        roles.push((role, taken));
    }
    let mut flux_at = Vec::new();
    for (freq_hz, given) in &mapping.flux_at {
        let Given::Column { name, unit, .. } = given else { continue };
        let taken = stated(catalogue, "flux_at", Measure::Flux, false, name, unit.as_deref(), None)?;
        words.push(describe(&format!("flux at {} MHz", freq_hz / 1e6), taken, columns));
        flux_at.push((*freq_hz, taken));
    }
    let choice = Choice { roles, flux_at };
    let needed = match choice.is_galactic() {
        true => [Role::Glon, Role::Glat, Role::I],
        false => [Role::Ra, Role::Dec, Role::I],
    };
    for role in needed {
        if choice.of(role).is_none() && (role != Role::I || choice.flux_at.is_empty()) {
            return Err(Error::input(format!("no column of the catalogue is its {}", role.key()))
                .found(list(columns))
                .expected(format!("a column such as {}", known(role).names.join(", ")))
                .place(catalogue.table_place())
                .hint(format!("say which it is: [sky.columns] {} = \"NAME\", or \"NAME [UNIT]\"", role.key())));
        }
    }
    let how = if guessed { " (by their names; sky.columns says otherwise)" } else { "" };
    notes.push(format!("columns of the catalogue: {}{how}", words.join(", ")));
    Ok(choice)
}

/// Whether a role that the user does not mention is looked for: galactic coordinates only where there are no others.
fn guessable(role: Role, mapping: &Mapping, so_far: &[(Role, Taken)]) -> bool {
    let has = |role: Role| so_far.iter().any(|(own, _)| *own == role);
    match role {
        Role::Ra | Role::Dec => !mapping.given.contains_key(&Role::Glon),
        Role::Glon => !has(Role::Ra) && !has(Role::Dec),
        Role::Glat => has(Role::Glon),
        Role::Minor | Role::PositionAngle => has(Role::Major),
        Role::Curvature => has(Role::SpectralIndex),
        Role::RotationMeasure => has(Role::Q) || has(Role::U),
        _ => true,
    }
}

/// The column that the user names.
fn stated(
    catalogue: &Catalogue,
    key: &str,
    measure: Measure,
    may_be_text: bool,
    name: &str,
    unit: Option<&str>,
    fixed: Option<f64>,
) -> Result<Taken> {
    let columns = &catalogue.columns;
    let place = || format!("sky.columns.{key}, and {}", catalogue.table_place());
    let index = match find(columns, name).as_slice() {
        [one] => *one,
        [] => {
            return fixed.map(Taken::Fixed).ok_or_else(|| {
                Error::input("the catalogue has no such column")
                    .found(format!("\"{name}\""))
                    .expected(format!("one of {}", list(columns)))
                    .place(place())
            });
        }
        several => {
            return Err(Error::input("several columns of the catalogue have this name")
                .found(several.iter().map(|k| columns[*k].name.as_str()).collect::<Vec<_>>().join(", "))
                .expected("one column")
                .place(place())
                .hint("write its name as the file does"));
        }
    };
    let column = &columns[index];
    match &column.kind {
        ColumnKind::Number => {
            let unit = unit.unwrap_or(&column.unit);
            let scale = measure.scale(unit).ok_or_else(|| {
                let found = if unit.is_empty() { "no unit".to_string() } else { format!("the unit \"{unit}\"") };
                Error::input(format!("the unit of the column {} is not one of {key}", column.name))
                    .found(found)
                    .expected(measure.units())
                    .place(place())
                    .hint(format!("state it: {key} = \"{} [UNIT]\"", column.name))
            })?;
            Ok(Taken::Column { index, scale })
        }
        ColumnKind::Text if may_be_text => Ok(Taken::Text { index }),
        kind => Err(Error::input(format!("the column {} cannot be taken as {key}", column.name))
            .found(match kind {
                ColumnKind::Other(what) => what.as_str(),
                _ => "text",
            })
            .expected("a column of one number a row")
            .place(place())),
    }
}

/// Columns of a name: of exactly that, or else but for small and capital letters.
fn find(columns: &[ColumnInfo], name: &str) -> Vec<usize> {
    let of = |same: &dyn Fn(&str) -> bool| -> Vec<usize> {
        columns.iter().enumerate().filter(|(_, c)| same(&c.name)).map(|(k, _)| k).collect()
    };
    let exact = of(&|own| own == name);
    if exact.is_empty() { of(&|own| own.eq_ignore_ascii_case(name)) } else { exact }
}

/// The column that by its name or descriptor, and its unit, is surely of a role.
fn guess(catalogue: &Catalogue, role: Role) -> Result<Option<Taken>> {
    let columns = &catalogue.columns;
    let taken = |index: usize| -> Option<Taken> {
        let column: &ColumnInfo = &columns[index];
        match &column.kind {
            ColumnKind::Number => role.measure().scale(&column.unit).map(|scale| Taken::Column { index, scale }),
            ColumnKind::Text if role.may_be_text() => Some(Taken::Text { index }),
            _ => None,
        }
    };
    let Known { ucds, names, ucd_starts } = known(role);
    let with_ucd = |same: &dyn Fn(&str) -> bool| -> Vec<usize> {
        let all = columns.iter().enumerate().filter(|(k, c)| same(&c.ucd) && !is_error(c) && taken(*k).is_some());
        all.map(|(k, _)| k).collect()
    };
    let starts = |own: &str| {
        let own = own.to_ascii_lowercase();
        ucd_starts.iter().any(|start| own.starts_with(&start.to_ascii_lowercase()))
    };
    let mut tiers = vec![with_ucd(&|own| starts(own) && own.to_ascii_lowercase().contains("meta.main"))];
    tiers.extend(ucds.iter().map(|ucd| with_ucd(&|own| own.eq_ignore_ascii_case(ucd))));
    tiers.extend(names.iter().map(|name| {
        let found = find(columns, name);
        found.into_iter().filter(|k| taken(*k).is_some()).collect()
    }));
    tiers.push(with_ucd(&starts));
    if role == Role::I {
        let by_unit = |(k, c): (usize, &ColumnInfo)| {
            (c.kind == ColumnKind::Number && !is_error(c) && taken(k).is_some()).then_some(k)
        };
        tiers.push(columns.iter().enumerate().filter_map(by_unit).collect());
    }
    match tiers.into_iter().find(|tier| !tier.is_empty()).as_deref() {
        None => Ok(None),
        Some(&[one]) => Ok(taken(one)),
        Some(several) => Err(Error::input(format!("several columns of the catalogue could be its {}", role.key()))
            .found(several.iter().map(|k| columns[*k].name.as_str()).collect::<Vec<_>>().join(", "))
            .expected("one, or a choice")
            .place(catalogue.table_place())
            .hint(format!(
                "choose: [sky.columns] {} = \"{}\"{}",
                role.key(),
                columns[several[0]].name,
                if role.may_be_text() || role == Role::I { "" } else { ", or \"none\"" }
            ))),
    }
}

/// Whether a column holds uncertainties.
fn is_error(column: &ColumnInfo) -> bool {
    let (ucd, name) = (column.ucd.to_ascii_lowercase(), column.name.to_ascii_lowercase());
    ucd.starts_with("stat.") || ["e_", "err", "rms", "sigma"].iter().any(|start| name.starts_with(start))
}

fn describe(key: &str, taken: Taken, columns: &[ColumnInfo]) -> String {
    match taken {
        Taken::Fixed(value) => format!("{key} = {value}"),
        Taken::Text { index } => format!("{key} = {} (text)", columns[index].name),
        Taken::Column { index, .. } if columns[index].unit.is_empty() => format!("{key} = {}", columns[index].name),
        Taken::Column { index, .. } => format!("{key} = {} ({})", columns[index].name, columns[index].unit),
    }
}

/// Columns in words for messages.
fn list(columns: &[ColumnInfo]) -> String {
    const MOST: usize = 40;
    let word = |c: &ColumnInfo| if c.unit.is_empty() { c.name.clone() } else { format!("{} ({})", c.name, c.unit) };
    let mut words: Vec<String> = columns.iter().take(MOST).map(word).collect();
    if columns.len() > MOST {
        words.push(format!("and {} more", columns.len() - MOST));
    }
    words.join(", ")
}
