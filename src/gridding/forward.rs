//! Image -> visibilities, pass by pass.

use super::passes::{Passes, slots, touches};
use super::plan::Plan;
use super::plane::{PlaneFft, correct};
use super::real::Real;
use super::shared::{Shared, zeroes};
use super::tile::{Job, interpolate, load, plane_len};
use super::validate_image;
use crate::error::{Error, Result, Watch};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use rustfft::FftDirection;
use rustfft::num_complex::Complex;

impl<T: Real> Plan<T> {
    /// Visibilities of `image` (shape [y, x]) at the plan's uvw, in the caller's order ([row, channel], channels
    /// fastest).
    ///
    /// # Errors
    /// An image of another shape or with values that are not finite; an interrupt, looked for once a plane.
    pub fn degrid(&self, image: ArrayView2<T>, watch: &Watch) -> Result<Vec<Complex<T>>> {
        Ok(self.degrid_many(&[image], watch)?.pop().unwrap_or_default())
    }

    /// [`Plan::degrid`] of several images: positions and kernels are computed once for a few of them together.
    ///
    /// # Errors
    /// As [`Plan::degrid`].
    pub fn degrid_many(&self, images: &[ArrayView2<T>], watch: &Watch) -> Result<Vec<Vec<Complex<T>>>> {
        for image in images {
            validate_image(&self.geometry, image)?;
            if !image.iter().all(|v| v.finite())
                && let Some(((y, x), value)) = image.indexed_iter().find(|(_, v)| !v.finite())
            {
                return Err(Error::input("the image holds a value that is not a finite number")
                    .found(value)
                    .place(format!("pixel x = {x}, y = {y}")));
            }
        }
        let mut out: Vec<Vec<Complex<T>>> = images.iter().map(|_| zeroes(self.len())).collect();
        if self.is_empty() || images.is_empty() {
            return Ok(out);
        }
        let fft = PlaneFft::new(self, FftDirection::Inverse);
        let occupied = self.occupied();
        let passes = Passes::new(self, images.len());
        let mut grids = zeroes(passes.images * passes.planes() * passes.cells);
        for (images, out) in images.chunks(passes.images).zip(out.chunks_mut(passes.images)) {
            let corrected: Vec<Array2<T>> = images
                .iter()
                .map(|image| {
                    let mut image = image.as_standard_layout().into_owned();
                    correct(self, &mut image);
                    image
                })
                .collect();
            let out: Vec<Shared<Complex<T>>> = out.iter_mut().map(|o| Shared::new(o)).collect();
            for planes in passes.ranges(self.planes) {
                for (image, grids) in corrected.iter().zip(grids.chunks_mut(passes.planes() * passes.cells)) {
                    for (plane, grid) in planes.clone().zip(grids.chunks_exact_mut(passes.cells)) {
                        watch.check()?;
                        if occupied[plane].contains(&true) {
                            let w = self.axes.plane_w(plane);
                            self.transforming(|| fft.load_image(image, grid, &occupied[plane], w));
                        }
                    }
                }
                let slots = slots(self, &planes);
                let job = Job { plan: self, slots: &slots, images: images.len() };
                let support = self.kernel.support;
                let tasks = self.tasks(|first| touches(self, &slots, first));
                tasks.par_iter().for_each_init(
                    || vec![T::ZERO; job.buffer_len()],
                    |buffer, task| {
                        let touched = job.touched(task);
                        for (k, buffer) in buffer.chunks_exact_mut(plane_len(support)).enumerate() {
                            let (image, slot) = (k / slots.len(), slots[k % slots.len()]);
                            if touched[k % slots.len()] {
                                let grid = &grids[(image * passes.planes() + slot.grid) * passes.cells..];
                                load(support, buffer, grid, fft.layout, (task.u0, task.v0), slot.mirrored);
                            }
                        }
                        interpolate(job, buffer, task, &out);
                    },
                );
            }
        }
        Ok(out)
    }
}
