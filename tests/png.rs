//! Pictures as their readers see them: rendered, decoded again and looked at pixel by pixel.

mod png_samples;

use ndarray::Array2;
use png_samples::{sample_few_stations, sample_fluctuations, sample_panels, sample_preview, sample_telescope};
use skyfringe::formats::png::{
    BeamEllipse, Circle, ColourMap, Facts, Figure, Heatmap, LinePlot, LineStyle, PointGroup, Rgb, ScatterPlot, Series,
    Stretch, Theme, ValueRange, VerticalLine,
};
use tiny_skia::Pixmap;

fn decoded(figure: &Figure) -> Pixmap {
    Pixmap::decode_png(&figure.render().unwrap()).unwrap()
}

fn colour(picture: &Pixmap, x: u32, y: u32) -> Rgb {
    let p = picture.pixel(x, y).unwrap().demultiply();
    Rgb(p.red(), p.green(), p.blue())
}

/// Ink on the outermost pixels would be a label that was cut.
fn assert_clean_border(picture: &Pixmap, background: Rgb) {
    let (w, h) = (picture.width(), picture.height());
    for x in 0..w {
        for y in [0, 1, h - 2, h - 1] {
            assert_eq!(colour(picture, x, y), background, "ink at the border: {x}, {y}");
        }
    }
    for y in 0..h {
        for x in [0, 1, w - 2, w - 1] {
            assert_eq!(colour(picture, x, y), background, "ink at the border: {x}, {y}");
        }
    }
}

fn count(picture: &Pixmap, wanted: Rgb) -> usize {
    picture.pixels().iter().map(|p| p.demultiply()).filter(|p| Rgb(p.red(), p.green(), p.blue()) == wanted).count()
}

/// The box (x0, y0, x1, y1) of all pixels of one colour.
fn extent(picture: &Pixmap, wanted: Rgb) -> (u32, u32, u32, u32) {
    let mut b = (u32::MAX, u32::MAX, 0, 0);
    for y in 0..picture.height() {
        for x in 0..picture.width() {
            if colour(picture, x, y) == wanted {
                b = (b.0.min(x), b.1.min(y), b.2.max(x), b.3.max(y));
            }
        }
    }
    b
}

fn one_panel(panel: Heatmap) -> Figure {
    let mut figure = Figure::new(640, 560, 1, 1);
    figure.add(0, 0, panel);
    figure
}

#[test]
fn a_heatmap_shows_every_pixel_in_its_colour_and_place() {
    let data = Array2::from_shape_fn((3, 4), |(y, x)| (4 * y + x) as f64);
    let panel = Heatmap { bar: false, ..Heatmap::new(data.clone(), [2.0, -2.0], [0.0, 3.0]) };
    let expected = panel.clone();
    let picture = decoded(&one_panel(panel));
    assert_eq!((picture.width(), picture.height()), (640, 560));
    // the corner values have unique colours, which give the frame's edges
    let first = extent(&picture, expected.colour_of(0.0));
    let last = extent(&picture, expected.colour_of(11.0));
    assert!(first.0 < last.0 && first.1 > last.1, "row 0 is at the bottom, column 0 at the left");
    let (x0, y1) = (first.0, first.3);
    let (x1, y0) = (last.2, last.1);
    for ((y, x), v) in data.indexed_iter() {
        let px = x0 + ((x as f64 + 0.5) / 4.0 * f64::from(x1 + 1 - x0)) as u32;
        let py = y1 - ((y as f64 + 0.5) / 3.0 * f64::from(y1 + 1 - y0)) as u32;
        assert_eq!(colour(&picture, px, py), expected.colour_of(*v), "value {v}");
    }
    // pixels of 1 x 1 are square
    assert!((f64::from(x1 - x0) / f64::from(y1 - y0) - 4.0 / 3.0).abs() < 0.01);
    assert_clean_border(&picture, Rgb(255, 255, 255));
}

#[test]
fn large_images_are_averaged_not_sampled() {
    // a checkerboard finer than the screen is its mean, whatever the sampling
    let data = Array2::from_shape_fn((2048, 2048), |(y, x)| ((x + y) % 2) as f64);
    let panel = Heatmap {
        colours: ColourMap::Greys,
        range: ValueRange::Fixed(0.0, 1.0),
        ..Heatmap::new(data, [0.0, 1.0], [0.0, 1.0])
    };
    let picture = decoded(&one_panel(panel));
    let middle = colour(&picture, 300, 250);
    let mean = ColourMap::Greys.at(0.5);
    assert!((i32::from(middle.0) - i32::from(mean.0)).abs() < 20, "{middle:?} {mean:?}");
}

