use crate::error::{Error, Result, Watch};
use crate::formats::Attribute;
use crate::math::logs::{asinh, exp_m1, ln_1p};
use crate::math::vectors::with_vectors;

/// The function f of a [`Scaling`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScalingKind {
    /// f(v) = v, and nothing else is done: physical values.
    None,
    /// f(v) = ln(1 + v): for fields that are nowhere negative.
    Log,
    /// f(v) = asinh(v): linear about 0, logarithmic far from it, for either sign.
    Asinh,
    /// The power transformation of Yeo & Johnson 2000 (Biometrika 87, 954), for either sign.
    YeoJohnson,
}

impl ScalingKind {
    /// All.
    pub const ALL: [ScalingKind; 4] =
        [ScalingKind::None, ScalingKind::Log, ScalingKind::Asinh, ScalingKind::YeoJohnson];

    /// Its word in configurations and attributes.
    pub const fn word(self) -> &'static str {
        match self {
            ScalingKind::None => "none",
            ScalingKind::Log => "log",
            ScalingKind::Asinh => "asinh",
            ScalingKind::YeoJohnson => "yeo-johnson",
        }
    }

    /// Reads its word.
    ///
    /// # Errors
    /// Another word.
    pub fn parse(word: &str) -> Result<ScalingKind> {
        ScalingKind::ALL.into_iter().find(|k| k.word() == word).ok_or_else(|| {
            Error::input("there is no such scaling of pixels")
                .found(format!("\"{word}\""))
                .expected(ScalingKind::ALL.map(ScalingKind::word).join(", "))
        })
    }
}

/// From physical values x to the stored ones: y = (f(x / scale) - offset) / gain.
///
/// A fitted scaling takes 0 to a number that float32 holds exactly, so that zeros are got back as zeros.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    /// f.
    pub kind: ScalingKind,
    /// What x is divided by, in the unit of x; above 0.
    pub scale: f64,
    /// Mean of f over the values it was fitted on.
    pub offset: f64,
    /// Standard deviation of f over the values it was fitted on; above 0.
    pub gain: f64,
    /// Lambda of Yeo & Johnson, else 1.
    pub lambda: f64,
}

/// Name of the attribute that says which scaling; the others are in [`Scaling::attributes`].
const KIND: &str = "scaling";
const NUMBERS: [&str; 4] = ["scaling_scale", "scaling_offset", "scaling_gain", "scaling_lambda"];

impl Scaling {
    /// Physical values as they are, bit for bit.
    pub const NONE: Scaling = Scaling { kind: ScalingKind::None, scale: 1.0, offset: 0.0, gain: 1.0, lambda: 1.0 };

    /// The stored value of physical value `x`.
    pub fn apply(&self, x: f64) -> f64 {
        match self.kind {
            ScalingKind::None => x,
            ScalingKind::Log => (ln_1p(x / self.scale) - self.offset) / self.gain,
            ScalingKind::Asinh => (asinh(x / self.scale) - self.offset) / self.gain,
            ScalingKind::YeoJohnson => (yeo_johnson(x / self.scale, &self.powers()) - self.offset) / self.gain,
        }
    }

    /// The physical value of stored value `y`; infinite where no physical value has this one (a Yeo-Johnson
    /// transformation with lambda < 0 or > 2 is bounded on one side).
    pub fn invert(&self, y: f64) -> f64 {
        let z = y * self.gain + self.offset;
        match self.kind {
            ScalingKind::None => y,
            ScalingKind::Log => libm::expm1(z) * self.scale,
            ScalingKind::Asinh => libm::sinh(z) * self.scale,
            ScalingKind::YeoJohnson => inverse_yeo_johnson(z, self.lambda) * self.scale,
        }
    }

