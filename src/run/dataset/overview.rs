//! overview.html: what a data set holds, on one page without outside resources.

use super::histogram::{Histogram, swatch};
use crate::run::html::{COLOURS, base64, escaped, head, number};
use crate::run::preview::{largest, prefixed};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Failed samples that are listed one by one; beyond, only the counts of their reasons.
const LISTED_FAILURES: usize = 200;

/// What the page says of one sample. A number that is not known is NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleRow<'a> {
    /// Number of the sample.
    pub sample: usize,
    /// Id of the galaxy.
    pub galaxy: &'a str,
    /// "train", "validation", "test" or another.
    pub split: &'a str,
    /// HI mass of the galaxy, Msun.
    pub hi_mass_msun: f64,
    /// Flux density of the line averaged over the band, Jy.
    pub flux_jy: f64,
    /// Noise of the dirty image, Jy/beam.
    pub noise_jy: f64,
    /// Peak of the noise-free dirty image over the noise.
    pub snr: f64,
    /// Number of the orientation.
    pub view: usize,
    /// Name of the instrument.
    pub instrument: &'a str,
    /// "psf" or "visibilities".
    pub route: &'a str,
    /// Bound of the route's error over the peak.
    pub bound: f64,
    /// Why the sample failed; none where it is there.
    pub failure: Option<&'a str>,
}

/// Names in the order of the page, each with the number of its colour.
fn classes<'a>(names: impl Iterator<Item = &'a str>) -> Vec<(String, usize)> {
    let rank = |name: &str| match name {
        "train" => 0,
        "validation" | "valid" | "val" => 1,
        "test" => 2,
        _ => 3,
    };
    let mut names: Vec<&str> = names.collect::<BTreeSet<_>>().into_iter().collect();
    names.sort_by_key(|name| rank(name));
    names.into_iter().enumerate().map(|(i, name)| (name.to_string(), i % COLOURS)).collect()
}

fn class_of(classes: &[(String, usize)], name: &str) -> usize {
    classes.iter().position(|c| c.0 == name).unwrap_or(0)
}

/// The page: `facts` (names and values), counts, histograms, failures and the contact sheet, which is left out where
/// `contact_png` is empty. Equal input gives equal bytes.
pub fn overview_html(title: &str, facts: &[(String, String)], rows: &[SampleRow], contact_png: &[u8]) -> String {
    let splits = classes(rows.iter().map(|r| r.split));
    let failed = rows.iter().filter(|r| r.failure.is_some()).count();
    let mut page = head(title);
    let _ = write!(page, "<h1>{}</h1>\n<p class=\"note\">{}</p>\n", escaped(title), summary(rows, failed));
    if !facts.is_empty() {
        page.push_str("<section>\n<h2>Facts</h2>\n<div class=\"wide\"><table class=\"facts\">\n");
        for (name, value) in facts {
            let _ = writeln!(page, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escaped(name), escaped(value));
        }
        page.push_str("</table></div>\n</section>\n");
    }
    counts(&mut page, rows, &splits);
    if !contact_png.is_empty() {
        let _ = write!(
            page,
            "<section>\n<h2>Some samples</h2>\n<div class=\"wide\"><img class=\"sheet\" alt=\"Contact sheet: a row a \
             sample, a column a field\" src=\"data:image/png;base64,{}\"></div>\n</section>\n",
            base64(contact_png)
        );
    }
    histograms(&mut page, rows, &splits);
    failures(&mut page, rows, failed);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn summary(rows: &[SampleRow], failed: usize) -> String {
    let distinct = |name: fn(&SampleRow) -> String| rows.iter().map(name).collect::<BTreeSet<_>>().len();
    let (galaxies, views) = (distinct(|r| r.galaxy.into()), distinct(|r| r.view.to_string()));
    let instruments = distinct(|r| r.instrument.into());
    format!(
        "{} of {}, {}, {}; {}",
        counted(rows.len(), "sample"),
        if galaxies == 1 { "1 galaxy".into() } else { format!("{galaxies} galaxies") },
        counted(views, "orientation"),
        counted(instruments, "instrument"),
        if failed == 0 { "none failed".into() } else { format!("{failed} failed") }
    )
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Samples and galaxies of every split, and samples of every instrument by route.
fn counts(page: &mut String, rows: &[SampleRow], splits: &[(String, usize)]) {
    page.push_str(
        "<section>\n<h2>Counts</h2>\n<div class=\"wide\"><table>\n<tr><th scope=\"col\">Split</th><th scope=\"col\">\
         Galaxies</th><th scope=\"col\">Samples</th><th scope=\"col\">Failed</th><th scope=\"col\">Median HI mass \
         (M☉)</th></tr>\n",
    );
    for (split, colour) in splits {
        let here: Vec<&SampleRow> = rows.iter().filter(|r| r.split == split.as_str()).collect();
        let galaxies: BTreeMap<&str, f64> = here.iter().map(|r| (r.galaxy, r.hi_mass_msun)).collect();
        let mut masses: Vec<f64> = galaxies.values().copied().filter(|m| m.is_finite()).collect();
        masses.sort_unstable_by(f64::total_cmp);
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            swatch(*colour),
            escaped(split),
            galaxies.len(),
            here.len(),
            here.iter().filter(|r| r.failure.is_some()).count(),
            masses.get(masses.len() / 2).map_or("–".into(), |m| number(*m))
        );
    }
    page.push_str("</table></div>\n");
    let mut routes: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in rows.iter().filter(|r| r.failure.is_none()) {
        *routes.entry((row.instrument, row.route)).or_default() += 1;
    }
    if !routes.is_empty() {
        page.push_str(
            "<div class=\"wide\"><table>\n<tr><th scope=\"col\">Instrument</th><th scope=\"col\">Route</th><th \
             scope=\"col\">Samples</th></tr>\n",
        );
        for ((instrument, route), n) in routes {
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{n}</td></tr>",
                escaped(instrument),
                escaped(route)
            );
        }
        page.push_str("</table></div>\n");
    }
    page.push_str("</section>\n");
}

