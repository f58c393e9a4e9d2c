use crate::error::{Error, Result};
use crate::sky::maps::Domain;

/// What an instrument makes of the sky.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Observed {
    /// What is observed: flux density of the pixels, Jy/pixel.
    Flux,
    /// Dirty image with noise, Jy/beam.
    Dirty,
    /// Dirty image without noise, Jy/beam.
    NoiseFree,
    /// Dirty image with noise over the primary beam, Jy/beam; 0 below its limit.
    Corrected,
    /// CLEAN model and residual, Jy/beam.
    Restored,
    /// Point spread function, peak 1: one of an instrument, the same for all samples.
    Psf,
}

/// Name of the array of an instrument that goes with its `psf`: the same, of twice the image's size.
pub const WIDE_PSF: &str = "psf_wide";

/// One data set of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// A map of the sky, without instrument.
    Map(Domain),
    /// The kinematic cube T_b(v), K, rest frame.
    TbCube,
    /// The line averaged over the whole band, one plane.
    Band(Observed),
    /// A cube of channels.
    Cube(Observed),
}

impl Observed {
    /// All.
    pub const ALL: [Observed; 6] =
        [Observed::Flux, Observed::Dirty, Observed::NoiseFree, Observed::Corrected, Observed::Restored, Observed::Psf];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Observed::Flux => "flux",
            Observed::Dirty => "dirty",
            Observed::NoiseFree => "noise-free",
            Observed::Corrected => "pb-corrected",
            Observed::Restored => "restored",
            Observed::Psf => "psf",
        }
    }

    /// Unit as the FITS standard writes it.
    pub const fn unit(self) -> &'static str {
        match self {
            Observed::Flux => "Jy/pixel",
            Observed::Psf => "",
            _ => "Jy/beam",
        }
    }
}

impl Field {
    /// Every field.
    pub fn all() -> Vec<Field> {
        let maps = Domain::ALL.into_iter().map(Field::Map);
        let band = Observed::ALL.into_iter().map(Field::Band);
        let cube = Observed::ALL.into_iter().map(Field::Cube);
        maps.chain([Field::TbCube]).chain(band).chain(cube).collect()
    }

    /// Its word in configurations and its name in shards: that of a map's domain, `tb-cube`, or as `dirty` and `dirty-cube`.
    pub fn word(self) -> String {
        match self {
            Field::Map(domain) => domain.word().into(),
            Field::TbCube => "tb-cube".into(),
            Field::Band(observed) => observed.word().into(),
            Field::Cube(observed) => format!("{}-cube", observed.word()),
        }
    }

    /// Unit as the FITS standard writes it.
    pub fn unit(self) -> &'static str {
        match self {
            Field::Map(domain) => domain.unit(),
            Field::TbCube => "K",
            Field::Band(observed) | Field::Cube(observed) => observed.unit(),
        }
    }

    /// Whether it is one of an instrument, the same for all samples.
    pub fn is_of_instrument(self) -> bool {
        matches!(self, Field::Band(Observed::Psf) | Field::Cube(Observed::Psf))
    }

    /// Whether it has a plane a channel.
    pub fn is_cube(self) -> bool {
        matches!(self, Field::TbCube | Field::Cube(_))
    }

    /// Whether values below zero are meant, so that a logarithm is refused.
    pub fn is_signed(self) -> bool {
        match self {
            Field::Map(domain) => domain.is_signed(),
            Field::TbCube | Field::Band(Observed::Flux) | Field::Cube(Observed::Flux) => false,
            Field::Band(_) | Field::Cube(_) => true,
        }
    }

    /// The fields of words, in the order given, each once.
    ///
    /// # Errors
    /// A word that is none, with all that there are; one that is there twice; no word.
    pub fn parse_list<S: AsRef<str>>(words: &[S]) -> Result<Vec<Field>> {
        let known = Field::all();
        let mut fields = Vec::new();
        for word in words.iter().map(AsRef::as_ref) {
            let field = known.iter().find(|f| f.word() == word).ok_or_else(|| {
                let words: Vec<String> = known.iter().map(|f| f.word()).collect();
                Error::input("there is no such field of a data set")
                    .found(format!("\"{word}\""))
                    .expected(format!("some of {}", words.join(", ")))
            })?;
            if fields.contains(field) {
                return Err(Error::input("a field of the data set stands twice").found(format!("\"{word}\"")));
            }
            fields.push(*field);
        }
        if fields.is_empty() {
            return Err(Error::input("a data set needs at least one field").expected("as in [\"tb\", \"dirty\"]"));
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        let all = Field::all();
        let words: Vec<String> = all.iter().map(|f| f.word()).collect();
        assert_eq!(Field::parse_list(&words).unwrap(), all);
        assert!(Field::parse_list(&["tb", "tb"]).unwrap_err().to_string().contains("twice"));
        let unknown = Field::parse_list(&["tb", "dirt"]).unwrap_err().to_string();
        assert!(unknown.contains("\"dirt\"") && unknown.contains("pb-corrected-cube"), "{unknown}");
        assert!(Field::parse_list::<&str>(&[]).is_err());
    }
}
