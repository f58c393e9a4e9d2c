//! How much flux over peak a plan of the fast path should expect.

use super::Setup;
use crate::error::{Result, Watch};
use crate::imaging::fast::{FastPlan, FastRequest, Route};
use crate::sky::cube::SkyCube;
use crate::telescope::beam::StationBeams;
use ndarray::s;

/// Summed absolute flux of a channel over the peak of the dirty cube: the largest of some skies of the set-up, as
/// [`Setup::flux_over_peak`] wants it. `None` where the fast path cannot be taken anyhow, or no sky has any flux.
///
/// Only the middle channel is planned, and all channels are convolved with its PSFs: peaks differ by the change of the
/// beam across the band. The number belongs with a margin (a factor of 2, say) before it is planned for: the bound of
/// each sky counts, whatever was planned, and a plan for more takes a node in w more at most.
///
/// # Errors
/// Those of [`super::Observer::new`]; skies of other pixels or with values that are not finite; an interrupt.
pub fn probe_flux_over_peak(setup: &Setup, skies: &[SkyCube], watch: &Watch) -> Result<Option<f64>> {
    let freq_hz = setup.freq_hz.get(setup.freq_hz.len() / 2).copied().unwrap_or_default();
    let (table, instants) = setup.table(&[freq_hz], watch)?;
    let beams = StationBeams::new(&setup.telescope, setup.beam);
    // the plan's own bound does not matter here
    let request = FastRequest { epsilon: setup.psf_epsilon.max(1e-3), flux_over_peak: 1.0, ..setup.request() };
    let station = Some((instants.as_slice(), &beams));
    let sky = setup.image.geometry;
    let plan = match FastPlan::choose(&table, station, &setup.image, sky, &request, &watch.quiet())? {
        Route::Fast(plan) => plan,
        Route::Visibilities(_) => return Ok(None),
    };
    let mut largest: Option<f64> = None;
    for sky in skies {
        let (mut flux, mut peak) = (0.0f64, 0.0f64);
        for channel in 0..sky.flux_jy.dim().0 {
            let plane = SkyCube {
                flux_jy: sky.flux_jy.slice(s![channel..=channel, .., ..]).to_owned(),
                freq_hz: vec![freq_hz],
                specsys: sky.specsys.clone(),
                ..*sky
            };
            let made = plan.dirty(&plane, &watch.quiet())?;
            flux = flux.max(plane.flux_jy.iter().map(|f| f.abs()).sum());
            peak = made.dirty.iter().fold(peak, |p, d| p.max(d.abs()));
        }
        if peak > 0.0 {
            largest = Some(largest.unwrap_or(0.0).max(flux / peak));
        }
        watch.check()?;
    }
    Ok(largest)
}
