/// H2/(HI + H2) of neutral hydrogen of surface density `column`, Msun/pc^2, with dust `d` and radiation `u` in units of
/// the Milky Way's.
///
/// Gnedin & Kravtsov (2011, ApJ 728, 88), eq. 10: (1 + Sigma_c/Sigma)^-2 with Sigma_c = 20 Msun/pc^2
/// Lambda^(4/7)/(D sqrt(1 + U D^2)), Lambda = ln(1 + g D^(3/7) (U/15)^(4/7)), g = (1 + a s + s^2)/(1 + s),
/// s = 0.04/(D* + D), a = 2.5 U/(1 + (U/2)^2), D* = 1.5e-3 ln(1 + (3U)^1.7). A fit to their simulations for
/// D from 1e-3 to 3 and U from 0.1 to 100.
pub fn fraction(column: f64, d: f64, u: f64) -> f64 {
    // no dust, no molecules: the limit of the formula
    if d <= 0.0 {
        return 0.0;
    }
    let d_star = 1.5e-3 * (3.0 * u).powf(1.7).ln_1p();
    let alpha = 2.5 * u / (1.0 + 0.25 * u * u);
    let s = 0.04 / (d_star + d);
    let g = (1.0 + alpha * s + s * s) / (1.0 + s);
    let lambda = (g * d.powf(3.0 / 7.0) * (u / 15.0).powf(4.0 / 7.0)).ln_1p();
    let critical = 20.0 * lambda.powf(4.0 / 7.0) / (d * (1.0 + u * d * d).sqrt());
    (1.0 + critical / column).powi(-2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python: `Ds=1.5e-3*log(1+(3*U)**1.7); a=5*(U/2)/(1+(U/2)**2); s=.04/(Ds+D); g=(1+a*s+s*s)/(1+s);
    /// L=log(1+g*D**(3/7)*(U/15)**(4/7)); Sc=20*L**(4/7)/D/sqrt(1+U*D*D); f=1/(1+Sc/S)**2`.
    #[test]
    fn equals_the_paper_worked_out_apart() {
        let cases = [
            (10.0, 1.0, 1.0, 0.409022518),
            (50.0, 0.3, 5.0, 0.412701200),
            (5.0, 2.0, 0.1, 0.525998578),
            (8.0, 1.0, 1000.0, 0.780441176),
        ];
        for (column, d, u, expected) in cases {
            let f = fraction(column, d, u);
            assert!((f - expected).abs() < 1e-8, "{column} {d} {u}: {f}");
        }
    }

    #[test]
    fn nothing_is_molecular_without_dust_and_the_formula_goes_there() {
        assert_eq!(fraction(10.0, 0.0, 1.0), 0.0);
        assert!(fraction(10.0, 1e-9, 1.0) < 1e-10);
        assert!(fraction(1e12, 1.0, 1.0) > 1.0 - 1e-9);
    }
}
