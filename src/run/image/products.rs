//! The files that one run of `image` leaves.

use crate::error::{Error, Result};
use crate::imaging::{Plane, Stokes, correct};
use ndarray::Array2;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// A product of `image`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Dirty image.
    Dirty,
    /// Point spread function.
    Psf,
    /// What CLEAN's model leaves.
    Residual,
    /// CLEAN's model, Jy per pixel.
    Model,
    /// Model seen with the fitted beam plus residual.
    Image,
    /// Effective power beam.
    Beam,
    /// Dirty image over the power beam.
    DirtyPb,
    /// Restored image over the power beam.
    ImagePb,
    /// Dirty or, after CLEAN, restored cube without its continuum.
    Line,
    /// The continuum that was subtracted for it.
    Continuum,
    /// Table of weights, noise and beams, one line a plane.
    Weights,
}

use Product::{Beam, Continuum, Dirty, DirtyPb, Image, ImagePb, Line, Model, Psf, Residual, Weights};

const NAMES: [(Product, &str); 11] = [
    (Dirty, "dirty"),
    (Psf, "psf"),
    (Residual, "residual"),
    (Model, "model"),
    (Image, "image"),
    (Beam, "pb"),
    (DirtyPb, "dirty-pb"),
    (ImagePb, "image-pb"),
    (Line, "line"),
    (Continuum, "continuum"),
    (Weights, "weights"),
];

impl Product {
    /// Reads a list such as "dirty,psf,weights".
    ///
    /// # Errors
    /// Unknown names, none, repetitions.
    pub fn parse_list(text: &str) -> Result<Vec<Product>> {
        let wrong = |word: &str| {
            let names: Vec<&str> = NAMES.iter().map(|n| n.1).collect();
            Error::input("unknown product, or one twice")
                .found(format!("\"{word}\""))
                .expected(format!("a list of {}", names.join(", ")))
                .place("--products")
        };
        let mut list = Vec::new();
        for word in text.split(',').map(str::trim) {
            let product = NAMES.iter().find(|n| n.1 == word).ok_or_else(|| wrong(word))?.0;
            if list.contains(&product) {
                return Err(wrong(word));
            }
            list.push(product);
        }
        Ok(list)
    }

    /// Whether it is there only after CLEAN.
    pub fn needs_clean(self) -> bool {
        matches!(self, Residual | Model | Image | ImagePb)
    }

    /// Whether it is made of all planes together, by subtraction of the continuum in the image.
    pub fn needs_continuum(self) -> bool {
        matches!(self, Line | Continuum)
    }

    /// Whether the thermal noise of the dirty image is a fact of it.
    pub(super) fn has_noise(self) -> bool {
        !matches!(self, Psf | Beam | Continuum)
    }

    /// Whether the sky's visibilities are in it.
    pub(super) fn is_of_visibilities(self) -> bool {
        !matches!(self, Psf | Beam | Weights)
    }

    /// Whether it needs the beams of the stations.
    pub fn needs_beam(self) -> bool {
        matches!(self, Beam | DirtyPb | ImagePb)
    }

    /// PREFIX-dirty.fits; PREFIX-Q-dirty.fits for other requests than Stokes I alone.
    pub(super) fn path(self, prefix: &Path, stokes: Option<Stokes>) -> PathBuf {
        let mut name = prefix.file_name().unwrap_or_default().to_os_string();
        if let Some(stokes) = stokes {
            name.push(format!("-{stokes}"));
        }
        let word = NAMES.iter().find(|n| n.0 == self).map_or("", |n| n.1);
        name.push(format!("-{word}.{}", if self == Weights { "csv" } else { "fits" }));
        prefix.with_file_name(name)
    }

    /// BUNIT.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Model => "Jy/pixel",
            Beam => "",
            _ => "Jy/beam",
        }
    }

    /// Its pixels; zero where a plane has none, and for products that are not made of one plane.
    pub(super) fn pixels(self, plane: &Plane, pb_limit: f64) -> Cow<'_, Array2<f64>> {
        let or_zero = |image: Option<&'_ Array2<f64>>| -> Array2<f64> {
            image.cloned().unwrap_or_else(|| Array2::zeros(plane.dirty.dim()))
        };
        let corrected = |image: Option<&Array2<f64>>| match (image, &plane.power) {
            (Some(image), Some(power)) => correct(image, power, pb_limit),
            _ => or_zero(None),
        };
        match self {
            Dirty => Cow::Borrowed(&plane.dirty),
            Psf => Cow::Borrowed(&plane.psf),
            Residual => Cow::Owned(or_zero(plane.clean.as_ref().map(|c| &c.residual))),
            Model => Cow::Owned(or_zero(plane.clean.as_ref().map(|c| &c.model))),
            Image => Cow::Owned(or_zero(plane.restored.as_ref())),
            Beam => Cow::Owned(or_zero(plane.power.as_ref())),
            DirtyPb => Cow::Owned(corrected(Some(&plane.dirty))),
            ImagePb => Cow::Owned(corrected(plane.restored.as_ref())),
            Line | Continuum | Weights => Cow::Owned(or_zero(None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_names() {
        assert_eq!(Product::parse_list("dirty, psf,image-pb").unwrap(), [Dirty, Psf, ImagePb]);
        for bad in ["", "dirty,", "dirty,dirty", "picture"] {
            assert!(Product::parse_list(bad).unwrap_err().to_string().contains("unknown product"), "{bad}");
        }
        let prefix = Path::new("out/g");
        assert_eq!(Dirty.path(prefix, None), Path::new("out/g-dirty.fits"));
        assert_eq!(ImagePb.path(prefix, Some(Stokes::Q)), Path::new("out/g-Q-image-pb.fits"));
        assert_eq!(Weights.path(prefix, None), Path::new("out/g-weights.csv"));
    }
}
