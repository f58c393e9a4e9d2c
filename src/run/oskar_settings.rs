//! OSKAR's settings.ini as a configuration: the same frame, conventions and numbers.
//!
//! What is not supported is named in an error, never ignored: a key counts only as harmless where its
//! value asks for nothing.

use super::params::{
    ImageSettings, Inclined, ListKind, Method, NoiseSettings, ObservationSettings, OskarImage, PixelChoice,
    PlacingSettings, PointingChoice, PredictionSettings, RouteChoice, Settings, SkySettings, SkySource,
    SmearingSettings, SpectralSettings, TelescopeSettings, TimeRange, UvRange, supported_oskar_folder,
};
use super::plan::overhead;
use crate::error::{Error, Result};
use crate::formats::fits::{HealpixFile, HealpixOrder};
use crate::formats::oskar::{OskarSetting, OskarSettings, OskarTelescope, read_oskar_pointing, read_oskar_settings};
use crate::formats::visibilities::{Polarisations, Precision};
use crate::imaging::Weighting;
use crate::sky::filter::SkyFilter;
use crate::sky::h2::{H2Model, H2Settings};
use crate::sky::healpix::{HealpixFrame, HealpixRequest, HealpixUnit};
use crate::telescope::array::{ApertureArrays, DipoleLength, Element, Pattern, Taper};
use crate::telescope::beam::BeamChoice;
use crate::time::{EarthOrientation, Frame, parse_utc};
use crate::units::{DAY_S, DEG_RAD, RaDec};
use crate::visibilities::{Correlations, Summing};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads settings.ini; paths in it are relative to its folder.
pub fn load(path: &Path) -> Result<Settings> {
    let settings = read_oskar_settings(path)?;
    let folder = path.parent().unwrap_or(Path::new(".")).to_path_buf();
    let mut keys = Keys { settings, used: Vec::new(), path: path.to_path_buf(), folder };

    let sky = keys.sky()?;
    let filter = keys.filter()?;
    let folder = keys.need_path("telescope", "input_directory")?;
    let (telescope, model) = supported_oskar_folder(&folder)?;
    let mut arrays = None;
    let beam = match keys.text("telescope", "station_type").unwrap_or_else(|| "Aperture array".into()).as_str() {
        "Isotropic beam" | "Isotropic" => BeamChoice::None,
        "Gaussian beam" | "Gaussian" => BeamChoice::VoltageGaussian {
            fwhm_rad: keys.need_number("telescope", "gaussian_beam/fwhm_deg")? * DEG_RAD,
            reference_hz: keys.need_number("telescope", "gaussian_beam/ref_freq_hz")?,
        },
        "Aperture array" | "AA" => {
            arrays = Some(keys.arrays(&model)?);
            BeamChoice::None
        }
        other => {
            let known = "Aperture array, Isotropic beam or Gaussian beam";
            return Err(keys.unsupported("telescope", "station_type", other, known));
        }
    };
    // a Gaussian is 1 at the phase centre already
    let normalised = keys.boolean("telescope", "normalise_beams_at_phase_centre")?.unwrap_or(true);
    let shared = keys.boolean("telescope", "allow_station_beam_duplication")?.unwrap_or(false);
    let arrays = arrays.map(|arrays| Arc::new(ApertureArrays { normalised, shared, ..arrays }));
    let polarisations = match keys.text("telescope", "pol_mode").as_deref() {
        Some("Scalar") => Polarisations::I,
        None | Some("Full") => Polarisations::Linear,
        Some(other) => return Err(keys.unsupported("telescope", "pol_mode", other, "Full or Scalar")),
    };

    let mode = keys.text("observation", "mode").unwrap_or_else(|| "Tracking".into());
    let angles_deg = [
        keys.need_number("observation", "phase_centre_ra_deg")?,
        keys.need_number("observation", "phase_centre_dec_deg")?,
    ];
    let channels = keys.count("observation", "num_channels")?;
    let start_hz = keys.need_number("observation", "start_frequency_hz")?;
    let step_hz = keys.number("observation", "frequency_inc_hz")?.unwrap_or(0.0);
    if (channels > 1 && step_hz <= 0.0) || start_hz <= 0.0 {
        return Err(Error::input("the channels of the OSKAR settings are not ascending frequencies")
            .found(format!("{channels} channels from {start_hz} Hz by {step_hz} Hz"))
            .expected("a positive start_frequency_hz, and a positive frequency_inc_hz for more than one channel")
            .place(path.display()));
    }
    let start = keys.need_text("observation", "start_time_utc")?;
    let start =
        parse_utc(&start).map_err(|e| e.place(format!("{}, key observation/start_time_utc", path.display())))?;
    let length = keys.need_text("observation", "length")?;
    let length_s = oskar_length_s(&length)
        .ok_or_else(|| keys.unsupported("observation", "length", &length, "seconds, or hh:mm:ss"))?;
    let steps = keys.count("observation", "num_time_steps")?;
    let earth = EarthOrientation::new(Frame::Oskar);
    let (phase_centre, drift) = match mode.as_str() {
        "Tracking" => (RaDec::from_deg(angles_deg[0], angles_deg[1]), None),
        // azimuth and elevation; phases are those of where that is in the middle, so that there is something to image
        "Drift scan" => {
            let horizon = angles_deg.map(|deg| deg * DEG_RAD);
            let middle = start + 0.5 * length_s / DAY_S;
            (overhead(horizon, &telescope, &earth, middle)?, Some(PointingChoice::Horizon(horizon)))
        }
        other => return Err(keys.unsupported("observation", "mode", other, "Tracking or Drift scan")),
    };
    let file = keys.text("observation", "pointing_file").filter(|name| !name.is_empty());
    let pointing = match (drift, file) {
        (None, None) => PointingChoice::PhaseCentre,
        (Some(drift), None) => drift,
        (Some(_), Some(file)) => {
            return Err(keys.unsupported("observation", "pointing_file", &file, "none in a drift scan"));
        }
        (None, Some(file)) => {
            let file = keys.folder.join(file);
            let pointing = PointingChoice::Stations(read_oskar_pointing(&file)?);
            pointing.require_stations(&telescope, &file.display().to_string())?;
            pointing
        }
    };

    let bandwidth_hz = keys.number("interferometer", "channel_bandwidth_hz")?.unwrap_or(0.0);
    let time_s = keys.number("interferometer", "time_average_sec")?.unwrap_or(0.0);
    for (key, value) in [("channel_bandwidth_hz", bandwidth_hz), ("time_average_sec", time_s)] {
        if value < 0.0 {
            return Err(keys.unsupported("interferometer", key, &value.to_string(), "0 or more"));
        }
    }
    let smearing = SmearingSettings { epsilon: None, time_s: Some(time_s), bandwidth_hz: Some(bandwidth_hz) };
    let smearing = (bandwidth_hz > 0.0 || time_s > 0.0).then_some(smearing);
    let least = keys.number("interferometer", "uv_filter_min")?.unwrap_or(0.0);
    let most = keys.text("interferometer", "uv_filter_max").unwrap_or_else(|| "max".into());
    let greatest = match most.as_str() {
        "max" => f64::INFINITY,
        _ => keys.number("interferometer", "uv_filter_max")?.unwrap_or(f64::INFINITY),
    };
    let units = keys.text("interferometer", "uv_filter_units").unwrap_or_else(|| "Wavelengths".into());
    let wavelengths = match units.as_str() {
        "Wavelengths" => true,
        "Metres" => false,
        other => return Err(keys.unsupported("interferometer", "uv_filter_units", other, "Wavelengths or Metres")),
    };
    let uv_range = (least > 0.0 || greatest.is_finite()).then_some(UvRange { range: [least, greatest], wavelengths });
    // ours to choose: precision, devices and file names do not change the numbers asked for
    for (group, key) in [
        ("General", "app"),
        ("General", "version"),
        ("simulator", "double_precision"),
        ("simulator", "use_gpus"),
        ("simulator", "num_devices"),
        ("simulator", "max_sources_per_chunk"),
        ("simulator", "write_status_to_log_file"),
        ("interferometer", "oskar_vis_filename"),
        ("interferometer", "ms_filename"),
        ("interferometer", "max_time_samples_per_block"),
    ] {
        keys.text(group, key);
    }
    let correlations = keys.text("interferometer", "correlation_type").unwrap_or_else(|| "Cross-correlations".into());
    let correlations = match correlations.as_str() {
        "Cross-correlations" => Correlations::Cross,
        "Auto-correlations" => Correlations::Auto,
        "Both" => Correlations::Both,
        other => {
            let known = "Cross-correlations, Auto-correlations or Both";
            return Err(keys.unsupported("interferometer", "correlation_type", other, known));
        }
    };
    keys.one_of("interferometer", "noise/enable", &["false"])?;
    keys.finish()?;

    let noise: Option<NoiseSettings> = None;
    Ok(Settings {
        sky: SkySettings {
            source: sky,
            filter,
            inclined: Inclined::BoxAxis(2),
            placing: PlacingSettings {
                distance_mpc: None,
                redshift: None,
                peculiar_velocity_km_s: 0.0,
                cosmology: None,
                direction: None,
            },
            spectral: SpectralSettings {
                channels: Some(channels),
                // OSKAR's channels have no half-channel offset: the first is centred on the start
                width_hz: Some(if step_hz > 0.0 { step_hz } else { 1.0 }),
                centre_hz: Some(start_hz + 0.5 * (channels as f64 - 1.0) * step_hz),
                specsys: Some("TOPOCENT".into()),
                velocity_frame: Default::default(),
                axis: Default::default(),
                optical_width_km_s: None,
                optical_centre_km_s: None,
            },
            like: None,
            compat_skais: false,
            systemic_zero: true,
            hubble_flow: true,
            star_forming_correction: true,
            h2: H2Model::default(),
            h2_columns: Default::default(),
            uv_escape_fraction: H2Settings::default().uv_escape_fraction,
            star_forming_temperature_k: 8000.0,
            turbulence_km_s: 0.0,
            tb_depth_mpc: 0.1,
            tb_coefficient_mk: None,
            optical_depth: Default::default(),
            cold_fraction: 0.0,
            cold_temperature_k: 100.0,
        },
        telescope: TelescopeSettings { telescope, beam, arrays, shaped: None },
        observation: ObservationSettings {
            phase_centre,
            time: TimeRange::Start { mjd_utc: start },
            length_s,
            steps,
            earth,
            // OSKAR flags nothing; its horizon is that of each source
            min_elevation_rad: Some(-90.0 * DEG_RAD),
            polarisations,
            pointing,
            uv_range,
            correlations,
        },
        noise,
        prediction: PredictionSettings {
            method: Some(Method::Direct),
            epsilon: 1e-6,
            keep_beyond_nyquist: false,
            // whatever simulator/double_precision says: OSKAR's single precision is no wish but a limit
            summing: Summing::Float64,
            smearing,
        },
        image: ImageSettings {
            size: PixelChoice::Auto,
            cell_rad: PixelChoice::Auto,
            max_size: 4096,
            weighting: Weighting::Natural,
            epsilon: 1e-6,
            route: Some(RouteChoice::Visibilities),
            psf_epsilon: 1e-3,
        },
        precision: Precision::Double,
        kinematic_cube: false,
        dataset: None,
        #[cfg(feature = "learn")]
        train: None,
        canonical: std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?,
    })
}

