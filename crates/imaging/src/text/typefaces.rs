//! The fonts that ship with the engine, by their names in URLs; where they come from is in `fonts/PROVENANCE.md`.
//!
//! One style of a typeface is several files, each for the characters of some languages.

/// A font file as it is to be drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Font<'a> {
    pub(crate) bytes: &'a [u8],
    /// Letters are slanted because there are no italics.
    pub(super) is_slanted: bool,
}

/// A typeface.
#[derive(Debug)]
pub(crate) struct Typeface {
    name: &'static str,
    /// `tg-b` and `tg-i` are without effect otherwise. Source: `imagekit.md` 5.9.
    has_styles: bool,
    regular: &'static [&'static [u8]],
    bold: &'static [&'static [u8]],
    italic: &'static [&'static [u8]],
    bold_italic: &'static [&'static [u8]],
}

impl Typeface {
    /// Adds the fonts of a style (bold, italic), and behind them those of plainer ones for characters they lack.
    pub(crate) fn fonts(&'static self, style: (bool, bool), fonts: &mut Vec<Font<'_>>) {
        let (is_bold, is_italic) = if self.has_styles {
            style
        } else {
            (false, false)
        };
        let mut add = |files: &'static [&'static [u8]], is_slanted| {
            fonts.extend(files.iter().map(|bytes| Font { bytes, is_slanted }));
        };
        if is_bold && is_italic {
            add(self.bold_italic, false);
        } else if is_italic {
            add(self.italic, false);
        }
        if is_bold {
            add(self.bold, is_italic);
        }
        add(self.regular, is_italic);
    }
}

/// Whether `ff` names a font that ships with the engine; other names are files.
pub fn is_built_in_font(name: &str) -> bool {
    built_in(name).is_some()
}

/// Other names: of typefaces that may not be bundled, for what is as wide or like them. Letters only, small. `Ubuntu` is in `ImageKit`'s list,
/// its licence is not among ours.
static ALIASES: [(&str, &Typeface); 4] = [
    ("ubuntu", &OPEN_SANS),
    ("arial", &ARIMO),
    ("helvetica", &ARIMO),
    ("arimo", &ARIMO),
];

/// The typeface with this name. Case, spaces and underscores play no part: `Open Sans` is also written `OpenSans`.
pub(crate) fn built_in(name: &str) -> Option<&'static Typeface> {
    let letters = |text: &str| -> String {
        text.chars()
            .filter(|character| !matches!(character, ' ' | '_' | '-'))
            .flat_map(char::to_lowercase)
            .collect()
    };
    let wanted = letters(name);
    TYPEFACES
        .into_iter()
        .find(|typeface| letters(typeface.name) == wanted)
        .or_else(|| {
            let alias = ALIASES.iter().find(|(name, _)| *name == wanted);
            alias.map(|(_, typeface)| *typeface)
        })
}

/// The file with the Latin letters of every style of every typeface, and whether it is bold.
pub(crate) fn first_files() -> impl Iterator<Item = (&'static [u8], bool)> {
    TYPEFACES.into_iter().flat_map(|typeface| {
        let styles = [
            (typeface.regular, false),
            (typeface.bold, true),
            (typeface.italic, false),
            (typeface.bold_italic, true),
        ];
        styles
            .into_iter()
            .filter_map(|(files, is_bold)| Some((*files.first()?, is_bold)))
    })
}

macro_rules! font {
    ($file:literal) => {
        include_bytes!(concat!("../../fonts/", $file, ".ttf"))
    };
}

/// What `ff` is without a value. Source: `ImageKit`'s retired `otf`.
pub(super) static DEFAULT: &Typeface = &OPEN_SANS;
/// Asked for what the wanted typeface lacks.
pub(super) static FALLBACK: &Typeface = &ROBOTO;
/// Asked last: Arabic, Hebrew, Devanagari.
pub(super) static SCRIPTS: [&[u8]; 3] = [
    font!("noto-sans-arabic-arabic-400-normal"),
    font!("noto-sans-hebrew-hebrew-400-normal"),
    font!("noto-sans-devanagari-devanagari-400-normal"),
];

static ABRIL_FATFACE: Typeface = Typeface {
    name: "AbrilFatFace",
    has_styles: false,
    regular: &[
        font!("abril-fatface-latin-400-normal"),
        font!("abril-fatface-latin-ext-400-normal"),
    ],
    bold: &[],
    italic: &[],
    bold_italic: &[],
};

static AMARANTH: Typeface = Typeface {
    name: "Amaranth",
    has_styles: true,
    regular: &[font!("amaranth-latin-400-normal")],
    bold: &[font!("amaranth-latin-700-normal")],
    italic: &[],
    bold_italic: &[],
};

