//! A group as skais-mapper reads it.

use super::{CodeUnits, Collisionless, Selection, SnapshotRequest};
use crate::error::{Error, Result, Watch};
use crate::formats::snapshot::{
    CellSelection, Format, ParticleKind, ReadOptions, group_of_subhalo, read_gas, read_particles,
};
use crate::sky::maps::SkaisObject;

impl SnapshotRequest {
    /// The particles for [`crate::sky::maps::skais_map`]: those of a sphere, which must hold the cube, or the whole
    /// group of a subhalo. `half_width_kpc`, physical, is half of the cube's side; by default the half-mass radius of
    /// the subhalo's gas.
    ///
    /// # Errors
    /// A selection without a centre, a sphere without a half width, another format than IllustrisTNG's, those of the
    /// readers.
    pub fn skais_object(
        &self,
        half_width_kpc: Option<f64>,
        wanted: Collisionless,
        watch: &Watch,
    ) -> Result<SkaisObject> {
        let refused = |found: &str, expected: &str| {
            Err(Error::input("skais-mapper's maps need a cube about a centre")
                .found(found)
                .expected(expected)
                .place(self.path.display()))
        };
        let (centre_ckpc_h, own, of_type) = match &self.selection {
            Selection::Subhalo { catalogue, index, .. } => {
                let group = group_of_subhalo(catalogue, *index)?;
                (group.position, Some(group.half_mass_radius[0]), group.particles)
            }
            Selection::Sphere { centre_ckpc_h, radius_ckpc_h } => {
                let sphere = CellSelection::Sphere { centre: *centre_ckpc_h, radius: *radius_ckpc_h };
                (*centre_ckpc_h, None, vec![sphere; 6])
            }
            Selection::All { .. } => {
                return refused(
                    "a file without sky.centre or sky.subhalo",
                    "sky.subhalo, or sky.centre and sky.radius",
                );
            }
        };
        let options = |kind: usize| ReadOptions {
            format: self.format,
            selection: of_type[kind].clone(),
            allow_missing_chunks: self.allow_missing_chunks,
            magnetic_field: true,
            mesh_points: true,
            wind: true,
            ..ReadOptions::default()
        };
        let snapshot = read_gas(&self.path, &options(0), watch)?;
        if snapshot.header.format != Format::Tng {
            return refused(snapshot.header.format.words(), "the IllustrisTNG format");
        }
        let units = CodeUnits::of(&snapshot.header);
        let Some(half_width_ckpc_h) = half_width_kpc.map(|kpc| kpc / units.length_kpc).or(own) else {
            return refused("a sphere", "--width, twice the half-mass radius of the gas");
        };
        if let Selection::Sphere { radius_ckpc_h, .. } = self.selection
            && radius_ckpc_h < 3f64.sqrt() * half_width_ckpc_h
        {
            let least = 3f64.sqrt() * half_width_ckpc_h;
            return refused(
                &format!("a radius of {radius_ckpc_h} ckpc/h"),
                &format!("at least {least:.3} for the width"),
            );
        }
        let read = |kind: ParticleKind, wanted: bool| {
            let read = || read_particles(&self.path, &options(kind.number()), kind, &watch.quiet());
            wanted.then(read).transpose()
        };
        Ok(SkaisObject {
            stars: read(ParticleKind::Stars, wanted.stars)?,
            dark_matter: read(ParticleKind::DarkMatter, wanted.dark_matter)?,
            header: snapshot.header,
            gas: snapshot.gas,
            centre_ckpc_h,
            half_width_ckpc_h,
        })
    }
}
