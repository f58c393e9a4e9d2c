//! From gas cells to the maps and cubes of their HI.
//!
//! - (a) a map of the cosmological brightness temperature, [`super::temperature::TbScale`];
//! - (b) the kinematic cube T(v), [`super::temperature::kelvin_kpc2_per_jy`];
//! - (c) flux densities, the cube that an interferometer observes.
//!
//! (c) is the primary one: a cell's flux density in a channel is S = M f / (49.7 D_L^2 dnu) with f
//! the share of its line there (Meyer et al. 2017), so M_HI = 49.7 D_L^2 sum S dnu closes exactly.
//!
//! A cell's line stands at 1 + z = (1 + z_object)(1 + H d/c) gamma (1 + v_r/c): the Hubble flow at its depth d, and the
//! relativistic Doppler shift of its velocity v about the object's, with the transverse part in gamma.

use super::absorb::{Opacity, absorb};
use super::band::{BAND_SHARE, Band, Channels, format_range, line_range_hz, loss_note};
use super::cells::GasCells;
use super::cube::SkyCube;
use super::deposit::{PlacedCell, deposit};
use super::kernel::KERNEL_FACTOR;
use super::motion::Motion;
use super::orient::{BoxAxis, Orientation, Rotation};
use super::placing::{PixelFrame, Placement};
use super::temperature::{TbFrame, TbScale, areas_kpc2, column_cm2_per_msun_kpc2, kelvin_kpc2_per_jy};
use crate::error::{Error, Result, Watch};
use crate::units::RaDec;
use crate::units::hi::{NU0_HZ, column_per_k_km_s, mass_per_mpc2_jy_hz, tb_coefficient_mk};
use ndarray::{Array2, Array3, Axis, Zip};

pub use super::motion::Systemic;

/// Whether the gas absorbs its own light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OpticalDepth {
    /// It does not: flux density is mass.
    #[default]
    Thin,
    /// It does, as its spin temperature has it ([`super::absorb`]): cubes are fainter, maps of columns stay.
    SelfAbsorbed,
}

/// Everything that turns cells into a cube.
#[derive(Debug, Clone)]
pub struct CubeRequest {
    /// Redshift and distance.
    pub placement: Placement,
    /// How the object is turned.
    pub orientation: Orientation,
    /// Whether the mean velocity is removed.
    pub systemic: Systemic,
    /// Whether the Hubble flow across the object, H(z) times the depth, adds to the velocities.
    pub hubble_flow: bool,
    /// Kernel support over the cell's radius (3 V / 4 pi)^(1/3).
    pub kernel_factor: f64,
    /// Pixels along x.
    pub nx: usize,
    /// Pixels along y.
    pub ny: usize,
    /// Pixel size, rad.
    pub cell_rad: f64,
    /// Direction of the image's reference pixel, the phase centre.
    pub centre: RaDec,
    /// 0-based pixel (x, y) of `centre`, whole or not; `None`: (nx/2, ny/2), as for whatever is to be observed.
    pub reference_pixel: Option<[f64; 2]>,
    /// Direction of the object's centre.
    pub object: RaDec,
    /// Channels.
    pub band: Band,
    /// Spectral frame of the channels; the redshift's may differ ([`Placement::frame_ratio`]).
    pub specsys: String,
    /// Comoving length of product (a), comoving kpc.
    pub tb_depth_ckpc: f64,
    /// Coefficient of product (a), mK; `None` for the one of A10 (190.0).
    pub tb_coefficient_mk: Option<f64>,
    /// Whether the cubes are those of thin gas.
    pub optical_depth: OpticalDepth,
}

impl CubeRequest {
    /// A request with the defaults: seen along the box's z axis, mean velocity removed, Hubble flow
    /// on, [`KERNEL_FACTOR`], the object in the image's centre, BARYCENT, `tb_depth_ckpc` = 200.
    pub fn new(placement: Placement, centre: RaDec, nx: usize, ny: usize, cell_rad: f64, band: Band) -> CubeRequest {
        CubeRequest {
            placement,
            orientation: Orientation::Box(BoxAxis::Z),
            systemic: Systemic::Zero,
            hubble_flow: true,
            kernel_factor: KERNEL_FACTOR,
            nx,
            ny,
            cell_rad,
            centre,
            reference_pixel: None,
            object: centre,
            band,
            specsys: "BARYCENT".into(),
            tb_depth_ckpc: 200.0,
            tb_coefficient_mk: None,
            optical_depth: OpticalDepth::Thin,
        }
    }

