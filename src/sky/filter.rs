//! Which components of a list count.

use super::components::{Component, Spectrum};
use crate::units::RaDec;

/// Ranges of flux density, of distance from the phase centre and of stated frequencies, both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SkyFilter {
    /// Stokes I, Jy.
    pub flux_jy: [f64; 2],
    /// Distance from the phase centre, rad.
    pub radius_rad: [f64; 2],
    /// Frequencies that the list states, Hz: the reference frequency of a spectrum, the centre of one of its lines at least, or
    /// some part of the range of its tabulated fluxes. Sources that state none count whatever the range.
    pub freq_hz: [f64; 2],
    /// Whether the flux density is the one that the list states, at the reference frequency (OSKAR).
    pub of_reference: bool,
}

impl Default for SkyFilter {
    fn default() -> SkyFilter {
        SkyFilter {
            flux_jy: [f64::NEG_INFINITY, f64::INFINITY],
            radius_rad: [0.0, std::f64::consts::PI],
            freq_hz: [0.0, f64::INFINITY],
            of_reference: false,
        }
    }
}

impl SkyFilter {
    /// Leaves what counts, with Stokes I at `freq_hz`, and returns how many are gone.
    pub fn apply(&self, list: &mut Vec<Component>, centre: RaDec, freq_hz: f64) -> usize {
        let all = list.len();
        let towards = centre.unit_vector();
        list.retain(|component| {
            let at = component.direction.unit_vector();
            let chord = [0, 1, 2].map(|k| at[k] - towards[k]).into_iter().fold(0.0, f64::hypot);
            let radius = 2.0 * (0.5 * chord).min(1.0).asin();
            let within = |value: f64, [least, most]: [f64; 2]| value >= least && value <= most;
            let stokes = if self.of_reference { component.stokes_jy } else { component.stokes_at(freq_hz) };
            within(stokes[0], self.flux_jy) && within(radius, self.radius_rad) && self.states(&component.spectrum)
        });
        all - list.len()
    }

    /// Whether a spectrum states a frequency in the range, or none at all.
    fn states(&self, spectrum: &Spectrum) -> bool {
        let [least, most] = self.freq_hz;
        let within = |freq_hz: f64| freq_hz >= least && freq_hz <= most;
        match spectrum {
            Spectrum::Flat => true,
            Spectrum::LogPolynomial { reference_hz, .. } | Spectrum::Polynomial { reference_hz, .. } => {
                within(*reference_hz)
            }
            Spectrum::Lines(lines) => lines.iter().any(|line| within(line.centre_hz)),
            Spectrum::Nearest(entries) | Spectrum::Table(entries) => match (entries.first(), entries.last()) {
                (Some((first, _)), Some((last, _))) => *first <= most && *last >= least,
                _ => true,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stated_frequencies_decide() {
        use super::super::components::SpectralLine;
        let point =
            |spectrum| Component { spectrum, ..Component::point(RaDec::from_deg(0.0, 0.0), [1.0, 0.0, 0.0, 0.0]) };
        let line = |centre_hz| SpectralLine { centre_hz, sigma_hz: 1e6, stokes_jy: [1.0; 4] };
        let all = [
            point(Spectrum::Flat),
            point(Spectrum::LogPolynomial { reference_hz: 2e8, terms: Vec::new() }),
            point(Spectrum::Polynomial { reference_hz: 3e8, terms_jy: vec![0.1] }),
            point(Spectrum::Lines(vec![line(1e8), line(4e8)])),
            point(Spectrum::Table(vec![(1e8, [1.0; 4]), (2.5e8, [1.0; 4])])),
            point(Spectrum::Nearest(vec![(3.5e8, [1.0; 4])])),
        ];
        for (range, left) in [
            ([0.0, f64::INFINITY], &[0, 1, 2, 3, 4, 5][..]),
            ([2e8, 3e8], &[0, 1, 2, 4]),
            ([1.5e8, 1.6e8], &[0, 4]),
            ([3.2e8, 4e8], &[0, 3, 5]),
            ([5e8, 6e8], &[0]),
        ] {
            let mut list = all.to_vec();
            let filter = SkyFilter { freq_hz: range, ..SkyFilter::default() };
            let gone = filter.apply(&mut list, RaDec::from_deg(0.0, 0.0), 2e8);
            assert_eq!(list, left.iter().map(|k: &usize| all[*k].clone()).collect::<Vec<_>>(), "{range:?}");
            assert_eq!(gone, all.len() - left.len());
        }
    }

    #[test]
    fn flux_at_the_frequency_and_distance_decide() {
        let centre = RaDec::from_deg(10.0, 80.0);
        let at = |degrees: f64, jy: f64| Component::point(RaDec::from_deg(10.0, 80.0 + degrees), [jy, 0.0, 0.0, 0.0]);
        let mut steep = at(1.0, 1.0);
        steep.spectrum = Spectrum::LogPolynomial { reference_hz: 1e8, terms: vec![-1.0] };
        // over the pole: 12 degrees away
        let list = vec![at(0.0, 1.0), at(2.0, 0.1), steep, at(12.0, 5.0), at(-3.0, -1.0)];
        let left = |filter: SkyFilter| {
            let mut list = list.clone();
            let gone = filter.apply(&mut list, centre, 2e8);
            assert_eq!(gone + list.len(), 5);
            list.iter().map(|c| c.stokes_jy[0]).collect::<Vec<_>>()
        };
        assert_eq!(left(SkyFilter::default()).len(), 5);
        assert_eq!(left(SkyFilter { flux_jy: [0.4, 2.0], ..SkyFilter::default() }), [1.0, 1.0]);
        assert_eq!(left(SkyFilter { flux_jy: [0.6, 9.0], ..SkyFilter::default() }), [1.0, 5.0]);
        let stated = SkyFilter { flux_jy: [0.6, 9.0], of_reference: true, ..SkyFilter::default() };
        assert_eq!(left(stated), [1.0, 1.0, 5.0]);
        let ring = [1.5f64.to_radians(), 5f64.to_radians()];
        assert_eq!(left(SkyFilter { radius_rad: ring, ..SkyFilter::default() }), [0.1, -1.0]);
    }
}
