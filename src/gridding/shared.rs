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

/// `len` zeroes, on huge pages where the system grants them: columns of a large array are a page apart.
pub(super) fn zeroes<T: Real>(len: usize) -> Vec<Complex<T>> {
    let mut array = vec![T::ZERO_C; len];
    #[cfg(target_os = "linux")]
    {
        const HUGE: usize = 1 << 21;
        let bytes = size_of_val(array.as_slice());
        if bytes >= 2 * HUGE {
            let start = (array.as_mut_ptr() as usize).next_multiple_of(HUGE);
            let end = array.as_ptr() as usize + bytes;
            // SAFETY: advice on whole pages inside the allocation; the contents stay as they are
            unsafe {
                libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE);
            }
        }
    }
    array
}
