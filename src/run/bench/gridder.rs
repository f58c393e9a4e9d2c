//! Image -> visibilities -> image on a workload file: times, memory, errors against the exact sums.

use super::measure::{Cost, load, measured, median};
use super::{Precision, exact};
use crate::error::{Error, Result};
use crate::gridding::{ImageGeometry, Plan, Real};
use crate::math::random::Stream;
use crate::run::Progress;
use hdf5::H5Type;
use ndarray::{Array1, Array2, ArrayView2};
use rustfft::num_complex::{Complex, Complex64};
use serde_json::json;
use std::path::{Path, PathBuf};

/// One benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct GridderRequest {
    /// HDF5: uvw[row, 3] in metres, freq[channel] in Hz, optional vis[row, channel].
    pub workload: PathBuf,
    /// Pixels along each side.
    pub npix: usize,
    /// Pixel size, rad.
    pub pixel_rad: f64,
    /// Relative accuracy asked for.
    pub epsilon: f64,
    /// Arithmetic.
    pub precision: Precision,
    /// Images at once.
    pub images: usize,
    /// Repetitions.
    pub reps: usize,
}

/// Point sources of the model image, visibilities and pixels that are checked.
const SOURCES: usize = 1000;
const CHECKED_VIS: usize = 300;
const CHECKED_PIXELS: usize = 40;

/// What a workload file holds.
struct Workload<T> {
    uvw_m: Array2<f64>,
    freq_hz: Vec<f64>,
    vis: Option<Vec<Complex<T>>>,
}

/// Runs the benchmark; the text is one JSON object.
///
/// A call counts everything from arrays in memory to arrays out: the plan (kernels, index) and the gridding. Signs are
/// the wgridder's of ducc0 by default, `exp(-2 pi i (u l + v m - w (n-1)))`, with no factor 1/n. Where the file holds
/// no visibilities, those predicted from the model image are gridded.
///
/// # Errors
/// A file that is not such a workload, what [`Plan::of_channels`] refuses.
pub fn gridder(request: &GridderRequest, progress: &dyn Progress) -> Result<String> {
    match request.precision {
        Precision::F32 => run::<f32>(request, progress),
        Precision::F64 => run::<f64>(request, progress),
    }
}

fn run<T: Real + H5Type>(request: &GridderRequest, progress: &dyn Progress) -> Result<String>
where
    Complex<T>: H5Type,
{
    let n = request.npix;
    // ducc0's sign of u and v
    let geometry = ImageGeometry { nx: n, ny: n, dl: -request.pixel_rad, dm: -request.pixel_rad };
    geometry.validate()?;
    let workload = read::<T>(&request.workload)?;
    let Workload { uvw_m, freq_hz, vis: given } = workload;
    let (uvw_m, freq_hz) = (&uvw_m, freq_hz.as_slice());
    let (sources, images) = model(n, request.images);
    let images: Vec<Array2<T>> = images.into_iter().map(|i| i.mapv(T::of)).collect();
    let views: Vec<ArrayView2<T>> = images.iter().map(|i| i.view()).collect();
    let watch = progress.stage("bench", 2 * request.reps as u64);
    let plan = || Plan::<T>::of_channels(geometry, uvw_m.view(), freq_hz, request.epsilon);

    let (mut costs, mut shares, mut predicted, mut description) = (Vec::new(), Vec::new(), Vec::new(), String::new());
    for _ in 0..request.reps {
        predicted.clear();
        let (result, cost) = measured(|| {
            let plan = plan()?;
            let vis = plan.degrid_many(&views, &watch.quiet())?;
            Ok((vis, plan.transform_cpu_s(), plan.description()))
        });
        let transform_s;
        (predicted, transform_s, description) = result?;
        shares.push(transform_s / cost.cpu_s);
        costs.push(cost);
        watch.advance(1)?;
    }
    let degrid = (median(&costs), middle(&mut shares));
    let mut random = Stream::new(11, [0; 3]);
    let mut below = |n: usize| ((random.uniform() * n as f64) as usize).min(n - 1);
    let wanted: Vec<_> = (0..CHECKED_VIS).map(|_| (below(uvw_m.nrows()), below(freq_hz.len()))).collect();
    let expected = exact::visibilities(&geometry, uvw_m, freq_hz, &wanted, &sources);
    let got: Vec<Complex64> = wanted.iter().map(|(r, c)| wide(predicted[0][r * freq_hz.len() + c])).collect();
    let degrid_error = relative(&got, &expected);

    let vis = match given {
        Some(vis) => vec![vis; request.images],
        None => predicted,
    };
    drop(images);
    let slices: Vec<&[Complex<T>]> = vis.iter().map(Vec::as_slice).collect();
    let mut dirty = Vec::new();
    costs.clear();
    shares.clear();
    for _ in 0..request.reps {
        dirty.clear();
        let (result, cost) = measured(|| {
            let plan = plan()?;
            let images = plan.grid_many(&slices, &watch.quiet())?;
            Ok((images, plan.transform_cpu_s()))
        });
        let transform_s;
        (dirty, transform_s) = result?;
        shares.push(transform_s / cost.cpu_s);
        costs.push(cost);
        watch.advance(1)?;
    }
    let grid = (median(&costs), middle(&mut shares));
    let wanted: Vec<_> = (0..CHECKED_PIXELS).map(|_| (below(n), below(n))).collect();
    let expected = exact::pixels(&geometry, uvw_m, freq_hz, |k| wide(vis[0][k]), &wanted);
    let complex = |values: Vec<f64>| values.into_iter().map(Complex64::from).collect::<Vec<_>>();
    let got = wanted.iter().map(|(x, y)| dirty[0][[*y, *x]].wide()).collect();
    let grid_error = relative(&complex(got), &complex(expected));

    let side = |(cost, share): (Cost, f64)| (cost.cpu_s, cost.wall_s, cost.peak_mib, share);
    let ((dc, dw, dp, ds), (gc, gw, gp, gs)) = (side(degrid), side(grid));
    let vis = uvw_m.nrows() * freq_hz.len();
    let report = json!({
        "program": concat!("skyfringe ", env!("CARGO_PKG_VERSION")),
        "workload": request.workload.display().to_string(),
        "rows": uvw_m.nrows(), "channels": freq_hz.len(), "visibilities": vis, "uvw_sha256_12": sha(uvw_m),
        "npix": n, "pixel_rad": request.pixel_rad, "epsilon": request.epsilon,
        "precision": request.precision.name(), "threads": rayon::current_num_threads(),
        "images": request.images, "reps": request.reps,
        "degrid_cpu_s": dc, "degrid_wall_s": dw, "degrid_peak_mib": dp, "degrid_error": degrid_error,
        "degrid_fft_share": ds,
        "grid_cpu_s": gc, "grid_wall_s": gw, "grid_peak_mib": gp, "grid_error": grid_error,
        "grid_fft_share": gs,
        "plan": description, "load": load(),
    });
    Ok(format!("{report}\n"))
}

