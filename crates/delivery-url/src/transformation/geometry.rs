//! Sizes, places and angles.

use std::fmt;
use std::ops::RangeInclusive;

/// A width or height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// Pixels, at least 1 and at most 65 535; larger ones are dropped by the parser, as ImageKit does.
    Pixels(u32),
    /// Part of the step's input, `0 < v ≤ 1`.
    Fraction(f64),
}

/// Width divided by height, kept as written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AspectRatio {
    /// Left number, above 0.
    pub width: f64,
    /// Right number, above 0.
    pub height: f64,
}

/// How a picture is made to fit `w` × `h`. Source: `imagekit.md` 5.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Crop {
    /// `c-maintain_ratio`, the default: exactly w × h, cut around the focus.
    MaintainRatio,
    /// `c-maintain_ratio_no_enlarge`
    MaintainRatioNoEnlarge,
    /// `c-force`: exactly w × h, distorted.
    Force,
    /// `c-at_max`: fits inside, never enlarged.
    AtMax,
    /// `c-at_max_enlarge`
    AtMaxEnlarge,
    /// `c-at_least`: covers, nothing cut.
    AtLeast,
    /// `cm-pad_resize`: fits inside, padded to exactly w × h.
    PadResize,
    /// `cm-pad_resize_no_enlarge`
    PadResizeNoEnlarge,
    /// `cm-extract`: a region of the unscaled picture.
    Extract,
    /// `cm-pad_extract`: the same, padded where the picture is smaller.
    PadExtract,
    /// `cm-pad_extract_no_shrink`
    PadExtractNoShrink,
}

/// Which part of the picture matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Focus {
    /// One of nine places.
    Anchor(Anchor),
    /// `auto`: the salient part.
    Auto,
    /// `custom` and `auto-custom_override`: the focus area stored with the file, else the salient part.
    Custom,
    /// `face`
    Face,
    /// Names of things, joined by `_`.
    Objects(ObjectSet),
}

/// A set of the things an object-aware crop can look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ObjectSet(u128);

/// The names, in the order of their bits. Source: COCO's 80 categories, `imagekit.md` 5.5.
const OBJECTS: [&str; 80] = [
    "person",
    "bicycle",
    "car",
    "motorcycle",
    "airplane",
    "bus",
    "train",
    "truck",
    "boat",
    "trafficLight",
    "fireHydrant",
    "stopSign",
    "parkingMeter",
    "bench",
    "bird",
    "cat",
    "dog",
    "horse",
    "sheep",
    "cow",
    "elephant",
    "bear",
    "zebra",
    "giraffe",
    "backpack",
    "umbrella",
    "handbag",
    "tie",
    "suitcase",
    "frisbee",
    "skis",
    "snowboard",
    "sportsBall",
    "kite",
    "baseballBat",
    "baseballGlove",
    "skateboard",
    "surfboard",
    "tennisRacket",
    "bottle",
    "wineGlass",
    "cup",
    "fork",
    "knife",
    "spoon",
    "bowl",
    "banana",
    "apple",
    "sandwich",
    "orange",
    "broccoli",
    "carrot",
    "hotDog",
    "pizza",
    "donut",
    "cake",
    "chair",
    "couch",
    "pottedPlant",
    "bed",
    "diningTable",
    "toilet",
    "tv",
    "laptop",
    "mouse",
    "remote",
    "keyboard",
    "cellPhone",
    "microwave",
    "oven",
    "toaster",
    "sink",
    "refrigerator",
    "book",
    "clock",
    "vase",
    "scissors",
    "teddyBear",
    "hairDrier",
    "toothbrush",
];

impl ObjectSet {
    /// The set that `person_car` names; none where a name is unknown.
    pub fn from_names(names: &str) -> Option<Self> {
        let mut bits = 0;
        for name in names.split('_') {
            bits |= 1_u128 << OBJECTS.iter().position(|known| *known == name)?;
        }
        Some(Self(bits))
    }

    /// The names in it.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        OBJECTS
            .into_iter()
            .enumerate()
            .filter(move |(bit, _)| self.0 & (1_u128 << bit) != 0)
            .map(|(_, name)| name)
    }
}

impl fmt::Display for ObjectSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join("_"))
    }
}

/// Nine places in a rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Anchor {
    #[default]
    Center,
    Top,
    Left,
    Bottom,
    Right,
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
}

/// `rt`
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rotation {
    /// Degrees clockwise; negative for `N`.
    Degrees(f64),
    /// `auto`: as the EXIF orientation says.
    Auto,
}

/// `dpr`
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DevicePixelRatio {
    /// 0.1 to 5.
    Times(f64),
    /// `auto`: what the client's hint says.
    Auto,
}

impl DevicePixelRatio {
    /// Values outside are ignored. Source: `imagekit.md` 5.3.
    pub const RANGE: RangeInclusive<f64> = 0.1..=5.0;
}

/// `pg`: which pages, frames or PSD layers of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pages {
    /// One page or frame, from 1.
    One(u32),
    /// `1_3_5`, PSD only.
    List(Vec<u32>),
    /// `2-4` or `2-`, PSD only.
    Range(PageRange),
    /// `name-"a"_"b"`: PSD layers by name.
    Names(Vec<String>),
}

/// A run of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRange {
    /// First page, from 1.
    pub first: u32,
    /// Last page, not before the first; none means to the end.
    pub last: Option<u32>,
}
