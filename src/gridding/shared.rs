//! Memory for large arrays, and arrays that several threads write in parts.

use super::real::Real;
use rustfft::num_complex::Complex;
use std::marker::PhantomData;

/// A slice whose elements several threads write, no two the same one at the same time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shared<'a, E> {
    start: *mut E,
    len: usize,
    life: PhantomData<&'a mut [E]>,
}

// SAFETY: every access goes through the unsafe functions below, whose callers promise disjoint elements
unsafe impl<E: Send> Send for Shared<'_, E> {}
// SAFETY: as above
unsafe impl<E: Send> Sync for Shared<'_, E> {}

impl<'a, E> Shared<'a, E> {
    pub fn new(slice: &'a mut [E]) -> Shared<'a, E> {
        Shared { start: slice.as_mut_ptr(), len: slice.len(), life: PhantomData }
    }

    /// Elements `at..at + len`.
    ///
    /// # Safety
    /// Nobody else reads or writes these elements while the slice lives.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn slice(&self, at: usize, len: usize) -> &mut [E] {
        assert!(at <= self.len && len <= self.len - at);
        // SAFETY: within the slice that `new` borrowed; the caller promises that nobody else uses this part
        unsafe { std::slice::from_raw_parts_mut(self.start.add(at), len) }
    }
}

/// `len` zeroes, on huge pages where the system grants them: columns of a large array are a page apart. Pages come with
/// the first touch, from whichever thread that is, and never for rows that nobody touches.
pub(super) fn zeroes<T: Real>(len: usize) -> Vec<Complex<T>> {
    let Ok(layout) = std::alloc::Layout::array::<Complex<T>>(len) else { return Vec::new() };
    if layout.size() == 0 {
        return Vec::new();
    }
    // SAFETY: the layout has a size
    let start = unsafe { std::alloc::alloc_zeroed(layout) };
    if start.is_null() {
        std::alloc::handle_alloc_error(layout);
    }
    #[cfg(target_os = "linux")]
    {
        const HUGE: usize = 1 << 21;
        if layout.size() >= 2 * HUGE {
            let first = (start as usize).next_multiple_of(HUGE);
            // SAFETY: advice on whole pages inside the allocation; the contents stay as they are
            unsafe {
                libc::madvise(first as *mut libc::c_void, start as usize + layout.size() - first, libc::MADV_HUGEPAGE);
            }
        }
    }
    // SAFETY: allocated with the layout of `len` elements, all bits zero, which is 0 + 0i
    unsafe { Vec::from_raw_parts(start.cast(), len, len) }
}
