use super::{Domain, MapObject, ParticleCloud};
use crate::error::{Error, Result, Watch};
use crate::sky::cells::GasCells;
use crate::sky::kernel::KERNEL_FACTOR;
use crate::sky::orient::Rotation;
use crate::sky::placing::{PixelFrame, Placement};
use crate::sky::project::{Projected, project};
use crate::sky::spread::Footprint;
use crate::sky::temperature::{TbScale, areas_kpc2, column_cm2_per_msun_kpc2};
use crate::units::RaDec;
use crate::units::hi::{column_per_k_km_s, tb_coefficient_mk};
use ndarray::{Array2, Zip};
use std::borrow::Cow;
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

    /// [`Domain::Tb`] of one Msun per physical kpc^2, mK.
    pub fn tb_mk_per_msun_kpc2(&self) -> f64 {
        let scale = self.tb_scale();
        // one physical kpc is (1 + z) comoving ones
        scale.tb_mk((1.0 + scale.redshift).powi(-2))
    }

    /// Physical area of the pixels at the object, kpc^2, [y, x].
    ///
    /// # Errors
    /// An image beyond the hemisphere.
    pub fn areas_kpc2(&self) -> Result<Array2<f64>> {
        let middle = [self.nx, self.ny].map(|n| (n / 2) as f64);
        areas_kpc2((self.ny, self.nx), middle, self.cell_rad, self.placement.angular_diameter_distance_mpc() * 1e3)
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
    let areas = request.areas_kpc2()?;
    let mut columns: Vec<Column> = Vec::new();
    for (above, below) in domains.iter().filter_map(|d| d.columns()) {
        for column in [Some(above), below].into_iter().flatten() {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
    }
    let gas = if columns.is_empty() {
        Vec::new()
    } else {
        let data: Vec<Cow<[f64]>> = columns.iter().map(|c| values(object, *c, rotation)).collect();
        let data: Vec<&[f64]> = data.iter().map(AsRef::as_ref).collect();
        projected(&object.cells.position_kpc, &supports(&object.cells, request), &data, rotation, request, watch)?
    };
    domains
        .iter()
        .map(|&domain| {
            let of = |column: Column| {
                let at = columns.iter().position(|c| *c == column);
                // every column of a domain is among those of all domains
                at.and_then(|at| gas.get(at)).ok_or_else(|| Error::input("a column of gas was not projected"))
            };
            let (sums, total, outside) = match domain.columns() {
                Some((above, None)) => {
                    let Sums { map, total, outside } = of(above)?;
                    (Cow::Borrowed(map), *total, *outside)
                }
                Some((above, Some(below))) => {
                    let Sums { map, total, outside } = of(below)?;
                    let mean = |a: &f64, b: &f64| if *b > 0.0 { a / b } else { 0.0 };
                    (Cow::Owned(Zip::from(&of(above)?.map).and(map).map_collect(mean)), *total, *outside)
                }
                None => {
                    let particles = if domain == Domain::Stars { &object.stars } else { &object.dark_matter };
                    let Sums { map, total, outside } = cloud(particles.as_ref(), rotation, request, watch)?;
                    (Cow::Owned(map), total, outside)
                }
            };
            let surface = |per_msun_kpc2: f64| {
                let map = Zip::from(&*sums).and(&areas);
                map.map_collect(|mass, area| mass / area * per_msun_kpc2)
            };
            let values = match domain {
                Domain::Hi => surface(column_cm2_per_msun_kpc2()),
                Domain::Tb => surface(request.tb_mk_per_msun_kpc2()),
                Domain::TbKinematic => surface(column_cm2_per_msun_kpc2() / column_per_k_km_s()),
                Domain::Gas | Domain::Stars | Domain::DarkMatter | Domain::Sfr => surface(1.0),
                Domain::HiMass | Domain::Temperature | Domain::Metallicity | Domain::B | Domain::BLos => {
                    sums.into_owned()
                }
            };
            Ok(Map { domain, values, total, outside })
        })
        .collect()
}

/// The map of [`Domain::HiMass`] of gas cells alone: [`draw`] of an object of these cells.
///
/// # Errors
/// Those of [`draw`].
pub fn draw_hi_mass(cells: &GasCells, rotation: &Rotation, request: &MapRequest, watch: &Watch) -> Result<Map> {
    request.check()?;
    let columns = [cells.hi_mass_msun.as_slice()];
    let mut sums = projected(&cells.position_kpc, &supports(cells, request), &columns, rotation, request, watch)?;
    let Sums { map, total, outside } = sums.swap_remove(0);
    Ok(Map { domain: Domain::HiMass, values: map, total, outside })
}

/// Support radius of each cell's kernel, kpc.
fn supports(cells: &GasCells, request: &MapRequest) -> Vec<f64> {
    cells.volume_kpc3.iter().map(|v| request.kernel_factor * (0.75 * v / PI).cbrt()).collect()
}

/// What is added up in every pixel, and what lies outside.
#[derive(Debug)]
struct Sums {
    map: Array2<f64>,
    total: f64,
    outside: f64,
}

fn values<'a>(object: &'a MapObject, column: Column, rotation: &Rotation) -> Cow<'a, [f64]> {
    let gas = &object.gas;
    let times = |other: &[f64]| Cow::Owned(gas.mass_msun.iter().zip(other).map(|(m, v)| m * v).collect());
    match column {
        Column::Hi => Cow::Borrowed(&object.cells.hi_mass_msun),
        Column::Mass => Cow::Borrowed(&gas.mass_msun),
        Column::Heat => times(&gas.temperature_k),
        Column::Metals => {
            times(&gas.metallicity.iter().map(|z| z / crate::sky::h2::SOLAR_METALLICITY).collect::<Vec<_>>())
        }
        Column::Field => {
            let strength = |b: &[f64; 3]| b.iter().map(|v| v * v).sum::<f64>().sqrt();
            times(&gas.magnetic_field_ug.iter().map(strength).collect::<Vec<_>>())
        }
        Column::Electrons => Cow::Borrowed(&gas.electrons),
        Column::FieldTowards => {
            let towards = |(b, e): (&[f64; 3], &f64)| -rotation.apply(*b)[2] * e;
            Cow::Owned(gas.magnetic_field_ug.iter().zip(&gas.electrons).map(towards).collect())
        }
        Column::Sfr => Cow::Borrowed(&gas.sfr_msun_yr),
    }
}

