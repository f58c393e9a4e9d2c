//! Visibilities -> image, pass by pass.

use super::passes::{Passes, slots, touches};
use super::plan::{Plan, Task};
use super::plane::{PlaneFft, correct};
use super::real::Real;
use super::shared::{Shared, zeroes};
use super::tile::{Job, Layout, edge, flush_row, plane_len, rows_for, spread};
use super::validate_count;
use crate::error::{Error, Result, Watch};
use ndarray::Array2;
use rayon::prelude::*;
use rustfft::FftDirection;
use rustfft::num_complex::Complex;

/// Bytes of tile buffers that are filled before they are added to the grid, where there are several threads.
const BUFFERS: usize = 8 << 20;
/// A task is crowded where spreading its visibilities touches this many times the cells of its buffer.
const CROWDED: usize = 64;

/// How the grids of a pass lie in memory.
#[derive(Debug, Clone, Copy)]
struct Target {
    layout: Layout,
    /// Planes of each image.
    planes: usize,
    /// Cells of a plane.
    cells: usize,
}

impl Target {
    /// First cell of the grid that part `k` of a buffer belongs to, and whether it is its mirror image.
    fn grid_of<T: Real>(&self, job: Job<T>, k: usize) -> (usize, bool) {
        let (image, slot) = (k / job.slots.len(), job.slots[k % job.slots.len()]);
        ((image * self.planes + slot.grid) * self.cells, slot.mirrored)
    }
}

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
                let to = Target { layout: fft.layout, planes: passes.planes(), cells: passes.cells };
                fill(job, &tasks, vis, &mut grids, to, &mut buffers);
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

/// Adds the visibilities of `tasks` to the grids. Each cell is summed in one order, however many threads there are:
/// first the crowded tasks in theirs, then the sparse ones, by colours of stripes.
fn fill<T: Real>(
    job: Job<T>,
    tasks: &[Task],
    vis: &[&[Complex<T>]],
    grids: &mut [Complex<T>],
    to: Target,
    buffers: &mut Vec<T>,
) {
    let support = job.plan.kernel.support;
    let few = CROWDED * edge(support).pow(2) / support.pow(2);
    let (crowded, sparse): (Vec<&Task>, Vec<&Task>) = tasks.iter().partition(|task| task.visibilities() > few);
    fill_by_buffers(job, &crowded, vis, grids, to, buffers);
    fill_by_stripes(job, &sparse, vis, grids, to);
}

/// Sparse tasks: tiles of one u stripe by one thread, each buffer added to the grid while it is in the cache. Stripes
/// of one colour share no grid rows.
fn fill_by_stripes<T: Real>(job: Job<T>, tasks: &[&Task], vis: &[&[Complex<T>]], grids: &mut [Complex<T>], to: Target) {
    let (support, layout) = (job.plan.kernel.support, to.layout);
    let sides = if job.plan.mirrored { &[false, true][..] } else { &[false][..] };
    let mut colours: Vec<(Vec<bool>, Vec<&[&Task]>)> = Vec::new();
    for stripe in tasks.chunk_by(|a, b| a.u0 == b.u0) {
        let u0 = stripe[0].u0;
        let covered = || sides.iter().flat_map(|m| (0..edge(support)).map(|k| layout.row(u0, k, *m)));
        let free = colours.iter().position(|(rows, _)| covered().all(|u| !rows[u]));
        let colour = free.unwrap_or_else(|| {
            colours.push((vec![false; layout.nu], Vec::new()));
            colours.len() - 1
        });
        covered().for_each(|u| colours[colour].0[u] = true);
        colours[colour].1.push(stripe);
    }
    let shared = Shared::new(grids);
    for (_, stripes) in &colours {
        stripes.par_iter().for_each_init(
            || vec![T::ZERO; job.buffer_len()],
            |buffer, stripe| {
                for task in *stripe {
                    let touched = begin(job, task, buffer);
                    spread(job, buffer, task, vis);
                    // SAFETY: no other stripe of this colour has these rows, in any grid
                    unsafe { flush(job, task, buffer, &touched, &shared, to) };
                }
            },
        );
    }
}

