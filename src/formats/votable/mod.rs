//! VOTable 1.1 to 1.5 (IVOA Recommendation): the XML tables of the Virtual Observatory, with the serialisations TABLEDATA,
//! BINARY and BINARY2.

mod binary;
mod field;
mod xml;

use super::catalogue::{ColumnInfo, FrameWords, Values, choose};
use super::text::read_text;
use crate::error::{Error, Result};
use field::{Cells, Field};
use std::collections::BTreeMap;
use std::path::Path;
use xml::{Element, Origin, Token, Xml};

/// One table of a document.
#[derive(Debug)]
pub(super) struct VoTable {
    name: String,
    text: String,
    table: Described,
}

/// What a document says of a table before its data.
#[derive(Debug, Default)]
struct Described {
    name: String,
    fields: Vec<Field>,
    rows: usize,
    data: Option<Data>,
}

/// Where the data of a table are.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Data {
    kind: DataKind,
    /// Byte of the start tag.
    at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum DataKind {
    TableData,
    Binary,
    Binary2,
}

impl VoTable {
    /// Reads a file and chooses a table ([`choose`]).
    pub(super) fn read(path: &Path, table: Option<&str>) -> Result<VoTable> {
        VoTable::parse(read_text(path, "the catalogue")?, &path.display().to_string(), table)
    }

    /// Names and numbers of rows of all tables of a file.
    pub(super) fn tables(path: &Path) -> Result<Vec<(String, usize)>> {
        let (text, name) = (read_text(path, "the catalogue")?, path.display().to_string());
        let text = text.trim_start_matches('\u{feff}');
        let tables = describe(Origin { name: &name, text })?;
        Ok(tables.into_iter().map(|t| (t.name, t.rows)).collect())
    }

    /// Parses text, which `origin` names in errors.
    pub(super) fn parse(mut text: String, origin: &str, table: Option<&str>) -> Result<VoTable> {
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        let mut tables = describe(Origin { name: origin, text: &text })?;
        let list: Vec<(String, usize)> = tables.iter().map(|t| (t.name.clone(), t.rows)).collect();
        let table = tables.swap_remove(choose(&list, table, origin)?);
        Ok(VoTable { name: origin.to_string(), text, table })
    }

    pub(super) fn name(&self) -> &str {
        &self.table.name
    }

    pub(super) fn rows(&self) -> usize {
        self.table.rows
    }

    pub(super) fn columns(&self) -> Vec<ColumnInfo> {
        self.table.fields.iter().map(Field::info).collect()
    }

    pub(super) fn table_place(&self) -> String {
        let at = self.table.data.map_or(0, |data| data.at);
        self.origin().place(at)
    }

    /// The values of columns, by their numbers.
    pub(super) fn values(&self, wanted: &[usize]) -> Result<Vec<Values>> {
        let mut cells: Vec<Cells> =
            wanted.iter().map(|index| self.table.fields[*index].cells(self.table.rows)).collect();
        // positions of a column among the wanted ones
        let mut positions = vec![Vec::new(); self.table.fields.len()];
        wanted.iter().enumerate().for_each(|(position, index)| positions[*index].push(position));
        match self.data()? {
            Data { kind: DataKind::TableData, at } => {
                table_data(self.origin(), at, &self.table.fields, &mut |_, column, at, text| {
                    for position in &positions[column] {
                        let pushed = cells[*position].push_text(&self.table.fields[column], text);
                        pushed.map_err(|e| e.place(self.origin().place(at)))?;
                    }
                    Ok(true)
                })?;
            }
            Data { kind, at } => {
                let bytes = binary::stream(self.origin(), at)?;
                binary::rows(&bytes, &self.table.fields, kind == DataKind::Binary2, &mut |row, column, bytes| {
                    for position in &positions[column] {
                        let pushed = cells[*position].push_bytes(&self.table.fields[column], bytes);
                        pushed.map_err(|e| e.place(self.binary_place(at, row, column)))?;
                    }
                    Ok(())
                })
                .map_err(|e| e.place(self.origin().place(at)))?;
            }
        }
        Ok(cells.into_iter().map(Cells::finish).collect())
    }

