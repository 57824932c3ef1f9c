//! What a file says beside its pixels, kept where `md-true`, `cp-true` or `dn` ask for it. Read from one container and written
//! into another after the pixels have been encoded, so that no encoder has to know about it.
//!
//! | | JPEG | PNG | WebP | AVIF |
//! |---|---|---|---|---|
//! | EXIF, upright | APP1 | `eXIf` | `EXIF` | item `Exif` |
//! | XMP | APP1 | `iTXt` | `XMP ` | item `mime` |
//! | IPTC | APP13 | - | - | - |
//! | colour profile | APP2 | `iCCP` | `ICCP` | `colr` |
//! | density | JFIF | `pHYs` | in EXIF | in EXIF |
//!
//! GIF results carry none of it.

use limpid_delivery_url::transformation::OutputOptions;

use crate::{format::ImageFormat, probe::exif};

mod avif;
mod jpeg;
mod png;
mod webp;

/// What is kept.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// A TIFF structure, without the name some containers put in front.
    exif: Option<Vec<u8>>,
    /// XML.
    xmp: Option<Vec<u8>>,
    /// Photoshop's resources.
    iptc: Option<Vec<u8>>,
    /// An ICC profile for RGB.
    profile: Option<Vec<u8>>,
    /// Units: dots per inch.
    density: Option<u16>,
}

impl Metadata {
    /// Reads what `options` ask to keep. The orientation becomes upright, because the pixels will be.
    pub(crate) fn read(source: &[u8], format: ImageFormat, options: OutputOptions) -> Self {
        let mut kept = if options.metadata == Some(true) {
            match format {
                ImageFormat::Jpeg => jpeg::read(source),
                ImageFormat::Png => png::read(source),
                ImageFormat::WebP => webp::read(source),
                ImageFormat::Avif => avif::read(source),
                _ => Self::default(),
            }
        } else {
            Self::default()
        };
        kept.density = options.density;
        if let Some(exif) = &mut kept.exif {
            exif::set_upright(exif);
            if let Some(density) = kept.density {
                exif::set_density(exif, density);
            }
        }
        kept
    }

    /// Whether the colour profile stays, and with it colours that aren't sRGB.
    pub(crate) fn keeps_profile(options: OutputOptions) -> bool {
        options
            .color_profile
            .or(options.metadata)
            .unwrap_or_default()
    }

    /// Adds a colour profile. Only those for RGB describe what an encoder gets.
    pub(crate) fn with_profile(mut self, profile: Vec<u8>) -> Self {
        self.profile = Some(profile);
        self
    }

    /// Whether a profile is one for RGB pictures. Source: ICC.1:2010, 7.2.6.
    pub(crate) fn is_rgb_profile(profile: &[u8]) -> bool {
        profile.get(16..20) == Some(b"RGB ")
    }

    /// Writes it into an encoded picture; what the container can't hold is left out.
    pub(crate) fn embed(self, encoded: Vec<u8>, format: ImageFormat) -> Vec<u8> {
        if self == Self::default() {
            return encoded;
        }
        let embedded = match format {
            ImageFormat::Jpeg => jpeg::embed(&self, &encoded),
            ImageFormat::Png => png::embed(&self, &encoded),
            ImageFormat::WebP => webp::embed(&self, &encoded),
            ImageFormat::Avif => avif::embed(&self, &encoded),
            _ => None,
        };
        embedded.unwrap_or(encoded)
    }
}
