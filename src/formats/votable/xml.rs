//! XML as a sequence of starts, ends and texts with their places, from quick-xml.

use crate::error::{Error, Result};
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use std::borrow::Cow;

/// Where text is, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'t> {
    pub(super) name: &'t str,
    pub(super) text: &'t str,
}

impl Origin<'_> {
    /// File, line and column of a byte.
    pub(super) fn place(&self, at: usize) -> String {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &self.text[..at];
        let line = 1 + before.bytes().filter(|b| *b == b'\n').count();
        let column = 1 + before[before.rfind('\n').map_or(0, |n| n + 1)..].chars().count();
        format!("{}, line {line}, column {column}", self.name)
    }
}

/// What stands next in a document.
#[derive(Debug)]
pub(super) enum Token<'t> {
    Start(Element<'t>),
    End(&'t str),
    /// A piece of text; entities and CDATA sections are pieces of their own.
    Text(Cow<'t, str>),
    Done,
}

/// A start tag.
#[derive(Debug)]
pub(super) struct Element<'t> {
    /// Without the prefix of a name space.
    pub(super) name: &'t str,
    tag: BytesStart<'t>,
}

impl Element<'_> {
    /// An attribute; empty where it is absent.
    pub(super) fn attribute(&self, name: &str) -> String {
        self.optional(name).unwrap_or_default()
    }

    /// An attribute that may be absent, which is not the same as empty.
    pub(super) fn optional(&self, name: &str) -> Option<String> {
        let attribute = self.tag.try_get_attribute(name).ok().flatten()?;
        attribute.normalized_value(XmlVersion::Implicit1_0).ok().map(Cow::into_owned)
    }
}

/// Reads a document, or the part of it from a start tag on.
pub(super) struct Xml<'t> {
    reader: Reader<&'t [u8]>,
    origin: Origin<'t>,
    base: usize,
    /// Names of open elements and where they start.
    open: Vec<(&'t str, usize)>,
}

impl<'t> Xml<'t> {
    /// From the byte `base` on, where the document or one of its tags starts.
    pub(super) fn new(origin: Origin<'t>, base: usize) -> Xml<'t> {
        let mut reader = Reader::from_str(&origin.text[base..]);
        reader.config_mut().expand_empty_elements = true;
        Xml { reader, origin, base, open: Vec::new() }
    }

    /// Whether the innermost open element has a name.
    pub(super) fn is_in(&self, name: &str) -> bool {
        self.open.last().is_some_and(|(open, _)| *open == name)
    }

    /// Whether the element around it has a name.
    pub(super) fn parent_is(&self, name: &str) -> bool {
        self.open.iter().rev().nth(1).is_some_and(|(open, _)| *open == name)
    }

    /// The next token and the byte at which it starts.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'t>)> {
        loop {
            let at = self.base + self.reader.buffer_position() as usize;
            let event = self.reader.read_event().map_err(|e| {
                let at = self.base + self.reader.error_position() as usize;
                // without "syntax error: ", which it is called here
                let words = e.to_string();
                self.malformed(at, words.rsplit("error: ").next().unwrap_or_default().to_string())
            })?;
            let token = match event {
                Event::Start(tag) | Event::Empty(tag) => {
                    if let Some(problem) = tag.attributes().find_map(std::result::Result::err) {
                        return Err(self.malformed(at, problem.to_string()));
                    }
                    // from the text itself, which outlives the tag: a name is kept without a copy
                    let whole = self.origin.text.get(at + 1..at + 1 + tag.name().into_inner().len());
                    let name = whole.and_then(|name| name.rsplit(':').next()).unwrap_or_default();
                    self.open.push((name, at));
                    Token::Start(Element { name, tag })
                }
                Event::End(_) => Token::End(self.open.pop().map_or("", |(name, _)| name)),
                Event::Text(text) => Token::Text(text.into_inner()),
                Event::CData(text) => Token::Text(text.into_inner()),
                Event::GeneralRef(entity) => {
                    let known = match entity.resolve_char_ref() {
                        Ok(Some(c)) => Some(Cow::Owned(c.to_string())),
                        Ok(None) => resolve_xml_entity(&entity).map(Cow::Borrowed),
                        Err(_) => None,
                    };
                    let unknown = || self.malformed(at, format!("the entity &{};", &*entity));
                    Token::Text(known.ok_or_else(unknown)?)
                }
                Event::Eof => match self.open.last() {
                    None => Token::Done,
                    Some((name, start)) => {
                        return Err(self.malformed(*start, format!("<{name}> without an end: the file is not whole")));
                    }
                },
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => continue,
            };
            return Ok((at, token));
        }
    }

    /// The error for a document that is not well-formed at a byte.
    pub(super) fn malformed(&self, at: usize, found: String) -> Error {
        Error::input("the VOTable is no valid XML")
            .found(found)
            .expected("a well-formed document")
            .place(self.origin.place(at))
            .hint("it may be truncated: copy or download it again")
    }
}
