//! Keeps a flame.

pub mod fuel;
pub mod light;
pub mod wick;

/// Something that burns.
pub trait Burns {
    /// Hours until it is out.
    fn hours(&self) -> u32;
}

/// A lantern, which [`Burns`].
#[derive(Clone, Debug, Default)]
pub struct Lantern {
    /// What it burns.
    pub fuel: fuel::Fuel,
}

impl Burns for Lantern {
    fn hours(&self) -> u32 {
        self.fuel.hours()
    }
}

/// Short for a lantern; its page takes the implementations of what it stands for.
pub type Lamp = Lantern;

/// Lights a lantern.
#[macro_export]
macro_rules! light {
    () => {
        $crate::Lantern::default()
    };
}
