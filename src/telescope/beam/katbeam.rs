use super::katbeam_tables::{L, UHF};
use super::models::cosine_taper;
use crate::error::{Error, Result};
use crate::units::DEG_RAD;

/// A receiver of MeerKAT of which katbeam has the beams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KatBand {
    /// 900 to 1650 MHz: MKAT-AA-L-JIM-2020.
    L,
    /// 550 to 1050 MHz: MKAT-AA-UHF-JIM-2020.
    Uhf,
}

/// One feed's beam at one frequency: the cosine taper in an ellipse beside the axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ellipse {
    /// Place of the peak (x, y), deg.
    pub squint_deg: [f64; 2],
    /// FWHM of the power along x and y, deg.
    pub fwhm_deg: [f64; 2],
}

impl Ellipse {
    /// Voltage at (x, y), deg: cos(pi r)/(1 - 4 r^2) with r = 1.18896478 times the distance in FWHMs.
    pub fn voltage(&self, at_deg: [f64; 2]) -> f64 {
        let away = [0, 1].map(|k| (at_deg[k] - self.squint_deg[k]) / self.fwhm_deg[k]);
        cosine_taper(away[0].hypot(away[1]))
    }
}

impl KatBand {
    fn table(self) -> &'static [[f64; 9]] {
        match self {
            KatBand::L => &L,
            KatBand::Uhf => &UHF,
        }
    }

    /// katbeam's name of the model.
    pub fn name(self) -> &'static str {
        match self {
            KatBand::L => "MKAT-AA-L-JIM-2020",
            KatBand::Uhf => "MKAT-AA-UHF-JIM-2020",
        }
    }

    fn range_mhz(self) -> [f64; 2] {
        let table = self.table();
        [table[0][0], table[table.len() - 1][0]]
    }

    /// # Errors
    /// A frequency beyond the table.
    pub(super) fn check(self, freq_hz: f64) -> Result<()> {
        let within = |band: KatBand| {
            let [low, high] = band.range_mhz();
            (1e6 * low..=1e6 * high).contains(&freq_hz)
        };
        if within(self) {
            return Ok(());
        }
        let [low, high] = self.range_mhz();
        let error = Error::input(format!("katbeam's {} does not reach this frequency", self.name()))
            .found(format!("{:.6} MHz", freq_hz / 1e6))
            .expected(format!("{low} to {high} MHz"))
            .place("telescope.beam_band");
        Err(match (within(KatBand::L), within(KatBand::Uhf)) {
            (true, _) => error.hint("telescope.beam_band = \"L\" has it"),
            (_, true) => error.hint("telescope.beam_band = \"UHF\" has it"),
            _ => error.hint("the beams \"cosine\" and \"gaussian\" have all frequencies"),
        })
    }

    /// Beams of H and V, linear between the table's frequencies; those of its ends beyond, which [`KatBand::check`] refuses.
    pub fn feeds(self, freq_hz: f64) -> [Ellipse; 2] {
        let (table, mhz) = (self.table(), freq_hz / 1e6);
        let above = table.iter().position(|row| row[0] >= mhz).unwrap_or(table.len() - 1).max(1);
        let (low, high) = (&table[above - 1], &table[above]);
        let part = ((mhz - low[0]) / (high[0] - low[0])).clamp(0.0, 1.0);
        let deg = |column: usize| (low[column] + part * (high[column] - low[column])) / 60.0;
        [0, 2].map(|feed| Ellipse {
            squint_deg: [deg(1 + feed), deg(2 + feed)],
            fwhm_deg: [deg(5 + feed), deg(6 + feed)],
        })
    }
}

/// katbeam's (x, y) of a direction: degrees from the pointing, y towards the zenith and x to the right of it as one looks at the
/// sky, as azimuth grows.
///
/// katbeam does not say towards which side x grows; the horizontal axis of an antenna seen from behind is taken.
pub(super) fn on_axes_deg([l, m]: [f64; 2]) -> [f64; 2] {
    let sin = l.hypot(m);
    let scale = if sin > 0.0 { sin.min(1.0).asin() / sin / DEG_RAD } else { 1.0 / DEG_RAD };
    [-l * scale, m * scale]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scripts/meerkat_beams.py --reference`: katbeam 0.1's own HH and VV.
    #[test]
    fn voltages_are_katbeams() {
        let cases = [
            (KatBand::L, [0.0, 0.0], 1000.0e6, [0.9999929438457003, 0.9999772551147478]),
            (KatBand::L, [0.3, -0.2], 900.0e6, [0.9352293674364565, 0.9349450275034882]),
            (KatBand::L, [-0.5, 0.4], 1033.0e6, [0.7592715752735404, 0.7541803599649858]),
            (KatBand::L, [1.1, 0.6], 987.5e6, [0.3355399004935368, 0.32293178154459923]),
            (KatBand::L, [-0.02, 2.0], 1050.0e6, [-0.052675926004620136, -0.04411050970689138]),
            (KatBand::Uhf, [0.0, 0.0], 1000.0e6, [0.9998265220576587, 0.9999610785979152]),
            (KatBand::Uhf, [0.3, -0.2], 900.0e6, [0.928730304622803, 0.933512856294386]),
            (KatBand::Uhf, [-0.5, 0.4], 1033.0e6, [0.7587965155688181, 0.7545985217132835]),
            (KatBand::Uhf, [1.1, 0.6], 987.5e6, [0.31040703051343677, 0.3122623347591416]),
            (KatBand::Uhf, [-0.02, 2.0], 1050.0e6, [-0.05236170812443968, -0.04084713977652618]),
        ];
        for (band, at_deg, freq_hz, want) in cases {
            for (feed, want) in band.feeds(freq_hz).iter().zip(want) {
                let got = feed.voltage(at_deg);
                assert!((got - want).abs() < 1e-12, "{band:?} {at_deg:?} {freq_hz}: {got} {want}");
            }
        }
    }

    #[test]
    fn frequencies_beyond_a_table_are_refused_with_its_range() {
        for (band, freq_hz, words) in [
            (KatBand::L, 899e6, ["900 to 1650 MHz", "\"UHF\""]),
            (KatBand::Uhf, 1051e6, ["550 to 1050 MHz", "\"L\""]),
            (KatBand::L, 1.7e9, ["1700.000000 MHz", "\"cosine\""]),
        ] {
            let message = band.check(freq_hz).unwrap_err().to_string();
            assert!(words.iter().all(|w| message.contains(w)), "{message}");
        }
        assert!(KatBand::L.check(900e6).is_ok() && KatBand::Uhf.check(1050e6).is_ok());
    }

    #[test]
    fn axes_are_angles() {
        let [x, y] = on_axes_deg([(3.0 * DEG_RAD).sin(), 0.0]);
        assert!((x + 3.0).abs() < 1e-13 && y == 0.0);
        assert_eq!(on_axes_deg([0.0, 0.0]), [0.0, 0.0]);
    }
}
