//! Maps of one object: the domains of the mapping problem, all with one projection.
//!
//! Gas, stars and dark matter go onto the pixels of [`super::placing::PixelFrame`] by [`super::project`], the same
//! places, radii and kernel as those of the flux cube, so that the HI of a map is that of the cube pixel by pixel.
//! docs/maps.md states unit, formula and weight of each domain.
//!
//! | file | idea |
//! |---|---|
//! | domain.rs | which maps there are |
//! | object.rs | what they are made of |
//! | draw.rs | from an object to its maps |
//! | views.rs | many orientations |
//! | neighbours.rs | sizes of stars and dark matter |
//! | skais.rs | the pixels of another program |

mod domain;
mod draw;
mod neighbours;
mod object;
mod skais;
mod views;

pub use domain::Domain;
pub use draw::{Map, MapRequest, draw, draw_hi_mass};
pub use neighbours::distances_to_neighbour;
pub use object::{GasColumns, MapObject, ParticleCloud};
pub use skais::{SkaisObject, skais_group, skais_map};
pub use views::{View, ViewSet};