fn histogram(
    title: &str,
    counted: &str,
    quantity: &str,
    unit: &str,
    classes: &[(String, usize)],
    values: Vec<(f64, usize)>,
) -> String {
    Histogram { title, counted, quantity, unit, classes, values }.figure()
}

fn histograms(page: &mut String, rows: &[SampleRow], splits: &[(String, usize)]) {
    let there: Vec<&SampleRow> = rows.iter().filter(|r| r.failure.is_none()).collect();
    page.push_str("<section>\n<h2>Distributions</h2>\n<div class=\"grid\">\n");
    // a galaxy has one mass, however many samples it has
    let masses: BTreeMap<&str, (f64, usize)> =
        rows.iter().map(|r| (r.galaxy, (r.hi_mass_msun, class_of(splits, r.split)))).collect();
    page.push_str(&histogram("HI mass", "galaxies", "HI mass", "M☉", splits, masses.into_values().collect()));
    let by_split = |value: fn(&SampleRow) -> f64| -> Vec<(f64, usize)> {
        there.iter().map(|r| (value(r), class_of(splits, r.split))).collect()
    };
    for (title, quantity, unit, value) in [
        ("Flux density, averaged over the band", "Flux density", "Jy", (|r| r.flux_jy) as fn(&SampleRow) -> f64),
        ("Noise of the dirty images", "Noise", "Jy/beam", |r| r.noise_jy),
    ] {
        let values = by_split(value);
        let known: Vec<f64> = values.iter().map(|v| v.0).collect();
        let (factor, unit) = prefixed(unit, largest(known.iter()));
        let values = values.into_iter().map(|(v, class)| (v * factor, class)).collect();
        page.push_str(&histogram(title, "samples", quantity, &unit, splits, values));
    }
    page.push_str(&histogram("Peak over noise", "samples", "Peak over noise", "", splits, by_split(|r| r.snr)));
    let routes = classes(there.iter().map(|r| r.route));
    let bounds = there.iter().map(|r| (r.bound, class_of(&routes, r.route))).collect();
    page.push_str(&histogram("Bound of the error, by route", "samples", "Bound over peak", "", &routes, bounds));
    page.push_str("</div>\n</section>\n");
}

