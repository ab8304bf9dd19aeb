//! What a source may ask for.

use dlcs_core::derivative::ProcessError;

/// The largest sizes that are accepted.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct SourceLimits {
    /// Of each side, in pixels.
    pub(in super::super) max_side: u32,
    /// Of the whole, in pixels.
    pub(in super::super) max_pixels: u64,
}

impl SourceLimits {
    /// Refuses sizes that are too large, before anything is allocated for them.
    pub(super) fn check(&self, width: u64, height: u64) -> Result<(), ProcessError> {
        if width.max(height) > u64::from(self.max_side) {
            return Err(ProcessError::SideTooLong {
                width,
                height,
                limit: u64::from(self.max_side),
            });
        }
        if width.saturating_mul(height) > self.max_pixels {
            return Err(ProcessError::TooManyPixels {
                width,
                height,
                limit: self.max_pixels,
            });
        }
        Ok(())
    }
}