    /// Stored values `scaled` of an image or cube of physical `values`, of the same length.
    ///
    /// # Errors
    /// A value that is not a finite number, or has no finite stored value (a logarithm of negative ones).
    pub fn apply_to<T: Copy + Into<f64>>(&self, values: &[T], scaled: &mut [f32]) -> Result<()> {
        assert_eq!(values.len(), scaled.len(), "pixels before and after scaling");
        scale_all(self, values, scaled);
        // without an early end, so that the loop becomes vector code
        if scaled.iter().fold(true, |all, y| all & y.is_finite()) {
            return Ok(());
        }
        let at = scaled.iter().position(|y| !y.is_finite()).unwrap_or(0);
        let value: f64 = values[at].into();
        Err(Error::input(format!("a pixel has no scaled value (scaling \"{}\")", self.kind.word()))
            .found(format!("{value} in pixel {at}"))
            .expected(match self.kind {
                ScalingKind::Log => "finite numbers that are not negative",
                _ => "finite numbers in the range of float32",
            }))
    }

    /// Physical values of an image or cube of stored ones, of the same length.
    pub fn invert_to(&self, scaled: &[f32], values: &mut [f32]) {
        assert_eq!(values.len(), scaled.len(), "pixels before and after scaling");
        if self.kind == ScalingKind::None {
            values.copy_from_slice(scaled);
            return;
        }
        for (x, y) in values.iter_mut().zip(scaled) {
            *x = self.invert(f64::from(*y)) as f32;
        }
    }

    /// Greatest error over `values` of what is got back from float32, each over |x| + scale: what the scaling costs.
    pub fn round_trip_error(&self, values: &[f64]) -> f64 {
        let error = |x: f64| (self.invert(f64::from(self.apply(x) as f32)) - x).abs() / (x.abs() + self.scale);
        values.iter().map(|x| error(*x)).fold(0.0, f64::max)
    }

