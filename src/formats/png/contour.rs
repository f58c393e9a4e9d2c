//! Lines of equal value of an image (marching squares, bilinear between pixel centres).

use ndarray::ArrayView2;

/// Pieces of the line where `data[y, x]` crosses `level`, ends in pixel coordinates (x, y) with
/// whole numbers at pixel centres. Squares with a corner that is not finite have none.
pub(super) fn segments(data: ArrayView2<f64>, level: f64) -> Vec<[(f64, f64); 2]> {
    let (ny, nx) = data.dim();
    let mut out = Vec::new();
    for y in 0..ny.saturating_sub(1) {
        for x in 0..nx.saturating_sub(1) {
            let corners = [data[[y, x]], data[[y, x + 1]], data[[y + 1, x + 1]], data[[y + 1, x]]];
            if corners.iter().any(|v| !v.is_finite()) {
                continue;
            }
            let high = corners.map(|v| v > level);
            if high.iter().all(|h| *h == high[0]) {
                continue;
            }
            const AT: [(f64, f64); 4] = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)];
            let mut crossings = Vec::with_capacity(4);
            for k in 0..4 {
                let n = (k + 1) % 4;
                if high[k] != high[n] {
                    let t = (level - corners[k]) / (corners[n] - corners[k]);
                    let px = AT[k].0 + t * (AT[n].0 - AT[k].0);
                    let py = AT[k].1 + t * (AT[n].1 - AT[k].1);
                    crossings.push((x as f64 + px, y as f64 + py));
                }
            }
            if let [a, b, c, d] = crossings[..] {
                // a saddle: the mean decides which pair of corners is joined
                let joined = (corners.iter().sum::<f64>() > 4.0 * level) == high[0];
                out.extend(if joined { [[a, b], [c, d]] } else { [[d, a], [b, c]] });
            } else if let [a, b] = crossings[..] {
                out.push([a, b]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn contour_of_a_cone_is_a_circle() {
        let cone = Array2::from_shape_fn((41, 41), |(y, x)| (x as f64 - 20.0).hypot(y as f64 - 20.0));
        let pieces = segments(cone.view(), 10.0);
        let mut length = 0.0;
        for [a, b] in &pieces {
            assert!(((a.0 - 20.0).hypot(a.1 - 20.0) - 10.0).abs() < 0.03);
            length += (a.0 - b.0).hypot(a.1 - b.1);
        }
        assert!((length / (20.0 * std::f64::consts::PI) - 1.0).abs() < 5e-3, "{length}");
    }

    #[test]
    fn no_value_no_line() {
        let mut data = Array2::from_shape_fn((3, 3), |(_, x)| x as f64);
        assert_eq!(segments(data.view(), 0.5).len(), 2);
        data[[0, 0]] = f64::NAN;
        assert_eq!(segments(data.view(), 0.5).len(), 1);
        assert!(segments(Array2::zeros((0, 5)).view(), 0.0).is_empty());
        assert!(segments(Array2::from_elem((4, 4), 2.0).view(), 2.0).is_empty());
    }
}
