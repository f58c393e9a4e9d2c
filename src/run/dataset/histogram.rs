//! Histograms with stacked counts, as SVG.

use crate::formats::png::{Ticks, log_ticks, nice_ticks};
use crate::run::html::{escaped, number, plain_label};
use std::fmt::Write;

/// Bins at most.
const MOST_BINS: usize = 32;

/// Values spread over more than this ratio have logarithmic bins.
const LOG_RATIO: f64 = 100.0;

/// Values closer together than this share of the largest are one value.
const ONE_VALUE: f64 = 1e-9;

/// Bins of equal width in the value, or in its logarithm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bins {
    /// Edges are `(first + i) step`.
    Linear { first: i64, step: f64, count: usize },
    /// Edges are 10^((first + i) / per_decade).
    Log { first: i64, per_decade: i64, count: usize },
}

impl Bins {
    /// Bins with round edges that hold all of `values`; none where these are fewer than two different numbers.
    ///
    /// Zeros do not keep bins from being logarithmic and are in none then; values below zero do.
    fn of(values: &[f64]) -> Option<Bins> {
        let (low, high) = ends(values.iter().copied());
        if values.is_empty() || high - low <= ONE_VALUE * high.abs().max(low.abs()) {
            return None;
        }
        let (lowest, _) = ends(values.iter().copied().filter(|v| *v > 0.0));
        if low >= 0.0 && high > LOG_RATIO * lowest {
            return [10, 5, 4, 3, 2, 1].into_iter().find_map(|per_decade| Bins::log(lowest, high, per_decade));
        }
        let step = nice_ticks([low, high], MOST_BINS - 2).values.windows(2).map(|w| w[1] - w[0]).next()?;
        let first = (low / step).floor() as i64;
        let count = ((high / step).floor() as i64 - first + 1) as usize;
        Some(Bins::Linear { first, step, count })
    }

    fn log(lowest: f64, high: f64, per_decade: i64) -> Option<Bins> {
        let at = |v: f64| (v.log10() * per_decade as f64 + 1e-9).floor() as i64;
        let (first, last) = (at(lowest), at(high));
        let count = (last - first + 1) as usize;
        (count <= MOST_BINS || per_decade == 1).then_some(Bins::Log { first, per_decade, count })
    }

    fn count(&self) -> usize {
        match self {
            Bins::Linear { count, .. } | Bins::Log { count, .. } => *count,
        }
    }

    fn edge(&self, i: usize) -> f64 {
        match self {
            Bins::Linear { first, step, .. } => (first + i as i64) as f64 * step,
            Bins::Log { first, per_decade, .. } => 10f64.powf((first + i as i64) as f64 / *per_decade as f64),
        }
    }

    /// The bin of `value`; none where it cannot be in any.
    fn bin(&self, value: f64) -> Option<usize> {
        let (at, first, count) = match self {
            Bins::Linear { first, step, count } => (value / step, *first, *count),
            Bins::Log { first, per_decade, count } => (value.log10() * *per_decade as f64 + 1e-9, *first, *count),
        };
        // a value at the last edge that rounding puts beyond it belongs to the last bin
        at.is_finite().then(|| (at.floor() as i64 - first).clamp(0, count as i64 - 1) as usize)
    }

    /// Position along the axis, 0 at the first and 1 at the last edge.
    fn position(&self, value: f64) -> f64 {
        let (at, first, count) = match self {
            Bins::Linear { first, step, count } => (value / step, first, count),
            Bins::Log { first, per_decade, count } => (value.log10() * *per_decade as f64, first, count),
        };
        (at - *first as f64) / *count as f64
    }

    fn ticks(&self, most: usize) -> Ticks {
        let range = [self.edge(0), self.edge(self.count())];
        match self {
            Bins::Linear { .. } => nice_ticks(range, most),
            Bins::Log { .. } => log_ticks(range, most),
        }
    }
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)))
}

/// A histogram before it is drawn.
#[derive(Debug, Clone)]
pub(super) struct Histogram<'a> {
    /// Heading.
    pub(super) title: &'a str,
    /// What is counted, in the plural: "galaxies".
    pub(super) counted: &'a str,
    /// Quantity along the axis.
    pub(super) quantity: &'a str,
    /// Unit of the values.
    pub(super) unit: &'a str,
    /// Names of the classes that counts are stacked by, from the bottom, with the number of their colour.
    pub(super) classes: &'a [(String, usize)],
    /// Values and the number of their class. What is not finite is counted below the picture.
    pub(super) values: Vec<(f64, usize)>,
}

/// Size of the drawing and of the frame in it, in SVG units.
const SIZE: [f64; 2] = [560.0, 300.0];
const FRAME: [f64; 4] = [66.0, 12.0, 528.0, 246.0];

