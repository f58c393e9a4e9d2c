//! What `evaluate` says: table, JSON, curves, page.

use super::evaluate::{DRAWS, EvaluateRequest};
use crate::datasets::Split;
use crate::error::Result;
use crate::formats::png::{Figure, LinePlot, Series, VerticalLine};
use crate::learn::card::ModelCard;
use crate::learn::metrics::{Curves, Estimate, Measurer, NAMES, Numbers, bootstrap, kernel_distance, mass_bins};
use crate::run::headers::program;
use crate::run::html::{base64, escaped, head, number};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A way from a mock to a sky.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Method {
    /// The model.
    Translated,
    /// The dirty image over the beam.
    Dirty,
    /// CLEAN's restored image over the beam.
    Clean,
    /// The Wiener filter.
    Wiener,
    /// The network's input taken as its output.
    Identity,
}

impl Method {
    const ALL: [Method; 5] = [Method::Translated, Method::Dirty, Method::Clean, Method::Wiener, Method::Identity];

    /// Its word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Method::Translated => "translated",
            Method::Dirty => "dirty",
            Method::Clean => "clean",
            Method::Wiener => "wiener",
            Method::Identity => "identity",
        }
    }

    /// Above pictures.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Method::Translated => "Translated",
            Method::Dirty => "Dirty",
            Method::Clean => "CLEAN",
            Method::Wiener => "Wiener filter",
            Method::Identity => "Identity",
        }
    }
}

/// Numbers of a sample.
pub(super) struct Row {
    pub id: String,
    pub group: String,
    pub hi_mass_msun: f64,
    pub methods: Vec<(Method, Numbers, Curves, Vec<f64>)>,
    /// Features of the truth.
    pub truth: Vec<f64>,
}

/// Numbers of a method.
struct Summary {
    method: Method,
    all: BTreeMap<&'static str, Estimate>,
    bins: Vec<BTreeMap<&'static str, Estimate>>,
    kernel_distance: Option<f64>,
    /// Mean and bootstrap error a ring of P ratio, r, T.
    curves: [Vec<(f64, f64)>; 3],
}

/// All that an evaluation found.
pub(super) struct Evaluation {
    title: String,
    facts: Vec<(String, String)>,
    bins: Vec<[f64; 2]>,
    k: Vec<f64>,
    k_beam: f64,
    summaries: Vec<Summary>,
    samples: Vec<Value>,
}

/// Ranges of mass.
const BINS: usize = 3;
/// Columns of the table on the terminal.
const COLUMNS: [&str; 8] =
    ["power_error", "power_ratio", "correlation", "mass_error", "profile_error", "ssim", "psnr_db", "chi_squared"];
/// Metrics beside [`NAMES`].
const MORE: [(&str, &str); 2] = [
    ("chi_squared", "data consistency: reduced chi squared of the observed image against the mock"),
    ("cycle_error", "mean |F(G(a)) - a|, network units"),
];

