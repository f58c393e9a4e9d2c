//! What stands in a shard beside its pixels.

use super::prepare::Prepared;
use super::row::{Column, Value};
use super::scene::Instrument;
use crate::datasets::observer::Observer;
use crate::datasets::{Field, Layout, Observed, WIDE_PSF};
use crate::formats::Attribute;
use crate::formats::shard::{
    ArrayValues, ColumnKind, ColumnValues, ShardArray, ShardColumn, ShardField, ShardGroup, ShardHeader,
};
use crate::units::DEG_RAD;
use ndarray::{Array1, Array2};

/// The header of shard `shard`, whose table has `columns`.
pub(super) fn header(prepared: &Prepared, instruments: &[Instrument], shard: usize, columns: &[Column]) -> ShardHeader {
    let plan = &prepared.plan;
    let samples = plan.layout.samples_of(shard);
    let sky = &prepared.settings.sky;
    let fields = plan.fields.iter().zip(super::scene::stored(&prepared.dataset)).map(|(planned, field)| {
        let mut attributes =
            planned.scaling.attributes().into_iter().map(|(k, v)| (k.to_string(), v)).collect::<Vec<_>>();
        attributes.push(("description".into(), Attribute::Text(title(field))));
        if field == Field::Map(crate::sky::maps::Domain::Tb) {
            attributes.push(("tb_depth_mpc".into(), Attribute::Number(sky.tb_depth_mpc)));
            let coefficient = instruments[0].scene.map_request().tb_scale().coefficient_mk;
            attributes.push(("tb_coefficient_mk".into(), Attribute::Number(coefficient)));
        }
        ShardField { name: planned.name.clone(), shape: planned.shape.clone(), unit: planned.unit.clone(), attributes }
    });
    ShardHeader {
        samples: samples.len(),
        first_sample: samples.start as u64,
        fields: fields.collect(),
        columns: columns
            .iter()
            .map(|c| ShardColumn {
                name: c.name.clone(),
                unit: c.unit.into(),
                description: c.description.into(),
                kind: match c.value {
                    Value::Text(_) => ColumnKind::Text,
                    Value::Integer(_) => ColumnKind::Integer,
                    Value::Real(_) => ColumnKind::Number,
                    Value::Flag(_) => ColumnKind::Flag,
                },
            })
            .collect(),
        groups: instruments.iter().map(|instrument| group(prepared, instrument)).collect(),
        attributes: vec![
            ("program".into(), Attribute::Text(plan.program.clone())),
            ("shard".into(), Attribute::Integer(shard as i64)),
            ("shards".into(), Attribute::Integer(plan.layout.shards() as i64)),
            ("seed".into(), Attribute::Integer(plan.seed as i64)),
            ("specsys".into(), Attribute::Text(sky.spectral.specsys().into())),
            ("name".into(), Attribute::Text(Layout::shard_name(shard))),
        ],
    }
}

/// What a field's pixels are, in words.
fn title(field: Field) -> String {
    let of = |observed: Observed| match observed {
        Observed::Flux => "flux density of the line",
        Observed::Dirty => "dirty image with noise",
        Observed::NoiseFree => "dirty image without noise",
        Observed::Corrected => "dirty image with noise over the primary beam, 0 below its limit",
        Observed::Restored => "CLEAN components seen with the fitted beam, and the residual",
        Observed::Psf => "point spread function",
    };
    match field {
        Field::Map(domain) => domain.title().into(),
        Field::TbCube => "brightness temperature of the line, rest frame, optically thin".into(),
        Field::Band(observed) => format!("{}, averaged over the band", of(observed)),
        Field::Cube(observed) => format!("{}, channel by channel", of(observed)),
    }
}

