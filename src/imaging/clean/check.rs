//! What CLEAN refuses.

use super::CleanOptions;
use crate::error::{Error, Result};
use ndarray::{Array2, ArrayView2};

/// How far a PSF's peak may be from 1: gridding at a coarse epsilon.
const PEAK_TOLERANCE: f64 = 0.05;

/// Refuses options outside their ranges.
pub(super) fn check_options(options: &CleanOptions) -> Result<()> {
    let share = |name: &str, value: f64| {
        if value > 0.0 && value <= 1.0 {
            return Ok(());
        }
        Err(Error::input(format!("{name} of CLEAN out of range")).found(value).expected("more than 0, at most 1"))
    };
    share("gain", options.gain)?;
    share("major-cycle gain", options.major_gain)?;
    share("scale bias", options.scale_bias)?;
    let limits = [
        ("threshold", options.threshold_jy),
        ("automatic threshold", options.auto_threshold_sigma),
        ("automatic mask", options.auto_mask_sigma),
    ];
    for (name, value) in limits {
        if value.is_some_and(|v| !(v.is_finite() && v >= 0.0)) {
            return Err(Error::input(format!("{name} of CLEAN is not a usable number"))
                .found(value.unwrap_or_default())
                .expected("a finite number, at least 0"));
        }
    }
    if let (Some(mask), Some(threshold)) = (options.auto_mask_sigma, options.auto_threshold_sigma)
        && mask < threshold
    {
        return Err(Error::input("the automatic mask of CLEAN lies below the automatic threshold")
            .found(format!("{mask} and {threshold} sigma"))
            .expected("a mask at the threshold or above, such as 5 and 1"));
    }
    if options.max_major_cycles == 0 {
        return Err(Error::input("CLEAN needs at least one major cycle").found(0));
    }
    Ok(())
}

/// Refuses images, a PSF or a mask that do not fit together or are not finite.
pub(super) fn check_images(dirty: ArrayView2<f64>, psf: ArrayView2<f64>, mask: Option<&Array2<bool>>) -> Result<()> {
    if dirty.is_empty() {
        return Err(Error::input("the image to clean has no pixels").found(format!("{:?}", dirty.dim())));
    }
    for (name, image) in [("dirty image", &dirty), ("PSF", &psf)] {
        if let Some((at, value)) = image.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(Error::input(format!("a pixel of the {name} is not a finite number"))
                .found(value)
                .place(format!("pixel (y, x) = {at:?}")));
        }
    }
    let centre = (psf.nrows() / 2, psf.ncols() / 2);
    let peak = psf.get(centre).copied().unwrap_or(0.0);
    let largest = psf.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    if (peak - 1.0).abs() > PEAK_TOLERANCE || largest > peak * (1.0 + PEAK_TOLERANCE) {
        return Err(Error::input("the PSF has no peak of 1 in the middle of its image")
            .found(format!("{peak} at pixel (y, x) = {centre:?}, {largest} at most"))
            .hint("an all-zero PSF means that no visibility of the channel has weight"));
    }
    if let Some(mask) = mask {
        if mask.dim() != dirty.dim() {
            return Err(Error::input("the CLEAN mask does not have the shape of the image")
                .found(format!("{:?}", mask.dim()))
                .expected(format!("{:?} (rows, columns)", dirty.dim())));
        }
        if !mask.iter().any(|m| *m) {
            return Err(Error::input("the CLEAN mask allows no pixel").hint("set pixels to clean to true (not 0)"));
        }
    }
    Ok(())
}

/// Refuses scales that are no sizes, come twice, or do not fit into an image of this shape.
pub(super) fn check_scales(pixels: &[f64], shape: (usize, usize)) -> Result<()> {
    let most = shape.0.min(shape.1) as f64;
    for (i, a) in pixels.iter().enumerate() {
        if !(a.is_finite() && *a >= 0.0) {
            return Err(Error::input("a scale of CLEAN is not a size").found(a).expected("pixels, 0 for points"));
        }
        if *a >= most {
            return Err(Error::input("a scale of CLEAN is larger than the image")
                .found(format!("{a} pixels"))
                .expected(format!("less than {most}"))
                .hint("leave it out, or image a larger field"));
        }
        if pixels[..i].contains(a) {
            return Err(Error::input("a scale of CLEAN is given twice").found(a));
        }
    }
    Ok(())
}
