//! Coeval boxes and light cones of the epoch of reionisation as sky.

use super::fits::{CubeSky, from_cube};
use super::{FixedChannels, PreparedSky};
use crate::error::{Error, Result, Watch};
use crate::formats::eor::{EorFile, EorKind, describe_eor};
use crate::formats::fits::Card;
use crate::math::machine_memory;
use crate::run::params::{EorSettings, Settings};
use crate::sky::cosmology::Cosmology;
use crate::sky::eor::{Across, LineOfSight, hz_per_mpc, on_the_sky};
use crate::sky::resample::{CubeUnit, InputCube, SpectralGrid, SubtractMean};
use crate::units::hi::NU0_HZ;
use crate::units::{ARCSEC_RAD, DEG_RAD};
use std::path::Path;

/// 21cmFAST 4.1.1's cosmology beside h and Omega_m: CMB temperature (K), neutrinos and their mass (eV).
const T_CMB_K: f64 = 2.7255;
const NEUTRINOS: f64 = 3.044;
const NEUTRINO_EV: f64 = 0.06;

pub(super) fn from_eor(
    settings: &Settings,
    path: &Path,
    eor: &EorSettings,
    fixed: Option<&FixedChannels>,
    watch: &Watch,
) -> Result<PreparedSky> {
    let file = describe_eor(path, eor.kind, &eor.words)?;
    let unit = CubeUnit::parse(&file.unit)?;
    if unit == CubeUnit::JyPerPixel {
        return Err(Error::input("a box of reionisation holds temperatures").found(&file.unit).expected("mK or K"));
    }
    let mut notes = Vec::new();
    let cosmology = cosmology(settings, &file, &mut notes)?;
    let [nx_box, ny_box, slices] = file.shape;
    let side_mpc = file.box_length.comoving_mpc(cosmology.h);
    let cell_mpc = side_mpc / nx_box as f64;
    let line = line_of_sight(&file, &cosmology, cell_mpc)?;
    let [low_hz, high_hz] = line.band_hz(&cosmology)?;
    let grid = channels(settings, &line, &cosmology, fixed)?;
    let shares = line.slices_of(&grid, &cosmology)?;

    let middle_z = match (file.kind, file.redshift) {
        (EorKind::Coeval, Some(z)) => z,
        _ => NU0_HZ / (grid.first_hz + 0.5 * (grid.channels as f64 - 1.0) * grid.width_hz) - 1.0,
    };
    let distance_mpc = cosmology.transverse_distance_mpc(middle_z);
    let cell_rad = cell_mpc / distance_mpc;
    let pixels = match eor.field_rad {
        None => [nx_box, ny_box],
        // an even number of pixels, the phase centre on one
        Some(field) => [2 * ((0.5 * field / cell_rad).ceil().max(1.0) as usize); 2],
    };
    let scaled = eor.scaled.unwrap_or(file.kind == EorKind::LightCone);
    let across = Across { pixels, cell_rad, cell_mpc, fixed_mpc: (!scaled).then_some(distance_mpc) };

    let first = shares.iter().map(|s| s.first).min().unwrap_or(0);
    let end = shares.iter().map(|s| s.first + s.weights.len()).max().unwrap_or(slices);
    // the box in single precision, as read and turned, and the sky in double, twice
    let bytes = 8.0 * (nx_box * ny_box * (end - first)) as f64 + 16.0 * (pixels[0] * pixels[1] * grid.channels) as f64;
    if let Some(most) = machine_memory().filter(|most| bytes > *most) {
        return Err(Error::input("the box does not fit into memory")
            .found(format!(
                "{nx_box} x {ny_box} x {} cells on {} x {} pixels and {} channels: about {:.1} GB",
                end - first,
                pixels[0],
                pixels[1],
                grid.channels,
                bytes * 1e-9
            ))
            .expected(format!("at most {:.1} GB", most * 1e-9))
            .hint("take fewer channels (sky.channels, sky.band_centre) or a smaller sky.eor.field"));
    }
    let values = file.read(first..end)?;
    let values = on_the_sky(values.view(), first, &shares, &grid, &across, &cosmology, watch)?;

    let subtract = if eor.subtract_mean.unwrap_or(true) { SubtractMean::Channel } else { SubtractMean::None };
    let name = match file.kind {
        EorKind::Coeval => "coeval box",
        EorKind::LightCone => "light cone",
    };
    notes.push(format!(
        "{name} of {nx_box} x {ny_box} x {slices} cells, {side_mpc:.3} Mpc wide, {:.4} to {:.4} MHz: {} channels of {:.3} kHz, \
         pixels of {:.3} arcsec; mean of each channel {}",
        low_hz * 1e-6,
        high_hz * 1e-6,
        grid.channels,
        grid.width_hz * 1e-3,
        cell_rad / ARCSEC_RAD,
        if subtract == SubtractMean::Channel { "subtracted" } else { "kept" }
    ));
    if pixels[0] > nx_box || pixels[1] > ny_box {
        notes.push(format!(
            "the field of {:.3} deg is wider than the box: it repeats itself",
            pixels[0].max(pixels[1]) as f64 * cell_rad / DEG_RAD
        ));
    }
    let mut cards = vec![
        Card::text("SKYUNIT", file.unit.clone(), "unit of the sky file"),
        Card::text("EORKIND", name, "what the sky was made from"),
        Card::float("EORBOX", side_mpc, "[Mpc] comoving side of the box"),
        Card::float("EORCELL", cell_mpc, "[Mpc] comoving size of a pixel at REDSHIFT"),
        Card::float(
            "EORDEEP",
            grid.width_hz / hz_per_mpc(&cosmology, middle_z),
            "[Mpc] comoving depth of a channel there",
        ),
        Card::float("REDSHIFT", middle_z, "redshift of the middle"),
        Card::float("EORDM", distance_mpc, "[Mpc] transverse comoving distance there"),
        Card::text("COSMO", cosmology.name.clone(), "cosmology"),
        Card::float("HUBBLE0", 100.0 * cosmology.h, "Hubble constant, km/s/Mpc"),
        Card::float("HUBBLEZ", cosmology.hubble_km_s_mpc(middle_z), "Hubble rate at REDSHIFT, km/s/Mpc"),
        Card::history("channels: temperature between slices (Lanczos), a point a slice of depth"),
        Card::history(if scaled {
            "across: each channel at its own distance, bilinear between cells"
        } else {
            "across: one angle a cell for all channels, that at REDSHIFT"
        }),
    ];
    cards.extend(notes.iter().map(|note| Card::history(format!("eor: {note}"))));
    let input = InputCube {
        values,
        unit,
        freq_hz: (0..grid.channels).map(|c| grid.first_hz + c as f64 * grid.width_hz).collect(),
        channel_width_hz: grid.width_hz,
        cell_rad,
        centre: settings.observation.phase_centre,
        specsys: grid.specsys,
    };
    let object = path.file_stem().map_or("reionisation".into(), |n| n.to_string_lossy().into_owned());
    // the channels are those asked for already
    let fixed = FixedChannels { freq_hz: input.freq_hz.clone(), width_hz: input.channel_width_hz };
    from_cube(
        settings,
        CubeSky { input, subtract, object, line_hz: NU0_HZ / (1.0 + middle_z), cards, notes },
        Some(&fixed),
    )
}