    /// Where a value is: line and column of its cell, or of its stream with its row.
    pub(super) fn place(&self, row: usize, column: usize) -> String {
        let Some(Data { kind, at }) = self.table.data else { return self.name.clone() };
        if kind != DataKind::TableData {
            return self.binary_place(at, row, column);
        }
        let mut found = at;
        // the document was read before, so that this ends at the cell
        let _ = table_data(self.origin(), at, &self.table.fields, &mut |r, c, at, _| {
            found = at;
            Ok((r, c) != (row, column))
        });
        format!("{} (row {}, column {})", self.origin().place(found), row + 1, self.table.fields[column].name)
    }

    fn binary_place(&self, at: usize, row: usize, column: usize) -> String {
        let name = &self.table.fields[column].name;
        format!("{}, row {} of its binary data, column {name}", self.origin().place(at), row + 1)
    }

    fn origin(&self) -> Origin<'_> {
        Origin { name: &self.name, text: &self.text }
    }

    fn data(&self) -> Result<Data> {
        self.table.data.ok_or_else(|| Error::input("the table has no data").place(&self.name))
    }
}

/// Everything but the values of all tables with data.
fn describe(origin: Origin<'_>) -> Result<Vec<Described>> {
    let mut xml = Xml::new(origin, 0);
    let mut tables: Vec<Described> = Vec::new();
    let mut current: Option<Described> = None;
    let mut systems: BTreeMap<String, FrameWords> = BTreeMap::new();
    let mut root = false;
    loop {
        let (at, token) = xml.next()?;
        match token {
            Token::Done => break,
            Token::Text(text) => {
                if !root && !text.trim().is_empty() {
                    return Err(xml.malformed(at, format!("\"{}\" before the first tag", start_of(&text))));
                }
            }
            Token::End("TABLE") => tables.extend(current.take().filter(|t| t.data.is_some())),
            Token::End(_) => {}
            Token::Start(element) => {
                if !root && element.name != "VOTABLE" {
                    return Err(Error::input("the file is XML, but no VOTable")
                        .found(format!("the element <{}>", start_of(element.name)))
                        .expected("<VOTABLE>")
                        .place(origin.place(at)));
                }
                root = true;
                match (element.name, &mut current) {
                    ("COOSYS", _) => {
                        let system =
                            FrameWords { system: element.attribute("system"), equinox: element.attribute("equinox") };
                        systems.insert(element.attribute("ID"), system);
                    }
                    ("TABLE", _) => {
                        let name = Some(element.attribute("name")).filter(|name| !name.is_empty());
                        let name = name.unwrap_or_else(|| element.attribute("ID"));
                        current = Some(Described { name, ..Described::default() });
                    }
                    ("FIELD", Some(table)) if xml.parent_is("TABLE") => {
                        table.fields.push(Field::new(&element).map_err(|e| e.place(origin.place(at)))?);
                    }
                    ("VALUES", Some(table)) if xml.parent_is("FIELD") => {
                        if let (Some(null), Some(field)) = (element.optional("null"), table.fields.last_mut()) {
                            field.null.get_or_insert(null);
                        }
                    }
                    ("TABLEDATA" | "BINARY" | "BINARY2" | "FITS", Some(table)) => {
                        let kind = data_kind(&element, at, origin)?;
                        if table.fields.is_empty() {
                            return Err(Error::input("a table with data has no columns")
                                .expected("elements <FIELD> before <DATA>")
                                .place(origin.place(at)));
                        }
                        table.data = Some(Data { kind, at });
                        table.rows = match kind {
                            DataKind::TableData => 0,
                            _ => count_binary(origin, at, &table.fields, kind)?,
                        };
                    }
                    ("TR", Some(table)) if table.data.is_some() => table.rows += 1,
                    _ => {}
                }
            }
        }
    }
    if !root {
        return Err(Error::input("the file is no VOTable")
            .found("no element")
            .expected("<VOTABLE>")
            .place(origin.place(0)));
    }
    // a frame of the document, where there is one only
    let only = Some(systems.values().next()).flatten().filter(|_| systems.len() == 1);
    for field in tables.iter_mut().flat_map(|table| &mut table.fields) {
        field.frame = systems.get(&field.reference).filter(|_| !field.reference.is_empty()).or(only).cloned();
    }
    Ok(tables)
}

