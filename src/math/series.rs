//! The length of the series exp(i z t) = J_0(z) + 2 sum i^n J_n(z) T_n(t) (Jacobi and Anger; Abramowitz & Stegun 9.1.44, 45).

/// Terms, fewer than `end`, after which what is left of the series is below `epsilon` for t from -1 to 1: |J_n(z)| <= (z/2)^n/n!.
pub(crate) fn jacobi_anger_terms(z: f64, epsilon: f64, end: usize) -> Option<usize> {
    let mut bound = 1.0;
    for n in 0..end {
        let ratio = 0.5 * z / (n + 1) as f64;
        // 2 (bound + bound ratio + ...)
        if ratio < 0.5 && 4.0 * bound < epsilon {
            return Some(n.max(1));
        }
        bound *= ratio;
    }
    None
}
