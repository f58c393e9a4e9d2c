use super::of_ratio;

/// H2/(HI + H2) of neutral hydrogen of surface density `column`, Msun/pc^2, averaged over `scale_pc`, with dust `d` and
/// radiation `u` in units of the Milky Way's.
///
/// Gnedin & Draine (2014, ApJ 795, 37), eq. 8, with Sigma_1 as in the erratum (2016, ApJ 830, 54): H2/HI =
/// (Sigma/Sigma_1)^a with a = 0.5 + 1/(1 + sqrt(U D^2/600)), Sigma_1 = 50 Msun/pc^2 sqrt(0.001 + 0.1 U)/
/// (g (1 + 1.69 sqrt(0.001 + 0.1 U))), g = sqrt(D^2 + D*^2), D* = 0.17 (2 + S^5)/(1 + S^5), S = scale/100 pc.
/// The paper before its erratum had sqrt(0.01 + U)/(1 + 0.69 sqrt(0.01 + U)).
pub fn fraction(column: f64, d: f64, u: f64, scale_pc: f64) -> f64 {
    let s5 = (scale_pc / 100.0).powi(5);
    // (2 + s5)/(1 + s5), which must not be infinity over infinity
    let d_star = 0.17 * (1.0 + 1.0 / (1.0 + s5));
    let g = d.hypot(d_star);
    let alpha = 0.5 + 1.0 / (1.0 + (u * d * d / 600.0).sqrt());
    let field = (0.001 + 0.1 * u).sqrt();
    let equal = 50.0 / g * field / (1.0 + 1.69 * field);
    of_ratio((column / equal).powf(alpha))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python: `x=L/100; Ds=.17*(2+x**5)/(1+x**5); g=sqrt(D*D+Ds*Ds); a=.5+1/(1+sqrt(U*D*D/600));
    /// S1=50/g*sqrt(.001+.1*U)/(1+1.69*sqrt(.001+.1*U)); R=(S/S1)**a; f=R/(1+R)`.
    #[test]
    fn equals_the_paper_with_its_erratum_worked_out_apart() {
        let cases = [
            (10.0, 1.0, 1.0, 100.0, 0.499368173),
            (50.0, 0.3, 5.0, 500.0, 0.524896190),
            (5.0, 2.0, 0.1, 50.0, 0.770836399),
            (8.0, 1.0, 1000.0, 500.0, 0.239102087),
        ];
        for (column, d, u, scale_pc, expected) in cases {
            let f = fraction(column, d, u, scale_pc);
            assert!((f - expected).abs() < 1e-8, "{column} {d} {u} {scale_pc}: {f}");
        }
        // the paper before its erratum gives 0.176 for the first
        assert!(fraction(10.0, 1.0, 1.0, 100.0) > 0.4);
    }

    #[test]
    fn limits() {
        // D* is 0.34 on small scales and 0.17 on large ones, however large
        let without_dust = |scale| fraction(10.0, 0.0, 1.0, scale);
        assert!(without_dust(1.0) > without_dust(100.0) && without_dust(100.0) > without_dust(1e3));
        assert!((without_dust(1e3) - without_dust(f64::MAX)).abs() < 1e-4);
        assert!(fraction(1e9, 1.0, 1.0, 100.0) > 1.0 - 1e-9);
        assert!(fraction(1e-6, 1.0, 1.0, 100.0) < 1e-8);
    }
}
