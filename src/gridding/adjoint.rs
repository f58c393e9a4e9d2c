//! Visibilities -> image, pass by pass.

use super::passes::{Passes, slots, touches};
use super::plan::{Plan, Task};
use super::plane::{PlaneFft, correct};
use super::real::Real;
use super::shared::{Shared, zeroes};
use super::tile::{Job, Layout, edge, flush_row, grid_row, plane_len, rows_for, spread};
use super::validate_count;
use crate::error::{Error, Result, Watch};
use ndarray::Array2;
use rayon::prelude::*;
use rustfft::FftDirection;
use rustfft::num_complex::Complex;

/// Bytes of tile buffers that are filled before they are added to the grid, where there are several threads.
const BUFFERS: usize = 8 << 20;

impl<T: Real> Plan<T> {
    /// Adjoint of [`Plan::degrid`]: `image[y,x] = sum_k Re(vis_k exp(-2 pi i (...)))`, not normalised.
    ///
    /// # Errors
    /// Another number of visibilities than the plan's, values that are not finite; an interrupt, looked for once a
    /// plane.
    pub fn grid(&self, vis: &[Complex<T>], watch: &Watch) -> Result<Array2<T>> {
        let image = self.grid_many(&[vis], watch)?.pop();
        image.ok_or_else(|| Error::input("no visibilities to grid"))
    }

    /// [`Plan::grid`] of several sets of visibilities: positions and kernels are computed once for a few of them
    /// together.
    ///
    /// # Errors
    /// As [`Plan::grid`].
    pub fn grid_many(&self, vis: &[&[Complex<T>]], watch: &Watch) -> Result<Vec<Array2<T>>> {
        for vis in vis {
            validate_count(vis.len(), self.len())?;
            let bad = |v: &Complex<T>| !(v.re.finite() && v.im.finite());
            if let Some(k) = vis.iter().position(bad) {
                return Err(Error::input("a visibility is not a finite number")
                    .found(vis[k])
                    .place(format!("visibility {k}")));
            }
        }
        let blank = || Array2::from_elem((self.geometry.ny, self.geometry.nx), T::ZERO);
        let mut images: Vec<Array2<T>> = vis.iter().map(|_| blank()).collect();
        if self.is_empty() || vis.is_empty() {
            return Ok(images);
        }
        let fft = PlaneFft::new(self, FftDirection::Forward);
        let occupied = self.occupied();
        let passes = Passes::new(self, vis.len());
        let mut grids = zeroes(passes.images * passes.planes() * passes.cells);
        let mut buffers = Vec::new();
        for (vis, images) in vis.chunks(passes.images).zip(images.chunks_mut(passes.images)) {
            for planes in passes.ranges(self.planes) {
                watch.check()?;
                for (k, grid) in grids.chunks_exact_mut(passes.cells).enumerate() {
                    if let Some(occupied) = occupied.get(planes.start + k % passes.planes()) {
                        let rows = grid.par_chunks_exact_mut(fft.layout.stride).zip(occupied);
                        rows.filter(|(_, o)| **o).for_each(|(row, _)| row.fill(T::ZERO_C));
                    }
                }
                let slots = slots(self, &planes);
                let job = Job { plan: self, slots: &slots, images: vis.len() };
                let tasks = self.tasks(|first| touches(self, &slots, first));
                fill(job, &tasks, vis, &mut grids, (fft.layout, passes.planes(), passes.cells), &mut buffers);
                for (image, grids) in images.iter_mut().zip(grids.chunks_mut(passes.planes() * passes.cells)) {
                    for (plane, grid) in planes.clone().zip(grids.chunks_exact_mut(passes.cells)) {
                        watch.check()?;
                        if occupied[plane].contains(&true) {
                            let w = self.axes.plane_w(plane);
                            self.transforming(|| fft.add_image(grid, &occupied[plane], image, w));
                        }
                    }
                }
            }
            images.iter_mut().for_each(|image| correct(self, image));
        }
        Ok(images)
    }
}

