//! Which format the answer has: `f` if given, else what the client accepts and the tenant allows.
//!
//! Source: `imagekit.md` 5.11 and R148–R152.

use limpid_delivery_url::transformation::Format;

use crate::{error::ImagingError, geometry::Size};

/// A raster format by its usual name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ImageFormat {
    Jpeg,
    Png,
    WebP,
    Avif,
    Gif,
    /// JPEG XL; read, never written.
    Jxl,
    Bmp,
    Tiff,
    Ico,
}

impl ImageFormat {
    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Avif => "image/avif",
            Self::Gif => "image/gif",
            Self::Jxl => "image/jxl",
            Self::Bmp => "image/bmp",
            Self::Tiff => "image/tiff",
            Self::Ico => "image/vnd.microsoft.icon",
        }
    }

    /// The usual file name extension, without dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Avif => "avif",
            Self::Gif => "gif",
            Self::Jxl => "jxl",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
            Self::Ico => "ico",
        }
    }

    /// The name people use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Avif => "AVIF",
            Self::Gif => "GIF",
            Self::Jxl => "JPEG XL",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Ico => "ICO",
        }
    }

    /// The longest side the format can have. Source: each format's field widths; libaom's own cap for AVIF.
    fn max_side(self) -> u32 {
        match self {
            Self::WebP => 16_383,
            Self::Jpeg => 65_500,
            Self::Avif => 65_536,
            Self::Gif => 65_535,
            Self::Jxl => 1 << 30,
            Self::Png | Self::Bmp | Self::Tiff | Self::Ico => i32::MAX.unsigned_abs(),
        }
    }

    fn holds(self, size: Size) -> bool {
        size.width.max(size.height) <= self.max_side()
    }

    /// Whether what was stored as this format was stored without loss, so that a lossless result may be the smaller one.
    fn is_lossless(self) -> bool {
        matches!(
            self,
            Self::Png | Self::Gif | Self::Bmp | Self::Ico | Self::Tiff
        )
    }
}

/// What the client accepts beyond JPEG and PNG, which everything accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AcceptedFormats {
    pub webp: bool,
    pub avif: bool,
}

impl AcceptedFormats {
    /// Reads the value of an `Accept` field. A format counts when it is named and its weight isn't 0; wildcards don't count,
    /// because clients that can't show WebP send them too.
    ///
    /// Source: RFC 9110 section 12.5.1.
    pub fn from_accept(value: &str) -> Self {
        let mut accepted = Self::default();
        for range in value.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default();
            let is_refused = parts
                .filter_map(|part| part.split_once('='))
                .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
                .is_some_and(|(_, weight)| {
                    weight
                        .trim()
                        .parse::<f32>()
                        .is_ok_and(|weight| weight <= 0.0)
                });
            if is_refused {
                continue;
            }
            accepted.webp |= media_type.eq_ignore_ascii_case("image/webp");
            accepted.avif |= media_type.eq_ignore_ascii_case("image/avif");
        }
        accepted
    }
}

/// Image settings of a tenant. Source of the defaults: `imagekit.md` 5.11.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageSettings {
    /// `q` where the URL has none: 1 to 100.
    pub default_quality: u8,
    /// Whether a URL without `f` gets the best format the client accepts.
    pub auto_format: bool,
    /// Whether the best format may be AVIF.
    pub auto_avif: bool,
}

impl Default for ImageSettings {
    fn default() -> Self {
        Self {
            default_quality: 80,
            auto_format: true,
            auto_avif: false,
        }
    }
}

/// What to encode as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Exactly this.
    One(ImageFormat),
    /// JPEG or PNG, whichever is smaller.
    SmallerOfJpegAndPng,
}

/// What is tried beside the usual format where the format is free; the smallest result is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rivals {
    pub(crate) jpeg: bool,
    pub(crate) webp: bool,
    /// Without loss, where there are few colours: PNG, and WebP where the client takes it.
    pub(crate) lossless: Option<AcceptedFormats>,
}

/// At and above this quality JPEG keeps full colour and was never smaller than WebP, and WebP smaller than AVIF in 15 of 18
/// cases; below, JPEG was smaller than WebP in 5 of 36 and WebP never smaller than AVIF. Source: six photographs at 100, 400
/// and 800 px and qualities 50, 80 and 95; `docs/PERFORMANCE.md`.
const HIGH_QUALITY: u8 = 90;

/// Everything the choice depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Negotiation {
    pub(crate) source: ImageFormat,
    pub(crate) requested: Option<Format>,
    pub(crate) accept: AcceptedFormats,
    pub(crate) settings: ImageSettings,
    /// Whether `cp-true` is asked for. AVIF results do carry a profile, but it has to be asked for by name. Source: `imagekit.md`
    /// 5.6 and R150.
    pub(crate) keeps_profile: bool,
    /// Whether an unsharp mask is asked for: what it brings out is what AVIF smooths away. Source: `imagekit.md` R150.
    pub(crate) is_sharpened: bool,
    /// Whether nothing is to be lost, which WebP and PNG can do.
    pub(crate) is_lossless: bool,
}

impl Negotiation {
    /// Whether the answer depends on `Accept`, and so must say `Vary: Accept`.
    pub(crate) fn varies(self) -> bool {
        match self.requested {
            Some(Format::Auto) => true,
            // `gif` is for GIF sources and `svg` for vectors only; elsewhere they don't convert, so the rest decides
            Some(Format::Gif) => self.source != ImageFormat::Gif && self.settings.auto_format,
            Some(Format::Svg) | None => self.settings.auto_format,
            Some(Format::Original | Format::Jpeg | Format::Png | Format::WebP | Format::Avif) => {
                false
            }
        }
    }