fn cloud(cloud: Option<&ParticleCloud>, rotation: &Rotation, request: &MapRequest, watch: &Watch) -> Result<Sums> {
    let nothing = ParticleCloud::default();
    let cloud = cloud.unwrap_or(&nothing);
    let columns = [cloud.mass_msun.as_slice()];
    let mut sums = projected(&cloud.position_kpc, &cloud.support_kpc, &columns, rotation, request, watch)?;
    Ok(sums.swap_remove(0))
}

/// Every column of what stands at `position_kpc`, on the pixels.
fn projected(
    position_kpc: &[[f64; 3]],
    support_kpc: &[f64],
    columns: &[&[f64]],
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
    let Projected { maps, outside } = project(&places, columns, nx, ny, watch)?;
    let total = columns.iter().map(|c| c.iter().sum::<f64>());
    Ok(maps.into_iter().zip(outside).zip(total).map(|((map, outside), total)| Sums { map, total, outside }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;
    use crate::sky::band::Band;
    use crate::sky::cells::GasCells;
    use crate::sky::maps::GasColumns;
    use crate::sky::orient::{BoxAxis, Orientation};
    use crate::sky::products::{CubeRequest, build_cube};

    fn placement() -> Placement {
        Placement::new(0.5, 0.0, 2900.0, 0.7, 92.0).unwrap()
    }

    fn request(width_kpc: f64, n: usize) -> MapRequest {
        let placement = placement();
        let cell_rad = width_kpc / (placement.angular_diameter_distance_mpc() * 1e3) / n as f64;
        MapRequest::new(placement, RaDec::from_deg(30.0, -30.0), n, n, cell_rad)
    }

    /// A lump of gas, stars and dark matter, some of it outside of 60 kpc.
    fn object(count: usize) -> MapObject {
        let mut draw = Stream::new(9, [7, 0, 0]);
        let mut at = |scale: f64| [0, 1, 2].map(|k| scale * draw.normal() * [1.0, 0.6, 0.3][k]);
        let position_kpc: Vec<[f64; 3]> = (0..count).map(|_| at(15.0)).collect();
        let stars: Vec<[f64; 3]> = (0..count / 3).map(|_| at(6.0)).collect();
        let dark: Vec<[f64; 3]> = (0..count).map(|_| at(30.0)).collect();
        let field = (0..count).map(|_| at(3.0)).collect();
        let mut numbers =
            |low: f64, high: f64| -> Vec<f64> { (0..count).map(|_| low * (high / low).powf(draw.uniform())).collect() };
        let (hi_mass_msun, volume_kpc3) = (numbers(1e4, 1e7), numbers(0.01, 50.0));
        let gas = GasColumns {
            mass_msun: numbers(1e6, 3e7),
            temperature_k: numbers(1e3, 1e6),
            metallicity: numbers(1e-4, 0.05),
            magnetic_field_ug: field,
            electrons: numbers(1.0, 1e6),
            sfr_msun_yr: numbers(1e-6, 1e-2),
        };
        let cells = GasCells {
            position_kpc,
            velocity_km_s: vec![[0.0; 3]; count],
            hi_mass_msun,
            volume_kpc3,
            sigma_km_s: vec![9.0; count],
            spin_temperature_k: vec![100.0; count],
            scale_factor: 1.0,
        };
        let watch = Watch::silent();
        let cloud = |at: Vec<[f64; 3]>, each: f64| {
            let masses = vec![each; at.len()];
            Some(ParticleCloud::new(at, masses, 32, &watch).unwrap())
        };
        MapObject { cells, gas, stars: cloud(stars, 1e6), dark_matter: cloud(dark, 1e7) }
    }

    fn drawn(object: &MapObject, domains: &[Domain], rotation: &Rotation, request: &MapRequest) -> Vec<Map> {
        draw(object, domains, rotation, request, &Watch::silent()).unwrap()
    }

    fn plain(object: &MapObject) -> Rotation {
        Orientation::Box(BoxAxis::Z).rotation(&object.cells).unwrap()
    }

    #[test]
    fn masses_are_in_the_map_or_outside() {
        let object = object(3000);
        let request = request(50.0, 48);
        let kpc = request.placement.angular_diameter_distance_mpc() * 1e3;
        let areas = areas_kpc2((48, 48), [24.0; 2], request.cell_rad, kpc).unwrap();
        let rotation = Orientation::Euler { alpha_deg: 20.0, beta_deg: 70.0, gamma_deg: 5.0 };
        let maps = drawn(&object, &Domain::ALL, &rotation.rotation(&object.cells).unwrap(), &request);
        let expected = [
            (Domain::HiMass, object.hi_msun()),
            (Domain::Gas, object.gas_msun()),
            (Domain::Stars, 1e9),
            (Domain::DarkMatter, 3e10),
            (Domain::Sfr, object.gas.sfr_msun_yr.iter().sum()),
        ];
        for (domain, total) in expected {
            let map = maps.iter().find(|m| m.domain == domain).unwrap();
            let inside = if domain == Domain::HiMass { map.values.sum() } else { (&map.values * &areas).sum() };
            assert!((map.total / total - 1.0).abs() < 1e-12, "{domain:?}");
            assert!(((inside + map.outside) / total - 1.0).abs() < 1e-6, "{domain:?}: {inside} {}", map.outside);
            assert!(map.outside > 0.001 * total || domain == Domain::Stars, "{domain:?}");
        }
        assert!(maps.iter().all(|m| m.values.iter().all(|v| v.is_finite())));
    }

    #[test]
    fn hi_and_temperature_are_those_of_the_flux_cube() {
        let object = object(2000);
        let (orientation, mut request) = (Orientation::edge_on(33.0), request(60.0, 40));
        // the object beside the middle of the image
        request.object = RaDec::from_lm(7.3 * request.cell_rad, -4.1 * request.cell_rad, request.centre);
        let mut cells = object.cells.clone();
        let turn = |p: &[f64; 3]| [-9.0 * p[1], 9.0 * p[0], 0.0];
        cells.velocity_km_s = cells.position_kpc.iter().map(turn).collect();
        let object = MapObject { cells, ..object };
        let band = Band::Auto { channels: 8 };
        let mut cube = CubeRequest::new(request.placement, request.centre, 40, 40, request.cell_rad, band);
        (cube.object, cube.orientation) = (request.object, orientation);
        let products = build_cube(&object.cells, &cube, &Watch::silent()).unwrap();
        let rotation = orientation.rotation(&object.cells).unwrap();
        let maps = drawn(&object, &[Domain::Hi, Domain::Tb, Domain::TbKinematic], &rotation, &request);
        let kinematic = products.kinematic_cube_k(crate::sky::temperature::TbFrame::Rest);
        let dv = request.placement.rest_width_km_s(products.cube.channel_width_hz);
        let integral = kinematic.sum_axis(ndarray::Axis(0)) * dv;
        let peak = |map: &Array2<f64>| map.iter().fold(0.0f64, |m, v| m.max(*v));
        for (map, wanted, tolerance) in [
            (&maps[0], &products.column_map_cm2, 1e-10),
            (&maps[1], &products.tb_map_mk, 1e-10),
            // what the band loses
            (&maps[2], &integral, 1e-3),
        ] {
            let worst = (&map.values - wanted).iter().fold(0.0f64, |m, v| m.max(v.abs()));
            assert!(worst < tolerance * peak(wanted), "{:?}: {worst} of {}", map.domain, peak(wanted));
        }
    }

    #[test]
    fn temperatures_scale_as_column_over_depth_whatever_the_width() {
        let object = object(500);
        for (width, n, depth) in [(60.0, 32, 200.0), (60.0, 32, 50.0), (120.0, 32, 200.0), (60.0, 64, 200.0)] {
            let request = MapRequest { tb_depth_ckpc: depth, ..request(width, n) };
            let maps = drawn(&object, &[Domain::Hi, Domain::Tb], &plain(&object), &request);
            // C h H0 (1+z)^2/H(z) / rho_c / depth / (1+z)^2 a comoving Msun/kpc^2
            let scale = request.tb_scale();
            let per_column = scale.mk_per_density() / depth / 2.25 / column_cm2_per_msun_kpc2();
            let wanted = maps[0].values.mapv(|n| n * per_column);
            assert!((&maps[1].values - &wanted).iter().zip(&wanted).all(|(d, w)| d.abs() <= 1e-12 * w));
        }
    }

    #[test]
    fn a_uniform_box_gives_the_formula_for_any_width() {
        // cells of 1 kpc^3 and 2e5 Msun on a lattice of 60 kpc a side, in kernels that even out the lattice
        let side = 60;
        let at =
            |i: usize| [i % side, (i / side) % side, i / (side * side)].map(|k| k as f64 + 0.5 - 0.5 * side as f64);
        let count = side * side * 4;
        let position_kpc: Vec<[f64; 3]> = (0..count).map(at).collect();
        let cells = GasCells {
            position_kpc,
            hi_mass_msun: vec![2e5; count],
            volume_kpc3: vec![1.0; count],
            velocity_km_s: vec![[0.0; 3]; count],
            sigma_km_s: vec![9.0; count],
            spin_temperature_k: vec![100.0; count],
            scale_factor: 1.0,
        };
        let object = MapObject { cells, ..MapObject::default() };
        for (width, n) in [(10.0, 20), (20.0, 64), (30.0, 40)] {
            let request = MapRequest { kernel_factor: 6.0, ..request(width, n) };
            let maps = drawn(&object, &[Domain::Tb], &plain(&object), &request);
            // 4 layers: 8e5 Msun/kpc^2, over (1+z)^2 a comoving kpc^2
            let (c, z, h, hz) = (tb_coefficient_mk(), 0.5, 0.7, 92.0);
            let density = 8e5 / (1.0f64 + z).powi(2) / request.tb_depth_ckpc;
            let rho_c = crate::sky::temperature::critical_density_msun_kpc3(h);
            let formula = c * h * (1.0 + z).powi(2) * 100.0 * h / hz * density / rho_c;
            for value in &maps[0].values {
                assert!((value / formula - 1.0).abs() < 2e-3, "{width} kpc: {value} {formula}");
            }
        }
    }

    #[test]
    fn a_quarter_turn_about_the_line_of_sight_turns_the_map() {
        let object = object(1500);
        let request = request(60.0, 41);
        let start = Orientation::Euler { alpha_deg: 40.0, beta_deg: 50.0, gamma_deg: 60.0 };
        let start = start.rotation(&object.cells).unwrap();
        let maps = drawn(&object, &Domain::ALL, &start, &request);
        let turned = drawn(&object, &Domain::ALL, &start.turned(BoxAxis::Z, 90.0), &request);
        for (a, b) in maps.iter().zip(&turned) {
            // east goes to north: (x, y) of the middle's offsets to (y, -x) on the image, whose x falls with east
            let wanted = Array2::from_shape_fn((41, 41), |(y, x)| a.values[[x, 40 - y]]);
            let peak = wanted.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            let worst = (&b.values - &wanted).iter().fold(0.0f64, |m, v| m.max(v.abs()));
            assert!(worst < 1e-9 * peak, "{:?}: {worst} of {peak}", a.domain);
        }
        // from behind, the field points the other way
        let behind = drawn(&object, &[Domain::BLos], &start.turned(BoxAxis::Y, 180.0), &request);
        let front = &maps.iter().find(|m| m.domain == Domain::BLos).unwrap().values;
        let worst = front.indexed_iter().map(|((y, x), v)| (v + behind[0].values[[y, 40 - x]]).abs());
        assert!(worst.fold(0.0f64, f64::max) < 1e-9);
    }

    #[test]
    fn means_are_weighted_and_the_field_towards_the_observer_is_positive() {
        let mut object = object(400);
        let count = object.cells.len();
        object.gas.temperature_k = vec![1e4; count];
        object.gas.metallicity = vec![0.0127; count];
        // away from an observer who looks along +z
        object.gas.magnetic_field_ug = vec![[0.0, 3.0, 4.0]; count];
        let domains = [Domain::Temperature, Domain::Metallicity, Domain::B, Domain::BLos];
        let maps = drawn(&object, &domains, &plain(&object), &request(60.0, 32));
        for (map, constant) in maps.iter().zip([1e4, 1.0, 5.0, -4.0]) {
            let known = map.values.iter().filter(|v| **v != 0.0).count();
            assert!(known > 300, "{known}");
            assert!(map.values.iter().all(|v| *v == 0.0 || (v / constant - 1.0).abs() < 1e-9), "{:?}", map.domain);
        }
        // two cells in one pixel
        object.cells.position_kpc = vec![[0.0; 3]; 2];
        object.cells.hi_mass_msun = vec![1.0, 1.0];
        object.cells.volume_kpc3 = vec![1e-6; 2];
        object.gas = GasColumns {
            mass_msun: vec![1.0, 3.0],
            temperature_k: vec![100.0, 500.0],
            electrons: vec![5.0, 1.0],
            magnetic_field_ug: vec![[0.0, 0.0, -1.0], [0.0, 0.0, 5.0]],
            ..GasColumns::default()
        };
        let maps = drawn(&object, &[Domain::Temperature, Domain::BLos], &plain(&object), &request(60.0, 33));
        assert!((maps[0].values[[16, 16]] - 400.0).abs() < 1e-9, "{}", maps[0].values[[16, 16]]);
        assert!(maps[1].values[[16, 16]].abs() < 1e-12);
    }

    #[test]
    fn what_is_not_there_is_not_drawn() {
        let object = MapObject { stars: None, ..object(10) };
        let error = draw(&object, &[Domain::Stars], &plain(&object), &request(9.0, 8), &Watch::silent()).unwrap_err();
        assert!(error.to_string().contains("domain stars"), "{error}");
        let impossible = MapRequest { tb_depth_ckpc: 0.0, ..request(9.0, 8) };
        assert!(draw(&object, &[Domain::Hi], &plain(&object), &impossible, &Watch::silent()).is_err());
    }
}
