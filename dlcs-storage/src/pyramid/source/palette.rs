//! Colours that pixels name by number.

use super::ColourModel;

/// A table of colours.
#[derive(Debug, Clone)]
pub(super) struct Palette {
    colours: Vec<[u8; 3]>,
    model: ColourModel,
}

impl Palette {
    /// A table whose image is grey where all of it is.
    pub(super) fn new(colours: Vec<[u8; 3]>) -> Self {
        let is_grey = !colours.is_empty() && colours.iter().all(|[r, g, b]| r == g && g == b);
        let model = if is_grey {
            ColourModel::Grey
        } else {
            ColourModel::Rgb
        };
        Self { colours, model }
    }

    pub(super) const fn model(&self) -> ColourModel {
        self.model
    }

    /// Writes the colour of a number, of one or three bytes as the model has it; a number outside the table is black.
    pub(super) fn write(&self, index: u8, target: &mut [u8]) {
        let colour = self
            .colours
            .get(usize::from(index))
            .copied()
            .unwrap_or_default();
        match target {
            [grey] => *grey = colour[0],
            target => target.copy_from_slice(&colour),
        }
    }
}