fn count_binary(origin: Origin<'_>, at: usize, fields: &[Field], kind: DataKind) -> Result<usize> {
    let bytes = binary::stream(origin, at)?;
    let mut rows = 0;
    binary::rows(&bytes, fields, kind == DataKind::Binary2, &mut |row, _, _| {
        rows = row + 1;
        Ok(())
    })
    .map_err(|e| e.place(origin.place(at)))?;
    Ok(rows)
}

fn data_kind(element: &Element<'_>, at: usize, origin: Origin<'_>) -> Result<DataKind> {
    match element.name {
        "TABLEDATA" => Ok(DataKind::TableData),
        "BINARY" => Ok(DataKind::Binary),
        "BINARY2" => Ok(DataKind::Binary2),
        other => Err(Error::input("the data of the VOTable are in a form that is not read")
            .found(format!("<{other}>"))
            .expected("TABLEDATA, BINARY or BINARY2")
            .place(origin.place(at))
            .hint("save the table as FITS, or as a VOTable with TABLEDATA, for example with topcat or astropy")),
    }
}

/// Goes through the cells of the <TABLEDATA> at byte `at`, with their row, column, place and text, until `visit` returns false.
fn table_data(
    origin: Origin<'_>,
    at: usize,
    fields: &[Field],
    visit: &mut dyn FnMut(usize, usize, usize, &str) -> Result<bool>,
) -> Result<()> {
    let mut xml = Xml::new(origin, at);
    let (mut row, mut column) = (0, 0);
    // text of the open cell and where it starts
    let mut cell: Option<(usize, String)> = None;
    let wrong = |at: usize, found: String| {
        Error::input("a row of the VOTable does not fit its columns")
            .found(found)
            .expected(format!("a row <TR> of {} cells <TD>", fields.len()))
            .place(origin.place(at))
    };
    loop {
        let (at, token) = xml.next()?;
        match token {
            Token::Start(element) => match element.name {
                "TABLEDATA" => {}
                "TR" => column = 0,
                "TD" if column < fields.len() => {
                    if !element.attribute("encoding").is_empty() {
                        return Err(wrong(at, format!("a cell in the encoding {}", element.attribute("encoding"))));
                    }
                    cell = Some((at, String::new()));
                }
                "TD" => return Err(wrong(at, format!("a cell {} in row {}", column + 1, row + 1))),
                other => return Err(wrong(at, format!("<{}>", start_of(other)))),
            },
            Token::Text(text) => match &mut cell {
                Some((start, so_far)) => {
                    if so_far.is_empty() {
                        *start = at;
                    }
                    so_far.push_str(&text);
                }
                None if text.trim().is_empty() => {}
                None => return Err(wrong(at, format!("\"{}\" outside of the cells", start_of(text.trim())))),
            },
            Token::End(name) => match name {
                "TD" => {
                    if let Some((start, text)) = cell.take()
                        && !visit(row, column, start, text.trim())?
                    {
                        return Ok(());
                    }
                    column += 1;
                }
                "TR" if column < fields.len() => {
                    return Err(wrong(at, format!("{column} cells in row {}", row + 1)));
                }
                "TR" => row += 1,
                _ => return Ok(()),
            },
            Token::Done => return Ok(()),
        }
    }
}

/// The first letters, for messages.
fn start_of(text: &str) -> String {
    text.chars().take(40).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests;
