//! The genuine IllustrisTNG galaxy of examples/tng.toml, seen small. Needs the reference data.

use crate::{close, common::reference_data, cube, number};
use ndarray::Axis;
use skyfringe::formats::config::Document;
use skyfringe::run::params::Settings;
use skyfringe::run::{Unseen, chain};
use skyfringe::units::hi::{NU0_HZ, mass_per_mpc2_jy_hz};
use std::path::Path;

#[test]
fn the_genuine_galaxy_keeps_its_mass_through_the_chain() {
    let Some(data) = reference_data("the_genuine_galaxy_keeps_its_mass_through_the_chain") else { return };
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/tng.toml");
    let mut document = Document::read(&example).unwrap();
    document.set(&format!("sky.snapshot={}", data.join("tng50-4-subbox0").display())).unwrap();
    for change in ["telescope.name=ska-mid-aa2", "observation.steps=4", "image.size=128", "image.cell=16 arcsec"] {
        document.set(change).unwrap();
    }
    // without noise the peak is the galaxy's
    document.set("noise.add=false").unwrap();
    let settings = Settings::from_document(&document).unwrap();
    let folder = tempfile::tempdir().unwrap();
    chain::run(&settings, folder.path(), false, &Unseen).unwrap();

    let sky = cube(folder.path(), "sky.fits");
    // HI by the default model (corrected, H2 split off): recorded in tests/snapshot.rs
    close(number(&sky, "MHI"), 6.154_40e9, 1e-3, "HI mass of the header");
    assert!(number(&sky, "BANDLOST") < 1e-3, "the band loses {}", number(&sky, "BANDLOST"));
    let flux: f64 = sky.data.iter().map(|v| f64::from(*v)).sum();
    let mass = mass_per_mpc2_jy_hz() * 20f64.powi(2) * flux * sky.spectral.width_hz;
    close(mass, number(&sky, "MHICUBE"), 1e-5, "HI mass by the flux");
    close(mass, 6.154_40e9, 2e-3, "HI mass by the flux, image and band");
    assert_eq!((sky.data.dim().0, sky.spectral.width_hz.round()), (32, 60e3));
    let [first, last] = [sky.spectral.freq_hz[0], sky.spectral.freq_hz[31]];
    let line_hz = NU0_HZ / (1.0 + number(&sky, "REDSHIFT"));
    assert!(first < line_hz && line_hz < last);

    // the dirty image of all channels peaks where the smoothed sky does: within a few beams of the phase centre
    let dirty = cube(folder.path(), "dirty.fits");
    let moment = dirty.data.sum_axis(Axis(0));
    let ((y, x), _) = moment.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
    let off_arcsec = 16.0 * (x as f64 - 64.0).hypot(y as f64 - 64.0);
    // 6 kpc at 20 Mpc; the disc is 300 arcsec in radius
    assert!(off_arcsec < 64.0, "peak {off_arcsec} arcsec from the phase centre");
    // HI-mass-weighted centre of the sky
    let map = sky.data.sum_axis(Axis(0)).mapv(f64::from);
    let total = map.sum();
    let centre = map.indexed_iter().fold([0.0, 0.0], |[a, b], ((y, x), s)| [a + s * x as f64, b + s * y as f64]);
    let off = 16.0 * (centre[0] / total - 64.0).hypot(centre[1] / total - 64.0);
    eprintln!(
        "TNG: M {mass:.4e}, band loses {:.1e}, peak {off_arcsec:.0} arcsec and centre of HI {off:.0} arcsec off",
        number(&sky, "BANDLOST")
    );
    assert!(off < 64.0, "{off}");
}