/// "2400.0" seconds, or "hh:mm:ss".
fn oskar_length_s(text: &str) -> Option<f64> {
    let parts: Vec<f64> = text.split(':').map(|p| p.trim().parse().ok()).collect::<Option<_>>()?;
    match parts[..] {
        [s] if s > 0.0 => Some(s),
        [h, m, s] if h * 3600.0 + m * 60.0 + s > 0.0 => Some(h * 3600.0 + m * 60.0 + s),
        _ => None,
    }
}

struct Keys {
    settings: OskarSettings,
    used: Vec<(String, String)>,
    path: PathBuf,
    folder: PathBuf,
}

impl Keys {
    fn text(&mut self, group: &str, key: &str) -> Option<String> {
        self.used.push((group.into(), key.into()));
        self.settings.entries.iter().rev().find(|e| e.group == group && e.key == key).map(|e| e.value.clone())
    }

    fn need_text(&mut self, group: &str, key: &str) -> Result<String> {
        self.text(group, key).filter(|v| !v.is_empty()).ok_or_else(|| {
            Error::input("a key is missing in the OSKAR settings")
                .found(format!("no {group}/{key}"))
                .expected(format!("{key}=... in group [{group}]"))
                .place(self.path.display())
        })
    }

    fn need_path(&mut self, group: &str, key: &str) -> Result<PathBuf> {
        let name = self.need_text(group, key)?;
        Ok(self.folder.join(name))
    }