impl Evaluation {
    pub(super) fn of(
        card: &ModelCard,
        measurer: &Measurer,
        rows: Vec<Row>,
        split: Split,
        request: &EvaluateRequest,
    ) -> Result<Evaluation> {
        let masses: Vec<f64> = rows.iter().map(|r| r.hi_mass_msun).collect();
        let bins = mass_bins(&masses, BINS);
        let seed = request.seed;
        let within = |row: &Row, bin: &[f64; 2]| row.hi_mass_msun >= bin[0] && row.hi_mass_msun < bin[1];
        let mut summaries = Vec::new();
        for method in Method::ALL {
            let of: Vec<(&Row, &Numbers, &Curves, &Vec<f64>)> = rows
                .iter()
                .filter_map(|r| r.methods.iter().find(|m| m.0 == method).map(|m| (r, &m.1, &m.2, &m.3)))
                .collect();
            if of.is_empty() {
                continue;
            }
            let estimates = |keep: &dyn Fn(&Row) -> bool| {
                let mut found = BTreeMap::new();
                for (name, _) in NAMES.iter().chain(&MORE) {
                    let values: Vec<(&str, f64)> = of
                        .iter()
                        .filter(|(row, ..)| keep(row))
                        .filter_map(|(row, numbers, ..)| Some((row.group.as_str(), *numbers.get(name)?)))
                        .collect();
                    if let Some(estimate) = bootstrap(&values, DRAWS, seed) {
                        found.insert(*name, estimate);
                    }
                }
                found
            };
            let curve = |pick: &dyn Fn(&Curves) -> &Vec<f64>| {
                (0..measurer.rings().len())
                    .map(|ring| {
                        let values: Vec<(&str, f64)> = of
                            .iter()
                            .map(|(row, _, curves, _)| (row.group.as_str(), pick(curves)[ring]))
                            .filter(|(_, v)| v.is_finite())
                            .collect();
                        bootstrap(&values, 200, seed).map_or((f64::NAN, f64::NAN), |e| (e.mean, e.error))
                    })
                    .collect::<Vec<_>>()
            };
            let features: Vec<Vec<f64>> = of.iter().map(|(.., f)| (*f).clone()).collect();
            let truths: Vec<Vec<f64>> = of.iter().map(|(row, ..)| row.truth.clone()).collect();
            summaries.push(Summary {
                method,
                all: estimates(&|_| true),
                bins: bins.iter().map(|bin| estimates(&|row| within(row, bin))).collect(),
                kernel_distance: (features.len() > 1).then(|| kernel_distance(&features, &truths)),
                curves: [curve(&|c| &c.ratio), curve(&|c| &c.correlation), curve(&|c| &c.transfer)],
            });
        }
        let samples = rows
            .iter()
            .map(|row| {
                let methods: Map<String, Value> =
                    row.methods.iter().map(|(m, numbers, ..)| (m.word().to_owned(), json!(numbers))).collect();
                json!({"id": row.id, "group": row.group, "hi_mass_msun": row.hi_mass_msun, "methods": methods})
            })
            .collect();
        let groups = rows.iter().map(|r| r.group.as_str()).collect::<std::collections::BTreeSet<_>>().len();
        let arcsec = |rad: f64| rad.to_degrees() * 3600.0;
        let facts = [
            ("Model", format!("{} ({}, step {})", request.model.display(), card.kind.word(), card.step)),
            ("Data set", request.dataset.display().to_string()),
            ("Samples", format!("{} of {groups} galaxies, split {}", rows.len(), split.word())),
            ("Instrument", card.instrument.clone()),
            (
                "Beam",
                format!(
                    "{:.2} x {:.2} arcsec, pixels {:.2} arcsec",
                    arcsec(card.beam_rad[0]),
                    arcsec(card.beam_rad[1]),
                    arcsec(card.cell_rad)
                ),
            ),
            ("Program", program()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        Ok(Evaluation {
            title: format!("{} samples of the {} split", rows.len(), split.word()),
            facts,
            bins,
            k: measurer.rings().iter().map(|r| r.k).collect(),
            k_beam: measurer.k_beam(),
            summaries,
            samples,
        })
    }

    pub(super) fn title(&self) -> String {
        self.title.clone()
    }

    /// For the terminal: a row a method.
    pub(super) fn table(&self) -> String {
        let mut text = format!("{}, means with bootstrap errors over galaxies\n{:<12}", self.title, "");
        for column in COLUMNS {
            let _ = write!(text, "{column:>18}");
        }
        let _ = writeln!(text, "{:>12}", "kid");
        for summary in &self.summaries {
            let _ = write!(text, "{:<12}", summary.method.word());
            for column in COLUMNS {
                let cell =
                    summary.all.get(column).map_or("–".into(), |e| format!("{} ± {}", short(e.mean), short(e.error)));
                let _ = write!(text, "{cell:>18}");
            }
            let _ = writeln!(text, "{:>12}", summary.kernel_distance.map_or("–".into(), short));
        }
        text
    }

    pub(super) fn json(&self) -> String {
        let estimates = |all: &BTreeMap<&'static str, Estimate>| {
            let one = |(name, e): (&&str, &Estimate)| {
                let value = json!({"mean": e.mean, "error": e.error, "scatter": e.scatter, "samples": e.count});
                ((*name).to_owned(), value)
            };
            Value::Object(all.iter().map(one).collect::<Map<_, _>>())
        };
        let split = |curve: &[(f64, f64)]| {
            let (mean, error): (Vec<f64>, Vec<f64>) = curve.iter().copied().unzip();
            json!({"mean": mean, "error": error})
        };
        let methods: Map<String, Value> = self
            .summaries
            .iter()
            .map(|s| {
                let bins: Vec<Value> = self
                    .bins
                    .iter()
                    .zip(&s.bins)
                    .map(|([low, high], all)| {
                        let high = high.is_finite().then_some(*high);
                        json!({"from_msun": low, "to_msun": high, "metrics": estimates(all)})
                    })
                    .collect();
                let [ratio, correlation, transfer] = &s.curves;
                let value = json!({
                    "metrics": estimates(&s.all),
                    "kernel_distance": s.kernel_distance,
                    "mass_bins": bins,
                    "power_ratio": split(ratio), "correlation": split(correlation), "transfer": split(transfer),
                });
                (s.method.word().to_owned(), value)
            })
            .collect();
        let facts: Map<String, Value> = self.facts.iter().map(|(n, v)| (n.to_lowercase(), json!(v))).collect();
        let value = json!({
            "facts": facts, "k_per_rad": self.k, "k_beam_per_rad": self.k_beam, "methods": methods, "samples": self.samples,
        });
        format!("{value:#}\n")
    }

    /// P(k) ratio, r(k), T(k) over k / k_beam.
    pub(super) fn figure(&self) -> Figure {
        let mut figure = Figure::new(1500, 520, 1, 3);
        figure.shrink = true;
        figure.title = "Spectra against the truth".into();
        figure.subtitle = self.title.clone();
        figure.footer = program();
        let panels = [("P(k) / P of the truth", [0.0, 3.0]), ("r(k)", [0.0, 1.05]), ("T(k)", [0.0, 2.0])];
        for (i, (title, y_range)) in panels.into_iter().enumerate() {
            let series = self
                .summaries
                .iter()
                .filter(|s| s.method != Method::Identity)
                .map(|s| {
                    let x = self.k.iter().map(|k| k / self.k_beam).collect();
                    let (y, error) = s.curves[i].iter().copied().unzip();
                    Series { error, ..Series::new(if i == 0 { s.method.title() } else { "" }, x, y) }
                })
                .collect();
            let plot = LinePlot {
                title: title.into(),
                x_label: "k / k_beam".into(),
                series,
                y_range: Some(y_range),
                vertical_lines: vec![VerticalLine { x: 1.0, label: "beam".into() }],
                ..LinePlot::default()
            };
            figure.add(0, i, plot);
        }
        figure
    }

    /// A page without outside resources.
    pub(super) fn html(&self, curves_png: &[u8], samples_png: &[u8]) -> String {
        let mut page = head("Evaluation");
        let _ = write!(page, "<h1>Evaluation</h1>\n<p class=\"note\">{}</p>\n", escaped(&self.title));
        page.push_str("<section>\n<div class=\"wide\"><table class=\"facts\">\n");
        for (name, value) in &self.facts {
            let _ = writeln!(page, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escaped(name), escaped(value));
        }
        page.push_str("</table></div>\n</section>\n");
        self.section(&mut page, "All samples", |s| &s.all);
        for (name, png) in [("Spectra", curves_png), ("Samples", samples_png)] {
            let _ = writeln!(
                page,
                "<section>\n<h2>{name}</h2>\n<div class=\"wide\"><img class=\"sheet\" alt=\"{name}\" \
                 src=\"data:image/png;base64,{}\"></div>\n</section>",
                base64(png)
            );
        }
        for (i, [low, high]) in self.bins.iter().enumerate() {
            let high = if high.is_finite() { format!(" to {}", number(*high)) } else { " and more".into() };
            self.section(&mut page, &format!("HI mass {}{high} M☉", number(*low)), |s| &s.bins[i]);
        }
        page.push_str("</main>\n</body>\n</html>\n");
        page
    }

    fn section(&self, page: &mut String, title: &str, of: impl Fn(&Summary) -> &BTreeMap<&'static str, Estimate>) {
        let _ = write!(
            page,
            "<section>\n<h2>{}</h2>\n<div class=\"wide\"><table>\n<tr><th scope=\"col\">Metric</th>",
            escaped(title)
        );
        for summary in &self.summaries {
            let _ = write!(page, "<th scope=\"col\">{}</th>", summary.method.title());
        }
        page.push_str("<th scope=\"col\" class=\"text\">What</th></tr>\n");
        for (name, words) in NAMES.iter().chain(&MORE) {
            let _ = write!(page, "<tr><th scope=\"row\">{name}</th>");
            for summary in &self.summaries {
                let cell =
                    of(summary).get(name).map_or("–".into(), |e| format!("{} ± {}", number(e.mean), number(e.error)));
                let _ = write!(page, "<td>{cell}</td>");
            }
            let _ = writeln!(page, "<td class=\"text\">{}</td></tr>", escaped(words));
        }
        page.push_str("</table></div>\n</section>\n");
    }
}

/// A number of three digits for the table.
fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        v if !(1e-3..1000.0).contains(&v) => format!("{value:.1e}"),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 0.1 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}
