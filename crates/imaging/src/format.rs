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
        let may_be_avif = self.settings.auto_avif && !self.keeps_profile && !self.is_sharpened;
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
            return Encoding::SmallerOfJpegAndPng;
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
mod tests {
    use super::*;

    const SMALL: Size = Size {
        width: 400,
        height: 300,
    };
    const LONG: Size = Size {
        width: 16_384,
        height: 10,
    };

    fn negotiation(source: ImageFormat, requested: Option<Format>, accept: &str) -> Negotiation {
        let settings = ImageSettings::default();
        Negotiation {
            source,
            requested,
            accept: AcceptedFormats::from_accept(accept),
            settings,
            keeps_profile: false,
            is_sharpened: false,
        }
    }

    #[test]
    fn a_named_weight_of_zero_refuses_and_a_wildcard_promises_nothing() {
        let accepted =
            AcceptedFormats::from_accept("image/avif;q=0, IMAGE/WebP ; q=0.8,image/*,*/*;q=0.5");
        assert_eq!(
            accepted,
            AcceptedFormats {
                webp: true,
                avif: false
            }
        );
        assert_eq!(
            AcceptedFormats::from_accept("*/*"),
            AcceptedFormats::default()
        );
        assert_eq!(
            AcceptedFormats::from_accept(",;=,q=;;,image/webp;q="),
            AcceptedFormats {
                webp: true,
                avif: false
            }
        );
    }

    #[test]
    fn webp_goes_to_clients_that_name_it() {
        let webp = negotiation(ImageFormat::Jpeg, None, "image/webp");
        assert_eq!(
            webp.choose(SMALL, false),
            Ok(Encoding::One(ImageFormat::WebP))
        );
        assert!(webp.varies());
        let plain = negotiation(ImageFormat::Jpeg, None, "*/*");
        assert_eq!(
            plain.choose(SMALL, false),
            Ok(Encoding::One(ImageFormat::Jpeg))
        );
        assert!(plain.varies());
    }

    #[test]
    fn avif_needs_the_tenants_consent_unless_asked_for_by_name() {
        let mut avif = negotiation(ImageFormat::Jpeg, None, "image/avif,image/webp");
        assert_eq!(
            avif.choose(SMALL, false),
            Ok(Encoding::One(ImageFormat::WebP))
        );
        avif.settings.auto_avif = true;
        assert_eq!(
            avif.choose(SMALL, false),
            Ok(Encoding::One(ImageFormat::Avif))
        );
        avif.is_sharpened = true;
        assert_eq!(
            avif.choose(SMALL, false),
            Ok(Encoding::One(ImageFormat::WebP))
        );
        let by_name = negotiation(ImageFormat::Jpeg, Some(Format::Avif), "");
        assert_eq!(
            by_name.choose(SMALL, false),
            Ok(Encoding::One(ImageFormat::Avif))
        );
        assert!(!by_name.varies());
    }

    #[test]
    fn transparency_never_becomes_jpeg_by_itself() {
        let png = negotiation(ImageFormat::Png, None, "");
        assert_eq!(png.choose(SMALL, true), Ok(Encoding::One(ImageFormat::Png)));
        assert_eq!(png.choose(SMALL, false), Ok(Encoding::SmallerOfJpegAndPng));
    }

    #[test]
    fn a_side_too_long_for_webp_is_refused_by_name_and_avoided_by_auto() {
        let by_name = negotiation(ImageFormat::Jpeg, Some(Format::WebP), "");
        assert!(matches!(
            by_name.choose(LONG, false),
            Err(ImagingError::OutputTooLarge {
                what: "WebP side",
                ..
            })
        ));
        let auto = negotiation(ImageFormat::Jpeg, Some(Format::Auto), "image/webp");
        assert_eq!(
            auto.choose(LONG, false),
            Ok(Encoding::One(ImageFormat::Jpeg))
        );
    }

    #[test]
    fn rivals_are_tried_only_where_the_format_is_free() {
        let of = |source, requested, usual, quality| {
            let mut asked = negotiation(source, requested, "image/avif,image/webp");
            asked.settings.auto_avif = true;
            asked.rivals(usual, (SMALL, false), quality)
        };
        let by_name = of(ImageFormat::Png, Some(Format::WebP), ImageFormat::WebP, 80);
        assert_eq!(by_name, Rivals::default());
        let photo = of(ImageFormat::Jpeg, None, ImageFormat::WebP, 80);
        assert!(photo.jpeg && !photo.webp && photo.lossless.is_none());
        let fine = of(ImageFormat::Jpeg, None, ImageFormat::Avif, 95);
        assert!(fine.webp && !fine.jpeg);
        let graphic = of(ImageFormat::Png, None, ImageFormat::WebP, 95);
        assert!(graphic.lossless.is_some_and(|accept| accept.webp) && !graphic.jpeg);
        let clear = negotiation(ImageFormat::Png, None, "image/webp");
        assert!(!clear.rivals(ImageFormat::WebP, (SMALL, true), 80).jpeg);
    }

    #[test]
    fn without_auto_the_format_stays() {
        let mut stays = negotiation(ImageFormat::Png, None, "image/webp");
        stays.settings.auto_format = false;
        assert_eq!(
            stays.choose(SMALL, false),
            Ok(Encoding::One(ImageFormat::Png))
        );
        assert!(!stays.varies());
        let gif = negotiation(ImageFormat::Jpeg, Some(Format::Gif), "");
        assert_eq!(
            gif.choose(SMALL, false),
            Ok(Encoding::One(ImageFormat::Jpeg))
        );
    }
}
