use super::*;
use crate::formats::catalogue::CatalogueFormat;
use crate::units::ARCSEC_RAD;
use std::path::PathBuf;

fn open(name: &str) -> Catalogue {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/catalogues")).join(name);
    let format = CatalogueFormat::of(&path).unwrap().unwrap();
    Catalogue::read(&path, format, None).unwrap()
}

fn mapping(entries: &[(Role, &str)]) -> Mapping {
    let given = entries.iter().map(|(role, text)| (*role, Given::parse(text, role.measure()).unwrap())).collect();
    Mapping { given, ..Mapping::default() }
}

fn read(catalogue: &Catalogue, mapping: &Mapping) -> Result<(Vec<Component>, Vec<String>)> {
    let mut notes = Vec::new();
    components(catalogue, mapping, &mut notes).map(|list| (list, notes))
}

fn refused(catalogue: &Catalogue, mapping: &Mapping, words: &[&str]) {
    let message = read(catalogue, mapping).unwrap_err().to_string();
    assert!(words.iter().all(|word| message.contains(word)), "{words:?}: {message}");
}

/// The sources that tests/python/catalogues.py writes.
fn check_sources(list: &[Component]) {
    let flux = [1.5, 0.25, 0.08, 0.04];
    for (component, (ra, dec)) in list.iter().zip([(29.75, -30.0), (30.0, -29.5), (30.25, -31.0), (30.5, -30.5)]) {
        let want = RaDec::from_deg(ra, dec);
        assert!((component.direction.ra_rad - want.ra_rad).abs() < 1e-15);
        assert!((component.direction.dec_rad - want.dec_rad).abs() < 1e-15);
    }
    for (component, want) in list.iter().zip(flux) {
        assert!((component.stokes_at(2e8)[0] / want - 1.0).abs() < 1e-7);
    }
    assert_eq!(list.len(), 4);
    assert_eq!(list[0].spectrum, Spectrum::LogPolynomial { reference_hz: 2e8, terms: vec![-0.75] });
    // without an index the flux is the same everywhere
    assert_eq!(list[3].spectrum, Spectrum::LogPolynomial { reference_hz: 2e8, terms: Vec::new() });
    assert_eq!(list[3].stokes_at(9e8), list[3].stokes_at(1e8));
    assert!((list[1].shape.unwrap().major_rad / (45.0 * ARCSEC_RAD) - 1.0).abs() < 1e-12);
    assert_eq!(list[2].shape, None);
}

#[test]
fn every_form_has_the_same_sources_by_names_that_are_known() {
    let asked = mapping(&[(Role::ReferenceFreq, "200 MHz")]);
    for name in ["sources-tabledata.vot", "sources-binary.vot", "sources-binary2.vot"] {
        let (list, notes) = read(&open(name), &asked).unwrap();
        check_sources(&list);
        assert!((list[1].shape.unwrap().angle_rad - 170.0 * DEG_RAD).abs() < 1e-15);
        let all = notes.join("\n");
        for word in
            ["ra = RAJ2000 (deg)", "i = Fint (mJy)", "spectral_index = alpha", "by their names", "1 sources have no"]
        {
            assert!(all.contains(word), "{name}: {word}: {all}");
        }
        assert!(!all.contains("ICRS"), "{all}");
    }
    let (list, notes) = read(&open("sources.fits"), &asked).unwrap();
    check_sources(&list);
    assert!(notes.iter().any(|n| n.contains("FK5")), "{notes:?}");
}

#[test]
fn columns_are_what_the_mapping_says() {
    let catalogue = open("sources.fits");
    let asked = mapping(&[
        (Role::Ra, "RA_TEXT"),
        (Role::Dec, "DEJ2000 [arcmin]"),
        (Role::I, "Fint [uJy]"),
        (Role::Q, "fint227"),
        (Role::ReferenceFreq, "100 MHz"),
        (Role::SpectralIndex, "none"),
        (Role::RotationMeasure, "12 rad/m2"),
        (Role::Curvature, "0.1"),
        (Role::Major, "2 arcmin"),
    ]);
    let (list, _) = read(&catalogue, &asked).unwrap();
    assert!((list[1].direction.ra_rad - 30.0 * DEG_RAD).abs() < 1e-14);
    assert!((list[1].direction.dec_rad + 29.5 / 60.0 * DEG_RAD).abs() < 1e-14);
    assert!((list[0].stokes_jy[0] / 1.5e-3 - 1.0).abs() < 1e-7 && list[0].stokes_jy[1] == 1.5);
    assert_eq!(list[0].spectrum, Spectrum::LogPolynomial { reference_hz: 1e8, terms: vec![0.0, 0.1 * LN_10] });
    assert_eq!(list[0].faraday, Some(FaradayRotation { rm_rad_m2: 12.0, reference_m: C_M_S / 1e8 }));
    let shape = list[2].shape.unwrap();
    assert!(shape.major_rad == shape.minor_rad && (shape.major_rad - DEG_RAD / 30.0).abs() < 1e-15);
    // a Q that is not given is 0
    assert_eq!(list[3].stokes_jy[1], 0.0);
}