    /// Its parameters as attributes: scaling, scaling_scale, scaling_offset, scaling_gain, scaling_lambda.
    pub fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let numbers = NUMBERS.into_iter().zip([self.scale, self.offset, self.gain, self.lambda]);
        let kind = (KIND, Attribute::Text(self.kind.word().into()));
        [kind].into_iter().chain(numbers.map(|(name, value)| (name, Attribute::Number(value)))).collect()
    }

    /// Reads them back; `attribute` gives that of a name.
    ///
    /// # Errors
    /// An absent attribute or one of another kind, and numbers that no scaling has.
    pub fn from_attributes(attribute: impl Fn(&str) -> Option<Attribute>) -> Result<Scaling> {
        let kind = match attribute(KIND) {
            Some(Attribute::Text(word)) => {
                ScalingKind::parse(&word).map_err(|e| e.place(format!("attribute {KIND}")))?
            }
            other => return Err(no_attribute(KIND, other.as_ref(), "a text")),
        };
        let mut numbers = [0.0; 4];
        for (name, number) in NUMBERS.into_iter().zip(&mut numbers) {
            let least = if name.ends_with("scale") || name.ends_with("gain") { 0.0 } else { f64::NEG_INFINITY };
            *number = match attribute(name) {
                Some(Attribute::Number(x)) if x.is_finite() && x > least => x,
                other if least == 0.0 => return Err(no_attribute(name, other.as_ref(), "a number above 0")),
                other => return Err(no_attribute(name, other.as_ref(), "a finite number")),
            };
        }
        let [scale, offset, gain, lambda] = numbers;
        Ok(Scaling { kind, scale, offset, gain, lambda })
    }

    /// Fits the parameters on `values`, a draw of training pixels ([`super::FitSample`]) in any order; `signed` says
    /// that values below zero are meant.
    ///
    /// The scale is where f turns from a line into a logarithm. A signed image (a dirty one) is noise with sources in
    /// it, so 1.4826 times its median absolute deviation, which is the standard deviation of the noise whatever the
    /// sources. A field that is nowhere negative is mostly empty (a deviation of 0), so the median of its non-zero
    /// values; it also serves a signed field that is constant over more than half of its pixels. Lambda has the greatest
    /// likelihood on x / scale (Yeo & Johnson 2000, section 3), which has one maximum (Marchand et al. 2022, SecureFedYJ,
    /// arXiv 2210.01639), between -2 and 4. Offset and gain give the values mean 0 and standard deviation 1; both are
    /// rounded to float32's 24 bits in such a way that 0 is got back as 0.
    ///
    /// # Errors
    /// A value that is not finite; a logarithm of a signed field or of negative values; values that are all equal or all
    /// 0; none at all; an interrupt.
    pub fn fit(kind: ScalingKind, values: &[f64], signed: bool, watch: &Watch) -> Result<Scaling> {
        if kind == ScalingKind::Log && signed {
            return Err(Error::input("a logarithm cannot scale a signed image")
                .found("scaling \"log\" of a field whose values may be negative")
                .hint("choose \"asinh\" or \"yeo-johnson\" for it"));
        }
        if let Some(at) = values.iter().position(|x| !x.is_finite()) {
            return Err(Error::input("a scaling cannot be fitted on values that are no numbers")
                .found(format!("{} as value {at}", values[at]))
                .expected("finite numbers"));
        }
        if kind == ScalingKind::None {
            return Ok(Scaling::NONE);
        }
        // sorted, so that sums depend on the values alone and not on who drew them in which order
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        if kind == ScalingKind::Log && sorted.first().is_some_and(|x| *x < 0.0) {
            return Err(Error::input("a logarithm cannot scale negative values")
                .found(format!("{}", sorted[0]))
                .expected("values from 0 on")
                .hint("choose \"asinh\" or \"yeo-johnson\" for it"));
        }
        let nothing = |found: &str| {
            Error::input("a scaling cannot be fitted on values that are all equal")
                .found(found)
                .expected("training pixels of several values")
                .hint("leave the field out, or store physical values by scaling \"none\"")
        };
        let scale = match robust_scale(&sorted, signed) {
            Some(scale) if sorted[0] < sorted[sorted.len() - 1] => scale,
            _ if sorted.is_empty() => return Err(nothing("no value at all")),
            _ => return Err(nothing(&format!("{} values of {}", sorted.len(), sorted[0]))),
        };
        for x in &mut sorted {
            *x /= scale;
        }
        let lambda = if kind == ScalingKind::YeoJohnson { likeliest_lambda(&sorted, watch)? } else { 1.0 };
        let bare = Scaling { kind, scale: 1.0, offset: 0.0, gain: 1.0, lambda };
        let (mean, variance) = mean_and_variance(sorted.iter().map(|v| bare.apply(*v)));
        // a product of two 24-bit numbers is exact, so that (0 - offset) / gain is the float32 -zero
        let gain = f64::from(variance.sqrt() as f32);
        let zero = f64::from((mean / gain) as f32);
        let scaling = Scaling { kind, scale, offset: zero * gain, gain, lambda };
        if !(gain > 0.0 && scaling.offset.is_finite() && gain.is_finite()) {
            return Err(Error::input("the values are too far apart or too close together for this scaling")
                .found(format!("standard deviation {gain:e} about {mean:e} after \"{}\"", kind.word()))
                .hint("choose another scaling"));
        }
        Ok(scaling)
    }

    fn powers(&self) -> Powers {
        // the limit ln(1 + |v|) of the exponent 0 is reached long before, without a branch in the loops
        let off_zero = |p: f64| if p.abs() < 1e-100 { 1e-100 } else { p };
        let (above, below) = (off_zero(self.lambda), off_zero(2.0 - self.lambda));
        Powers { above, below, inverse_above: 1.0 / above, inverse_below: 1.0 / below }
    }
}

fn no_attribute(name: &str, found: Option<&Attribute>, expected: &str) -> Error {
    Error::input("the parameters of a scaling cannot be read")
        .found(match found {
            None => "no such attribute".into(),
            Some(Attribute::Number(x)) => x.to_string(),
            Some(Attribute::Integer(n)) => n.to_string(),
            Some(Attribute::Text(text)) => format!("\"{text}\""),
        })
        .expected(expected)
        .place(format!("attribute {name}"))
}

/// The exponents lambda for v >= 0 and 2 - lambda for v < 0, and one over each; none is 0.
#[derive(Clone, Copy)]
struct Powers {
    above: f64,
    below: f64,
    inverse_above: f64,
    inverse_below: f64,
}

