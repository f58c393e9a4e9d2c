//! Which planes and images are worked on together.

use super::choice::planes_together;
use super::plan::{Plan, storage};
use super::plane::layout;
use super::real::Real;
use super::tile::Slot;
use std::ops::Range;

/// Images of one uvw set that share a pass may take this many times the memory of one image's pass.
const IMAGES: usize = 3;

/// How a call is divided.
pub(super) struct Passes {
    /// Images worked on together.
    pub images: usize,
    /// Cells of one plane's grid.
    pub cells: usize,
    /// Planes worked on together.
    planes: usize,
}

impl Passes {
    pub fn new<T: Real>(plan: &Plan<T>, images: usize) -> Passes {
        let layout = layout(plan);
        let cells = layout.nu * layout.stride;
        let (planes, images) = together(plan.planes, images, cells, size_of::<T>());
        Passes { images, cells, planes }
    }

    /// Planes held by a pass at most.
    pub fn planes(&self) -> usize {
        self.planes
    }

    /// The planes of each pass.
    pub fn ranges(&self, planes: usize) -> impl Iterator<Item = Range<usize>> + '_ {
        (0..planes).step_by(self.planes).map(move |first| first..planes.min(first + self.planes))
    }
}

/// How many of `planes` planes, of `cells` cells of numbers of `bytes` bytes, and of `images` images are held at once.
pub(super) fn together(planes: usize, images: usize, cells: usize, bytes: usize) -> (usize, usize) {
    let room = IMAGES * planes_together(usize::MAX / 2, cells, bytes) / planes.max(1);
    if images > 1 && room > 1 { (planes, images.min(room)) } else { (planes_together(planes, cells, bytes), 1) }
}

/// The signed planes that the grids of `planes` stand for and that visibilities reach.
pub(super) fn slots<T: Real>(plan: &Plan<T>, planes: &Range<usize>) -> Vec<Slot> {
    let lowest = if plan.mirrored { plan.axes.first_signed(0) } else { 0 };
    (lowest..planes.end as isize)
        .filter_map(|plane| {
            let (held, mirrored) = storage(plane);
            planes.contains(&held).then(|| Slot { plane, grid: held - planes.start, mirrored })
        })
        .collect()
}

/// Whether any of `slots` is touched from position bucket `first_plane`.
pub(super) fn touches<T: Real>(plan: &Plan<T>, slots: &[Slot], first_plane: u32) -> bool {
    let first = plan.axes.first_signed(first_plane);
    slots.iter().any(|s| s.plane >= first && s.plane < first + plan.w_support() as isize)
}
