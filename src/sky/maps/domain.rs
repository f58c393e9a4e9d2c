use crate::error::{Error, Result};

/// One kind of map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Domain {
    /// Column density of atomic hydrogen, cm^-2.
    Hi,
    /// Mass of atomic hydrogen in each pixel, Msun.
    HiMass,
    /// Cosmological brightness temperature, mK, observed frame ([`crate::sky::temperature::TbScale`]).
    Tb,
    /// Brightness temperature of the line integrated over velocity, N_HI/1.822e18, K km/s, rest frame, optically thin.
    TbKinematic,
    /// Surface density of all gas, Msun/kpc^2.
    Gas,
    /// Surface density of stars, Msun/kpc^2.
    Stars,
    /// Surface density of dark matter, Msun/kpc^2.
    DarkMatter,
    /// Mean temperature by gas mass, K.
    Temperature,
    /// Mean metallicity by gas mass over 0.0127.
    Metallicity,
    /// Mean magnetic field strength by gas mass, microgauss.
    B,
    /// Mean magnetic field along the line of sight by free electrons, microgauss, positive towards the observer.
    BLos,
    /// Surface density of the star formation rate, Msun/yr/kpc^2.
    Sfr,
}

impl Domain {
    /// Every domain, in the order of products.
    pub const ALL: [Domain; 12] = [
        Domain::Hi,
        Domain::HiMass,
        Domain::Tb,
        Domain::TbKinematic,
        Domain::Gas,
        Domain::Stars,
        Domain::DarkMatter,
        Domain::Temperature,
        Domain::Metallicity,
        Domain::B,
        Domain::BLos,
        Domain::Sfr,
    ];

    /// Its word on the command line, in file names and data sets.
    pub fn word(self) -> &'static str {
        match self {
            Domain::Hi => "hi",
            Domain::HiMass => "hi-mass",
            Domain::Tb => "tb",
            Domain::TbKinematic => "tb-kinematic",
            Domain::Gas => "gas",
            Domain::Stars => "stars",
            Domain::DarkMatter => "dm",
            Domain::Temperature => "temperature",
            Domain::Metallicity => "metallicity",
            Domain::B => "b",
            Domain::BLos => "b-los",
            Domain::Sfr => "sfr",
        }
    }

    /// The domains of a list of words, "all" or empty: all; in the order of [`Domain::ALL`], each once.
    ///
    /// Error: a word that is none, with all that there are.
    pub fn parse_list(text: &str) -> Result<Vec<Domain>> {
        let words: Vec<&str> = text.split(',').map(str::trim).filter(|w| !w.is_empty()).collect();
        let known: Vec<&str> = Domain::ALL.iter().map(|d| d.word()).collect();
        if let Some(unknown) = words.iter().find(|w| **w != "all" && !known.contains(w)) {
            return Err(Error::input("there is no such domain of maps")
                .found(format!("\"{unknown}\""))
                .expected(format!("all, or some of {}", known.join(", "))));
        }
        let all = words.is_empty() || words.contains(&"all");
        Ok(Domain::ALL.into_iter().filter(|d| all || words.contains(&d.word())).collect())
    }

    /// Unit as the FITS standard writes it; empty for a bare number.
    pub fn unit(self) -> &'static str {
        match self {
            Domain::Hi => "cm-2",
            Domain::HiMass => "solMass",
            Domain::Tb => "mK",
            Domain::TbKinematic => "K km s-1",
            Domain::Gas | Domain::Stars | Domain::DarkMatter => "solMass kpc-2",
            Domain::Temperature => "K",
            Domain::Metallicity => "",
            Domain::B | Domain::BLos => "uG",
            Domain::Sfr => "solMass yr-1 kpc-2",
        }
    }

    /// What a pixel holds, in words.
    pub fn title(self) -> &'static str {
        match self {
            Domain::Hi => "HI column density",
            Domain::HiMass => "HI mass of the pixel",
            Domain::Tb => "cosmological brightness temperature",
            Domain::TbKinematic => "velocity-integrated brightness temperature",
            Domain::Gas => "gas surface density",
            Domain::Stars => "stellar surface density",
            Domain::DarkMatter => "dark matter surface density",
            Domain::Temperature => "gas temperature",
            Domain::Metallicity => "gas metallicity over 0.0127",
            Domain::B => "magnetic field strength",
            Domain::BLos => "magnetic field towards the observer",
            Domain::Sfr => "star formation rate surface density",
        }
    }

    /// What a mean is weighted by; none for sums along the line of sight.
    pub fn weight(self) -> Option<&'static str> {
        match self {
            Domain::Temperature | Domain::Metallicity | Domain::B => Some("gas mass"),
            Domain::BLos => Some("free electrons"),
            _ => None,
        }
    }

    /// Whether values below zero are meant.
    pub fn is_signed(self) -> bool {
        self == Domain::BLos
    }

    /// The frame of a temperature, for TBFRAME.
    pub fn temperature_frame(self) -> Option<crate::sky::temperature::TbFrame> {
        use crate::sky::temperature::TbFrame;
        match self {
            Domain::Tb => Some(TbFrame::Observed),
            Domain::TbKinematic => Some(TbFrame::Rest),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_the_order_of_products() {
        assert_eq!(Domain::parse_list("").unwrap(), Domain::ALL);
        assert_eq!(Domain::parse_list("all").unwrap(), Domain::ALL);
        assert_eq!(Domain::parse_list("gas, hi,gas").unwrap(), [Domain::Hi, Domain::Gas]);
        let error = Domain::parse_list("hi,velocity").unwrap_err().to_string();
        assert!(error.contains("\"velocity\"") && error.contains("hi-mass, tb, tb-kinematic"), "{error}");
    }
}