#[test]
fn fluxes_over_frequency_make_a_table() {
    let flux = |text| Given::parse(text, Measure::Flux).unwrap();
    let asked = Mapping { flux_at: vec![(76e6, flux("Fint076")), (227e6, flux("Fint227"))], ..Mapping::default() };
    let (list, _) = read(&open("sources.fits"), &asked).unwrap();
    assert_eq!(list[1].spectrum, Spectrum::Table(vec![(76e6, [0.5, 0.0, 0.0, 0.0]), (227e6, [0.25, 0.0, 0.0, 0.0])]));
    let Spectrum::Table(third) = &list[2].spectrum else { panic!() };
    assert!(third.len() == 1 && third[0].0 == 227e6, "{third:?}");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let catalogue = open("sources.fits");
    refused(&catalogue, &mapping(&[(Role::I, "Peak")]), &["no such column", "\"Peak\"", "RAJ2000 (deg)", "HDU 2"]);
    refused(&catalogue, &mapping(&[(Role::I, "alpha")]), &["unit of the column alpha", "no unit", "alpha [UNIT]"]);
    refused(&catalogue, &mapping(&[(Role::I, "Spectrum [Jy]")]), &["Spectrum", "arrays of variable length"]);
    refused(&catalogue, &mapping(&[(Role::I, "Flag [Jy]")]), &["Flag", "logical"]);
    refused(&catalogue, &mapping(&[(Role::I, "Name [Jy]")]), &["Name", "text"]);
    refused(&catalogue, &mapping(&[]), &["spectral_index without reference_freq", "\"200 MHz\""]);
    let some_missing = [(Role::I, "Fint227"), (Role::SpectralIndex, "none")];
    refused(&catalogue, &mapping(&some_missing), &["no flux density", "HDU 2, row 4, column Fint227", "skip"]);
    let skipping = Mapping { skip_incomplete: true, ..mapping(&some_missing) };
    let (list, notes) = read(&catalogue, &skipping).unwrap();
    assert!(list.len() == 3 && notes.iter().any(|n| n.contains("1 of 4 sources")), "{notes:?}");
    // degrees taken as hours
    let hours = mapping(&[(Role::Dec, "DEJ2000 [h]"), (Role::SpectralIndex, "none")]);
    refused(&catalogue, &hours, &["not on the sky", "row 1, column DEJ2000"]);
}

fn votable(fields: &str, row: &str) -> Catalogue {
    let text = format!(
        "<VOTABLE><RESOURCE><COOSYS ID=\"c\" system=\"eq_FK4\" equinox=\"B1950\"/><COOSYS ID=\"g\" system=\"galactic\"/><TABLE>\n\
         {fields}\n<DATA><TABLEDATA>\n<TR>{row}</TR>\n</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    );
    Catalogue::parse_votable(&text, "t.vot", None).unwrap()
}

#[test]
fn frames_are_turned_or_refused() {
    let field = |name: &str, more: &str| format!("<FIELD name=\"{name}\" datatype=\"double\" {more}/>");
    let flux = field("F", "unit=\"Jy\"");
    let galactic =
        [field("GLON", "unit=\"deg\" ref=\"g\""), field("GLAT", "unit=\"deg\" ref=\"g\""), flux.clone()].concat();
    let (list, notes) = read(&votable(&galactic, "<TD>0</TD><TD>90</TD><TD>1</TD>"), &Mapping::default()).unwrap();
    assert!((list[0].direction.dec_rad / DEG_RAD - 27.128_25).abs() < 1e-3, "{list:?}");
    assert!(notes.iter().any(|n| n.contains("turned to ICRS")));
    let fk4 = [field("RA", "unit=\"deg\" ref=\"c\""), field("Dec", "unit=\"deg\" ref=\"c\""), flux.clone()].concat();
    let row = "<TD>10</TD><TD>20</TD><TD>1</TD>";
    refused(&votable(&fk4, row), &Mapping::default(), &["eq_FK4 B1950", "t.vot, line 3", "ICRS"]);
    let no_frame = [field("RA", "unit=\"deg\""), field("Dec", "unit=\"deg\""), flux.clone()].concat();
    let (_, notes) = read(&votable(&no_frame, row), &Mapping::default()).unwrap();
    assert!(notes.iter().any(|n| n.contains("taken as ICRS")), "{notes:?}");
}

#[test]
fn what_could_be_several_columns_is_asked_for() {
    let field = |name: &str, unit: &str| format!("<FIELD name=\"{name}\" datatype=\"double\" unit=\"{unit}\"/>");
    let several =
        [field("RA", "deg"), field("Dec", "deg"), field("F150", "Jy"), field("F1400", "mJy"), field("e_F150", "Jy")]
            .concat();
    let row = "<TD>10</TD><TD>20</TD><TD>1</TD><TD>2</TD><TD>3</TD>";
    refused(&votable(&several, row), &Mapping::default(), &["could be its i", "F150, F1400", "i = \"F150\""]);
    let none = [field("RA", "deg"), field("Dec", "deg"), field("mag", "mag")].concat();
    let row = "<TD>10</TD><TD>20</TD><TD>1</TD>";
    refused(&votable(&none, row), &Mapping::default(), &["no column of the catalogue is its i", "mag (mag)"]);
    let broken = [field("RA", "deg"), field("Dec", "deg"), field("I", "Jy")].concat();
    refused(
        &votable(&broken, "<TD>10</TD><TD>x</TD><TD>1</TD>"),
        &Mapping::default(),
        &["Dec is no number", "t.vot, line 4, column 20"],
    );
    refused(
        &votable(&broken, "<TD>10</TD><TD/><TD>1</TD>"),
        &Mapping::default(),
        &["no position", "t.vot, line 4, column 16"],
    );
}
