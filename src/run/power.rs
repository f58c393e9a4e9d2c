//! `sky power`: the power spectrum of a cube of reionisation, or of a dirty cube with its PSF.

use super::Progress;
use crate::error::{Error, Result};
use crate::formats::Staged;
use crate::formats::fits::{CardValue, FitsCube, read_cube};
use crate::sky::power::{ComovingScale, PowerBin, evenly_filled, power_spectrum, undo_weighting, uv_planes};
use crate::units::hi::flux_jy_from_temperature;
use ndarray::{Array2, Array3};
use rustfft::num_complex::Complex64;
use std::f64::consts::PI;
use std::path::{Path, PathBuf};

/// What `sky power` is asked.
#[derive(Debug, Clone)]
pub struct PowerRequest {
    /// sky.fits (Jy/pixel, mK or K), or a dirty image (Jy/beam).
    pub cube: PathBuf,
    /// PSF of a dirty image; with a sky it tells which uv cells count.
    pub psf: Option<PathBuf>,
    /// Another dirty image of the same sky with other noise.
    pub cross: Option<PathBuf>,
    /// Most by which the PSF's transform may differ from one uv cell to the next, as a share, where they count.
    pub evenness: f64,
    /// Ranges of k across and along.
    pub bins: [usize; 2],
    /// Where the table goes (CSV).
    pub out: Option<PathBuf>,
}

/// Prints the power spectrum of a cube with the cards that skies of reionisation have, and writes it to `out`.
///
/// # Errors
/// Files that cannot be read or do not belong together; a cube without the cards; a dirty image without its PSF.
pub fn run(request: &PowerRequest, progress: &dyn Progress) -> Result<String> {
    if !(request.evenness > 0.0 && request.evenness <= 1.0) {
        return Err(Error::input("not a share")
            .found(request.evenness)
            .expected("above 0, at most 1")
            .place("--evenness"));
    }
    let same = |a: &Path, b: &Path| a.canonicalize().ok().is_some_and(|a| b.canonicalize().is_ok_and(|b| a == b));
    if request.cross.as_deref().is_some_and(|cross| same(cross, &request.cube)) {
        return Err(Error::input("the cross power of a cube with itself keeps its noise")
            .found(request.cube.display())
            .expected("the dirty cube of another noise seed")
            .place("--cross"));
    }
    // a place that cannot be written is found before any work
    let staged = request.out.as_deref().map(|path| Ok((path, Staged::new(path)?))).transpose()?;
    let watch = progress.stage("power", 3);
    let cube = read_cube(&request.cube)?;
    let scale = scale_of(&cube).map_err(|e| e.place(request.cube.display()))?;
    watch.advance(1)?;
    let psf =
        request.psf.as_deref().map(|path| Ok(uv_planes(read_cube(path)?.data.mapv(f64::from).view()))).transpose()?;
    let (a, filled) = planes(&cube, psf.as_ref(), request.evenness, &request.cube)?;
    watch.advance(1)?;
    let b = match &request.cross {
        Some(path) => planes(&read_cube(path)?, psf.as_ref(), request.evenness, path)?.0,
        None => a.clone(),
    };
    if !filled.iter().any(|f| *f) {
        return Err(Error::input("no uv cell is evenly filled in every channel")
            .found(format!("0 of {} uv cells, evenness {}", filled.len(), request.evenness))
            .expected("the PSF of the same observation, best with uniform weights")
            .place(request.psf.as_deref().unwrap_or(&request.cube).display())
            .hint("docs/eor.md says which weights and pixels fill uv cells evenly; or allow more with --evenness"));
    }
    let bins = power_spectrum(&a, &b, &filled, scale, request.bins)?;
    watch.advance(1)?;
    if let Some((path, staged)) = staged {
        std::fs::write(staged.path(), csv(&bins)).map_err(|e| Error::io("write", path, e))?;
        staged.commit()?;
    }
    let cells = filled.iter().filter(|f| **f).count();
    let mut text = format!(
        "{}: {} of {} uv cells, pixels of {:.4} Mpc, channels of {:.4} Mpc\n",
        request.cube.display(),
        cells,
        filled.len(),
        scale.across_mpc,
        scale.along_mpc
    );
    text.push_str("  k across, 1/Mpc  k along, 1/Mpc    modes    P, mK^2 Mpc^3    +-          k^3 P/(2 pi^2), mK^2\n");
    for bin in &bins {
        text.push_str(&format!(
            "  {:>15.5} {:>15.5} {:>8} {:>16.5e} {:>11.2e} {:>16.5e}\n",
            bin.k_perp,
            bin.k_par,
            bin.modes,
            bin.power,
            bin.error,
            dimensionless(bin)
        ));
    }
    Ok(text)
}

