//! What the table of samples says of each: one column a value.

/// A value of the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Real(f64),
    Flag(bool),
}

/// A column of the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    pub name: String,
    pub unit: &'static str,
    pub description: &'static str,
    pub value: Value,
}

/// Which sample it is, and how it was turned.
#[derive(Debug, Clone, Default)]
pub(super) struct Identity {
    pub id: String,
    pub galaxy: String,
    pub group: String,
    pub split: String,
    pub view: String,
    pub instrument: String,
    pub realisation: usize,
    pub noise_seed: Option<u64>,
}

/// What an observer made of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Whether it is the line averaged over the band.
    pub band: bool,
    pub freq_hz: f64,
    /// Of the band or of a channel.
    pub width_hz: f64,
    pub beam_deg: [f64; 3],
    pub noise_jy: f64,
    pub peak_jy: f64,
    pub bound: Option<f64>,
    pub route: String,
    pub route_reason: String,
}

/// One line of the table. What is not known of a sample that failed is NaN, 0 or empty.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub identity: Identity,
    /// Why there is no sample.
    pub failure: Option<String>,
    pub euler_deg: [f64; 3],
    pub snapshot_redshift: f64,
    pub hi_mass_msun: f64,
    pub hi_mass_field_msun: f64,
    /// Of the image, the mean over the band.
    pub flux_jy: f64,
    pub redshift: f64,
    pub distance_mpc: f64,
    pub ra_deg: f64,
    pub dec_deg: f64,
    pub cell_deg: f64,
    /// Share of the line in the band, and Jy/pixel over mK, of 2-D pairs.
    pub pair: Option<[f64; 2]>,
    /// Share of the line in the channels, of cubes.
    pub channels_share: Option<f64>,
    /// By the observers of the band and of cubes, as far as there are any.
    pub seen: Vec<Seen>,
}

impl Row {
    /// All columns; the names depend on how many observers there are, not on the sample.
    pub(super) fn columns(&self) -> Vec<Column> {
        let mut columns = Vec::new();
        let mut add = |name: &str, unit: &'static str, description: &'static str, value: Value| {
            columns.push(Column { name: name.into(), unit, description, value });
        };
        let identity = &self.identity;
        let text = |text: &str| Value::Text(text.to_string());
        add("id", "", "name of the sample", text(&identity.id));
        add("galaxy", "", "name of the galaxy at one time", text(&identity.galaxy));
        add("group", "", "the galaxy and its progenitors: never in two splits", text(&identity.group));
        add("split", "", "train, validation or test", text(&identity.split));
        add("ok", "", "whether there is a sample: else its pixels are 0", Value::Flag(self.failure.is_none()));
        add("reason", "", "why there is none", text(self.failure.as_deref().unwrap_or("")));
        add("view", "", "orientation", text(&identity.view));
        for (name, angle) in ["euler_a_deg", "euler_b_deg", "euler_g_deg"].into_iter().zip(self.euler_deg) {
            add(name, "deg", "Euler angle of the orientation, as sky.euler takes it", Value::Real(angle));
        }
        add("instrument", "", "name of the instrument", text(&identity.instrument));
        add("realisation", "", "number of the noise realisation", Value::Integer(identity.realisation as i64));
        let seed = identity.noise_seed.map_or(-1, |seed| seed as i64);
        add("noise_seed", "", "seed of the noise; -1 without", Value::Integer(seed));
        let reals = [
            ("snapshot_redshift", "", "redshift of the simulation's snapshot", self.snapshot_redshift),
            ("hi_mass_msun", "solMass", "HI mass of the galaxy", self.hi_mass_msun),
            ("hi_mass_field_msun", "solMass", "HI mass within the image", self.hi_mass_field_msun),
            ("flux_jy", "Jy", "flux density of the image, averaged over the band", self.flux_jy),
            ("redshift", "", "redshift that it is observed at", self.redshift),
            ("distance_mpc", "Mpc", "luminosity distance", self.distance_mpc),
            ("ra_deg", "deg", "right ascension of the reference pixel (nx/2, ny/2), counted from 0", self.ra_deg),
            ("dec_deg", "deg", "declination of the reference pixel", self.dec_deg),
            ("cell_deg", "deg", "pixel size", self.cell_deg),
        ];
        reals.into_iter().for_each(|(name, unit, words, value)| add(name, unit, words, Value::Real(value)));
        if let Some([share, factor]) = self.pair {
            add("band_share", "", "share of the line's flux within the band", Value::Real(share));
            add("jy_per_pixel_per_mk", "Jy/(pixel mK)", "flux over tb at the reference pixel", Value::Real(factor));
        }
        if let Some(share) = self.channels_share {
            let name = if self.pair.is_some() { "band_share_cube" } else { "band_share" };
            add(name, "", "share of the line's flux within the channels", Value::Real(share));
        }
        for (number, seen) in self.seen.iter().enumerate() {
            // the first observer has the plain names, whatever it observes
            let suffix = if number == 0 { "" } else { "_cube" };
            let mut add = |name: &str, unit: &'static str, description: &'static str, value: Value| {
                add(&format!("{name}{suffix}"), unit, description, value);
            };
            let [major, minor, angle] = seen.beam_deg;
            let (width, words) = if seen.band {
                ("bandwidth_hz", "width of the band")
            } else {
                ("channel_width_hz", "width of a channel")
            };
            add(width, "Hz", words, Value::Real(seen.width_hz));
            let reals = [
                ("freq_hz", "Hz", "centre of the band, or of all channels", seen.freq_hz),
                ("bmaj_deg", "deg", "major axis of the fitted beam (FWHM), of cubes of the middle channel", major),
                ("bmin_deg", "deg", "minor axis of the fitted beam (FWHM)", minor),
                ("bpa_deg", "deg", "position angle of the beam, north through east", angle),
                (
                    "noise_jy",
                    "Jy/beam",
                    "rms of the thermal noise expected, of cubes in the middle channel",
                    seen.noise_jy,
                ),
                ("peak_jy", "Jy/beam", "largest value without noise", seen.peak_jy),
                (
                    "bound",
                    "",
                    "bound of the signal's error over its peak; NaN by visibilities",
                    seen.bound.unwrap_or(f64::NAN),
                ),
            ];
            reals.into_iter().for_each(|(name, unit, words, value)| add(name, unit, words, Value::Real(value)));
            add("route", "", "psf or visibilities", text(&seen.route));
            add("route_reason", "", "why not psf, where there was a choice", text(&seen.route_reason));
        }
        columns
    }
}