/// As wide as Arial; drawings are lettered with it too.
static ARIMO: Typeface = Typeface {
    name: "Arimo",
    has_styles: true,
    regular: &[font!("arimo-complete-400-normal")],
    bold: &[font!("arimo-complete-700-normal")],
    italic: &[font!("arimo-complete-400-italic")],
    bold_italic: &[font!("arimo-complete-700-italic")],
};

static ARVO: Typeface = Typeface {
    name: "Arvo",
    has_styles: true,
    regular: &[font!("arvo-latin-400-normal")],
    bold: &[font!("arvo-latin-700-normal")],
    italic: &[],
    bold_italic: &[],
};

static AUDIOWIDE: Typeface = Typeface {
    name: "Audiowide",
    has_styles: false,
    regular: &[
        font!("audiowide-latin-400-normal"),
        font!("audiowide-latin-ext-400-normal"),
    ],
    bold: &[],
    italic: &[],
    bold_italic: &[],
};

static CHIVO: Typeface = Typeface {
    name: "Chivo",
    has_styles: true,
    regular: &[
        font!("chivo-latin-400-normal"),
        font!("chivo-latin-ext-400-normal"),
    ],
    bold: &[font!("chivo-latin-700-normal")],
    italic: &[],
    bold_italic: &[],
};

static CRIMSON_TEXT: Typeface = Typeface {
    name: "Crimson Text",
    has_styles: true,
    regular: &[
        font!("crimson-text-latin-400-normal"),
        font!("crimson-text-latin-ext-400-normal"),
    ],
    bold: &[font!("crimson-text-latin-700-normal")],
    italic: &[],
    bold_italic: &[],
};

static EXO: Typeface = Typeface {
    name: "exo",
    has_styles: true,
    regular: &[
        font!("exo-latin-400-normal"),
        font!("exo-latin-ext-400-normal"),
    ],
    bold: &[font!("exo-latin-700-normal")],
    italic: &[],
    bold_italic: &[],
};

static FREDOKA_ONE: Typeface = Typeface {
    name: "Fredoka One",
    has_styles: false,
    regular: &[font!("fredoka-one-latin-400-normal")],
    bold: &[],
    italic: &[],
    bold_italic: &[],
};

static GRAVITAS_ONE: Typeface = Typeface {
    name: "Gravitas One",
    has_styles: false,
    regular: &[font!("gravitas-one-latin-400-normal")],
    bold: &[],
    italic: &[],
    bold_italic: &[],
};

static KANIT: Typeface = Typeface {
    name: "Kanit",
    has_styles: true,
    regular: &[
        font!("kanit-latin-400-normal"),
        font!("kanit-latin-ext-400-normal"),
    ],
    bold: &[font!("kanit-latin-700-normal")],
    italic: &[],
    bold_italic: &[],
};

static LATO: Typeface = Typeface {
    name: "Lato",
    has_styles: true,
    regular: &[
        font!("lato-latin-400-normal"),
        font!("lato-latin-ext-400-normal"),
    ],
    bold: &[
        font!("lato-latin-700-normal"),
        font!("lato-latin-ext-700-normal"),
    ],
    italic: &[font!("lato-latin-400-italic")],
    bold_italic: &[font!("lato-latin-700-italic")],
};

static LOBSTER: Typeface = Typeface {
    name: "Lobster",
    has_styles: false,
    regular: &[
        font!("lobster-latin-400-normal"),
        font!("lobster-latin-ext-400-normal"),
    ],
    bold: &[],
    italic: &[],
    bold_italic: &[],
};

static LORA: Typeface = Typeface {
    name: "Lora",
    has_styles: true,
    regular: &[
        font!("lora-latin-400-normal"),
        font!("lora-latin-ext-400-normal"),
        font!("lora-cyrillic-400-normal"),
    ],
    bold: &[font!("lora-latin-700-normal")],
    italic: &[font!("lora-latin-400-italic")],
    bold_italic: &[font!("lora-latin-700-italic")],
};

static MONOTON: Typeface = Typeface {
    name: "Monoton",
    has_styles: false,
    regular: &[
        font!("monoton-latin-400-normal"),
        font!("monoton-latin-ext-400-normal"),
    ],
    bold: &[],
    italic: &[],
    bold_italic: &[],
};

static MONTSERRAT: Typeface = Typeface {
    name: "Montserrat",
    has_styles: true,
    regular: &[
        font!("montserrat-latin-400-normal"),
        font!("montserrat-latin-ext-400-normal"),
        font!("montserrat-cyrillic-400-normal"),
    ],
    bold: &[
        font!("montserrat-latin-700-normal"),
        font!("montserrat-latin-ext-700-normal"),
        font!("montserrat-cyrillic-700-normal"),
    ],
    italic: &[font!("montserrat-latin-400-italic")],
    bold_italic: &[font!("montserrat-latin-700-italic")],
};