/// Yeo & Johnson 2000, equation 2.1: ((1 + |v|)^p - 1) / p with the sign of v, or its limit ln(1 + |v|) for p = 0.
#[inline(always)]
fn yeo_johnson(v: f64, powers: &Powers) -> f64 {
    let log = ln_1p(v.abs());
    let (p, inverse) =
        if v < 0.0 { (powers.below, powers.inverse_below) } else { (powers.above, powers.inverse_above) };
    (exp_m1(p * log) * inverse).copysign(v)
}

fn inverse_yeo_johnson(z: f64, lambda: f64) -> f64 {
    let p = if z < 0.0 { 2.0 - lambda } else { lambda };
    let log = match p * z.abs() {
        _ if p == 0.0 => z.abs(),
        t if t <= -1.0 => f64::INFINITY,
        t => libm::log1p(t) / p,
    };
    libm::expm1(log).copysign(z)
}

with_vectors! {
    fn scale_all[T: Copy + Into<f64>](s: &Scaling, values: &[T], scaled: &mut [f32]) = scale_generic[T,]
}

/// The loops, compiled for each set of instructions; none of them is used for fused multiplication, so that the pixels
/// are the same everywhere.
#[inline(always)]
fn scale_generic<T: Copy + Into<f64>, const FMA: bool>(s: &Scaling, values: &[T], scaled: &mut [f32]) {
    let (scale, offset, gain, powers) = (s.scale, s.offset, s.gain, s.powers());
    let pixels = values.iter().map(|x| (*x).into()).zip(scaled);
    match s.kind {
        ScalingKind::None => pixels.for_each(|(x, y)| *y = x as f32),
        ScalingKind::Log => pixels.for_each(|(x, y)| *y = ((ln_1p(x / scale) - offset) / gain) as f32),
        ScalingKind::Asinh => pixels.for_each(|(x, y)| *y = ((asinh(x / scale) - offset) / gain) as f32),
        ScalingKind::YeoJohnson => {
            pixels.for_each(|(x, y)| *y = ((yeo_johnson(x / scale, &powers) - offset) / gain) as f32);
        }
    }
}

/// See [`Scaling::fit`]; none where all is 0. `sorted` ascends.
fn robust_scale(sorted: &[f64], signed: bool) -> Option<f64> {
    if sorted.is_empty() {
        return None;
    }
    if signed {
        let centre = median(sorted);
        let mut deviations: Vec<f64> = sorted.iter().map(|x| (x - centre).abs()).collect();
        deviations.sort_unstable_by(f64::total_cmp);
        let deviation = 1.4826 * median(&deviations);
        if deviation > 0.0 {
            return Some(deviation);
        }
    }
    let mut sizes: Vec<f64> = sorted.iter().map(|x| x.abs()).filter(|x| *x > 0.0).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    (!sizes.is_empty()).then(|| median(&sizes))
}

fn median(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    if n % 2 == 1 { sorted[n / 2] } else { 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]) }
}

/// In two passes and one order.
fn mean_and_variance(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    (mean, values.map(|x| (x - mean).powi(2)).sum::<f64>() / n)
}

/// Where lambda is looked for.
const LAMBDAS: [f64; 2] = [-2.0, 4.0];