    /// 0-based pixel (x, y) that looks at `centre`.
    fn reference(&self) -> [f64; 2] {
        self.reference_pixel.unwrap_or([(self.nx / 2) as f64, (self.ny / 2) as f64])
    }

    fn check(&self) -> Result<()> {
        self.placement.check()?;
        let positive = [
            ("the pixel size in rad", self.cell_rad),
            ("the kernel factor", self.kernel_factor),
            ("tb_depth in comoving kpc", self.tb_depth_ckpc),
            ("tb_coefficient in mK", self.tb_coefficient_mk.unwrap_or(1.0)),
        ];
        for (name, value) in positive {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::input(format!("{name} is out of range")).found(value).expected("a positive number"));
            }
        }
        Ok(())
    }
}

/// The products of one object, and what their headers must state.
#[derive(Debug, Clone)]
pub struct HiProducts {
    /// (c) Flux densities; its phase centre is [`HiProducts::reference_pixel`].
    pub cube: SkyCube,
    /// The channels, with the width of each.
    pub channels: Channels,
    /// 0-based pixel (x, y) that looks at the cube's centre.
    pub reference_pixel: [f64; 2],
    /// (a) Cosmological brightness temperature of all HI in the map, mK, observed frame, [y, x].
    pub tb_map_mk: Array2<f64>,
    /// HI column density of all HI in the map, cm^-2, [y, x].
    pub column_map_cm2: Array2<f64>,
    /// Physical area of the pixels, Omega D_A^2, kpc^2, [y, x].
    pub pixel_kpc2: Array2<f64>,
    /// The numbers behind (a): coefficient, TBDEPTH, redshift.
    pub tb_scale: TbScale,
    /// Frame of (a): TBFRAME.
    pub tb_frame: TbFrame,
    /// Redshift and distance used.
    pub placement: Placement,
    /// The rotation from box axes to (east, north, away).
    pub rotation: Rotation,
    /// Mean line-of-sight velocity that was removed, km/s; 0 with [`Systemic::Keep`].
    pub systemic_removed_km_s: f64,
    /// Total HI mass of the cells, Msun.
    pub total_hi_msun: f64,
    /// HI mass in the cube, Msun.
    pub cube_hi_msun: f64,
    /// Share of its flux that the gas in the cube absorbs itself; 0 for thin gas.
    pub absorbed_fraction: f64,
    /// Share of the HI mass outside the map.
    pub mass_outside_field_fraction: f64,
    /// Share of the line's flux outside the band.
    pub flux_lost_fraction_band: f64,
    /// Lowest and highest frequency of the line's central 99.9 %, Hz.
    pub line_range_hz: [f64; 2],
    /// What the user should know: flux lost, epochs that differ.
    pub notes: Vec<String>,
}

impl HiProducts {
    /// (b) The kinematic brightness temperature, K, [channel, y, x].
    pub fn kinematic_cube_k(&self, frame: TbFrame) -> Array3<f64> {
        let scale = kelvin_kpc2_per_jy(&self.placement, frame);
        let mut kelvin = self.cube.flux_jy.clone();
        for mut plane in kelvin.outer_iter_mut() {
            plane.zip_mut_with(&self.pixel_kpc2, |value, area| *value *= scale / area);
        }
        kelvin
    }

    /// One channel of (b), K, [y, x].
    pub fn kinematic_plane_k(&self, frame: TbFrame, channel: usize) -> Array2<f64> {
        let scale = kelvin_kpc2_per_jy(&self.placement, frame);
        let mut plane = self.cube.flux_jy.index_axis(Axis(0), channel).to_owned();
        Zip::from(&mut plane).and(&self.pixel_kpc2).for_each(|value, area| *value *= scale / area);
        plane
    }

