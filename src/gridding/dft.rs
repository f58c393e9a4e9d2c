//! Exact twins of [`super::degrid`] and [`super::grid`]: the sums as written, O(pixels x visibilities).
