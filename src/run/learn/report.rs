//! report.html: a training on one page without outside resources.

use crate::error::{Error, Result};
use crate::formats::png::{Figure, LinePlot, Series};
use crate::learn::metrics::NAMES;
use crate::learn::train::{Entry, LogLine};
use crate::run::html::{base64, escaped, head, number};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Pictures of samples that a page holds at most: the last, and others evenly before it.
const PICTURES: usize = 8;

/// Points of a curve; more are averaged.
const POINTS: usize = 400;

/// The page: facts, curves of losses and metrics, the last validation, pictures of samples from `samples`.
///
/// # Errors
/// A picture that cannot be read or drawn.
pub(super) fn report_html(facts: &[(String, String)], lines: &[LogLine], samples: &Path) -> Result<String> {
    let mut page = head("Training");
    page.push_str("<h1>Training</h1>\n");
    let last = lines.last();
    let _ = writeln!(
        page,
        "<p class=\"note\">{}</p>",
        last.map_or("not begun".into(), |l| format!(
            "step {}, epoch {}, {} s of training",
            l.step,
            number(l.epoch),
            number(l.seconds)
        ))
    );
    page.push_str("<section>\n<h2>Settings</h2>\n<div class=\"wide\"><table class=\"facts\">\n");
    for (name, value) in facts {
        let _ = writeln!(page, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escaped(name), escaped(value));
    }
    page.push_str("</table></div>\n</section>\n");
    let losses = curves(lines.iter().filter_map(|l| match &l.entry {
        Entry::Losses { losses, .. } => Some((l.epoch, losses)),
        Entry::Validation(_) => None,
    }));
    let metrics = curves(lines.iter().filter_map(|l| match &l.entry {
        Entry::Validation(metrics) => Some((l.epoch, metrics)),
        Entry::Losses { .. } => None,
    }));
    section(&mut page, "Losses", &losses)?;
    section(&mut page, "Validation", &metrics)?;
    let newest = lines.iter().rev().find_map(|l| match &l.entry {
        Entry::Validation(metrics) => Some((l.step, metrics)),
        Entry::Losses { .. } => None,
    });
    if let Some((step, metrics)) = newest {
        let _ = write!(
            page,
            "<section>\n<h2>Means over the validation samples, step {step}</h2>\n<div class=\"wide\"><table>\n<tr><th \
             scope=\"col\">Metric</th><th scope=\"col\">Mean</th><th scope=\"col\" class=\"text\">What</th></tr>\n"
        );
        for (name, words) in NAMES {
            let value = metrics.get(name).map_or("–".into(), |v| number(*v));
            let words = escaped(words);
            let _ =
                writeln!(page, "<tr><th scope=\"row\">{name}</th><td>{value}</td><td class=\"text\">{words}</td></tr>");
        }
        page.push_str("</table></div>\n</section>\n");
    }
    pictures(&mut page, samples)?;
    page.push_str("</main>\n</body>\n</html>\n");
    Ok(page)
}

type Curves = BTreeMap<String, Vec<[f64; 2]>>;

fn curves<'a>(entries: impl Iterator<Item = (f64, &'a BTreeMap<String, f64>)>) -> Curves {
    let mut curves = Curves::new();
    for (x, values) in entries {
        for (name, y) in values {
            curves.entry(name.clone()).or_default().push([x, *y]);
        }
    }
    curves
}

/// A panel a curve.
fn section(page: &mut String, title: &str, curves: &Curves) -> Result<()> {
    if curves.values().all(|points| points.len() < 2) {
        return Ok(());
    }
    let columns = 3;
    let rows = curves.len().div_ceil(columns);
    let mut figure = Figure::new(1080, 230 * rows as u32 + 60, rows, columns);
    figure.shrink = true;
    figure.font_px = Some(12.0);
    for (i, (name, points)) in curves.iter().enumerate() {
        let points = thinned(points);
        let (x, y) = points.iter().map(|p| (p[0], p[1])).unzip();
        let series = vec![Series::new("", x, y)];
        let plot = LinePlot { title: name.clone(), x_label: "epoch".into(), series, ..LinePlot::default() };
        figure.add(i / columns, i % columns, plot);
    }
    let _ = write!(
        page,
        "<section>\n<h2>{title}</h2>\n<div class=\"wide\"><img class=\"sheet\" alt=\"Curves over epochs\" \
         src=\"data:image/png;base64,{}\"></div>\n</section>\n",
        base64(&figure.render()?)
    );
    Ok(())
}

/// Means over neighbouring points, so that there are not too many.
fn thinned(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let each = points.len().div_ceil(POINTS).max(1);
    let mean = |part: &[[f64; 2]]| [0, 1].map(|i| part.iter().map(|p| p[i]).sum::<f64>() / part.len() as f64);
    points.chunks(each).map(mean).collect()
}

fn pictures(page: &mut String, folder: &Path) -> Result<()> {
    let mut files: Vec<_> = match std::fs::read_dir(folder) {
        Ok(entries) => {
            entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "png")).collect()
        }
        Err(_) => Vec::new(),
    };
    files.sort();
    let all = files.len();
    let chosen: Vec<_> = match all {
        0 => return Ok(()),
        n if n <= PICTURES => files,
        n => (0..PICTURES).map(|i| files[i * (n - 1) / (PICTURES - 1)].clone()).collect(),
    };
    page.push_str("<section>\n<h2>Samples</h2>\n");
    for path in chosen.iter().rev() {
        let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
        let _ = writeln!(
            page,
            "<div class=\"wide\"><img class=\"sheet\" alt=\"Mock, translated and true images\" \
             src=\"data:image/png;base64,{}\"></div>",
            base64(&bytes)
        );
    }
    page.push_str("</section>\n");
    Ok(())
}