    /// Velocity within the object of each channel's centre, km/s, falling.
    pub fn velocities_km_s(&self) -> Vec<f64> {
        self.cube.freq_hz.iter().map(|f| self.placement.velocity_km_s(*f)).collect()
    }

    /// M_HI = 49.7 D_L^2 sum S dnu, Msun: less than there is where gas absorbs its own light.
    pub fn hi_mass_from_flux_msun(&self) -> f64 {
        let planes = self.cube.flux_jy.outer_iter().zip(self.channels.widths_hz());
        let integral: f64 = planes.map(|(plane, width)| plane.sum() * width).sum();
        mass_per_mpc2_jy_hz() * self.placement.luminosity_distance_mpc.powi(2) * integral
    }

    /// Rest frequency of the line, Hz: the header's RESTFRQ.
    pub fn rest_freq_hz(&self) -> f64 {
        NU0_HZ
    }
}

/// Builds the products. `watch` advances by one unit a cell.
///
/// Errors: arrays of unequal length or impossible numbers in the cells; no HI at all; an
/// orientation without meaning; impossible channels or pixels; no HI in the field (with where it
/// is); no flux in the band (with where the line is); not enough memory; interrupted.
pub fn build_cube(cells: &GasCells, request: &CubeRequest, watch: &Watch) -> Result<HiProducts> {
    request.check()?;
    check_cells(cells)?;
    let placement = &request.placement;
    let total_hi_msun = cells.total_hi_msun();
    if total_hi_msun <= 0.0 {
        return Err(Error::input("there is no HI in the selected gas")
            .found(format!("{} cells with an HI mass of 0", cells.len()))
            .expected("some cells with neutral atomic hydrogen")
            .hint("check the centre and the radius of the selection"));
    }

    let rotation = request.orientation.rotation(cells)?;
    let Placed { cells: placed, depth_kpc, spin_k, systemic_removed_km_s } = place(cells, request, &rotation)?;
    let channels = request.band.channels(&placed, placement)?;
    let range = line_range_hz(&placed, placement, BAND_SHARE);
    let edges = channels.edges_km_s(placement);
    let mut deposited = deposit(&placed, &edges, request.nx, request.ny, watch)?;
    if deposited.map_msun.sum() <= 0.0 {
        return Err(outside_field(&placed, request));
    }
    let flux_lost_fraction_band = (deposited.outside_band_msun / total_hi_msun).max(0.0);
    let cube_hi_msun = deposited.cube_msun.sum();
    if cube_hi_msun <= 0.0 {
        let (lowest, highest) = (channels.edges_hz[0], channels.edges_hz[channels.freq_hz.len()]);
        let problem = if flux_lost_fraction_band < 1.0 - 1e-9 {
            "the band misses the line of the gas that lies in the field"
        } else {
            "the band misses the line"
        };
        return Err(Error::input(problem)
            .found(format!("channels from {}", format_range([lowest, highest])))
            .expected(format!("a band over the line, {}", format_range(range)))
            .hint("leave the band out to have it centred on the line"));
    }

    let tb_scale = TbScale {
        coefficient_mk: request.tb_coefficient_mk.unwrap_or_else(tb_coefficient_mk),
        depth_ckpc: request.tb_depth_ckpc,
        redshift: placement.cosmological_redshift,
        h: placement.h,
        hubble_km_s_mpc: placement.hubble_km_s_mpc,
    };
    let distance_kpc = placement.angular_diameter_distance_mpc() * 1e3;
    let pixel_kpc2 = areas_kpc2((request.ny, request.nx), request.reference(), request.cell_rad, distance_kpc)?;
    let mut absorbed_fraction = 0.0;
    if request.optical_depth == OpticalDepth::SelfAbsorbed {
        let per_km_s = column_cm2_per_msun_kpc2() / column_per_k_km_s();
        let widths_hz = channels.widths_hz();
        let kelvin: Vec<f64> = widths_hz.iter().map(|w| per_km_s / placement.rest_width_km_s(*w)).collect();
        let mut order: Vec<u32> = (0..placed.len() as u32).collect();
        order.sort_by(|a, b| depth_kpc[*a as usize].total_cmp(&depth_kpc[*b as usize]).then(a.cmp(b)));
        let opacity =
            Opacity { kelvin_per_msun_kpc2: &kelvin, pixel_kpc2: &pixel_kpc2, spin_k: &spin_k, order: &order };
        // gives the thin cube's memory back first
        deposited.cube_msun = Array3::zeros((0, 0, 0));
        deposited.cube_msun = absorb(&placed, &edges, &opacity, &watch.quiet())?;
        absorbed_fraction = (1.0 - deposited.cube_msun.sum() / cube_hi_msun).max(0.0);
    }
    let mut flux_jy = deposited.cube_msun;
    for (mut plane, width_hz) in flux_jy.outer_iter_mut().zip(channels.widths_hz()) {
        let jy_per_msun = 1.0 / (mass_per_mpc2_jy_hz() * placement.luminosity_distance_mpc.powi(2) * width_hz);
        plane.mapv_inplace(|mass| mass * jy_per_msun);
    }
    let cube = SkyCube {
        flux_jy,
        freq_hz: channels.freq_hz.clone(),
        channel_width_hz: channels.width_hz,
        cell_rad: request.cell_rad,
        centre: request.centre,
        specsys: request.specsys.clone(),
    };
    let surface_msun_kpc2 = &deposited.map_msun / &pixel_kpc2;
    // one physical kpc is (1 + z) comoving ones
    let comoving = (1.0 + tb_scale.redshift).powi(-2);

    let mass_outside_field_fraction = (deposited.outside_map_msun / total_hi_msun).max(0.0);
    let mut notes = Vec::new();
    notes.extend(loss_note(&channels, flux_lost_fraction_band, range));
    if mass_outside_field_fraction > 1e-3 {
        notes.push(format!(
            "{:.2} % of the HI mass lies outside the {} x {} pixels of the image",
            100.0 * mass_outside_field_fraction,
            request.nx,
            request.ny
        ));
    }
    let snapshot_redshift = 1.0 / cells.scale_factor - 1.0;
    if (snapshot_redshift - placement.cosmological_redshift).abs() > 1e-3 * (1.0 + snapshot_redshift) {
        notes.push(format!(
            "the gas is of z = {snapshot_redshift:.4} and the object is placed at z = {:.4}: its physical sizes, \
             masses and velocities are kept",
            placement.cosmological_redshift
        ));
    }

    Ok(HiProducts {
        tb_map_mk: surface_msun_kpc2.mapv(|surface| tb_scale.tb_mk(surface * comoving)),
        column_map_cm2: surface_msun_kpc2.mapv(|surface| surface * column_cm2_per_msun_kpc2()),
        cube,
        channels,
        reference_pixel: request.reference(),
        pixel_kpc2,
        tb_scale,
        tb_frame: TbFrame::Observed,
        placement: *placement,
        rotation,
        systemic_removed_km_s,
        total_hi_msun,
        cube_hi_msun,
        absorbed_fraction,
        mass_outside_field_fraction,
        flux_lost_fraction_band,
        line_range_hz: range,
        notes,
    })
}