static PT_MONO: Typeface = Typeface {
    name: "PT Mono",
    has_styles: false,
    regular: &[
        font!("pt-mono-latin-400-normal"),
        font!("pt-mono-latin-ext-400-normal"),
        font!("pt-mono-cyrillic-400-normal"),
    ],
    bold: &[],
    italic: &[],
    bold_italic: &[],
};

static PT_SERIF: Typeface = Typeface {
    name: "PT_Serif",
    has_styles: true,
    regular: &[
        font!("pt-serif-latin-400-normal"),
        font!("pt-serif-latin-ext-400-normal"),
        font!("pt-serif-cyrillic-400-normal"),
    ],
    bold: &[font!("pt-serif-latin-700-normal")],
    italic: &[],
    bold_italic: &[],
};

static OPEN_SANS: Typeface = Typeface {
    name: "Open Sans",
    has_styles: true,
    regular: &[
        font!("open-sans-latin-400-normal"),
        font!("open-sans-latin-ext-400-normal"),
        font!("open-sans-cyrillic-400-normal"),
        font!("open-sans-greek-400-normal"),
    ],
    bold: &[
        font!("open-sans-latin-700-normal"),
        font!("open-sans-latin-ext-700-normal"),
        font!("open-sans-cyrillic-700-normal"),
    ],
    italic: &[font!("open-sans-latin-400-italic")],
    bold_italic: &[font!("open-sans-latin-700-italic")],
};

static ROBOTO: Typeface = Typeface {
    name: "Roboto",
    has_styles: true,
    regular: &[
        font!("roboto-latin-400-normal"),
        font!("roboto-latin-ext-400-normal"),
        font!("roboto-cyrillic-400-normal"),
        font!("roboto-greek-400-normal"),
        font!("roboto-symbols-400-normal"),
    ],
    bold: &[
        font!("roboto-latin-700-normal"),
        font!("roboto-latin-ext-700-normal"),
        font!("roboto-cyrillic-700-normal"),
    ],
    italic: &[font!("roboto-latin-400-italic")],
    bold_italic: &[font!("roboto-latin-700-italic")],
};

static OLD_STANDARD_TT: Typeface = Typeface {
    name: "Old Standard",
    has_styles: true,
    regular: &[font!("old-standard-tt-latin-400-normal")],
    bold: &[font!("old-standard-tt-latin-700-normal")],
    italic: &[],
    bold_italic: &[],
};

static VOLLKORN: Typeface = Typeface {
    name: "Vollkorn",
    has_styles: true,
    regular: &[
        font!("vollkorn-latin-400-normal"),
        font!("vollkorn-latin-ext-400-normal"),
        font!("vollkorn-cyrillic-400-normal"),
    ],
    bold: &[font!("vollkorn-latin-700-normal")],
    italic: &[],
    bold_italic: &[],
};

/// Source of the names: `imagekit.md` 5.9. Ubuntu is missing: its licence is no open one by everybody's judgement.
static TYPEFACES: [&Typeface; 21] = [
    &ABRIL_FATFACE,
    &AMARANTH,
    &ARVO,
    &AUDIOWIDE,
    &CHIVO,
    &CRIMSON_TEXT,
    &EXO,
    &FREDOKA_ONE,
    &GRAVITAS_ONE,
    &KANIT,
    &LATO,
    &LOBSTER,
    &LORA,
    &MONOTON,
    &MONTSERRAT,
    &PT_MONO,
    &PT_SERIF,
    &OPEN_SANS,
    &ROBOTO,
    &OLD_STANDARD_TT,
    &VOLLKORN,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_however_they_are_spelt() {
        for name in [
            "Open Sans",
            "open_sans",
            "OpenSans",
            "PT Serif",
            "Exo",
            "OldStandard",
            "Ubuntu",
            "Arial",
            "helvetica",
        ] {
            assert!(is_built_in_font(name), "{name}");
        }
        for name in ["", "fonts/Roboto.ttf", "Comic"] {
            assert!(!is_built_in_font(name), "{name}");
        }
    }

    #[test]
    fn every_bundled_font_can_be_read_and_has_a_latin_letter_or_its_script() {
        for typeface in TYPEFACES {
            for style in [(false, false), (true, false), (false, true), (true, true)] {
                let mut fonts = Vec::new();
                typeface.fonts(style, &mut fonts);
                let first = rustybuzz::Face::from_slice(fonts[0].bytes, 0).unwrap();
                assert!(first.glyph_index('a').is_some(), "{}", typeface.name);
                assert!(
                    fonts
                        .iter()
                        .all(|font| rustybuzz::Face::from_slice(font.bytes, 0).is_some())
                );
            }
        }
        for (bytes, letter) in SCRIPTS.iter().zip(['ب', 'א', 'क']) {
            let face = rustybuzz::Face::from_slice(bytes, 0).unwrap();
            assert!(face.glyph_index(letter).is_some(), "{letter}");
        }
    }
}