fn dimensionless(bin: &PowerBin) -> f64 {
    bin.k_perp.hypot(bin.k_par).powi(3) * bin.power / (2.0 * PI * PI)
}

fn csv(bins: &[PowerBin]) -> String {
    let mut text = String::from("k_perp_mpc,k_par_mpc,modes,power_mk2_mpc3,error_mk2_mpc3,dimensionless_mk2\n");
    for bin in bins {
        let PowerBin { k_perp, k_par, modes, power, error } = bin;
        text.push_str(&format!(
            "{k_perp:.6e},{k_par:.6e},{modes},{power:.6e},{error:.6e},{:.6e}\n",
            dimensionless(bin)
        ));
    }
    text
}

/// Sizes of pixel and channel from the cards of skies of reionisation.
fn scale_of(cube: &FitsCube) -> Result<ComovingScale> {
    let card = |key: &str| {
        cube.cards.iter().find(|c| c.key == key).and_then(|c| match c.value {
            CardValue::Float(v) => Some(v),
            CardValue::Int(v) => Some(v as f64),
            _ => None,
        })
    };
    match (card("EORDM"), card("EORDEEP")) {
        (Some(distance), Some(along_mpc)) if distance > 0.0 && along_mpc > 0.0 => {
            Ok(ComovingScale { across_mpc: cube.sky.step_y_rad * distance, along_mpc })
        }
        _ => Err(Error::input("the cube does not say how large it is")
            .found("no cards EORDM and EORDEEP")
            .expected("sky.fits, dirty.fits or another product of a run with sky.coeval or sky.lightcone")),
    }
}

/// The uv planes of a cube in mK, and the uv cells that count.
fn planes(
    cube: &FitsCube,
    psf: Option<&Array3<Complex64>>,
    evenness: f64,
    path: &Path,
) -> Result<(Array3<Complex64>, Array2<bool>)> {
    let mut planes = uv_planes(cube.data.mapv(f64::from).view());
    let (_, ny, nx) = planes.dim();
    let filled = match (cube.unit.as_str(), psf) {
        ("Jy/beam", Some(psf)) => undo_weighting(&mut planes, psf, evenness).map_err(|e| e.place(path.display()))?,
        ("Jy/beam", None) => {
            return Err(Error::input("a dirty image has its power only with its PSF")
                .found("Jy/beam")
                .expected("--psf with the PSF of the same run")
                .place(path.display()));
        }
        (_, None) => Array2::from_elem((ny, nx), true),
        // a sky is not divided, but counted over the same cells
        (_, Some(psf)) => evenly_filled(psf, evenness),
    };
    let omega = cube.sky.step_y_rad.powi(2);
    for (mut plane, freq_hz) in planes.outer_iter_mut().zip(&cube.spectral.freq_hz) {
        // the sky is flat here: pixels at its edge are larger by 1/n, 5 parts in 10^4 at 1.8 degrees
        let factor = match cube.unit.as_str() {
            "mK" => 1.0,
            "K" => 1e3,
            "Jy/beam" | "Jy/pixel" => 1e3 / flux_jy_from_temperature(1.0, *freq_hz, omega),
            other => {
                return Err(Error::input("the unit of the cube has no temperature")
                    .found(other)
                    .expected("Jy/pixel, Jy/beam, mK or K")
                    .place(path.display()));
            }
        };
        plane.mapv_inplace(|value| value * factor);
    }
    Ok((planes, filled))
}