/// Cells with HI, seen by the observer.
struct Placed {
    /// In pixels and line-of-sight velocity.
    cells: Vec<PlacedCell>,
    /// How far behind the object's centre each is, kpc.
    depth_kpc: Vec<f64>,
    /// Spin temperature of each, K; empty where the cells have none.
    spin_k: Vec<f64>,
    /// The mean velocity that was removed.
    systemic_removed_km_s: f64,
}

/// Cells with HI in pixels and line-of-sight velocity.
fn place(cells: &GasCells, request: &CubeRequest, rotation: &Rotation) -> Result<Placed> {
    let placement = &request.placement;
    let frame = PixelFrame::new(placement, request.object, request.centre, request.cell_rad, request.nx, request.ny)
        .at(request.reference());
    let pixel_kpc = placement.pixel_kpc(request.cell_rad);
    let with_hi = || (0..cells.len()).filter(|i| cells.hi_mass_msun[*i] > 0.0);
    let motion = Motion::new(cells, rotation, request.systemic, request.hubble_flow, placement);
    let mut placed = Vec::with_capacity(cells.len());
    let (mut depth_kpc, mut spin_k) = (Vec::new(), Vec::new());
    let absorbing = request.optical_depth == OpticalDepth::SelfAbsorbed;
    for i in with_hi() {
        let [east, north, away] = rotation.apply(cells.position_kpc[i]);
        let velocity_km_s = motion.velocity_km_s(rotation.apply(cells.velocity_km_s[i]), away)?;
        // off the hemisphere is off the map; the mass still counts
        let [x_px, y_px] = frame.pixel(east, north).unwrap_or([-1e18, -1e18]);
        let radius_kpc = (0.75 * cells.volume_kpc3[i] / std::f64::consts::PI).cbrt();
        if absorbing {
            depth_kpc.push(away);
            spin_k.extend(cells.spin_temperature_k.get(i));
        }
        placed.push(PlacedCell {
            x_px,
            y_px,
            support_px: request.kernel_factor * radius_kpc / pixel_kpc,
            mass_msun: cells.hi_mass_msun[i],
            velocity_km_s,
            sigma_km_s: cells.sigma_km_s[i],
        });
    }
    Ok(Placed { cells: placed, depth_kpc, spin_k, systemic_removed_km_s: motion.systemic_km_s() })
}