fn wide<T: Real>(value: Complex<T>) -> Complex64 {
    Complex64::new(value.re.wide(), value.im.wide())
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// L2 of the difference over L2 of the reference.
fn relative(got: &[Complex64], expected: &[Complex64]) -> f64 {
    let difference: f64 = got.iter().zip(expected).map(|(a, b)| (a - b).norm_sqr()).sum();
    (difference / expected.iter().map(|b| b.norm_sqr()).sum::<f64>()).sqrt()
}

/// Point sources with lognormal fluxes on pixels of the central 80 %, and images of them; all but the first image have
/// the fluxes in another order.
fn model(n: usize, images: usize) -> (Vec<(usize, usize, f64)>, Vec<Array2<f64>>) {
    let mut random = Stream::new(3, [0; 3]);
    let (low, width) = (n as f64 * 0.1, n as f64 * 0.8);
    let mut first = Array2::zeros((n, n));
    for _ in 0..SOURCES {
        let mut at = || (low + width * random.uniform()) as usize;
        let (x, y) = (at(), at());
        first[[y, x]] = random.normal().exp();
    }
    let sources: Vec<_> =
        first.indexed_iter().filter(|(_, f)| **f != 0.0).map(|((y, x), f): (_, &f64)| (x, y, *f)).collect();
    let other = |k: usize| {
        let mut image = Array2::zeros((n, n));
        for (i, (x, y, _)) in sources.iter().enumerate() {
            image[[*y, *x]] = sources[(i + k) % sources.len()].2;
        }
        image
    };
    let all = (0..images).map(other).collect();
    (sources, all)
}

fn read<T: H5Type>(path: &Path) -> Result<Workload<T>>
where
    Complex<T>: H5Type,
{
    let wrong = |key: &str, e: String| Error::input(e).place(format!("{}, {key}", path.display()));
    // HDF5 says it in words of its own
    std::fs::File::open(path).map_err(|e| Error::io("read the workload", path, e))?;
    let file = hdf5::File::open(path)
        .map_err(|e| wrong("file", format!("cannot read the workload: {e}")).hint("an HDF5 file of uvw and freq"))?;
    let uvw_m: Array2<f64> = file
        .dataset("uvw")
        .and_then(|d| d.read_2d())
        .map_err(|e| wrong("uvw", format!("cannot read uvw[row, 3]: {e}")))?;
    let freq: Array1<f64> = file
        .dataset("freq")
        .and_then(|d| d.read_1d())
        .map_err(|e| wrong("freq", format!("cannot read freq[channel]: {e}")))?;
    if uvw_m.is_empty() || freq.is_empty() {
        return Err(wrong("uvw and freq", "the workload holds no visibilities".to_string()));
    }
    let vis = match file.dataset("vis") {
        Err(_) => None,
        Ok(d) => {
            let vis: Array2<Complex<T>> =
                d.read_2d().map_err(|e| wrong("vis", format!("cannot read vis[row, channel]: {e}")))?;
            if vis.dim() != (uvw_m.nrows(), freq.len()) {
                return Err(wrong("vis", "vis does not have the shape [row, channel]".to_string())
                    .found(format!("{:?}", vis.dim()))
                    .expected(format!("{:?}", (uvw_m.nrows(), freq.len()))));
            }
            Some(vis.into_raw_vec_and_offset().0)
        }
    };
    Ok(Workload { uvw_m, freq_hz: freq.to_vec(), vis })
}

/// Identifies the uvw as the comparison harness does.
fn sha(uvw_m: &Array2<f64>) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    uvw_m.iter().for_each(|x| hash.update(x.to_le_bytes()));
    hash.finalize().iter().take(6).map(|b| format!("{b:02x}")).collect()
}