impl Histogram<'_> {
    /// An HTML figure: the picture with its axes, and a line with the number of values, their median and range.
    pub(super) fn figure(&self) -> String {
        let mut known: Vec<f64> = self.values.iter().map(|v| v.0).filter(|v| v.is_finite()).collect();
        known.sort_unstable_by(f64::total_cmp);
        let mut out = format!("<figure>\n<figcaption>{}</figcaption>\n", escaped(self.title));
        let bins = Bins::of(&known);
        if let Some(bins) = bins {
            out.push_str(&self.key());
            self.draw(&mut out, bins);
        }
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        let shown = |v: f64| escaped(&format!("{}{unit}", number(v)));
        let mut line = match (known.first(), known.last()) {
            (Some(low), Some(high)) if bins.is_some() => format!(
                "{} {}: median {}, from {} to {}",
                known.len(),
                escaped(self.counted),
                shown(known[known.len() / 2]),
                shown(*low),
                shown(*high)
            ),
            (Some(low), _) => format!("{} {}, all with {}", known.len(), escaped(self.counted), shown(*low)),
            _ => format!("no {} with a value", escaped(self.counted)),
        };
        let unknown = self.values.len() - known.len();
        if unknown > 0 && !known.is_empty() {
            let _ = write!(line, "; {unknown} without a value");
        }
        let zeros = known.iter().filter(|v| **v == 0.0).count();
        if matches!(bins, Some(Bins::Log { .. })) && zeros > 0 {
            let _ = write!(line, "; {zeros} at 0 are not drawn");
        }
        let _ = write!(out, "<p class=\"note\">{line}.</p>\n</figure>\n");
        out
    }

    fn key(&self) -> String {
        let entry = |(name, colour): &(String, usize)| format!("<span>{}{}</span>", swatch(*colour), escaped(name));
        format!("<p class=\"key\">{}</p>\n", self.classes.iter().map(entry).collect::<String>())
    }

    fn counts(&self, bins: Bins) -> Vec<Vec<usize>> {
        let mut counts = vec![vec![0; self.classes.len()]; bins.count()];
        for (value, class) in &self.values {
            if let Some(bin) = bins.bin(*value) {
                counts[bin][*class] += 1;
            }
        }
        counts
    }

    fn draw(&self, out: &mut String, bins: Bins) {
        let [x0, y0, x1, y1] = FRAME;
        let counts = self.counts(bins);
        let highest = counts.iter().map(|c| c.iter().sum::<usize>()).max().unwrap_or(0).max(1);
        let top = 1.04 * highest as f64;
        let x_of = |v: f64| x0 + bins.position(v) * (x1 - x0);
        let y_of = |n: f64| y1 - n / top * (y1 - y0);
        let _ = writeln!(
            out,
            "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Histogram: {}\">",
            SIZE[0],
            SIZE[1],
            escaped(self.title)
        );
        // counts are whole: ticks at fractions of one would mean nothing
        let y_ticks = nice_ticks([0.0, top], 5);
        for (value, label) in y_ticks.values.iter().zip(&y_ticks.labels).filter(|(v, _)| v.fract().abs() < 1e-6) {
            let y = y_of(*value);
            let _ = writeln!(out, "<path class=\"grid\" d=\"M{x0} {y:.1}H{x1}\"/>");
            let label = if y_ticks.exponent == 0 { whole(label).into() } else { number(*value) };
            let _ = writeln!(out, "<text x=\"{}\" y=\"{:.1}\" class=\"end\">{label}</text>", x0 - 7.0, y + 4.5);
        }
        for (i, stack) in counts.iter().enumerate() {
            let (left, right) = (x_of(bins.edge(i)), x_of(bins.edge(i + 1)));
            let mut below = 0;
            for ((name, colour), n) in self.classes.iter().zip(stack).filter(|(_, n)| **n > 0) {
                let (upper, lower) = (y_of((below + n) as f64), y_of(below as f64));
                below += n;
                let _ = writeln!(
                    out,
                    "<rect class=\"c{colour}\" x=\"{:.1}\" y=\"{upper:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{} to {} {}: {n} {}</title></rect>",
                    left + 0.5,
                    (right - left - 1.0).max(0.5),
                    lower - upper,
                    number(bins.edge(i)),
                    number(bins.edge(i + 1)),
                    escaped(self.unit),
                    escaped(name)
                );
            }
        }
        let _ = writeln!(out, "<path class=\"axis\" d=\"M{x0} {y0}V{y1}H{x1}\"/>");
        let ticks = bins.ticks(7);
        let marks = ticks.values.iter().map(|v| (v, 6.0)).chain(ticks.minor.iter().map(|v| (v, 3.0)));
        for (value, length) in marks {
            let _ = writeln!(out, "<path class=\"axis\" d=\"M{:.1} {y1}v{length}\"/>", x_of(*value));
        }
        for (value, label) in ticks.values.iter().zip(&ticks.labels) {
            let label = plain_label(label);
            let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{}\" class=\"mid\">{label}</text>", x_of(*value), y1 + 21.0);
        }
        let power = match ticks.exponent {
            0 => String::new(),
            e => plain_label(&format!("10^{{{e}}}")),
        };
        let unit = [power.as_str(), self.unit].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(" ");
        let label = if unit.is_empty() { self.quantity.into() } else { format!("{} ({unit})", self.quantity) };
        let middle = 0.5 * (x0 + x1);
        let _ = writeln!(out, "<text x=\"{middle}\" y=\"{}\" class=\"mid\">{}</text>", y1 + 45.0, escaped(&label));
        let (x, y) = (14.0, 0.5 * (y0 + y1));
        let _ = writeln!(
            out,
            "<text x=\"{x}\" y=\"{y}\" class=\"mid\" transform=\"rotate(-90 {x} {y})\">{}</text>",
            escaped(self.counted)
        );
        out.push_str("</svg>\n");
    }
}