fn check_cells(cells: &GasCells) -> Result<()> {
    let n = cells.len();
    let lengths =
        [cells.position_kpc.len(), cells.velocity_km_s.len(), cells.volume_kpc3.len(), cells.sigma_km_s.len()];
    if lengths.iter().any(|&length| length != n) {
        return Err(Error::input("the gas cells' arrays have unequal lengths")
            .found(format!("{n} masses; {lengths:?} positions, velocities, volumes and line widths")));
    }
    if !(cells.scale_factor > 0.0 && cells.scale_factor.is_finite()) {
        return Err(Error::input("the snapshot's scale factor is out of range")
            .found(cells.scale_factor)
            .expected("a positive number"));
    }
    let usable = |value: f64| value >= 0.0 && value.is_finite();
    for i in 0..n {
        let problem = if cells.position_kpc[i].iter().any(|v| !v.is_finite()) {
            Some(("position", format!("{:?} kpc", cells.position_kpc[i])))
        } else if cells.velocity_km_s[i].iter().any(|v| !v.is_finite()) {
            Some(("velocity", format!("{:?} km/s", cells.velocity_km_s[i])))
        } else if !usable(cells.hi_mass_msun[i]) {
            Some(("HI mass", format!("{} Msun", cells.hi_mass_msun[i])))
        } else if !usable(cells.volume_kpc3[i]) {
            Some(("volume", format!("{} kpc^3", cells.volume_kpc3[i])))
        } else if !usable(cells.sigma_km_s[i]) {
            Some(("line width", format!("{} km/s", cells.sigma_km_s[i])))
        } else {
            None
        };
        if let Some((what, found)) = problem {
            return Err(Error::input(format!("a gas cell has an impossible {what}"))
                .found(found)
                .expected("finite numbers; masses, volumes and widths not negative")
                .place(format!("gas cell {i}")));
        }
    }
    Ok(())
}

fn outside_field(placed: &[PlacedCell], request: &CubeRequest) -> Error {
    let (mut x, mut y, mut mass) = (0.0, 0.0, 0.0);
    for cell in placed {
        x += cell.mass_msun * cell.x_px;
        y += cell.mass_msun * cell.y_px;
        mass += cell.mass_msun;
    }
    let (x, y) = (x / mass, y / mass);
    let place = if x > -1e9 && y > -1e9 {
        format!("its centre at pixel ({x:.0}, {y:.0})")
    } else {
        "gas beyond the hemisphere about the image's centre".into()
    };
    Error::input("the object lies outside the field")
        .found(place)
        .expected(format!("HI within pixels 0 to {} and 0 to {}", request.nx - 1, request.ny - 1))
        .hint("bring the object's position and the phase centre together, or take a larger image")
}