    fn number(&mut self, group: &str, key: &str) -> Result<Option<f64>> {
        let Some(text) = self.text(group, key) else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(v) if v.is_finite() => Ok(Some(v)),
            _ => Err(self.unsupported(group, key, &text, "a number")),
        }
    }

    /// A whole number of at least 1, which is also the default.
    fn count(&mut self, group: &str, key: &str) -> Result<usize> {
        let Some(text) = self.text(group, key) else { return Ok(1) };
        match text.parse::<usize>() {
            Ok(n) if n > 0 => Ok(n),
            _ => Err(self.unsupported(group, key, &text, "a whole number of at least 1")),
        }
    }

    fn need_number(&mut self, group: &str, key: &str) -> Result<f64> {
        self.need_text(group, key)?;
        Ok(self.number(group, key)?.unwrap_or_default())
    }

    /// Ranges of flux, as the list states it, and radius.
    fn filter(&mut self) -> Result<SkyFilter> {
        const GROUP: &str = "sky";
        let mut filter = SkyFilter { of_reference: true, ..SkyFilter::default() };
        let key = |name: &str| format!("oskar_sky_model/filter/{name}");
        for (k, name) in ["flux_min", "flux_max"].into_iter().enumerate() {
            match self.text(GROUP, &key(name)).as_deref() {
                None | Some("min" | "max") => {}
                Some(_) => filter.flux_jy[k] = self.number(GROUP, &key(name))?.unwrap_or_default(),
            }
        }
        for (k, name) in ["radius_inner_deg", "radius_outer_deg"].into_iter().enumerate() {
            if let Some(degrees) = self.number(GROUP, &key(name))? {
                filter.radius_rad[k] = degrees * DEG_RAD;
            }
        }
        Ok(filter)
    }

    /// The group sky: a list, an image or a HEALPix map.
    fn sky(&mut self) -> Result<SkySource> {
        const GROUP: &str = "sky";
        if let Some(map) = self.text(GROUP, "healpix_fits/file").filter(|name| !name.is_empty()) {
            return self.healpix(&map);
        }
        let image = self.text(GROUP, "fits_image/file").filter(|name| !name.is_empty());
        let Some(image) = image else {
            return Ok(SkySource::Components {
                path: self.need_path(GROUP, "oskar_sky_model/file")?,
                kind: ListKind::Text,
            });
        };
        if let Some(list) = self.text(GROUP, "oskar_sky_model/file").filter(|name| !name.is_empty()) {
            return Err(self.unsupported(GROUP, "oskar_sky_model/file", &list, "either a list or sky/fits_image/file"));
        }
        // only what a file does not say would be taken from these
        self.one_of(GROUP, "fits_image/override_map_units", &["false"])?;
        self.text(GROUP, "fits_image/default_map_units");
        let settings = OskarImage {
            min_peak_fraction: self.number(GROUP, "fits_image/min_peak_fraction")?.unwrap_or(0.02),
            min_abs_val: self.number(GROUP, "fits_image/min_abs_val")?.unwrap_or(0.0),
            freq_hz: self.number(GROUP, "fits_image/frequency_hz")?.unwrap_or(0.0),
            spectral_index: self.number(GROUP, "fits_image/spectral_index")?.unwrap_or(0.0),
        };
        Ok(SkySource::Components { path: self.folder.join(image), kind: ListKind::OskarImage(settings) })
    }

    /// sky/healpix_fits: the first column of a map in ring order (oskar/sky/src/oskar_sky_from_fits_file.c).
    fn healpix(&mut self, map: &str) -> Result<SkySource> {
        const GROUP: &str = "sky";
        for other in ["oskar_sky_model/file", "fits_image/file"] {
            if let Some(name) = self.text(GROUP, other).filter(|name| !name.is_empty()) {
                return Err(self.unsupported(GROUP, other, &name, "either this or sky/healpix_fits/file"));
            }
        }
        let path = self.folder.join(map);
        let file = HealpixFile::open(&path)?;
        if file.order != HealpixOrder::Ring {
            return Err(Error::input("OSKAR reads HEALPix maps in ring order only")
                .found("a map in nested order")
                .place(path.display())
                .hint("give the map as sky.healpix in a configuration"));
        }
        let frame = HealpixFrame::named(&file.system);
        let stated = self.text(GROUP, "healpix_fits/coord_sys");
        // OSKAR goes by the file, whatever this says
        let asked = match stated.as_deref() {
            None => frame,
            Some("G" | "Galactic") => Some(HealpixFrame::Galactic),
            Some("E" | "Equatorial") => Some(HealpixFrame::Equatorial),
            Some(other) => {
                return Err(self.unsupported(GROUP, "healpix_fits/coord_sys", other, "Galactic or Equatorial"));
            }
        };
        if asked != frame {
            let expected = format!("the frame of the map, whose COORDSYS is '{}'", file.system);
            return Err(self.unsupported(GROUP, "healpix_fits/coord_sys", &stated.unwrap_or_default(), &expected));
        }
        let default = self.text(GROUP, "healpix_fits/default_map_units").unwrap_or_else(|| "K".into());
        let overridden = self.boolean(GROUP, "healpix_fits/override_map_units")?.unwrap_or(false);
        let unit = match HealpixUnit::named(&default) {
            Some(unit @ (HealpixUnit::Temperature(_) | HealpixUnit::JyPerPixel)) => unit,
            _ => return Err(self.unsupported(GROUP, "healpix_fits/default_map_units", &default, "K, mK or Jy/pixel")),
        };
        let unstated = file.columns.first().is_none_or(|column| column.unit.is_empty());
        let freq_hz = self.number(GROUP, "healpix_fits/freq_hz")?.unwrap_or(408e6);
        if freq_hz <= 0.0 {
            return Err(self.unsupported(GROUP, "healpix_fits/freq_hz", &freq_hz.to_string(), "above 0"));
        }
        let request = HealpixRequest {
            freq_hz: vec![freq_hz],
            columns: Vec::new(),
            unit: (overridden || unstated).then_some(unit),
            frame,
            spectral_index: Some(self.number(GROUP, "healpix_fits/spectral_index")?.unwrap_or(-0.7)),
            least: Some([
                self.number(GROUP, "healpix_fits/min_peak_fraction")?.unwrap_or(0.0),
                self.number(GROUP, "healpix_fits/min_abs_val")?.unwrap_or(0.0),
            ]),
        };
        Ok(SkySource::Components { path, kind: ListKind::Healpix(Box::new(request)) })
    }

    fn boolean(&mut self, group: &str, key: &str) -> Result<Option<bool>> {
        let Some(text) = self.text(group, key) else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            _ => Err(self.unsupported(group, key, &text, "true or false")),
        }
    }

    /// The group telescope/aperture_array: elements as OSKAR's defaults have them, and array patterns as it makes them.
    fn arrays(&mut self, model: &OskarTelescope) -> Result<ApertureArrays> {
        const GROUP: &str = "telescope";
        let key = |name: &str| format!("aperture_array/{name}");
        self.one_of(GROUP, &key("array_pattern/enable"), &["true"])?;
        self.one_of(GROUP, &key("array_pattern/normalise"), &["false"])?;
        self.one_of(GROUP, &key("element_pattern/normalise"), &["false"])?;
        self.one_of(GROUP, &key("element_pattern/swap_xy"), &["false"])?;
        let numerical = self.boolean(GROUP, &key("element_pattern/enable_numerical"))?.unwrap_or(true);
        let length = self.number(GROUP, &key("element_pattern/dipole_length"))?.unwrap_or(0.5);
        let units =
            self.text(GROUP, &key("element_pattern/dipole_length_units")).unwrap_or_else(|| "Wavelengths".into());
        let length = match units.to_ascii_lowercase().as_str() {
            _ if length <= 0.0 => {
                return Err(self.unsupported(
                    GROUP,
                    &key("element_pattern/dipole_length"),
                    &length.to_string(),
                    "above 0",
                ));
            }
            "wavelengths" => DipoleLength::Wavelengths(length),
            "metres" => DipoleLength::Metres(length),
            _ => {
                let units_key = key("element_pattern/dipole_length_units");
                return Err(self.unsupported(GROUP, &units_key, &units, "Wavelengths or Metres"));
            }
        };
        let functional = self.text(GROUP, &key("element_pattern/functional_type")).unwrap_or_else(|| "Dipole".into());
        let pattern = match functional.as_str() {
            "Dipole" => Pattern::Dipole(length),
            "Isotropic (unpolarised)" | "Isotropic" => Pattern::Isotropic,
            other => {
                let known = "Dipole or Isotropic (unpolarised)";
                return Err(self.unsupported(GROUP, &key("element_pattern/functional_type"), other, known));
            }
        };
        let power = self.number(GROUP, &key("element_pattern/taper/cosine_power"))?.unwrap_or(1.0);
        let fwhm_deg = self.number(GROUP, &key("element_pattern/taper/gaussian_fwhm_deg"))?.unwrap_or(45.0);
        let taper = self.text(GROUP, &key("element_pattern/taper/type")).unwrap_or_else(|| "None".into());
        let taper = match taper.as_str() {
            "None" => Taper::None,
            "Cosine" => Taper::Cosine { power },
            "Gaussian" if fwhm_deg > 0.0 => Taper::Gaussian { fwhm_rad: fwhm_deg * DEG_RAD, reference_hz: 0.0 },
            other => {
                let known = "None, Cosine, or Gaussian with a positive taper/gaussian_fwhm_deg";
                return Err(self.unsupported(GROUP, &key("element_pattern/taper/type"), other, known));
            }
        };
        let element = Element { pattern, taper, feed_angle_rad: [0.0; 2] };
        // seeds of time-variable errors are ours: OSKAR's random numbers are not reproduced
        // an isotropic element stays one whatever the files say
        let numerical = numerical && element.pattern != Pattern::Isotropic;
        let any = model.station_types.iter().any(|station| station.first_pattern().is_some());
        if numerical && any && self.text(GROUP, "pol_mode").as_deref() == Some("Scalar") {
            // OSKAR has no spherical waves there: old versions stop, newer ones take dipoles
            return Err(self.unsupported(GROUP, "pol_mode", "Scalar", "Full, with the element patterns of the folder"));
        }
        ApertureArrays::from_oskar(model, &element, numerical, true, 1)?.ok_or_else(|| {
            Error::input("aperture arrays need station folders")
                .found("a telescope folder without any")
                .expected("a folder with layout.txt for each kind of station")
                .place(self.path.display())
        })
    }

    fn one_of(&mut self, group: &str, key: &str, allowed: &[&str]) -> Result<()> {
        match self.text(group, key) {
            Some(value) if !allowed.iter().any(|a| a.eq_ignore_ascii_case(&value)) => {
                Err(self.unsupported(group, key, &value, &allowed.join(" or ")))
            }
            _ => Ok(()),
        }
    }

    fn unsupported(&self, group: &str, key: &str, found: &str, expected: &str) -> Error {
        let entry = self.settings.entries.iter().rev().find(|e| e.group == group && e.key == key);
        let error = Error::input(format!("this value of {group}/{key} is not supported")).expected(expected);
        match entry {
            Some(e) => error
                .found(format!("\"{found}\""))
                .place(format!("{}, line {}", self.path.display(), e.line))
                .hint("change the line, or use OSKAR for this observation"),
            None => error
                .found(format!("no such line, and OSKAR's default is \"{found}\""))
                .place(self.path.display())
                .hint(format!("add {key}=... to group [{group}]")),
        }
    }

    fn finish(self) -> Result<()> {
        // details of a noise that is switched off
        let idle = |e: &&OskarSetting| e.group == "interferometer" && e.key.starts_with("noise/");
        let used = |e: &&OskarSetting| self.used.iter().any(|(g, k)| *g == e.group && *k == e.key);
        match self.settings.entries.iter().find(|e| !used(e) && !idle(e)) {
            None => Ok(()),
            Some(e) => Err(Error::input("this OSKAR setting is not supported yet")
                .found(format!("{}/{} = {}", e.group, e.key, e.value))
                .expected("settings of point and Gaussian skies, and stations of OSKAR's kinds")
                .place(format!("{}, line {}", self.path.display(), e.line))
                .hint("remove the line if its default is what you want")),
        }
    }
}
