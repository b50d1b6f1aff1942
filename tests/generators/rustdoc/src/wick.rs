//! What the flame stands on.

/// The length that is left, in millimetres.
pub const LENGTH: u32 = 3;

/// Cuts a wick. The word to search for is `kindleflame`.
pub fn kindleflame(length: u32) -> u32 {
    length.min(LENGTH)
}
