//! Prediction of a sky cube by degridding: every channel's image, times the power beam of each class
//! of baselines, through [`crate::gridding`].

use super::geometry::Instant;
use super::input::{SampleCount, check_cube, check_stations, flag_beyond_nyquist};
use crate::error::{Result, Watch};
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::gridding;
use crate::sky::cube::SkyCube;
use crate::telescope::beam::StationBeams;
use crate::units::C_M_S;
use ndarray::Array2;
use rustfft::num_complex::Complex64;

/// Adds the visibilities of `cube` to `table.vis` to relative accuracy `epsilon`.
///
/// Baselines are grouped by the beams of their two stations; each group degrids the image times its
/// power beam. Samples beyond the pixels' Nyquist limit are flagged and stay zero unless
/// `keep_beyond_nyquist`. In XX..YY the parallactic rotation of each station is taken at the phase
/// centre (an unpolarised sky: what matters is the difference between the two stations).
pub fn predict_by_grid(
    table: &mut VisibilityTable,
    cube: &SkyCube,
    station: Option<(&[Instant], &StationBeams)>,
    epsilon: f64,
    keep_beyond_nyquist: bool,
    watch: &Watch,
) -> Result<SampleCount> {
    check_stations(table, station)?;
    if let Some((_, beams)) = station {
        beams.require_circular("prediction by the grid")?;
    }
    check_cube(cube, table)?;
    let count = flag_beyond_nyquist(table, (!keep_beyond_nyquist).then_some(cube.cell_rad));
    let rotations = station.filter(|_| table.polarisations == Polarisations::Linear).map(|(instants, _)| {
        let stations = instants.first().map_or(0, |i| i.zenith.len());
        instants
            .iter()
            .map(|i| (0..stations).map(|s| i.parallactic(s, table.phase_centre)).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    });
    let rows = table.uvw_m.nrows();
    let groups = group_rows(table, station.map(|s| s.1));
    let geometry = cube.geometry();
    for channel in 0..table.freq_hz.len() {
        let freq_hz = table.freq_hz[channel];
        let image = cube.flux_jy.index_axis(ndarray::Axis(0), channel);
        for group in &groups {
            let flagged = |row: &usize| table.flag.slice(ndarray::s![*row, channel, ..]).iter().all(|f| *f);
            let used: Vec<usize> = group.rows.iter().copied().filter(|row| !flagged(row)).collect();
            if used.is_empty() || image.iter().all(|s| *s == 0.0) {
                continue;
            }
            let uvw: Vec<[f64; 3]> =
                used.iter().map(|&row| [0, 1, 2].map(|k| table.uvw_m[[row, k]] * freq_hz / C_M_S)).collect();
            let values = match (station, group.classes) {
                (Some((_, beams)), Some((a, b))) if !(beams.classes[a].is_unity() && beams.classes[b].is_unity()) => {
                    let power = |sin_theta: f64| {
                        beams.classes[a].voltage(sin_theta, freq_hz) * beams.classes[b].voltage(sin_theta, freq_hz)
                    };
                    let seen = Array2::from_shape_fn(image.dim(), |(y, x)| {
                        let flux = image[[y, x]];
                        let l = (x as f64 - (geometry.nx / 2) as f64) * geometry.dl;
                        let m = (y as f64 - (geometry.ny / 2) as f64) * geometry.dm;
                        if flux == 0.0 { 0.0 } else { flux * power(l.hypot(m).min(1.0)) }
                    });
                    gridding::degrid(geometry, seen.view(), &uvw, epsilon, &watch.quiet())?
                }
                _ => gridding::degrid(geometry, image, &uvw, epsilon, &watch.quiet())?,
            };
            for (&row, value) in used.iter().zip(values) {
                let mut out = table.vis.slice_mut(ndarray::s![row, channel, ..]);
                match &rotations {
                    None => out[0] += value,
                    Some(rotations) => {
                        let here = &rotations[row / (rows / rotations.len())];
                        let (cp, sp) = here[table.antenna1[row] as usize];
                        let (cq, sq) = here[table.antenna2[row] as usize];
                        // R(p) R(q)^T = R(p - q)
                        let (c, s) = (cp * cq + sp * sq, sp * cq - cp * sq);
                        let add = |out: &mut Complex64, f: f64| *out += value * f;
                        add(&mut out[0], c);
                        add(&mut out[1], -s);
                        add(&mut out[2], s);
                        add(&mut out[3], c);
                    }
                }
            }
        }
        watch.advance(1)?;
    }
    Ok(count)
}

/// Rows whose baselines have equal power beams.
struct Group {
    classes: Option<(usize, usize)>,
    rows: Vec<usize>,
}

fn group_rows(table: &VisibilityTable, beams: Option<&StationBeams>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for row in 0..table.uvw_m.nrows() {
        let classes = beams.map(|b| {
            let (p, q) = (b.class_of[table.antenna1[row] as usize], b.class_of[table.antenna2[row] as usize]);
            (p.min(q), p.max(q))
        });
        match groups.iter_mut().find(|g| g.classes == classes) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { classes, rows: vec![row] }),
        }
    }
    groups
}