/// A small square in the colour of a class.
pub(super) fn swatch(colour: usize) -> String {
    format!("<span class=\"swatch b{colour}\"></span>")
}

/// A label of a whole number without the decimals that its neighbours may need.
fn whole(label: &str) -> &str {
    label.split_once('.').map_or(label, |(whole, _)| whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: &[f64]) -> Histogram<'_> {
        Histogram {
            title: "A & B",
            counted: "samples",
            quantity: "Flux",
            unit: "Jy",
            classes: &[],
            values: values.iter().map(|v| (*v, 0)).collect(),
        }
    }

    #[test]
    fn every_value_is_in_the_bin_whose_edges_hold_it() {
        let sets: [&[f64]; 6] = [
            &[1.0, 2.0, 3.0, 7.5],
            &[-3.0, 0.0, 1e-3, 400.0],
            &[1e-7, 1e-3, 1.0, 1e3],
            &[1e6, 1e7, 1e8, 1e9, 1e10, 3e10],
            &[1e-300, 1e300],
            &[3.000001, 3.000002, 3.000005],
        ];
        for values in sets {
            let bins = Bins::of(values).unwrap();
            let is_log = values[0] > 0.0 && values[values.len() - 1] > 100.0 * values[0];
            assert_eq!(matches!(bins, Bins::Log { .. }), is_log, "{values:?}");
            for v in values {
                let i = bins.bin(*v).unwrap();
                let slack = 1e-8 * v.abs() + 1e-12;
                let (low, high) = (bins.edge(i), bins.edge(i + 1));
                assert!(*v >= low - slack && *v <= high + slack, "{v} {low} {high}");
                assert!((-1e-6..=1.0 + 1e-6).contains(&bins.position(*v)));
            }
        }
        assert!(Bins::of(&[1e6, 1e9]).unwrap().count() <= MOST_BINS);
    }

    #[test]
    fn zeros_do_not_keep_bins_from_being_logarithmic() {
        let bins = Bins::of(&[0.0, 1e-3, 1.0, 50.0]).unwrap();
        assert!(matches!(bins, Bins::Log { .. }));
        assert_eq!(bins.bin(0.0), None);
        assert_eq!(bins.bin(f64::NAN), None);
    }

    #[test]
    fn counts_of_all_classes_add_up() {
        let classes = [("train".to_string(), 0), ("test".to_string(), 1)];
        let values: Vec<(f64, usize)> = (0..1000).map(|k| (f64::from(k * k % 97), (k % 5 == 0) as usize)).collect();
        let h = Histogram { classes: &classes, values, ..histogram(&[]) };
        let known: Vec<f64> = h.values.iter().map(|v| v.0).collect();
        let counts = h.counts(Bins::of(&known).unwrap());
        let total = |class: usize| counts.iter().map(|c| c[class]).sum::<usize>();
        assert_eq!((total(0), total(1)), (800, 200));
    }

    #[test]
    fn what_cannot_be_drawn_is_said() {
        assert!(histogram(&[]).figure().contains("no samples with a value"));
        assert!(histogram(&[f64::NAN]).figure().contains("no samples with a value"));
        let one = histogram(&[2e-6, 2e-6, f64::NAN]).figure();
        assert!(one.contains("2 samples, all with 2×10⁻⁶ Jy; 1 without a value.") && !one.contains("<svg"), "{one}");
        assert!(one.contains("A &amp; B"));
        let classes = [("all".to_string(), 0)];
        let log = Histogram { classes: &classes, ..histogram(&[0.0, 1e-3, 1.0]) }.figure();
        assert!(log.contains("1 at 0 are not drawn"), "{log}");
        assert_eq!(log.matches("<rect").count(), 2);
    }
}