fn failures(page: &mut String, rows: &[SampleRow], failed: usize) {
    page.push_str("<section>\n<h2>Failures</h2>\n");
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in rows.iter().filter_map(|r| r.failure) {
        *reasons.entry(reason).or_default() += 1;
    }
    if failed == 0 {
        page.push_str("<p>None.</p>\n</section>\n");
        return;
    }
    let mut reasons: Vec<(&str, usize)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    page.push_str(
        "<div class=\"wide\"><table>\n<tr><th scope=\"col\">Samples</th><th scope=\"col\">Reason</th></tr>\n",
    );
    let most = reasons.iter().take(LISTED_FAILURES);
    for (reason, n) in most {
        let _ = writeln!(page, "<tr><td>{n}</td><td class=\"text\">{}</td></tr>", escaped(reason));
    }
    if let Some(others) = reasons.get(LISTED_FAILURES..).filter(|o| !o.is_empty()) {
        let samples: usize = others.iter().map(|o| o.1).sum();
        let _ = writeln!(page, "<tr><td>{samples}</td><td class=\"text\">{} other reasons</td></tr>", others.len());
    }
    page.push_str(
        "</table></div>\n<details>\n<summary>One by one</summary>\n<div class=\"wide\"><table>\n<tr><th \
         scope=\"col\">Sample</th><th scope=\"col\">Galaxy</th><th scope=\"col\">Orientation</th><th \
         scope=\"col\">Instrument</th><th scope=\"col\">Reason</th></tr>\n",
    );
    let listed = rows.iter().filter_map(|r| Some((r, r.failure?))).take(LISTED_FAILURES);
    for (row, reason) in listed {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td class=\"text\">{}</td><td>{}</td><td class=\"text\">{}</td><td class=\"text\">{}</td></tr>",
            row.sample,
            escaped(row.galaxy),
            row.view,
            escaped(row.instrument),
            escaped(reason)
        );
    }
    page.push_str("</table></div>\n");
    if failed > LISTED_FAILURES {
        let _ = writeln!(page, "<p class=\"note\">The first {LISTED_FAILURES} of {failed}.</p>");
    }
    page.push_str("</details>\n</section>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;

    fn rows<'a>(galaxies: &'a [String], reasons: &'a [String]) -> Vec<SampleRow<'a>> {
        let mut draw = Stream::new(3, [0, 0, 0]);
        let mut rows = Vec::new();
        for (g, galaxy) in galaxies.iter().enumerate() {
            let mass = 10f64.powf(8.5 + 0.6 * draw.normal());
            for k in 0..6 {
                let (view, wide) = (k / 2, k % 2 == 1);
                let snr = mass / 3e7 * (1.0 + 0.2 * draw.normal()).abs();
                let noise_jy = if wide { 9e-6 } else { 4.1e-6 };
                rows.push(SampleRow {
                    sample: rows.len(),
                    galaxy,
                    split: ["test", "train", "train", "train", "validation"][g % 5],
                    hi_mass_msun: mass,
                    flux_jy: snr * noise_jy * 5.0,
                    noise_jy,
                    snr,
                    view,
                    instrument: if wide { "meerkat" } else { "ska-mid" },
                    route: if snr < 60.0 { "psf" } else { "visibilities" },
                    bound: if snr < 60.0 { 10f64.powf(-4.0 + 0.3 * draw.normal()) } else { 1e-6 },
                    failure: reasons.get(rows.len() / 7).filter(|_| rows.len() % 7 == 0).map(String::as_str),
                });
            }
        }
        rows
    }

    fn galaxies(n: usize) -> Vec<String> {
        (0..n).map(|k| format!("made-{k:05}")).collect()
    }

    #[test]
    fn the_page_counts_what_is_there() {
        let (galaxies, reasons) = (galaxies(50), vec!["the line leaves the band".to_string(); 3]);
        let rows = rows(&galaxies, &reasons);
        let page = overview_html("set", &[("seed".into(), "7".into())], &rows, b"\x89PNG");
        assert_eq!(page, overview_html("set", &[("seed".into(), "7".into())], &rows, b"\x89PNG"));
        assert!(page.contains("300 samples of 50 galaxies, 3 orientations, 2 instruments; 3 failed"));
        assert!(page.contains("train</th><td>30</td><td>180</td>"), "{page}");
        assert!(page.contains("<td>3</td><td class=\"text\">the line leaves the band</td>"));
        assert!(page.contains("src=\"data:image/png;base64,iVBORw==\""));
        let train = page.find(">train</th>").unwrap();
        assert!(train < page.find(">validation</th>").unwrap() && train < page.find(">test</th>").unwrap());
        // 5 histograms, of which the mass counts galaxies
        assert_eq!(page.matches("<figure>").count(), 5);
        assert!(page.contains("50 galaxies: median"));
        // nothing from elsewhere
        for outside in ["http", "<script", "<link", "url(", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn no_text_becomes_markup() {
        let evil = "<script>alert('1')</script>&\"";
        let galaxies = vec![evil.to_string()];
        let reasons = vec![evil.to_string()];
        let mut rows = rows(&galaxies, &reasons);
        for row in &mut rows {
            (row.split, row.instrument, row.route) = (evil, evil, evil);
        }
        let page = overview_html(evil, &[(evil.into(), evil.into())], &rows, &[]);
        assert!(!page.contains("<script") && !page.contains("<img") && page.contains("&lt;script&gt;"));
    }

    #[test]
    fn odd_sets_have_a_page() {
        assert!(overview_html("empty", &[], &[], &[]).contains("0 samples of 0 galaxies"));
        let nothing = SampleRow {
            sample: 0,
            galaxy: "",
            split: "",
            hi_mass_msun: f64::NAN,
            flux_jy: f64::INFINITY,
            noise_jy: -1.0,
            snr: 0.0,
            view: 0,
            instrument: "",
            route: "",
            bound: f64::NAN,
            failure: None,
        };
        assert!(overview_html("", &[], &[nothing], &[]).contains("none failed"));
        assert!(overview_html("", &[], &[SampleRow { failure: Some("why"), ..nothing }], &[]).contains("1 failed"));
    }

    #[test]
    fn many_failures_are_not_all_listed() {
        let galaxies = galaxies(400);
        let reasons: Vec<String> = (0..400).map(|k| format!("reason {k}")).collect();
        let rows = rows(&galaxies, &reasons);
        let page = overview_html("set", &[], &rows, &[]);
        assert!(page.contains("The first 200 of 343.") && page.contains("143 other reasons"), "{}", page.len());
    }
}
