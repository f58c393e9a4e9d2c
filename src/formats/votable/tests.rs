use super::super::catalogue::{Catalogue, Values};

fn document(fields: &str, data: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<VOTABLE>\n<RESOURCE><TABLE name=\"t\">\n{fields}\n<DATA>{data}</DATA></TABLE></RESOURCE></VOTABLE>\n"
    )
}

fn message(text: &str) -> String {
    let table = Catalogue::parse_votable(text, "t.vot", None);
    let wanted = |t: Catalogue| t.values(&(0..t.columns.len()).collect::<Vec<_>>());
    table.and_then(wanted).unwrap_err().to_string()
}

const FIELDS: &str = "<FIELD name=\"a\" datatype=\"double\"/><FIELD name=\"n\" datatype=\"int\"><VALUES null=\"-9\"/></FIELD>\
                      <FIELD name=\"s\" datatype=\"char\" arraysize=\"*\"/>";

#[test]
fn values_entities_and_what_is_not_given() {
    let rows = "<TABLEDATA><TR><TD> 1.5e3 </TD><TD>-9</TD><TD>a &lt; b &#38; <![CDATA[<c>]]></TD></TR>\n\
                <!-- none --><TR><TD/><TD>0x10</TD><TD></TD></TR><TR><TD>NaN</TD><TD>7</TD><TD>x</TD></TR></TABLEDATA>";
    let table = Catalogue::parse_votable(&document(FIELDS, rows), "t.vot", None).unwrap();
    assert_eq!((table.name.as_str(), table.rows), ("t", 3));
    let values = table.values(&[0, 1, 2]).unwrap();
    let Values::Numbers(a) = &values[0] else { panic!() };
    assert!(a[0] == 1500.0 && a[1].is_nan() && a[2].is_nan());
    let Values::Numbers(n) = &values[1] else { panic!() };
    assert!(n[0].is_nan() && n[1..] == [16.0, 7.0]);
    assert_eq!(values[2], Values::Texts(vec!["a < b & <c>".into(), String::new(), "x".into()]));
    assert!(table.place(1, 1).contains("t.vot, line 6, column 27 (row 2, column n)"), "{}", table.place(1, 1));
}

#[test]
fn malformed_documents_have_a_line_and_a_column() {
    let row = |cells: &str| document(FIELDS, &format!("<TABLEDATA>\n<TR>{cells}</TR></TABLEDATA>"));
    for (text, words) in [
        (row("<TD>x</TD><TD>1</TD><TD/>"), &["a is no number", "line 6, column 9"][..]),
        (row("<TD>1</TD><TD>1.5</TD><TD/>"), &["n is no number", "int", "line 6, column 19"]),
        (row("<TD>1</TD><TD>1</TD>"), &["does not fit", "2 cells in row 1", "line 6, column 25"]),
        (row("<TD>1</TD><TD>1</TD><TD/><TD>4</TD>"), &["a cell 4 in row 1", "line 6, column 30"]),
        (row("<TD>1</TD>stray<TD>1</TD><TD/>"), &["stray", "line 6, column 15"]),
        (row("<TD>1</TD><TD>1</TD><TD>&nbsp;</TD>"), &["&nbsp;", "line 6, column 29"]),
        (row("<TD>1</TD><TD>1</TD></TD>"), &["no valid XML", "line 6, column 25"]),
        (row("<TD>1</TD><XX/>"), &["<XX>", "line 6, column 15"]),
        (document(FIELDS, "<TABLEDATA>")[..].to_string(), &["no valid XML", "line 5"]),
        (document(FIELDS, "<FITS/>"), &["not read", "<FITS>", "line 5, column 7", "topcat"]),
        (
            document("<FIELD name=\"a\" datatype=\"quad\"/>", "<TABLEDATA/>"),
            &["\"quad\"", "double", "line 4, column 1"],
        ),
        (document("", "<TABLEDATA/>"), &["no columns", "line 5, column 7"]),
        (
            document("<FIELD name=\"a\" datatype=\"int\" arraysize=\"2y\"/>", "<TABLEDATA/>"),
            &["arraysize=\"2y\"", "line 4"],
        ),
        ("<html><body/></html>".into(), &["no VOTable", "<html>", "line 1, column 1"]),
        ("<VOTABLE>\n<RESOURCE>".into(), &["<RESOURCE> without an end", "line 2, column 1"]),
        ("<VOTABLE/>".into(), &["no table with data"]),
        ("<VOTABLE x=1/>".into(), &["no valid XML", "line 1, column 1"]),
        (document(FIELDS, "<BINARY><STREAM encoding=\"gzip\">AAA</STREAM></BINARY>"), &["gzip", "base64", "line 5"]),
        (document(FIELDS, "<BINARY><STREAM encoding=\"base64\">A*A</STREAM></BINARY>"), &["no base64", "line 5"]),
        (
            document(FIELDS, "<BINARY><STREAM encoding=\"base64\">AAAA</STREAM></BINARY>"),
            &["end inside a row", "column a", "line 5"],
        ),
    ] {
        let message = message(&text);
        assert!(words.iter().all(|word| message.contains(word)), "{words:?}: {message}");
    }
}

#[test]
fn arrays_are_refused_by_name_and_passed_over() {
    let fields = "<FIELD name=\"a\" datatype=\"float\" arraysize=\"2x*\"/><FIELD name=\"b\" datatype=\"bit\" arraysize=\"9\"/>\
                  <FIELD name=\"c\" datatype=\"short\"/>";
    // a: one element of two, b: two bytes, c: 258
    let data = "<BINARY><STREAM encoding=\"base64\">\nAAAAAj+AAABAAAAA\nAAABAg==\n</STREAM></BINARY>";
    let table = Catalogue::parse_votable(&document(fields, data), "t.vot", None).unwrap();
    assert_eq!(table.values(&[2]).unwrap(), [Values::Numbers(vec![258.0])]);
    let refused = table.values(&[0]).unwrap_err().to_string();
    assert!(refused.contains("column a cannot be read") && refused.contains("arrays of float"), "{refused}");
}
