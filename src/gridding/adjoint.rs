//! Visibilities -> image, plane by plane.

use super::plan::Plan;
use super::plane::{PlaneFft, corrected};
use super::tile::{PlaneKernel, buffer_len, edge, flush_row, spread};
use super::validate_count;
use crate::error::{Error, Result, Watch};
use ndarray::Array2;
use rayon::prelude::*;
use rustfft::FftDirection;
use rustfft::num_complex::Complex64;

impl Plan {
    /// Adjoint of [`Plan::degrid`]: `image[y,x] = sum_k Re(vis_k exp(-2 pi i (...)))`, not normalised.
    ///
    /// # Errors
    /// Another number of visibilities than the plan's, values that are not finite; an interrupt, looked for once a
    /// plane.
    pub fn grid(&self, vis: &[Complex64], watch: &Watch) -> Result<Array2<f64>> {
        validate_count(vis.len(), self.len())?;
        if let Some(k) = vis.iter().position(|v| !v.is_finite()) {
            return Err(Error::input("a visibility is not a finite number")
                .found(vis[k])
                .place(format!("visibility {k}")));
        }
        let mut image = Array2::zeros((self.geometry.ny, self.geometry.nx));
        if self.is_empty() {
            return Ok(image);
        }
        let sorted = self.gather(vis);
        let mut fft = PlaneFft::new(self, FftDirection::Forward);
        let (nu, nv, support) = (self.choice.nu, self.choice.nv, self.kernel.support);
        let length = buffer_len(support);
        // how many buffers there are changes nothing: cells receive tasks in their order
        let mut buffers = vec![0.0; 8 * rayon::current_num_threads() * length];
        for plane in 0..self.planes {
            watch.check()?;
            let tasks = self.tasks(plane);
            if tasks.is_empty() {
                continue;
            }
            fft.occupy(&tasks);
            fft.clear();
            let kernel = PlaneKernel { uv: &self.kernel, w: self.w_kernel.as_ref().map(|k| (k, plane)) };
            for wave in tasks.chunks(buffers.len() / length) {
                buffers.par_chunks_exact_mut(length).zip(wave).for_each(|(buffer, task)| {
                    buffer.fill(0.0);
                    spread(kernel, buffer, &self.position[task.start..task.end], &sorted[task.start..task.end]);
                });
                let buffers = &buffers;
                let first = wave.iter().map(|t| t.u0).min().unwrap_or_default();
                let last = wave.iter().map(|t| t.u0).max().unwrap_or_default();
                let touched =
                    |u: usize| (u as isize - first).rem_euclid(nu as isize) < last - first + edge(support) as isize;
                fft.grid.par_chunks_exact_mut(nv).enumerate().with_min_len(8).filter(|(u, _)| touched(*u)).for_each(
                    |(u, row)| {
                        for (buffer, task) in buffers.chunks_exact(length).zip(wave) {
                            flush_row(support, buffer, row, u, nu, task.u0, task.v0);
                        }
                    },
                );
            }
            fft.add_image(&mut image, self.plane_w(plane));
        }
        Ok(corrected(self, image.view()))
    }
}