/// The cosmology that is asked for, else that of the file, else Planck18.
fn cosmology(settings: &Settings, file: &EorFile, notes: &mut Vec<String>) -> Result<Cosmology> {
    match (&settings.sky.placing.cosmology, file.cosmology) {
        (Some(name), _) => Cosmology::named(name),
        (None, Some([h, omega_m])) => {
            Ok(Cosmology::flat("21cmFAST file", h, omega_m, T_CMB_K, NEUTRINOS, &[NEUTRINO_EV]))
        }
        (None, None) => {
            notes.push("the file states no cosmology: Planck18".into());
            Cosmology::named("Planck18")
        }
    }
}

fn line_of_sight(file: &EorFile, cosmology: &Cosmology, cell_mpc: f64) -> Result<LineOfSight> {
    let slices = file.shape[2];
    match (file.kind, file.redshift) {
        (EorKind::Coeval, Some(z)) => LineOfSight::of_box(cosmology, z, slices, cell_mpc),
        (EorKind::LightCone, Some(z)) if file.distances_mpc.is_empty() => {
            let near = cosmology.comoving_distance_mpc(z);
            LineOfSight::of_distances(&(0..slices).map(|i| near + i as f64 * cell_mpc).collect::<Vec<_>>())
        }
        _ => LineOfSight::of_distances(&file.distances_mpc),
    }
}

/// The channels that are prescribed or asked for, else those of the box.
fn channels(
    settings: &Settings,
    line: &LineOfSight,
    cosmology: &Cosmology,
    fixed: Option<&FixedChannels>,
) -> Result<SpectralGrid> {
    let spectral = &settings.sky.spectral;
    let specsys = spectral.specsys();
    if let Some(f) = fixed {
        let (first_hz, width_hz, channels) = (f.freq_hz[0], f.width_hz, f.freq_hz.len());
        return Ok(SpectralGrid { first_hz, width_hz, channels, specsys: specsys.into() });
    }
    let own = line.own_channels(cosmology, spectral.width_hz, spectral.channels, specsys)?;
    let Some(centre) = spectral.centre_hz else { return Ok(own) };
    Ok(SpectralGrid { first_hz: centre - 0.5 * (own.channels as f64 - 1.0) * own.width_hz, ..own })
}
