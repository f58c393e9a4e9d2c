//! PNG pictures: a small figure library without system fonts, windows or scripts.
//!
//! A [`Figure`] is a grid of panels ([`Heatmap`], [`LinePlot`], [`ScatterPlot`], [`Facts`]) with a
//! title and a footer. Equal input gives the same bytes. Nothing here knows any astronomy; axes are
//! world numbers and their labels are text. Text may hold unicode (`λ`, `µ`, `°`, `★`), unicode
//! superscripts (`s⁻¹`, `10⁻³`) and the simple markup `^{up}` and `_{down}`.
//!
//! | file | idea |
//! |---|---|
//! | canvas.rs | shapes on pixels, clipped to a frame |
//! | text.rs | embedded fonts, superscripts, fallback glyphs |
//! | colour.rs, theme.rs | colour maps; light and dark figures |
//! | scale.rs | stretches, value ranges, nice ticks |
//! | axes.rs | frame, ticks, labels, title, legend |
//! | heatmap.rs, colour_bar.rs, contour.rs | images |
//! | line.rs, scatter.rs, facts.rs | the other panels |
//! | figure.rs, write.rs | the grid; encoding and saving |

mod axes;
mod canvas;
mod colour;
mod colour_bar;
mod contour;
mod facts;
mod figure;
mod heatmap;
mod legend;
mod line;
mod scale;
mod scatter;
mod text;
mod theme;
mod write;

pub use colour::{ColourMap, Rgb};
pub use facts::Facts;
pub use figure::{Figure, Panel};
pub use heatmap::{BeamEllipse, Circle, Heatmap};
pub use line::{LinePlot, LineStyle, Series, VerticalLine};
pub use scale::{AxisScale, Stretch, Ticks, ValueRange, log_ticks, nice_ticks};
pub use scatter::{PointGroup, ScatterPlot};
pub use theme::Theme;