/// Lambda of the greatest likelihood of `v` by golden section, to 1e-8.
///
/// Log-likelihood (Yeo & Johnson 2000, section 3): -n/2 ln var(f) + (lambda - 1) sum sign(v) ln(1 + |v|).
fn likeliest_lambda(v: &[f64], watch: &Watch) -> Result<f64> {
    let n = v.len() as f64;
    let slope: f64 = v.iter().map(|v| ln_1p(v.abs()).copysign(*v)).sum();
    let likelihood = |lambda: f64| -> Result<f64> {
        watch.check()?;
        let powers = Scaling { lambda, ..Scaling::NONE }.powers();
        let (_, variance) = mean_and_variance(v.iter().map(|v| yeo_johnson(*v, &powers)));
        let value = -0.5 * n * variance.ln() + (lambda - 1.0) * slope;
        // overflow is infinitely unlikely
        Ok(if value.is_nan() { f64::NEG_INFINITY } else { value })
    };
    let [mut low, mut high] = LAMBDAS;
    let ratio = 0.5 * (5f64.sqrt() - 1.0);
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_a, mut at_b) = (likelihood(a)?, likelihood(b)?);
    while high - low > 1e-8 {
        if at_a >= at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - ratio * (high - low);
            at_a = likelihood(a)?;
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + ratio * (high - low);
            at_b = likelihood(b)?;
        }
    }
    Ok(0.5 * (low + high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::normal_pair;

    fn noise(n: u32, sigma: f64) -> Vec<f64> {
        (0..n).flat_map(|i| normal_pair([i, 0, 0, 0], 11)).map(|x| x * sigma).collect()
    }

    /// Many decades, most of it zero: a column density.
    fn column(n: u32) -> Vec<f64> {
        let values = (0..n).flat_map(|i| normal_pair([i, 1, 0, 0], 12));
        values.map(|x| if x < 0.3 { 0.0 } else { 1e19 * (2.0 * x).exp() }).collect()
    }

    fn fit(kind: ScalingKind, values: &[f64], signed: bool) -> Result<Scaling> {
        Scaling::fit(kind, values, signed, &Watch::silent())
    }

    #[test]
    fn words_and_attributes_are_read_back() {
        for kind in ScalingKind::ALL {
            assert_eq!(ScalingKind::parse(kind.word()).unwrap(), kind);
            let scaling = Scaling { kind, scale: 1.0 / 3.0, offset: -0.1, gain: 2e-7, lambda: -0.3 };
            let attributes = scaling.attributes();
            let names: Vec<_> = attributes.iter().map(|(name, _)| *name).collect();
            assert_eq!(names[0], "scaling");
            assert_eq!(names[1..], ["scaling_scale", "scaling_offset", "scaling_gain", "scaling_lambda"]);
            let get = |name: &str| attributes.iter().find(|(n, _)| *n == name).map(|(_, a)| a.clone());
            assert_eq!(Scaling::from_attributes(get).unwrap(), scaling);
            for (wrong, value, says) in [
                ("scaling_gain", Some(Attribute::Number(0.0)), "a number above 0"),
                ("scaling_scale", Some(Attribute::Number(f64::NAN)), "NaN"),
                ("scaling_lambda", None, "no such attribute"),
                ("scaling_offset", Some(Attribute::Text("x".into())), "\"x\""),
                ("scaling", Some(Attribute::Number(1.0)), "a text"),
                ("scaling", Some(Attribute::Text("sqrt".into())), "yeo-johnson"),
            ] {
                let get = |name: &str| if name == wrong { value.clone() } else { get(name) };
                let error = Scaling::from_attributes(get).unwrap_err().to_string();
                assert!(error.contains(says) && error.contains(wrong), "{error}");
            }
        }
    }

    #[test]
    fn none_keeps_every_bit() {
        let values = [0.0f32, -0.0, 1.0e-45, -3.4e38, 1.234_567_9, f32::MIN_POSITIVE];
        let (mut scaled, mut back) = ([0.0; 6], [0.0; 6]);
        let scaling = fit(ScalingKind::None, &values.map(f64::from), true).unwrap();
        assert_eq!(scaling, Scaling::NONE);
        scaling.apply_to(&values, &mut scaled).unwrap();
        scaling.invert_to(&scaled, &mut back);
        assert_eq!(values.map(f32::to_bits), scaled.map(f32::to_bits));
        assert_eq!(values.map(f32::to_bits), back.map(f32::to_bits));
    }

    #[test]
    fn training_values_get_mean_0_and_deviation_1() {
        for (kind, values, signed) in [
            (ScalingKind::Log, column(5000), false),
            (ScalingKind::Asinh, column(5000), false),
            (ScalingKind::YeoJohnson, column(5000), false),
            (ScalingKind::Asinh, noise(5000, 3e-6), true),
            (ScalingKind::YeoJohnson, noise(5000, 3e-6), true),
        ] {
            let scaling = fit(kind, &values, signed).unwrap();
            let mut scaled = vec![0.0; values.len()];
            scaling.apply_to(&values, &mut scaled).unwrap();
            let (mean, variance) = mean_and_variance(scaled.iter().map(|y| f64::from(*y)));
            // offset and gain have 24 bits
            assert!(mean.abs() < 2e-7 && (variance - 1.0).abs() < 4e-7, "{scaling:?}: {mean:e} {variance}");
            let mut other = values.clone();
            other.reverse();
            other.rotate_left(1234);
            assert_eq!(fit(kind, &other, signed).unwrap(), scaling);
        }
    }

    #[test]
    fn the_scale_is_that_of_the_noise_or_of_what_is_not_empty() {
        let mut image = noise(20_000, 3e-6);
        // sources a thousand times the noise in 5 % of the pixels
        image.iter_mut().step_by(20).for_each(|x| *x += 3e-3);
        let scale = fit(ScalingKind::Asinh, &image, true).unwrap().scale;
        assert!((scale / 3e-6 - 1.0).abs() < 0.08, "{scale:e}");
        let values = column(5000);
        let mut filled: Vec<f64> = values.iter().copied().filter(|x| *x > 0.0).collect();
        filled.sort_unstable_by(f64::total_cmp);
        assert!(filled.len() < values.len() / 2);
        for kind in [ScalingKind::Log, ScalingKind::Asinh, ScalingKind::YeoJohnson] {
            assert_eq!(fit(kind, &values, false).unwrap().scale, median(&filled));
        }
        // a signed field that is mostly 0, as a magnetic field
        let sparse: Vec<f64> = (0..900).map(|i| if i % 3 == 0 { f64::from(i - 450) } else { 0.0 }).collect();
        let scale = fit(ScalingKind::Asinh, &sparse, true).unwrap().scale;
        assert!((scale - 225.0).abs() < 3.0, "{scale}");
    }

    /// What float32 can hold of y, half a unit of its last place, times dx/dy; and half a unit of x.
    #[test]
    fn values_are_got_back_as_well_as_float32_allows() {
        let decades: Vec<f64> = (0..2400).map(|i| 10f64.powf(f64::from(i) * 0.01 - 12.0)).collect();
        let both: Vec<f64> = decades.iter().flat_map(|x| [*x, -*x]).chain([0.0]).collect();
        for (kind, values, signed, lambda) in [
            (ScalingKind::Log, &decades, false, None),
            (ScalingKind::Asinh, &both, true, None),
            (ScalingKind::YeoJohnson, &both, true, None),
            (ScalingKind::YeoJohnson, &both, true, Some(0.0)),
            (ScalingKind::YeoJohnson, &both, true, Some(2.0)),
            (ScalingKind::YeoJohnson, &both, true, Some(0.4)),
        ] {
            let mut s = fit(kind, values, signed).unwrap();
            if let Some(lambda) = lambda {
                s = Scaling { lambda, offset: 0.5, gain: 1.0, ..s };
            }
            for x in values.iter().map(|x| f64::from(*x as f32)) {
                let (mut y, mut back) = ([0.0], [0.0]);
                s.apply_to(&[x], &mut y).unwrap();
                s.invert_to(&y, &mut back);
                let v = x / s.scale;
                let slope = match kind {
                    ScalingKind::Log => 1.0 + v,
                    ScalingKind::Asinh => v.hypot(1.0),
                    _ if v < 0.0 => (1.0 - v).powf(s.lambda - 1.0),
                    _ => (1.0 + v).powf(1.0 - s.lambda),
                };
                let half = 2f64.powi(-24);
                let dx = f64::from(y[0].abs()) * half * s.gain * slope * s.scale;
                let error = (f64::from(back[0]) - x).abs();
                assert!(error <= 1.01 * (dx + half * x.abs()) + 1e-300, "{s:?}: {x:e} -> {} -> {:e}", y[0], back[0]);
                // the same in double precision: rounding of f, magnified by dx/df; a power's exponent is rounded, too
                let exact = (s.invert(s.apply(x)) - x).abs();
                let power = if v < 0.0 { 2.0 - s.lambda } else { s.lambda };
                let exponent = if kind == ScalingKind::YeoJohnson { power.abs() * v.abs().ln_1p() } else { 0.0 };
                let f = ((s.apply(x) * s.gain).abs() + s.offset.abs()) * (1.0 + exponent);
                assert!(exact <= 1e-15 * ((f + 1.0) * slope * s.scale + x.abs()), "{s:?}: {x:e} {exact:e}");
            }
        }
    }

    #[test]
    fn fitted_on_real_shapes_the_error_is_small_and_zeros_are_exact() {
        for (kind, values, signed) in [
            (ScalingKind::Log, column(5000), false),
            (ScalingKind::Asinh, column(5000), false),
            (ScalingKind::Asinh, noise(5000, 3e-6), true),
            (ScalingKind::YeoJohnson, noise(5000, 3e-6), true),
        ] {
            let s = fit(kind, &values, signed).unwrap();
            let error = s.round_trip_error(&values);
            assert!(error < 6e-7, "{s:?}: {error:e}");
            let (mut y, mut back) = ([0.0], [1.0]);
            s.apply_to(&[0.0], &mut y).unwrap();
            s.invert_to(&y, &mut back);
            assert_eq!((back[0], f64::from(y[0])), (0.0, s.apply(0.0)), "{s:?}");
        }
    }

    #[test]
    fn loops_equal_single_values_and_the_library() {
        let values: Vec<f64> = noise(500, 4.0).into_iter().map(f64::sinh).chain([0.0, -0.0]).collect();
        let naive = |s: &Scaling, x: f64| {
            let v = x / s.scale;
            let power = |v: f64, p: f64| if p == 0.0 { v.ln_1p() } else { ((1.0 + v).powf(p) - 1.0) / p };
            let f = match s.kind {
                ScalingKind::None => return x,
                ScalingKind::Log => v.ln_1p(),
                ScalingKind::Asinh => v.asinh(),
                ScalingKind::YeoJohnson if v < 0.0 => -power(-v, 2.0 - s.lambda),
                ScalingKind::YeoJohnson => power(v, s.lambda),
            };
            (f - s.offset) / s.gain
        };
        for kind in ScalingKind::ALL {
            for lambda in [-0.7, 0.0, 0.3, 1.0, 2.0, 2.4] {
                let s = Scaling { kind, scale: 0.7, offset: 0.3, gain: 1.9, lambda };
                let log = kind == ScalingKind::Log;
                let values: Vec<f64> = values.iter().map(|x| if log { x.abs() } else { *x }).collect();
                let mut scaled = vec![0.0; values.len()];
                s.apply_to(&values, &mut scaled).unwrap();
                for (x, y) in values.iter().zip(&scaled) {
                    assert_eq!(y.to_bits(), (s.apply(*x) as f32).to_bits());
                    let other = naive(&s, *x);
                    assert!((s.apply(*x) - other).abs() < 1e-13 * (1.0 + other.abs()), "{s:?}: {x} {y} {other}");
                }
                let single: Vec<f32> = values.iter().map(|x| *x as f32).collect();
                let mut of_single = scaled.clone();
                s.apply_to(&single, &mut of_single).unwrap();
                assert!(of_single.iter().zip(&single).all(|(y, x)| *y == s.apply(f64::from(*x)) as f32));
            }
        }
    }

    /// ```python
    /// import numpy as np, scipy.stats as st                                            # scipy 1.17.1
    /// from sklearn.preprocessing import PowerTransformer
    /// i = np.arange(500)
    /// def data(a, b, c): return a * np.sinh(b * np.sin(0.7 * i)) + c * np.cos(1.3 * i * i)
    /// for x in [data(1, 2, .5), data(.3, 3, .1) ** 2, 5 + data(.1, 1, .1), -data(.5, 2, .2) ** 2 - 1]:
    ///     p = PowerTransformer(method="yeo-johnson", standardize=True).fit(x[:, None])
    ///     print(st.yeojohnson_normmax(x), p.lambdas_[0], p.transform(x[:, None])[:3, 0])
    /// ```
    #[test]
    fn lambda_equals_that_of_scipy_and_scikit_learn() {
        let data = |a: f64, b: f64, c: f64| -> Vec<f64> {
            let value = |i: i32| {
                let i = f64::from(i);
                a * (b * (0.7 * i).sin()).sinh() + c * (1.3 * i * i).cos()
            };
            (0..500).map(value).collect()
        };
        let squared = |values: Vec<f64>, a: f64, b: f64| -> Vec<f64> { values.iter().map(|x| a * x * x + b).collect() };
        let cases = [
            (data(1.0, 2.0, 0.5), 1.000162169136509, [0.2006543795857809, 0.7725475251355693, 1.621523913888545]),
            (
                squared(data(0.3, 3.0, 0.1), 1.0, 0.0),
                -0.20240494581783525,
                [-1.2716561136478965, -0.2829779001977573, 1.3766568694541648],
            ),
            (
                data(0.1, 1.0, 0.1).iter().map(|x| 5.0 + x).collect(),
                1.2680918770650855,
                [0.8944138197509277, 0.8536521870296668, 1.4872166671886398],
            ),
            (
                squared(data(0.5, 2.0, 0.2), -1.0, -1.0),
                2.6502337968388967,
                [1.2609871565277926, 0.18905447353608798, -1.4682461407759828],
            ),
        ];
        for (values, expected, transformed) in cases {
            let lambda = likeliest_lambda(&values, &Watch::silent()).unwrap();
            // a maximum is known to the root of the precision of its value
            assert!((lambda - expected).abs() < 3e-6, "{lambda} {expected}");
            let bare = Scaling { kind: ScalingKind::YeoJohnson, lambda, ..Scaling::NONE };
            let (mean, variance) = mean_and_variance(values.iter().map(|x| bare.apply(*x)));
            for (x, y) in values.iter().zip(transformed) {
                let ours = (bare.apply(*x) - mean) / variance.sqrt();
                assert!((ours - y).abs() < 2e-6, "{x}: {ours} {y}");
            }
            // the whole fit finds the lambda of what it divides by its scale
            let s = fit(ScalingKind::YeoJohnson, &values, true).unwrap();
            let v: Vec<f64> = values.iter().map(|x| x / s.scale).collect();
            assert!((s.lambda - likeliest_lambda(&v, &Watch::silent()).unwrap()).abs() < 3e-6);
        }
    }

    #[test]
    fn what_cannot_be_fitted_or_scaled_is_refused() {
        let says = |result: Result<Scaling>, words: &str| {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        says(fit(ScalingKind::Log, &[1.0, 2.0], true), "signed image");
        says(fit(ScalingKind::Log, &[1.0, -2.0], false), "-2");
        for kind in ScalingKind::ALL {
            says(fit(kind, &[1.0, f64::NAN], false), "NaN as value 1");
        }
        for (values, words) in [(vec![], "no value at all"), (vec![0.0; 9], "9 values of 0"), (vec![2.5; 3], "of 2.5")]
        {
            for kind in [ScalingKind::Asinh, ScalingKind::Log, ScalingKind::YeoJohnson] {
                says(fit(kind, &values, false), words);
            }
            says(fit(ScalingKind::Asinh, &values, true), words);
        }
        let stopped = Watch::stopped_by(std::sync::Arc::new(true.into()));
        let stop = Scaling::fit(ScalingKind::YeoJohnson, &[1.0, 2.0], false, &stopped).unwrap_err();
        assert!(stop.is_interrupt());
        let log = fit(ScalingKind::Log, &[0.0, 1.0, 2.0], false).unwrap();
        for (scaling, pixels, words) in [
            (log, [0.0, -5.0, 1.0], "-5 in pixel 1"),
            (Scaling::NONE, [0.0, 1.0, f64::NAN], "NaN in pixel 2"),
            (Scaling::NONE, [1e200, 1.0, 0.0], "in pixel 0"),
        ] {
            let error = scaling.apply_to(&pixels, &mut [0.0; 3]).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn bounded_transformations_invert_to_infinity() {
        let s = Scaling { kind: ScalingKind::YeoJohnson, lambda: -0.5, ..Scaling::NONE };
        assert!((s.invert(1.9) - 399.0).abs() < 1e-9);
        assert_eq!(s.invert(2.1), f64::INFINITY);
        let s = Scaling { lambda: 2.5, ..s };
        assert_eq!(s.invert(-2.1), f64::NEG_INFINITY);
    }
}
