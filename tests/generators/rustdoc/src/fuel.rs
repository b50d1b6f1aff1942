//! What burns.

use crate::Burns;

/// A fuel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fuel {
    /// Nine hours.
    #[default]
    Oil,
    /// Four hours.
    Wax,
}

impl Burns for Fuel {
    fn hours(&self) -> u32 {
        match self {
            Fuel::Oil => 9,
            Fuel::Wax => 4,
        }
    }
}
