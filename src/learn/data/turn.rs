use crate::learn::data::draw::Draw;
use ndarray::{Array2, ArrayView2, Axis};

/// One of the eight ways to lay a square onto itself: mirrored or not, then turned by quarters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// x is mirrored first.
    pub mirrored: bool,
    /// Then so many quarter turns: (x, y) becomes (-y, x).
    pub quarters: u8,
}

impl Turn {
    /// As it lies.
    pub const NONE: Turn = Turn { mirrored: false, quarters: 0 };

    /// All eight.
    pub fn all() -> impl Iterator<Item = Turn> {
        (0..8).map(|n| Turn { mirrored: n >= 4, quarters: n % 4 })
    }

    /// A random one; mirror images where `flips`, quarter turns where `rotations`. Without `rotations` a mirror image may
    /// be one in x, in y or in both.
    pub(super) fn drawn(draw: &mut Draw, flips: bool, rotations: bool) -> Turn {
        match (flips, rotations) {
            (false, false) => Turn::NONE,
            (true, true) => Turn { mirrored: draw.below(2) == 1, quarters: draw.below(4) as u8 },
            (false, true) => Turn { mirrored: false, quarters: draw.below(4) as u8 },
            // in y: mirrored in x and half a turn
            (true, false) => Turn { mirrored: draw.below(2) == 1, quarters: 2 * draw.below(2) as u8 },
        }
    }

    /// Where offset (x, y) from the centre comes from.
    fn source(self, [x, y]: [isize; 2]) -> [isize; 2] {
        let [x, y] = match self.quarters % 4 {
            0 => [x, y],
            1 => [y, -x],
            2 => [-x, -y],
            _ => [-y, x],
        };
        if self.mirrored { [-x, y] } else { [x, y] }
    }

    /// The turn that undoes it.
    pub fn inverse(self) -> Turn {
        // mirror images and half turns undo themselves
        if self.mirrored { self } else { Turn { mirrored: false, quarters: (4 - self.quarters % 4) % 4 } }
    }

    /// Its place in [`Turn::all`].
    pub(super) fn number(self) -> usize {
        usize::from(self.quarters % 4) + 4 * usize::from(self.mirrored)
    }

    /// An image laid anew about its middle, which for an even size lies between pixels: the same pixels seen otherwise.
    pub fn view<T>(self, mut image: ArrayView2<T>) -> ArrayView2<T> {
        let (y, x) = (Axis(0), Axis(1));
        if self.mirrored {
            image.invert_axis(x);
        }
        let quarters = self.quarters % 4;
        if [1, 2].contains(&quarters) {
            image.invert_axis(y);
        }
        if [2, 3].contains(&quarters) {
            image.invert_axis(x);
        }
        if quarters % 2 == 1 { image.reversed_axes() } else { image }
    }

    /// The same as an image of its own.
    pub fn image<T: Clone>(self, image: ArrayView2<T>) -> Array2<T> {
        self.view(image).to_owned()
    }

