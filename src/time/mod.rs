//! Time scales, Earth rotation and celestial frames.
