//! What is counted of the requests that were answered. Numbers are stored and so only ever added to.

use serde::{Deserialize, Serialize};

/// Requests, and the bytes of their answers' bodies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageCounts {
    /// Requests answered.
    pub requests: i64,
    /// Bytes of bodies sent; header fields are not among them.
    pub bytes: i64,
}

impl UsageCounts {
    /// Adds counts.
    pub fn add(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

macro_rules! stored {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal, $text:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "i16", try_from = "i16")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl From<$name> for i16 {
            fn from(value: $name) -> Self {
                value.number()
            }
        }

        impl TryFrom<i16> for $name {
            type Error = String;

            fn try_from(number: i16) -> Result<Self, Self::Error> {
                Self::from_number(number)
                    .ok_or_else(|| format!(concat!(stringify!($name), " {} is not known"), number))
            }
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its number in the tables.
            pub fn number(self) -> i16 {
                match self {
                    $(Self::$variant => $number,)+
                }
            }

            /// The one with this number; `None` for a newer version's.
            pub fn from_number(number: i16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// Its name in answers and metrics.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

stored! {
    /// What the cache of finished answers had for a request.
    CacheResult {
        /// The answer.
        Hit = 1, "hit";
        /// Nothing: origins were asked.
        Miss = 2, "miss";
        /// Nothing; the work was shared with another request.
        Coalesced = 3, "coalesced";
        /// A failure, or the default image after one, that is repeated for a while.
        Negative = 4, "negative";
        /// What the origin had given before it failed.
        Stale = 5, "stale";
        /// Nothing, and no room to ask for it.
        Busy = 6, "busy";
        /// It was not asked: the request was refused before.
        NotAsked = 7, "none";
    }
}

stored! {
    /// Media type of an answer; error texts are `text/plain`.
    DeliveredFormat {
        /// None of those below.
        Other = 1, "other";
        /// JPEG
        Jpeg = 2, "image/jpeg";
        /// PNG
        Png = 3, "image/png";
        /// WebP
        WebP = 4, "image/webp";
        /// AVIF
        Avif = 5, "image/avif";
        /// GIF
        Gif = 6, "image/gif";
        /// JPEG XL
        Jxl = 7, "image/jxl";
        /// BMP
        Bmp = 8, "image/bmp";
        /// TIFF
        Tiff = 9, "image/tiff";
        /// ICO
        Ico = 10, "image/vnd.microsoft.icon";
        /// SVG
        Svg = 11, "image/svg+xml";
        /// HEIC
        Heic = 12, "image/heic";
        /// PDF
        Pdf = 13, "application/pdf";
        /// MP4
        Mp4 = 14, "video/mp4";
        /// `WebM`
        WebM = 15, "video/webm";
        /// Text, error texts among them.
        PlainText = 16, "text/plain";
        /// JSON
        Json = 17, "application/json";
        /// Bytes of no known kind.
        Binary = 18, "application/octet-stream";
    }
}

impl DeliveredFormat {
    /// The format that a `Content-Type` names.
    pub fn of_content_type(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let known = Self::ALL
            .iter()
            .find(|format| format.as_str().eq_ignore_ascii_case(essence));
        known.copied().unwrap_or(Self::Other)
    }
}

stored! {
    /// By what the most used are listed.
    UsageDimension {
        /// Path of an image, the URL endpoint's prefix included.
        Image = 1, "image";
        /// Path of a video.
        Video = 2, "video";
        /// Path of another file.
        OtherAsset = 3, "otherAsset";
        /// Transformation of an image, as the URL has it.
        ImageTransformation = 4, "imageTransformation";
        /// Transformation of a video.
        VideoTransformation = 5, "videoTransformation";
        /// Host of the page that asked.
        Referrer = 6, "referrer";
        /// User agent, as sent.
        UserAgent = 7, "userAgent";
        /// Family of browsers, by the user agent.
        Browser = 8, "browser";
        /// Kind of device, by the user agent.
        Device = 9, "device";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_distinct_and_come_back() {
        for format in DeliveredFormat::ALL {
            assert_eq!(DeliveredFormat::from_number(format.number()), Some(*format));
        }
        for dimension in UsageDimension::ALL {
            assert_eq!(
                UsageDimension::from_number(dimension.number()),
                Some(*dimension)
            );
        }
        for result in CacheResult::ALL {
            assert_eq!(CacheResult::from_number(result.number()), Some(*result));
        }
        assert_eq!(CacheResult::from_number(99), None);
    }

    #[test]
    fn content_types_are_read_without_case_and_parameters() {
        for (content_type, format) in [
            ("image/webp", DeliveredFormat::WebP),
            ("Image/SVG+xml; charset=utf-8", DeliveredFormat::Svg),
            ("text/plain; charset=utf-8", DeliveredFormat::PlainText),
            ("font/woff2", DeliveredFormat::Other),
            ("", DeliveredFormat::Other),
        ] {
            assert_eq!(DeliveredFormat::of_content_type(content_type), format);
        }
    }
}