#[test]
fn pixels_without_a_value_are_neutral() {
    let mut data = Array2::from_shape_fn((8, 8), |(y, x)| (x + y) as f64);
    data[[2, 2]] = f64::NAN;
    data[[5, 5]] = f64::INFINITY;
    for theme in [Theme::Light, Theme::Dark] {
        let mut figure = one_panel(Heatmap::new(data.clone(), [0.0, 8.0], [0.0, 8.0]));
        figure.theme = theme;
        let picture = decoded(&figure);
        let masked = count(&picture, theme.no_value());
        let per_pixel = {
            let b = extent(&picture, theme.no_value());
            // the two lie on a diagonal: 4 x 4 data pixels about them
            (f64::from(b.2 - b.0 + 1) / 4.0) * (f64::from(b.3 - b.1 + 1) / 4.0)
        };
        assert!((masked as f64 / (2.0 * per_pixel) - 1.0).abs() < 0.1, "{masked} {per_pixel}");
        assert_clean_border(&picture, theme.background());
    }
}

#[test]
fn the_beam_leans_to_the_left_where_east_is_left() {
    let beam = BeamEllipse { major: 3.0, minor: 1.0, angle_rad: 0.7 };
    let lean = |x_range| {
        let panel = Heatmap {
            colours: ColourMap::GreysReversed,
            range: ValueRange::Fixed(-1.0, 0.0),
            bar: false,
            beam: Some(beam),
            ..Heatmap::new(Array2::from_elem((10, 10), -0.4), x_range, [-5.0, 5.0])
        };
        let picture = decoded(&one_panel(panel.clone()));
        let ground = panel.colour_of(-0.4);
        // sign of the correlation of x and y of the ellipse's light pixels, inside the image
        let frame = extent(&picture, ground);
        let mut points = Vec::new();
        for y in frame.1..=frame.3 {
            for x in frame.0..=frame.2 {
                if colour(&picture, x, y).0 > 230 {
                    points.push((f64::from(x), f64::from(y)));
                }
            }
        }
        assert!(points.len() > 500);
        let n = points.len() as f64;
        let mean = points.iter().fold((0.0, 0.0), |m, p| (m.0 + p.0 / n, m.1 + p.1 / n));
        points.iter().map(|p| (p.0 - mean.0) * (p.1 - mean.1)).sum::<f64>()
    };
    // y of the screen falls upwards: leaning left gives a positive sum
    assert!(lean([5.0, -5.0]) > 0.0);
    assert!(lean([-5.0, 5.0]) < 0.0);
}

#[test]
fn contours_circles_and_points_leave_ink() {
    let cone = Array2::from_shape_fn((64, 64), |(y, x)| (x as f64 - 32.0).hypot(y as f64 - 32.0));
    let plain = Heatmap { colours: ColourMap::Greys, ..Heatmap::new(cone, [-1.0, 1.0], [-1.0, 1.0]) };
    let before = decoded(&one_panel(plain.clone()));
    for panel in [
        Heatmap { contours: vec![10.0, f64::NAN, 1e9], ..plain.clone() },
        Heatmap { circles: vec![Circle { x: 0.2, y: 0.1, radius: 0.5 }], ..plain },
    ] {
        let after = decoded(&one_panel(panel));
        let changed = before.pixels().iter().zip(after.pixels()).filter(|(a, b)| a != b).count();
        assert!(changed > 300, "{changed}");
    }
    let mut figure = Figure::new(500, 500, 1, 1);
    figure.add(
        0,
        0,
        ScatterPlot {
            groups: vec![PointGroup { radius_em: 0.5, ..PointGroup::new("", vec![[0.0, 0.0], [f64::NAN, 1.0]]) }],
            ..ScatterPlot::default()
        },
    );
    let b = extent(&decoded(&figure), Theme::Light.series(0));
    assert!(b.2 - b.0 >= 8 && (i64::from(b.2 - b.0) - i64::from(b.3 - b.1)).abs() <= 1, "one round dot: {b:?}");
}

#[test]
fn equal_input_gives_equal_bytes_and_the_samples_are_whole() {
    let samples = [
        ("preview", sample_preview(Theme::Light, true)),
        ("preview-dark", sample_preview(Theme::Dark, false)),
        ("fluctuations", sample_fluctuations()),
        ("telescope", sample_telescope()),
        ("few-stations", sample_few_stations()),
        ("panels", sample_panels()),
    ];
    for (name, figure) in samples {
        let bytes = figure.render().unwrap();
        assert_eq!(bytes, figure.render().unwrap());
        let picture = Pixmap::decode_png(&bytes).unwrap();
        assert_eq!(picture.width(), figure.width);
        assert!(picture.height() <= figure.height && picture.height() > figure.height / 2);
        assert_clean_border(&picture, figure.theme.background());
        // where a picture is to be looked at, not only tested
        if let Ok(folder) = std::env::var("SKYFRINGE_SAMPLE_PICTURES") {
            let name = format!("{name}.png");
            std::fs::write(std::path::Path::new(&folder).join(name), &bytes).unwrap();
        }
    }
}