/// What the samples of one instrument share.
fn group(prepared: &Prepared, instrument: &Instrument) -> ShardGroup {
    let (scene, dataset) = (&instrument.scene, &prepared.dataset);
    let settings = &scene.settings;
    let text = |name: &str, value: String| (name.to_string(), Attribute::Text(value));
    let number = |name: &str, value: f64| (name.to_string(), Attribute::Number(value));
    let mut attributes = vec![
        text("telescope", settings.telescope.telescope.name.clone()),
        number("observation_s", settings.observation.length_s),
        ("steps".to_string(), Attribute::Integer(settings.observation.steps as i64)),
        number("ra_deg", settings.observation.phase_centre.ra_rad / DEG_RAD),
        number("dec_deg", settings.observation.phase_centre.dec_rad / DEG_RAD),
        number("cell_deg", scene.pixels.cell_rad / DEG_RAD),
        text(
            "projection",
            "SIN; pixel (nx/2, ny/2), counted from 0, is the phase centre; x falls with right ascension".into(),
        ),
        text("weighting", settings.image.weighting.to_string()),
        text("specsys", settings.sky.spectral.specsys().into()),
        number("redshift", scene.placement.redshift),
        number("distance_mpc", scene.placement.luminosity_distance_mpc),
        number("tb_depth_mpc", settings.sky.tb_depth_mpc),
        number("pb_limit", dataset.pb_limit),
    ];
    if let Some([freq_hz, width_hz]) = scene.band_hz {
        attributes.extend([number("band_freq_hz", freq_hz), number("bandwidth_hz", width_hz)]);
    }
    if let Some((_, observer)) = instrument.observers().next() {
        attributes.push(text("station_beams", observer.facts().beam_words.clone()));
        attributes.push(text("beam_fit", crate::imaging::beam_fit::BeamFit::default().to_string()));
        attributes.push(number("beyond_nyquist_weight", instrument.beyond_nyquist().unwrap_or(0.0)));
    }
    let mut arrays = Vec::new();
    if let Some((freq_hz, width_hz)) = &scene.channels {
        attributes.push(number("channel_width_hz", *width_hz));
        arrays.push(ShardArray {
            name: "freq_hz".into(),
            unit: "Hz".into(),
            values: ArrayValues::Double(Array1::from(freq_hz.clone()).into_dyn()),
        });
    }
    for (observer, suffix, psf) in
        [(&instrument.band, "", Field::Band(Observed::Psf)), (&instrument.cube, "_cube", Field::Cube(Observed::Psf))]
    {
        let Some(observer) = observer else { continue };
        arrays.extend(shared(observer, suffix));
        if dataset.fields.contains(&psf) {
            let values = ArrayValues::Single(observer.psf().mapv(|v| v as f32).into_dyn());
            arrays.push(ShardArray { name: psf.word(), unit: String::new(), values });
            if let Some(wide) = observer.wide_psf().filter(|_| !psf.is_cube()) {
                let values = ArrayValues::Single(wide.mapv(|v| v as f32).into_dyn());
                arrays.push(ShardArray { name: WIDE_PSF.into(), unit: String::new(), values });
            }
        }
    }
    ShardGroup { name: scene.name.clone(), attributes, arrays }
}

/// Beam and noise of each plane.
fn shared(observer: &Observer, suffix: &str) -> [ShardArray; 2] {
    let beams = observer.beams();
    let beam = Array2::from_shape_fn((beams.len(), 3), |(plane, k)| {
        let b = &beams[plane];
        [b.major_rad, b.minor_rad, b.angle_rad][k] / DEG_RAD
    });
    let noise = Array1::from(observer.noise_jy().to_vec());
    [
        ShardArray {
            name: format!("beam{suffix}_deg"),
            unit: "deg".into(),
            values: ArrayValues::Double(beam.into_dyn()),
        },
        ShardArray {
            name: format!("noise{suffix}_jy"),
            unit: "Jy/beam".into(),
            values: ArrayValues::Double(noise.into_dyn()),
        },
    ]
}

/// The table, column by column; every row has the same columns.
pub(super) fn values(rows: &[Vec<Column>]) -> Vec<ColumnValues> {
    let columns = rows.first().map_or(0, Vec::len);
    (0..columns)
        .map(|c| {
            let cells = rows.iter().map(|row| &row[c].value);
            match &rows[0][c].value {
                Value::Text(_) => ColumnValues::Text(
                    cells.map(|v| if let Value::Text(t) = v { t.clone() } else { String::new() }).collect(),
                ),
                Value::Integer(_) => {
                    ColumnValues::Integer(cells.map(|v| if let Value::Integer(n) = v { *n } else { 0 }).collect())
                }
                Value::Real(_) => {
                    ColumnValues::Number(cells.map(|v| if let Value::Real(x) = v { *x } else { f64::NAN }).collect())
                }
                Value::Flag(_) => ColumnValues::Flag(cells.map(|v| *v == Value::Flag(true)).collect()),
            }
        })
        .collect()
}
