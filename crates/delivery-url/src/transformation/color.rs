//! Colours, and what fills the space a picture leaves.

/// A colour. `alpha` is 0 (transparent) to 255; the URL's two decimal digits are already converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Color {
    pub red: u8,
    pub green: u8,
    pub blue: u8,
    pub alpha: u8,
}

/// `bg` with something computed from the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backdrop {
    /// `blurred[_<intensity>[_<brightness>]]`: the picture itself, enlarged and blurred.
    Blurred {
        /// 0 to 100; none means chosen from the size.
        intensity: Option<u8>,
        /// -255 to 255, 0 is neutral.
        brightness: i16,
    },
    /// `dominant`: the dominant colour.
    Dominant,
    /// `gradient_dominant`, `gradient_dominant_2`, `gradient_dominant_4`: a gradient of that many dominant colours.
    GradientDominant {
        /// 2 or 4.
        colors: u8,
    },
}
