//! A made-up galaxy, array and observation: realistic enough to judge a picture by.

use ndarray::{Array2, s};
use skyfringe::formats::fits::Beam;
use skyfringe::formats::png::{
    AxisScale, BeamEllipse, Circle, ColourMap, Figure, Heatmap, LinePlot, LineStyle, Series, Stretch, Theme,
    ValueRange, VerticalLine,
};
use skyfringe::math::random::normal_pair;
use skyfringe::run::preview::{PreviewCurve, PreviewInput, PreviewMap, PreviewSpectrum, preview_figure};
use skyfringe::run::telescope_plot::{TelescopePlotInput, UvPoints, telescope_figure};
use skyfringe::units::ARCSEC_RAD;
use std::f64::consts::{PI, TAU};

const N: usize = 256;

fn normal(a: usize, b: usize) -> f64 {
    normal_pair([a as u32, b as u32, 0, 0], 5)[0]
}

/// Radius and angle in the plane of an inclined disc, pixels.
fn disc(y: usize, x: usize) -> (f64, f64) {
    let (dx, dy) = (x as f64 - 128.0, y as f64 - 128.0);
    let (s, c) = 0.6f64.sin_cos();
    let (a, b) = (dx * c + dy * s, (dy * c - dx * s) / 0.55);
    (a.hypot(b), b.atan2(a))
}

fn galaxy() -> (Array2<f64>, Array2<f64>) {
    let column = Array2::from_shape_fn((N, N), |(y, x)| {
        let (r, phi) = disc(y, x);
        let arms = 1.0 + 0.85 * (2.0 * phi - 4.5 * (r / 20.0 + 0.2).ln()).cos();
        let clumps = (0.5 * normal(x / 2, y / 2)).exp();
        2.6e-3 * (1.0 - 0.75 * (-(r / 12.0).powi(2)).exp()) * arms * clumps * (-(r / 30.0)).exp()
    });
    let velocity = Array2::from_shape_fn((N, N), |(y, x)| {
        let (r, phi) = disc(y, x);
        let v = 190.0 * (r / 9.0).tanh() * phi.cos() * 0.83 + 6.0 * normal(x / 3, y / 3 + 9000);
        if column[[y, x]] > 2e-5 { v } else { f64::NAN }
    });
    (column, velocity)
}

fn psf() -> Array2<f64> {
    Array2::from_shape_fn((N, N), |(y, x)| {
        let (dx, dy) = (x as f64 - 128.0, y as f64 - 128.0);
        let r = dx.hypot(dy);
        let spokes = (6.0 * dy.atan2(dx) + 0.3 * r).cos() / (1.0 + r / 4.0);
        let (a, b) = (dx * 0.9 + dy * 0.44, dy * 0.9 - dx * 0.44);
        (-4.0 * 2f64.ln() * ((a / 7.0).powi(2) + (b / 5.0).powi(2))).exp()
            + (1.0 - (-(r / 6.0).powi(2)).exp()) * (0.05 * spokes + 0.06 * (r / 2.2).cos() / (1.0 + r / 7.0))
    })
}

fn dirty(sky: &Array2<f64>, psf: &Array2<f64>) -> Array2<f64> {
    let mut out = Array2::from_shape_fn((N, N), |(y, x)| 9e-3 * normal(x, y + 70_000));
    for ((y, x), v) in sky.indexed_iter().filter(|(_, v)| **v > 2e-5) {
        let part = psf.slice(s![128 - y.min(128)..(384 - y).min(N), 128 - x.min(128)..(384 - x).min(N)]);
        let (y0, x0) = (y.saturating_sub(128), x.saturating_sub(128));
        let mut place = out.slice_mut(s![y0..y0 + part.nrows(), x0..x0 + part.ncols()]);
        place.scaled_add(*v, &part);
    }
    out
}