/// Adds the whole buffer of `task` to the grids.
///
/// # Safety
/// Nobody else uses the rows that the task covers.
unsafe fn flush<T: Real>(
    job: Job<T>,
    task: &Task,
    buffer: &[T],
    touched: &[bool],
    grids: &Shared<Complex<T>>,
    to: Target,
) {
    let (support, layout) = (job.plan.kernel.support, to.layout);
    for (k, plane) in parts(job, buffer, touched) {
        let (start, mirrored) = to.grid_of(job, k);
        for row in 0..edge(support) {
            let at = start + layout.row(task.u0, row, mirrored) * layout.stride;
            // SAFETY: the caller's promise
            let cells = unsafe { grids.slice(at, layout.nv) };
            flush_row(support, plane, row, cells, task.v0, mirrored);
        }
    }
}

/// Zeroes what `task` touches of `buffer`, and says which slots those are.
fn begin<T: Real>(job: Job<T>, task: &Task, buffer: &mut [T]) -> Vec<bool> {
    let touched = job.touched(task);
    for (k, plane) in buffer.chunks_exact_mut(plane_len(job.plan.kernel.support)).enumerate() {
        if touched[k % touched.len()] {
            plane.fill(T::ZERO);
        }
    }
    touched
}

/// The touched planes of a buffer, with their numbers in it.
fn parts<'a, T: Real>(
    job: Job<T>,
    buffer: &'a [T],
    touched: &'a [bool],
) -> impl Iterator<Item = (usize, &'a [T])> + use<'a, T> {
    let planes = buffer.chunks_exact(plane_len(job.plan.kernel.support)).enumerate();
    planes.filter(|(k, _)| touched[k % touched.len()])
}

/// Crowded tasks: a number of buffers is filled, by all threads, and then added to the grid, by rows.
fn fill_by_buffers<T: Real>(
    job: Job<T>,
    tasks: &[&Task],
    vis: &[&[Complex<T>]],
    grids: &mut [Complex<T>],
    to: Target,
    buffers: &mut Vec<T>,
) {
    let (support, length, layout) = (job.plan.kernel.support, job.buffer_len(), to.layout);
    let threads = rayon::current_num_threads();
    let wave = if threads == 1 { 1 } else { (BUFFERS / (length * size_of::<T>())).clamp(4 * threads, 64 * threads) };
    buffers.resize((wave.min(tasks.len()) * length).max(buffers.len()), T::ZERO);
    for wave in tasks.chunks(wave) {
        let touched: Vec<Vec<bool>> = buffers
            .par_chunks_exact_mut(length)
            .zip(wave)
            .map(|(buffer, task)| {
                let touched = begin(job, task, buffer);
                spread(job, buffer, task, vis);
                touched
            })
            .collect();
        let shared = Shared::new(grids);
        if let ([task], [touched]) = (wave, touched.as_slice()) {
            // SAFETY: there is nobody else
            unsafe { flush(job, task, &buffers[..length], touched, &shared, to) };
            continue;
        }
        // tasks of one tile row cover the same grid rows
        let mut stripes: Vec<(usize, &[&Task])> = Vec::new();
        let mut first = 0;
        for stripe in wave.chunk_by(|a, b| a.u0 == b.u0) {
            stripes.push((first, stripe));
            first += stripe.len();
        }
        let sides = if job.plan.mirrored { &[false, true][..] } else { &[false][..] };
        let mut rows: Vec<usize> = Vec::new();
        for (_, stripe) in &stripes {
            for mirrored in sides {
                rows.extend((0..edge(support)).map(|k| layout.row(stripe[0].u0, k, *mirrored)));
            }
        }
        rows.sort_unstable();
        rows.dedup();
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
                    let buffer = &buffers[(first + number) * length..][..length];
                    for (k, plane) in parts(job, buffer, &touched[first + number]) {
                        let (start, mirrored) = to.grid_of(job, k);
                        if near[usize::from(mirrored)] {
                            // SAFETY: this row of every grid is this closure call's alone
                            let row = unsafe { shared.slice(start + u * layout.stride, layout.nv) };
                            rows_for(support, u, task.u0, layout.nu, mirrored, |k| {
                                flush_row(support, plane, k, row, task.v0, mirrored);
                            });
                        }
                    }
                }
            }
        });
    }
}
