/// What lies around an image, as many pixels on each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Border {
    /// Zeros.
    Zeros(usize),
    /// The image's reflection, its edge pixels not repeated.
    Reflection(usize),
}

impl Border {
    /// Pixels on each side.
    pub(super) fn width(self) -> usize {
        let (Border::Zeros(width) | Border::Reflection(width)) = self;
        width
    }

    /// The image's pixel at place `at` of the image with its border, of an axis of `side` pixels; None: zero.
    pub(super) fn pixel(self, at: usize, side: usize) -> Option<usize> {
        let (at, side) = (at as isize - self.width() as isize, side as isize);
        match self {
            _ if (0..side).contains(&at) => Some(at as usize),
            Border::Zeros(_) => None,
            Border::Reflection(_) => {
                let mirrored = if at < 0 { -at } else { 2 * (side - 1) - at };
                (0..side).contains(&mirrored).then_some(mirrored as usize)
            }
        }
    }
}
