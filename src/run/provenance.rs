//! What a visibility file says of its origin: lines of text, some of which are read again for the headers of images.

use super::headers::program;
use super::params::Settings;
use crate::formats::fits::Card;
use crate::formats::visibilities::VisibilityTable;
use crate::time::Frame;

const BEAM: &str = "primary beam: ";
const OBJECT: &str = "object: ";
const SPECSYS: &str = "spectral frame: ";
const FRAME: &str = "celestial frame: ";
/// OSKAR's coordinates are apparent ones of date.
const OF_DATE: &str = "apparent of date";

/// The text for a file of `object`, its channels in `specsys`; `origin` is a line of its own, or empty.
pub(super) fn provenance(settings: &Settings, object: &str, specsys: &str, beam: &str, origin: &str) -> String {
    let frame = match settings.observation.earth.frame {
        Frame::Icrs => "ICRS",
        Frame::Oskar => OF_DATE,
    };
    format!(
        "{}\n{OBJECT}{object}\n{BEAM}{beam}\n{SPECSYS}{specsys}\n{FRAME}{frame}\n{origin}{}",
        program(),
        settings.canonical
    )
}

fn line_of<'t>(table: &'t VisibilityTable, start: &str) -> Option<&'t str> {
    table.provenance.lines().find_map(|line| line.strip_prefix(start)).filter(|rest| !rest.is_empty())
}

/// The station beams that the visibilities of a file were predicted with.
pub(super) fn beam_of(table: &VisibilityTable) -> &str {
    line_of(table, BEAM).unwrap_or("unknown")
}

/// Spectral frame of a file's channels; empty where it is not known.
pub(super) fn specsys_of(table: &VisibilityTable) -> &str {
    line_of(table, SPECSYS).unwrap_or("")
}

/// OBJECT and, where coordinates are not ICRS, RADESYS of images of a file.
pub(super) fn origin_cards(table: &VisibilityTable) -> Vec<Card> {
    let mut cards = Vec::new();
    cards.extend(line_of(table, OBJECT).map(|object| Card::text("OBJECT", object, "what was observed")));
    if line_of(table, FRAME) == Some(OF_DATE) {
        cards.push(frame_card());
    }
    cards
}

/// RADESYS of apparent coordinates of date.
pub(super) fn frame_card() -> Card {
    Card::text("RADESYS", "GAPPT", "geocentric apparent coordinates of date")
}
