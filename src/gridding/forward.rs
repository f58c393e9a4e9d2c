//! Image -> visibilities, plane by plane.

use super::plan::{Plan, Task};
use super::plane::{PlaneFft, corrected};
use super::tile::{PlaneKernel, buffer_len, interpolate, load};
use super::validate_image;
use crate::error::{Error, Result, Watch};
use ndarray::ArrayView2;
use rayon::prelude::*;
use rustfft::FftDirection;
use rustfft::num_complex::Complex64;

impl Plan {
    /// Visibilities of `image` (shape [y, x]) at the plan's uvw, in the caller's order.
    ///
    /// # Errors
    /// An image of another shape or with values that are not finite; an interrupt, looked for once a plane.
    pub fn degrid(&self, image: ArrayView2<f64>, watch: &Watch) -> Result<Vec<Complex64>> {
        validate_image(&self.geometry, &image)?;
        if let Some(((y, x), value)) = image.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(Error::input("the image holds a value that is not a finite number")
                .found(value)
                .place(format!("pixel x = {x}, y = {y}")));
        }
        let mut sorted = vec![Complex64::ZERO; self.len()];
        if self.is_empty() {
            return Ok(sorted);
        }
        let image = corrected(self, image);
        let mut fft = PlaneFft::new(self, FftDirection::Inverse);
        for plane in 0..self.planes {
            watch.check()?;
            let tasks = self.tasks(plane);
            if tasks.is_empty() {
                continue;
            }
            fft.occupy(&tasks);
            fft.load_image(&image, self.plane_w(plane));
            let kernel = PlaneKernel { uv: &self.kernel, w: self.w_kernel.as_ref().map(|k| (k, plane)) };
            let grid = &fft.grid;
            split(&mut sorted, &tasks).into_par_iter().zip(&tasks).for_each_init(
                || vec![0.0; buffer_len(self.kernel.support)],
                |buffer, (vis, task)| {
                    load(self.kernel.support, buffer, grid, self.choice.nv, task.u0, task.v0);
                    interpolate(kernel, buffer, &self.position[task.start..task.end], vis);
                },
            );
        }
        Ok(self.scatter(&sorted))
    }
}

/// The part of `sorted` that each task owns (tasks ascend and do not overlap).
fn split<'a>(sorted: &'a mut [Complex64], tasks: &[Task]) -> Vec<&'a mut [Complex64]> {
    let mut rest = sorted;
    let mut taken = 0;
    let mut parts = Vec::with_capacity(tasks.len());
    for task in tasks {
        let (part, tail) = rest.split_at_mut(task.end - taken);
        parts.push(&mut part[task.start - taken..]);
        taken = task.end;
        rest = tail;
    }
    parts
}
