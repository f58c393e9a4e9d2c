use super::{Domain, MapObject, ParticleCloud};
use crate::error::{Error, Result, Watch};
use crate::gridding::ImageGeometry;
use crate::sky::kernel::KERNEL_FACTOR;
use crate::sky::orient::Rotation;
use crate::sky::placing::{PixelFrame, Placement};
use crate::sky::project::{Footprint, Projected, project};
use crate::sky::temperature::{TbScale, column_cm2_per_msun_kpc2, geometry_areas_kpc2};
use crate::units::RaDec;
use crate::units::hi::{column_per_k_km_s, tb_coefficient_mk};
use ndarray::Array2;
use std::f64::consts::PI;

/// Where maps lie, and what their temperatures need: as in [`crate::sky::products::CubeRequest`].
#[derive(Debug, Clone)]
pub struct MapRequest {
    /// Redshift and distance.
    pub placement: Placement,
    /// Pixels along x.
    pub nx: usize,
    /// Pixels along y.
    pub ny: usize,
    /// Pixel size, rad.
    pub cell_rad: f64,
    /// Direction of the image's centre pixel.
    pub centre: RaDec,
    /// Direction of the object's centre.
    pub object: RaDec,
    /// Kernel support of gas cells over their radius (3 V / 4 pi)^(1/3).
    pub kernel_factor: f64,
    /// Comoving length of [`Domain::Tb`], comoving kpc.
    pub tb_depth_ckpc: f64,
    /// Coefficient of [`Domain::Tb`], mK; `None` for the one of A10 (190.0).
    pub tb_coefficient_mk: Option<f64>,
}

impl MapRequest {
    /// A request with the object in the middle of the image, [`KERNEL_FACTOR`] and `tb_depth_ckpc` = 200.
    pub fn new(placement: Placement, centre: RaDec, nx: usize, ny: usize, cell_rad: f64) -> MapRequest {
        MapRequest {
            placement,
            nx,
            ny,
            cell_rad,
            centre,
            object: centre,
            kernel_factor: KERNEL_FACTOR,
            tb_depth_ckpc: 200.0,
            tb_coefficient_mk: None,
        }
    }

    /// The numbers behind [`Domain::Tb`].
    pub fn tb_scale(&self) -> TbScale {
        TbScale {
            coefficient_mk: self.tb_coefficient_mk.unwrap_or_else(tb_coefficient_mk),
            depth_ckpc: self.tb_depth_ckpc,
            redshift: self.placement.cosmological_redshift,
            h: self.placement.h,
            hubble_km_s_mpc: self.placement.hubble_km_s_mpc,
        }
    }

    fn check(&self) -> Result<()> {
        self.placement.check()?;
        let positive = [
            ("the number of pixels", (self.nx * self.ny) as f64),
            ("the pixel size in rad", self.cell_rad),
            ("the kernel factor", self.kernel_factor),
            ("tb_depth in comoving kpc", self.tb_depth_ckpc),
            ("tb_coefficient in mK", self.tb_coefficient_mk.unwrap_or(1.0)),
        ];
        match positive.into_iter().find(|(_, value)| !(*value > 0.0 && value.is_finite())) {
            Some((name, value)) => {
                Err(Error::input(format!("{name} is out of range")).found(value).expected("a positive number"))
            }
            None => Ok(()),
        }
    }
}

/// One map.
#[derive(Debug, Clone)]
pub struct Map {
    /// What it is of.
    pub domain: Domain,
    /// Values in the domain's unit, [y, x]; 0 where a mean has no weight.
    pub values: Array2<f64>,
    /// Sum over the whole object of what is added up along the line of sight: Msun, Msun/yr, or the weights of a mean.
    pub total: f64,
    /// The part of `total` that lies outside the map.
    pub outside: f64,
}

/// What is added up along the line of sight for gas.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Column {
    Hi,
    Mass,
    Heat,
    Metals,
    Field,
    Electrons,
    FieldTowards,
    Sfr,
}

impl Domain {
    /// Numerator and, for a mean, denominator; none for what is not gas.
    fn columns(self) -> Option<(Column, Option<Column>)> {
        match self {
            Domain::Hi | Domain::HiMass | Domain::Tb | Domain::TbKinematic => Some((Column::Hi, None)),
            Domain::Gas => Some((Column::Mass, None)),
            Domain::Temperature => Some((Column::Heat, Some(Column::Mass))),
            Domain::Metallicity => Some((Column::Metals, Some(Column::Mass))),
            Domain::B => Some((Column::Field, Some(Column::Mass))),
            Domain::BLos => Some((Column::FieldTowards, Some(Column::Electrons))),
            Domain::Sfr => Some((Column::Sfr, None)),
            Domain::Stars | Domain::DarkMatter => None,
        }
    }
}

