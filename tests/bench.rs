//! `skyfringe bench` prints one JSON object with times and errors.

use ndarray::{Array1, Array2};
use serde_json::Value;
use skyfringe::run::Unseen;
use skyfringe::run::bench::{DatasetRequest, GridderRequest, Precision, dataset, fft, gridder};

fn workload(path: &std::path::Path) {
    let file = hdf5::File::create(path).unwrap();
    let uvw = Array2::from_shape_fn((300, 3), |(r, k)| 90.0 * ((r * 7 + k * 13) as f64 * 0.37).sin());
    file.new_dataset_builder().with_data(&uvw).create("uvw").unwrap();
    let freq = Array1::from_shape_fn(4, |k| 1.4e9 + 1e6 * k as f64);
    file.new_dataset_builder().with_data(&freq).create("freq").unwrap();
}

#[test]
fn gridder_reports_errors_within_epsilon() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.h5");
    workload(&path);
    for (precision, epsilon) in [(Precision::F32, 1e-4), (Precision::F64, 1e-8)] {
        let request = GridderRequest {
            workload: path.clone(),
            npix: 128,
            pixel_rad: 1e-3,
            epsilon,
            precision,
            images: 2,
            reps: 2,
        };
        let text = gridder(&request, &Unseen).unwrap();
        assert_eq!(text.lines().count(), 1);
        let report: Value = serde_json::from_str(&text).unwrap();
        for side in ["degrid", "grid"] {
            let get = |key: &str| report[format!("{side}_{key}")].as_f64().unwrap();
            assert!(get("error") < epsilon && get("error") > 0.0, "{text}");
            assert!(get("cpu_s") >= 0.0 && get("wall_s") > 0.0 && get("peak_mib") > 0.0, "{text}");
        }
        assert_eq!(report["visibilities"], 1200);
        assert_eq!(report["images"], 2);
    }
}

#[test]
fn gridder_refuses_what_is_no_workload() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.h5");
    let request = GridderRequest {
        workload: path.clone(),
        npix: 64,
        pixel_rad: 1e-3,
        epsilon: 1e-4,
        precision: Precision::F32,
        images: 1,
        reps: 1,
    };
    assert!(gridder(&request, &Unseen).unwrap_err().to_string().contains("workload"));
    let file = hdf5::File::create(&path).unwrap();
    drop(file);
    assert!(gridder(&request, &Unseen).unwrap_err().to_string().contains("uvw"));
}

#[test]
fn fft_is_right() {
    for precision in [Precision::F32, Precision::F64] {
        let report: Value = serde_json::from_str(&fft(120, precision, 2).unwrap()).unwrap();
        assert!(report["fft_error"].as_f64().unwrap() < 1e-6, "{report}");
        assert_eq!(report["precision"], precision.name());
    }
}

#[test]
fn dataset_times_every_stage_of_both_kinds_of_pairs() {
    let request = DatasetRequest {
        telescope: "meerkat".into(),
        npix: 48,
        cell: "10asec".into(),
        channels: 3,
        cells: 2000,
        length: "2h".into(),
        steps: 3,
        visibility_channels: 1,
        reps: 2,
    };
    let report: Value = serde_json::from_str(&dataset(&request, &Unseen).unwrap()).unwrap();
    for kind in ["pair_2d", "pair_cube"] {
        let of = |path: &str| report[kind].pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
        let stages = ["deposit", "observe", "noise", "scaling", "write"].map(|s| of(&format!("/stages_cpu_s/{s}")));
        let sum: f64 = stages.iter().sum();
        assert!((sum - of("/sample_cpu_s")).abs() < 1e-12 + 1e-9 * sum, "{report:#}");
        assert!(of("/bound") > 0.0 && of("/bound") < 1e-3, "{report:#}");
        assert!(of("/sample_bytes") > 0.0 && of("/setup_cpu_s") > 0.0 && of("/instrument_mib") > 0.0, "{report:#}");
        assert!(of("/visibility_route/sample_cpu_s") >= 0.0, "{report:#}");
    }
    assert_eq!(report["pair_cube"]["visibility_route"]["channels_timed"], 1);
    let narrow = DatasetRequest { telescope: "no such array".into(), ..request };
    assert!(dataset(&narrow, &Unseen).is_err());
}

#[cfg(feature = "learn")]
#[test]
fn train_times_steps() {
    let request = skyfringe::run::bench::TrainRequest { npix: 24, width: 2, blocks: 1, batch: 2, piece: 1, steps: 2 };
    let text = skyfringe::run::bench::train(request).unwrap();
    assert_eq!(text.lines().count(), 1);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert!(report["step_cpu_s"].as_f64().unwrap() >= 0.0 && report["step_wall_s"].as_f64().unwrap() > 0.0, "{text}");
    assert_eq!((report["batch"].as_u64(), report["npix"].as_u64()), (Some(2), Some(24)));
}