/// A core and three spiral arms: east and north, m.
fn layout() -> (Vec<f64>, Vec<f64>, Vec<String>) {
    let (mut east, mut north, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..197usize {
        let (e, n) = if i < 110 {
            (420.0 * normal(i, 1), 420.0 * normal(i, 2))
        } else {
            let k = (i - 110) as f64;
            let r = 900.0 * (k / 87.0 * 110f64.ln()).exp();
            let angle = TAU * ((i % 3) as f64) / 3.0 - 0.55 * (r / 900.0).ln();
            (r * angle.cos(), 0.8 * r * angle.sin())
        };
        east.push(e);
        north.push(n);
        kinds.push(if i % 3 == 0 { "MeerKAT 13.5 m" } else { "SKA 15 m" }.to_string());
    }
    (east, north, kinds)
}

/// Tracks of all baselines over a few hours at declination -30 degrees.
fn tracks(stride: usize, steps: usize) -> Vec<[f64; 2]> {
    let (east, north, _) = layout();
    let mut uv = Vec::new();
    for i in (0..east.len()).step_by(stride) {
        for j in (i + stride..east.len()).step_by(stride) {
            for k in 0..steps {
                let h = PI / 6.0 * (2.0 * k as f64 / (steps.max(2) - 1) as f64 - 1.0);
                let (de, dn) = (east[i] - east[j], north[i] - north[j]);
                uv.push([de * h.cos() + 0.5 * dn * h.sin(), 0.9 * dn + 0.5 * de * h.sin() - 0.1 * dn * h.cos()]);
            }
        }
    }
    uv
}

/// The preview of the made-up observation, with uv coverage or with a panel of facts.
pub fn sample_preview(theme: Theme, with_uv: bool) -> Figure {
    let (sky, velocity) = galaxy();
    let psf = psf();
    let dirty = dirty(&sky, &psf);
    let x: Vec<f64> = (0..40).map(|i| 13.0 * (f64::from(i) - 19.5)).collect();
    let truth: Vec<f64> = x
        .iter()
        .map(|v| {
            let horn = |c: f64| (-((v - c) / 42.0).powi(2)).exp();
            0.045 * (horn(-120.0) + 0.9 * horn(125.0) + 0.5 * horn(0.0))
        })
        .collect();
    let measured: Vec<f64> = truth.iter().enumerate().map(|(i, v)| 0.86 * v + 1.8e-3 * normal(i, 44)).collect();
    let facts = [
        ("Galaxy", "built-in spiral, seed 1"),
        ("HI mass", "4.2×10⁹ M_{☉}"),
        ("Distance", "20 Mpc (z = 0.0046)"),
        ("Telescope", "SKA-Mid AA4, 197 dishes"),
        ("Phase centre", "03^{h} 30^{m} 00^{s}, −30° 00′ 00″"),
        ("Observation", "4 h in 8 steps"),
        ("Band", "1400.1 MHz, 40 × 60 kHz"),
        ("Weights", "Briggs, robust 0"),
        ("Beam", "28.1″ × 20.4″, PA 26°"),
        ("Noise", "0.31 mJy/beam per channel"),
    ]
    .map(|(k, v)| (k.to_string(), v.to_string()));
    let uv: Vec<[f64; 2]> = tracks(1, 8).iter().map(|p| [p[0] / 0.211, p[1] / 0.211]).collect();
    let curves = [
        PreviewCurve { label: "true sky", values: &truth },
        PreviewCurve { label: "dirty aperture", values: &measured },
    ];
    preview_figure(&PreviewInput {
        title: "Built-in spiral galaxy with SKA-Mid AA4",
        subtitle: "HI at 20 Mpc · 4 h in 8 steps · 40 channels of 60 kHz · Briggs 0 · noise 0.31 mJy/beam per channel",
        footer: "skyfringe 0.1.0 · quickstart.toml · seed 1 · λ = 21.1 cm · ★ telescopes/ska-mid-aa4.txt",
        theme,
        cell_rad: 4.0 * ARCSEC_RAD,
        half_width_rad: None,
        sky: PreviewMap {
            data: sky.view(),
            title: "HI sky (moment 0)",
            quantity: "Line flux",
            unit: "Jy km s⁻¹ pixel⁻¹",
        },
        psf: psf.view(),
        dirty: PreviewMap {
            data: dirty.view(), title: "Dirty image", quantity: "Line flux", unit: "Jy km s⁻¹ beam⁻¹"
        },
        moment1_km_s: Some(velocity.view()),
        spectrum: PreviewSpectrum {
            x: &x,
            x_label: "Velocity (km s⁻¹)",
            curves: &curves,
            quantity: "Flux density",
            unit: "Jy",
            mark: Some(0.0),
            mark_label: "v_{sys}",
        },
        beam: Some(Beam { major_rad: 28.0 * ARCSEC_RAD, minor_rad: 20.0 * ARCSEC_RAD, angle_rad: 0.45 }),
        uv: UvPoints::Wavelengths(if with_uv { &uv } else { &[] }),
        facts: &facts,
    })
}

/// The picture of the made-up array.
pub fn sample_telescope() -> Figure {
    let (east, north, kinds) = layout();
    let uv = tracks(8, 24);
    telescope_figure(&TelescopePlotInput {
        title: "SKA-Mid AA4",
        subtitle: "197 dishes · baselines 29 m to 154 km · declination −30°, 4 h about transit",
        footer: "skyfringe 0.1.0 · telescopes/ska-mid-aa4.txt (made-up test layout)",
        theme: Theme::Light,
        east_m: &east,
        north_m: &north,
        kinds: &kinds,
        names: &[],
        uv: UvPoints::Metres(&uv),
        uv_title: "uv coverage",
    })
}

/// Temperature fluctuations of either sign over degrees, a PSF of many pixels' side lobes cropped
/// to its middle, no velocities, one curve against frequency.
pub fn sample_fluctuations() -> Figure {
    let n = 300;
    let mut sky = Array2::<f64>::zeros((n, n));
    for k in 0..60 {
        let (a, b) = (0.25 * normal(k, 501), 0.25 * normal(k, 502));
        let amplitude = 6e-3 * normal(k, 503) / (0.15 + a.hypot(b));
        let phase = 9.0 * normal(k, 504);
        sky.indexed_iter_mut().for_each(|((y, x), v)| *v += amplitude * (a * x as f64 + b * y as f64 + phase).cos());
    }
    let psf = Array2::from_shape_fn((n, n), |(y, x)| {
        let r = (x as f64 - 150.0).hypot(y as f64 - 150.0) + 1e-9;
        (r / 0.8).sin() / (r / 0.8) * (-r / 20.0).exp()
    });
    let freq: Vec<f64> = (0..24).map(|i| 149.0 + f64::from(i) / 12.0).collect();
    let rms: Vec<f64> = freq.iter().map(|f| 0.011 * (150.0 / f).powf(2.6) + 4e-4 * (7.0 * f).sin()).collect();
    let (east, north, _) = layout();
    let uv: Vec<[f64; 2]> = (0..60)
        .flat_map(|i| (0..i).map(move |j| (i, j)))
        .map(|(i, j)| [east[i] - east[j], north[i] - north[j]])
        .collect();
    let facts =
        [("Cube", "21cmFAST, z = 8.5"), ("Telescope", "SKA-Low AA1")].map(|(k, v)| (k.to_string(), v.to_string()));
    preview_figure(&PreviewInput {
        title: "Reionisation cube with SKA-Low",
        subtitle: "",
        footer: "skyfringe 0.1.0",
        theme: Theme::Light,
        cell_rad: 60.0 * ARCSEC_RAD,
        half_width_rad: None,
        sky: PreviewMap { data: sky.view(), title: "Sky, channel 12", quantity: "T_{b}", unit: "K" },
        psf: psf.view(),
        dirty: PreviewMap { data: sky.view(), title: "Dirty image", quantity: "", unit: "Jy/beam" },
        moment1_km_s: None,
        spectrum: PreviewSpectrum {
            x: &freq,
            x_label: "Frequency (MHz)",
            curves: &[PreviewCurve { label: "", values: &rms }],
            quantity: "rms",
            unit: "K",
            mark: None,
            mark_label: "",
        },
        beam: Some(Beam { major_rad: 180.0 * ARCSEC_RAD, minor_rad: 170.0 * ARCSEC_RAD, angle_rad: 0.0 }),
        uv: UvPoints::Metres(&uv),
        facts: &facts,
    })
}

/// Few stations far apart, with their names.
pub fn sample_few_stations() -> Figure {
    let names = ["SC", "HN", "NL", "FD", "LA", "PT", "KP", "OV", "BR", "MK"].map(String::from);
    let east = [4.2e6, 2.75e6, 1.3e6, 4.0e5, 1.2e5, 2.0e4, -3.8e5, -9.5e5, -9.0e5, -4.2e6];
    let north = [-1.4e6, 1.2e6, 8.0e5, -3.6e5, 1.9e5, 3.0e4, -2.0e5, 3.4e5, 1.6e6, -1.2e6];
    let kinds = vec!["VLBA 25 m".to_string(); 10];
    let mut uv = Vec::new();
    for i in 0..10 {
        for j in i + 1..10 {
            for k in 0..40 {
                let h = PI / 3.0 * (f64::from(k) / 19.5 - 1.0);
                let (de, dn): (f64, f64) = (east[i] - east[j], north[i] - north[j]);
                uv.push([(de * h.cos() + 0.4 * dn * h.sin()) / 0.03, (0.8 * dn + 0.5 * de * h.sin()) / 0.03]);
            }
        }
    }
    telescope_figure(&TelescopePlotInput {
        title: "VLBA",
        subtitle: "10 stations of 25 m · longest baseline 8611 km",
        footer: "",
        theme: Theme::Dark,
        east_m: &east,
        north_m: &north,
        kinds: &kinds,
        names: &names,
        uv: UvPoints::Wavelengths(&uv),
        uv_title: "uv coverage at 10 GHz",
    })
}

/// What the other samples leave out: contours, a circle, a large beam, error bands, logarithmic
/// axes, factors of ten, a panel over two places.
pub fn sample_panels() -> Figure {
    let (sky, _) = galaxy();
    let mut figure = Figure::new(1300, 900, 2, 3);
    figure.title = "Every kind of panel".into();
    figure.shrink = true;
    figure.add(
        0,
        0,
        Heatmap {
            title: "Contours, circle, beam".into(),
            x_label: "x (arcmin)".into(),
            y_label: "y (arcmin)".into(),
            colours: ColourMap::GreysReversed,
            bar_label: "Value (Jy)".into(),
            contours: vec![5e-4, 1.5e-3],
            circles: vec![Circle { x: 0.0, y: 0.0, radius: 7.0 }],
            beam: Some(BeamEllipse { major: 2.4, minor: 1.2, angle_rad: 0.6 }),
            ..Heatmap::new(sky.clone(), [8.5, -8.5], [-8.5, 8.5])
        },
    );
    figure.add(
        1,
        0,
        Heatmap {
            title: "Six decades, wide pixels".into(),
            colours: ColourMap::Inferno,
            stretch: Stretch::Log,
            range: ValueRange::Fixed(1e-9, 1e-2),
            bar_label: "Value (Jy)".into(),
            ..Heatmap::new(sky.slice(s![64..192, ..]).to_owned(), [0.0, 4e6], [0.0, 2e6])
        },
    );
    let x: Vec<f64> = (0..60).map(|i| 0.02 * 1.12f64.powi(i)).collect();
    let power = |p: f64| x.iter().map(|k| 4e3 * (k / 0.1).powf(p) / (1.0 + (k / 0.3).powi(2))).collect::<Vec<f64>>();
    let (first, second) = (power(-0.5), power(-1.2));
    figure.add(
        0,
        1,
        LinePlot {
            series: vec![
                Series {
                    error: first.iter().map(|v| 0.3 * v).collect(),
                    ..Series::new("with error", x.clone(), first)
                },
                Series { style: LineStyle::Dashed, ..Series::new("theory", x.clone(), second) },
            ],
            x_label: "k (h Mpc⁻¹)".into(),
            y_label: "P(k) (mK² h⁻³ Mpc³)".into(),
            title: "Power spectrum".into(),
            x_scale: AxisScale::Log,
            y_scale: AxisScale::Log,
            ..LinePlot::default()
        },
    );
    let t: Vec<f64> = (0..30).map(f64::from).collect();
    figure.add(
        0,
        2,
        LinePlot {
            series: vec![Series {
                style: LineStyle::Points,
                ..Series::new("dots", t.clone(), t.iter().map(|v| 3e6 + v * v * 1e4).collect())
            }],
            x_label: "Step".into(),
            y_label: "Count".into(),
            title: "Points".into(),
            vertical_lines: vec![VerticalLine { x: 27.0, label: "transit".into() }],
            ..LinePlot::default()
        },
    );
    let noise: Vec<f64> = (0..30).map(|i| 1e-6 * normal(i, 99)).collect();
    figure.add_spanning(
        1,
        1,
        1,
        2,
        LinePlot {
            series: vec![Series {
                style: LineStyle::Step, error: vec![5e-7; 30], ..Series::new("noise ★", t, noise)
            }],
            x_label: "Channel".into(),
            y_label: "Flux density (Jy)".into(),
            title: "Two places wide".into(),
            ..LinePlot::default()
        },
    );
    figure
}