/// The maps of `object` seen under `rotation`, in the order of `domains`.
///
/// Errors: a domain that the object does not hold; impossible pixels or distances, an image beyond the hemisphere; not
/// enough memory; interrupted.
pub fn draw(
    object: &MapObject,
    domains: &[Domain],
    rotation: &Rotation,
    request: &MapRequest,
    watch: &Watch,
) -> Result<Vec<Map>> {
    request.check()?;
    if let Some(domain) = domains.iter().find(|d| !object.holds(**d)) {
        return Err(Error::input(format!("the object has nothing for maps of the domain {}", domain.word()))
            .found(format!("no {}", domain.title())));
    }
    let geometry = ImageGeometry { nx: request.nx, ny: request.ny, dl: -request.cell_rad, dm: request.cell_rad };
    let areas = geometry_areas_kpc2(geometry, request.placement.angular_diameter_distance_mpc() * 1e3)?;
    let mut columns: Vec<Column> = Vec::new();
    for (above, below) in domains.iter().filter_map(|d| d.columns()) {
        for column in [Some(above), below].into_iter().flatten() {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
    }
    let gas = if columns.is_empty() {
        None
    } else {
        let radius = |v: &f64| request.kernel_factor * (0.75 * v / PI).cbrt();
        let supports: Vec<f64> = object.cells.volume_kpc3.iter().map(radius).collect();
        let data: Vec<Vec<f64>> = columns.iter().map(|c| values(object, *c, rotation)).collect();
        Some(projected(&object.cells.position_kpc, &supports, &data, rotation, request, watch)?)
    };
    let scale = request.tb_scale();
    // one physical kpc is (1 + z) comoving ones
    let comoving = (1.0 + scale.redshift).powi(-2);
    let per_k_km_s = column_cm2_per_msun_kpc2() / column_per_k_km_s();
    domains
        .iter()
        .map(|&domain| {
            let sums = match (domain, domain.columns(), &gas) {
                (_, Some((above, below)), Some(gas)) => {
                    let above = pick(gas, &columns, above);
                    below.map_or(above.clone(), |below| {
                        let below = pick(gas, &columns, below);
                        let mean = |a: &f64, b: &f64| if *b > 0.0 { a / b } else { 0.0 };
                        Sums { map: ndarray::Zip::from(&above.map).and(&below.map).map_collect(mean), ..below }
                    })
                }
                (Domain::Stars, ..) => cloud(object.stars.as_ref(), rotation, request, watch)?,
                _ => cloud(object.dark_matter.as_ref(), rotation, request, watch)?,
            };
            let surface = || &sums.map / &areas;
            let values = match domain {
                Domain::Hi => surface().mapv_into(|s| s * column_cm2_per_msun_kpc2()),
                Domain::Tb => surface().mapv_into(|s| scale.tb_mk(s * comoving)),
                Domain::TbKinematic => surface().mapv_into(|s| s * per_k_km_s),
                Domain::Gas | Domain::Stars | Domain::DarkMatter | Domain::Sfr => surface(),
                Domain::HiMass | Domain::Temperature | Domain::Metallicity | Domain::B | Domain::BLos => sums.map,
            };
            Ok(Map { domain, values, total: sums.total, outside: sums.outside })
        })
        .collect()
}

/// What is added up in every pixel, and what lies outside.
#[derive(Debug, Clone)]
struct Sums {
    map: Array2<f64>,
    total: f64,
    outside: f64,
}

fn pick(gas: &[Sums], columns: &[Column], wanted: Column) -> Sums {
    let at = columns.iter().position(|c| *c == wanted);
    gas[at.expect("every column of a domain is among those of all domains")].clone()
}

fn values(object: &MapObject, column: Column, rotation: &Rotation) -> Vec<f64> {
    let gas = &object.gas;
    let times = |other: &[f64]| gas.mass_msun.iter().zip(other).map(|(m, v)| m * v).collect();
    match column {
        Column::Hi => object.cells.hi_mass_msun.clone(),
        Column::Mass => gas.mass_msun.clone(),
        Column::Heat => times(&gas.temperature_k),
        Column::Metals => {
            times(&gas.metallicity.iter().map(|z| z / crate::sky::h2::SOLAR_METALLICITY).collect::<Vec<_>>())
        }
        Column::Field => {
            let strength = |b: &[f64; 3]| b.iter().map(|v| v * v).sum::<f64>().sqrt();
            times(&gas.magnetic_field_ug.iter().map(strength).collect::<Vec<_>>())
        }
        Column::Electrons => gas.electrons.clone(),
        Column::FieldTowards => {
            let towards = |(b, e): (&[f64; 3], &f64)| -rotation.apply(*b)[2] * e;
            gas.magnetic_field_ug.iter().zip(&gas.electrons).map(towards).collect()
        }
        Column::Sfr => gas.sfr_msun_yr.clone(),
    }
}

fn cloud(
    cloud: Option<&ParticleCloud>,
    rotation: &Rotation,
    request: &MapRequest,
    watch: &Watch,
) -> Result<Sums> {
    let nothing = ParticleCloud::default();
    let cloud = cloud.unwrap_or(&nothing);
    let columns = std::slice::from_ref(&cloud.mass_msun);
    let mut sums = projected(&cloud.position_kpc, &cloud.support_kpc, columns, rotation, request, watch)?;
    Ok(sums.swap_remove(0))
}

/// Every column of what stands at `position_kpc`, on the pixels.
fn projected(
    position_kpc: &[[f64; 3]],
    support_kpc: &[f64],
    columns: &[Vec<f64>],
    rotation: &Rotation,
    request: &MapRequest,
    watch: &Watch,
) -> Result<Vec<Sums>> {
    let MapRequest { placement, object, centre, cell_rad, nx, ny, .. } = *request;
    let frame = PixelFrame::new(&placement, object, centre, cell_rad, nx, ny);
    let pixel_kpc = placement.pixel_kpc(cell_rad);
    let places: Vec<Footprint> = position_kpc
        .iter()
        .zip(support_kpc)
        .map(|(position, support)| {
            let [east, north, _] = rotation.apply(*position);
            // off the hemisphere is off the map; the mass still counts
            let [x_px, y_px] = frame.pixel(east, north).unwrap_or([-1e18, -1e18]);
            Footprint { x_px, y_px, support_px: support / pixel_kpc }
        })
        .collect();
    let views: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let Projected { maps, outside } = project(&places, &views, nx, ny, watch)?;
    let total = columns.iter().map(|c| c.iter().sum::<f64>());
    Ok(maps.into_iter().zip(outside).zip(total).map(|((map, outside), total)| Sums { map, total, outside }).collect())
}