#[test]
fn odd_data_are_drawn_without_panic_and_without_cut_text() {
    let maps = [
        Array2::zeros((0, 0)),
        Array2::zeros((1, 1)),
        Array2::zeros((16, 16)),
        Array2::from_elem((3, 200), 7.0),
        Array2::from_elem((16, 16), f64::NAN),
        Array2::from_shape_fn((16, 16), |(y, x)| 1e-30 * (x as f64 - y as f64)),
        Array2::from_shape_fn((16, 16), |(y, x)| 1e30 * (x as f64 - y as f64)),
    ];
    for (i, data) in maps.into_iter().enumerate() {
        for stretch in [Stretch::Linear, Stretch::Asinh(0.01), Stretch::Log] {
            let map = Heatmap {
                stretch,
                title: "A title that is far too long for the room above this one small picture".into(),
                x_label: "a label".into(),
                y_label: "a label that is too long for the height of the frame beside which it stands".into(),
                bar_label: "µJy km s⁻¹ pixel⁻¹".into(),
                contours: vec![0.0],
                circles: vec![Circle { x: 0.0, y: 0.0, radius: f64::NAN }],
                beam: Some(BeamEllipse { major: f64::NAN, minor: 0.0, angle_rad: 0.0 }),
                ..Heatmap::new(data.clone(), [3e-9, -4e-9], [-3e-9, 4e-9])
            };
            let mut figure = Figure::new(900, 500, 1, 2);
            figure.footer = "a footer".into();
            figure.add(0, 0, map.clone());
            figure.add(0, 1, Heatmap { x_range: [1.0, 1.0], y_range: [f64::NAN, 2.0], ..map });
            let picture = decoded(&figure);
            assert_eq!((picture.width(), picture.height()), (900, 500), "map {i}");
            assert_clean_border(&picture, Rgb(255, 255, 255));
        }
    }
    let curves = [vec![], vec![f64::NAN; 4], vec![0.0; 4], vec![1e-40, 1.0, 1e40], vec![-3e5, 8e5, f64::INFINITY]];
    for y in curves {
        for style in [LineStyle::Line, LineStyle::Dashed, LineStyle::Step, LineStyle::Points] {
            let x: Vec<f64> = (0..y.len()).map(|i| 1.42e9 + i as f64).collect();
            let error = y.iter().map(|v| 0.1 * v).collect();
            let series = Series { style, error, shaded: true, ..Series::new("a curve", x, y.clone()) };
            let mut figure = Figure::new(500, 400, 1, 1);
            figure.add(
                0,
                0,
                LinePlot {
                    series: vec![series.clone(), series],
                    x_label: "Frequency (Hz)".into(),
                    y_label: "Flux (Jy)".into(),
                    vertical_lines: vec![VerticalLine { x: 1.42e9, label: "HI".into() }],
                    ..LinePlot::default()
                },
            );
            assert_clean_border(&decoded(&figure), Rgb(255, 255, 255));
        }
    }
    let mut figure = Figure::new(300, 200, 2, 2);
    figure.add(0, 0, Facts::default());
    figure.add(0, 1, Facts { title: "T".into(), rows: vec![("a very long key".into(), "value ".repeat(40)); 30] });
    figure.add_spanning(1, 0, 1, 2, ScatterPlot::default());
    assert_clean_border(&decoded(&figure), Rgb(255, 255, 255));
}

#[test]
fn what_cannot_be_drawn_is_an_error() {
    assert!(Figure::new(0, 100, 1, 1).render().is_err());
    assert!(Figure::new(100, 1_000_000, 1, 1).render().is_err());
    let mut figure = Figure::new(100, 100, 1, 1);
    figure.add(0, 1, Facts::default());
    let message = figure.render().unwrap_err().to_string();
    assert!(message.contains("outside the grid"), "{message}");
}

#[test]
fn a_saved_picture_is_the_rendered_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.png");
    let mut figure = Figure::new(200, 150, 1, 1);
    figure.title = "T".into();
    figure.save(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), figure.render().unwrap());
    assert!(figure.save(&folder.path().join("missing/picture.png")).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