    /// A square PSF laid anew about its centre, pixel (n/2, n/2): convolving a turned sky with it gives the turned image of
    /// the sky. For an even size the row that comes from beyond the edge is that of the opposite edge, since the PSF of a
    /// sky that is real is the same seen from both sides.
    pub fn psf<T: Copy>(self, psf: ArrayView2<T>) -> Array2<T> {
        let (height, width) = psf.dim();
        let centre = [(width / 2) as isize, (height / 2) as isize];
        Array2::from_shape_fn((height, width), |(y, x)| {
            let [mut x, mut y] = self.source([x as isize - centre[0], y as isize - centre[1]]);
            let beyond = |x: isize, y: isize| x + centre[0] >= width as isize || y + centre[1] >= height as isize;
            if beyond(x, y) {
                [x, y] = [-x, -y];
            }
            if beyond(x, y) {
                // two opposite corners of which one is there
                x = if x + centre[0] >= width as isize { -x } else { x };
                y = if y + centre[1] >= height as isize { -y } else { y };
            }
            psf[[(y + centre[1]) as usize, (x + centre[0]) as usize]]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A direct sum over all pixels of a sky.
    fn observe(sky: &Array2<f64>, psf: &Array2<f64>) -> Array2<f64> {
        let (height, width) = sky.dim();
        Array2::from_shape_fn((height, width), |(y, x)| {
            let mut sum = 0.0;
            for ((v, u), value) in sky.indexed_iter() {
                let (dy, dx) = (y as isize - v as isize, x as isize - u as isize);
                let (py, px) = (dy + (psf.nrows() / 2) as isize, dx + (psf.ncols() / 2) as isize);
                if (0..psf.nrows() as isize).contains(&py) && (0..psf.ncols() as isize).contains(&px) {
                    sum += value * psf[[py as usize, px as usize]];
                }
            }
            sum
        })
    }

    #[test]
    fn a_turned_psf_sees_the_turned_sky() {
        for n in [8usize, 7] {
            // the same seen from both sides, and of no other symmetry
            let value =
                |x: isize, y: isize| ((x * x) as f64 * 0.3 + (x * y) as f64 * 0.11 + (y * y) as f64 * 0.07).cos();
            let half = (n / 2) as isize;
            let psf = Array2::from_shape_fn((n, n), |(y, x)| value(x as isize - half, y as isize - half));
            // so near the middle that the PSF reaches every pixel but those at the edges
            let middle = (n - 1) / 2..n / 2 + 1;
            let inside = |x: &usize, y: &usize| middle.contains(x) && middle.contains(y);
            let sky = Array2::from_shape_fn((n, n), |(y, x)| if inside(&x, &y) { (x * 7 + y * y) as f64 } else { 0.0 });
            let seen = observe(&sky, &psf);
            for turn in Turn::all() {
                let (want, turned) = (turn.image(seen.view()), turn.psf(psf.view()));
                let got = observe(&turn.image(sky.view()), &turned);
                for y in 1..n - 1 {
                    for x in 1..n - 1 {
                        assert!((got[[y, x]] - want[[y, x]]).abs() < 1e-9, "{n} {turn:?} {y} {x}");
                    }
                }
                for ((y, x), got) in turned.indexed_iter().filter(|((y, x), _)| n % 2 == 1 || (*x > 0 || *y > 0)) {
                    let [sx, sy] = turn.source([x as isize - half, y as isize - half]);
                    assert!((got - value(sx, sy)).abs() < 1e-12, "{n} {turn:?} {y} {x}");
                }
                assert_eq!(turn.inverse().image(turn.image(sky.view()).view()), sky, "{turn:?}");
            }
        }
    }

    /// Pixel by pixel from twice the offsets from the middle, which are whole numbers.
    #[test]
    fn images_turn_about_their_middle() {
        for (height, width) in [(4usize, 6usize), (5, 5), (4, 4), (1, 3)] {
            let image = Array2::from_shape_fn((height, width), |(y, x)| 10 * y + x);
            for (number, turn) in Turn::all().enumerate() {
                assert_eq!(turn.number(), number);
                let got = turn.image(image.view());
                let (rows, columns) = got.dim();
                for ((y, x), value) in got.indexed_iter() {
                    let offset = [2 * x as isize + 1 - columns as isize, 2 * y as isize + 1 - rows as isize];
                    let [x, y] = turn.source(offset);
                    let from = |offset: isize, n: usize| ((offset + n as isize - 1) / 2) as usize;
                    assert_eq!(*value, image[[from(y, height), from(x, width)]], "{turn:?}");
                }
            }
        }
    }

    #[test]
    fn oblong_images_turn_too() {
        let image = Array2::from_shape_fn((2, 3), |(y, x)| 10 * y + x);
        let turned = Turn { mirrored: false, quarters: 1 }.image(image.view());
        assert_eq!(turned.dim(), (3, 2));
        for turn in Turn::all() {
            assert_eq!(turn.inverse().image(turn.image(image.view()).view()), image, "{turn:?}");
        }
    }
}