/// Adds the visibilities of `tasks` to the grids, each cell in the order of the tasks: how many buffers there are, and
/// how many threads, changes nothing.
fn fill<T: Real>(
    job: Job<T>,
    tasks: &[Task],
    vis: &[&[Complex<T>]],
    grids: &mut [Complex<T>],
    (layout, planes, cells): (Layout, usize, usize),
    buffers: &mut Vec<T>,
) {
    let (support, length) = (job.plan.kernel.support, job.buffer_len());
    let slot_len = plane_len(support);
    let threads = rayon::current_num_threads();
    let wave = if threads == 1 { 1 } else { (BUFFERS / (length * size_of::<T>())).clamp(4 * threads, 64 * threads) };
    buffers.clear();
    buffers.resize(wave.min(tasks.len()) * length, T::ZERO);
    for wave in tasks.chunks(wave) {
        let touched: Vec<Vec<bool>> = buffers
            .par_chunks_exact_mut(length)
            .zip(wave)
            .map(|(buffer, task)| {
                let touched = job.touched(task);
                for (k, plane) in buffer.chunks_exact_mut(slot_len).enumerate() {
                    if touched[k % touched.len()] {
                        plane.fill(T::ZERO);
                    }
                }
                spread(job, buffer, task, vis);
                touched
            })
            .collect();
        let parts = |task: usize| {
            let buffer = &buffers[task * length..(task + 1) * length];
            let touched = &touched[task];
            buffer.chunks_exact(slot_len).enumerate().filter(|(k, _)| touched[k % touched.len()])
        };
        let grid_of = |k: usize| {
            let (image, slot) = (k / job.slots.len(), job.slots[k % job.slots.len()]);
            ((image * planes + slot.grid) * cells, slot.mirrored)
        };
        if let [task] = wave {
            for (k, buffer) in parts(0) {
                let (start, mirrored) = grid_of(k);
                for row in 0..edge(support) {
                    let at = start + grid_row(layout, task.u0, row, mirrored) * layout.stride;
                    flush_row(support, buffer, row, &mut grids[at..at + layout.nv], task.v0, mirrored);
                }
            }
            continue;
        }
        // tasks of one tile row cover the same grid rows
        let mut stripes: Vec<(usize, &[Task])> = Vec::new();
        let mut first = 0;
        for stripe in wave.chunk_by(|a, b| a.u0 == b.u0) {
            stripes.push((first, stripe));
            first += stripe.len();
        }
        let sides = if job.plan.mirrored { &[false, true][..] } else { &[false][..] };
        let mut rows: Vec<usize> = Vec::new();
        for (_, stripe) in &stripes {
            for mirrored in sides {
                rows.extend((0..edge(support)).map(|k| grid_row(layout, stripe[0].u0, k, *mirrored)));
            }
        }
        rows.sort_unstable();
        rows.dedup();
        let shared = Shared::new(grids);
        rows.into_par_iter().for_each(|u| {
            for (first, stripe) in &stripes {
                let near = [false, true].map(|mirrored| {
                    let mut near = false;
                    rows_for(support, u, stripe[0].u0, layout.nu, mirrored, |_| near = true);
                    near
                });
                if near == [false, false] {
                    continue;
                }
                for (number, task) in stripe.iter().enumerate() {
                    for (k, buffer) in parts(first + number) {
                        let (start, mirrored) = grid_of(k);
                        if near[usize::from(mirrored)] {
                            // SAFETY: this row of every grid is this closure call's alone
                            let row = unsafe { shared.slice(start + u * layout.stride, layout.nv) };
                            rows_for(support, u, task.u0, layout.nu, mirrored, |k| {
                                flush_row(support, buffer, k, row, task.v0, mirrored);
                            });
                        }
                    }
                }
            }
        });
    }
}
