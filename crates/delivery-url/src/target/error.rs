//! Why a request target is refused.

/// A refused request target. The client's fault. The text is one printable ASCII sentence that echoes no input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not a path: `*`, an authority, an absolute URL.
    #[error("the request target must be a path that begins with a slash")]
    NotAPath,
    /// Longer than [`super::MAX_PATH_BYTES`].
    #[error(
        "the path is longer than 8192 bytes; shorten the file path or move the transformation into the tr query parameter"
    )]
    PathTooLong,
    /// Nothing after account, endpoint and transformation.
    #[error("the URL names no file; add the path of a file after the endpoint")]
    NoFile,
    /// NUL, a control character, DEL or a backslash, plain or encoded.
    #[error("the path holds a control character or a backslash; no file can have such a name here")]
    ForbiddenCharacter,
    /// A `.` or `..` segment, plain or encoded, or an overlong encoding of one.
    #[error("the path holds a . or .. segment; write the path without them")]
    DotSegment,
    /// `tr:` with nothing behind the colon.
    #[error(
        "the tr: segment is empty; write a transformation such as tr:w-300 or leave the segment out"
    )]
    EmptyTransformation,
    /// `ik-seo` without both a path and a name.
    #[error(
        "ik-seo needs the path of the file without its extension, a slash and a name, as in ik-seo/dir/file/name.jpg"
    )]
    IncompleteSeoPath,
    /// `ik-video.mp4`, `ik-gif-video.mp4`, `ik-master.m3u8`, `ik-master.mpd`.
    #[error("video delivery is not supported; request an image")]
    Video,
    /// `ik-genimg-prompt-…`
    #[error("image generation is not supported; request an existing image")]
    Generated,
}

/// How a refusal is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// No such file can exist: 404 `ENOENT`, an event of the tenant.
    NotFound,
    /// The request makes no sense: 400 `EINVAL`.
    Invalid,
}

impl TargetError {
    /// How this refusal is answered.
    pub fn fault(self) -> Fault {
        match self {
            Self::NoFile
            | Self::ForbiddenCharacter
            | Self::DotSegment
            | Self::IncompleteSeoPath => Fault::NotFound,
            Self::NotAPath
            | Self::PathTooLong
            | Self::EmptyTransformation
            | Self::Video
            | Self::Generated => Fault::Invalid,
        }
    }
}