    /// Chooses for a finished picture.
    ///
    /// Errors: `OutputTooLarge` where a format was asked for by name and can't hold the picture.
    pub(crate) fn choose(self, size: Size, has_alpha: bool) -> Result<Encoding, ImagingError> {
        let by_name = match self.requested {
            Some(Format::Jpeg) => Some(ImageFormat::Jpeg),
            Some(Format::Png) => Some(ImageFormat::Png),
            Some(Format::WebP) => Some(ImageFormat::WebP),
            Some(Format::Avif) => Some(ImageFormat::Avif),
            Some(Format::Gif) if self.source == ImageFormat::Gif => Some(ImageFormat::Gif),
            Some(Format::Gif | Format::Svg | Format::Auto | Format::Original) | None => None,
        };
        if let Some(format) = by_name {
            return checked(format, size).map(Encoding::One);
        }
        if self.varies() {
            return Ok(self.best(size, has_alpha));
        }
        checked(same_or_nearest(self.source, has_alpha), size).map(Encoding::One)
    }

    /// What may turn out smaller than `usual`, the format chosen for a picture of this quality; nothing where the format was
    /// asked for by name.
    pub(crate) fn rivals(
        self,
        usual: ImageFormat,
        (size, has_alpha): (Size, bool),
        quality: u8,
    ) -> Rivals {
        if !self.varies() {
            return Rivals::default();
        }
        let is_high = quality >= HIGH_QUALITY;
        let is_modern = matches!(usual, ImageFormat::WebP | ImageFormat::Avif);
        Rivals {
            jpeg: usual == ImageFormat::WebP
                && !is_high
                && !has_alpha
                && ImageFormat::Jpeg.holds(size),
            webp: usual == ImageFormat::Avif
                && is_high
                && self.accept.webp
                && ImageFormat::WebP.holds(size),
            lossless: (is_modern && self.source.is_lossless()).then_some(AcceptedFormats {
                webp: self.accept.webp && ImageFormat::WebP.holds(size),
                ..self.accept
            }),
        }
    }

    /// The format in which a moving picture goes on moving; `None` where the one asked for stands still.
    ///
    /// Errors: as [`Negotiation::choose`].
    pub(crate) fn choose_animated(self, size: Size) -> Result<Option<ImageFormat>, ImagingError> {
        let by_name = match self.requested {
            Some(Format::WebP) => Some(ImageFormat::WebP),
            Some(Format::Png) => Some(ImageFormat::Png),
            Some(Format::Gif) if self.source == ImageFormat::Gif => Some(ImageFormat::Gif),
            Some(Format::Jpeg | Format::Avif) => return Ok(None),
            Some(Format::Original) => Some(self.source),
            Some(Format::Auto | Format::Gif | Format::Svg) | None => None,
        };
        if let Some(format) = by_name {
            return checked(format, size).map(Some);
        }
        if !self.varies() {
            return checked(self.source, size).map(Some);
        }
        if self.accept.webp && ImageFormat::WebP.holds(size) {
            return Ok(Some(ImageFormat::WebP));
        }
        // what can't show animated PNG shows its first frame
        Ok(Some(match self.source {
            ImageFormat::Gif if ImageFormat::Gif.holds(size) => ImageFormat::Gif,
            _ => ImageFormat::Png,
        }))
    }

    fn best(self, size: Size, has_alpha: bool) -> Encoding {
        let is_ruled_out = self.keeps_profile || self.is_sharpened || self.is_lossless;
        let may_be_avif = self.settings.auto_avif && !is_ruled_out;
        if self.accept.avif && may_be_avif && ImageFormat::Avif.holds(size) {
            return Encoding::One(ImageFormat::Avif);
        }
        if self.accept.webp && ImageFormat::WebP.holds(size) {
            return Encoding::One(ImageFormat::WebP);
        }
        if has_alpha || !ImageFormat::Jpeg.holds(size) {
            return Encoding::One(ImageFormat::Png);
        }
        if self.source.is_lossless() {
            return if self.is_lossless {
                Encoding::One(ImageFormat::Png)
            } else {
                Encoding::SmallerOfJpegAndPng
            };
        }
        Encoding::One(ImageFormat::Jpeg)
    }
}

/// The source's own format, or for formats nothing is encoded to, the usual one that keeps the picture.
fn same_or_nearest(source: ImageFormat, has_alpha: bool) -> ImageFormat {
    match source {
        ImageFormat::Jpeg if has_alpha => ImageFormat::Png,
        ImageFormat::Jpeg
        | ImageFormat::Png
        | ImageFormat::WebP
        | ImageFormat::Avif
        | ImageFormat::Gif => source,
        ImageFormat::Jxl if !has_alpha => ImageFormat::Jpeg,
        ImageFormat::Jxl | ImageFormat::Bmp | ImageFormat::Tiff | ImageFormat::Ico => {
            ImageFormat::Png
        }
    }
}

fn checked(format: ImageFormat, size: Size) -> Result<ImageFormat, ImagingError> {
    if format.holds(size) {
        return Ok(format);
    }
    let what = match format {
        ImageFormat::WebP => "WebP side",
        ImageFormat::Jpeg => "JPEG side",
        ImageFormat::Avif => "AVIF side",
        ImageFormat::Gif => "GIF side",
        ImageFormat::Png
        | ImageFormat::Jxl
        | ImageFormat::Bmp
        | ImageFormat::Tiff
        | ImageFormat::Ico => "output side",
    };
    Err(ImagingError::OutputTooLarge {
        what,
        width: size.width,
        height: size.height,
        allowed: u64::from(format.max_side()),
    })
}

#[cfg(test)]
mod tests;
