//! JPEG XL by the `jxl-oxide` crate: the picture, or the first one of a moving picture, upright and with 8 bits per channel.

use jxl_oxide::{
    AllocTracker, EnumColourEncoding, ExtraChannelType, ImageStream, InitializeResult, JxlImage,
    PixelFormat, RenderingIntent, frame::FrameType,
};
use limpid_resample::Layout;

use super::{DecodeRequest, Decoded};
use crate::{
    error::ImagingError,
    geometry::Size,
    guard::contained,
    limits::Limits,
    picture::unmultiply,
    probe::{corrupt, jxl::Header},
    rows::{RowSource, widen_gray_alpha},
    steps::check_deadline,
};

/// Bytes given to the decoder at a time; it is stopped once the first picture is complete.
const PART_BYTES: usize = 64 * 1024;
/// Frames that may be laid over each other to make one picture; what draws with layers writes some dozens.
const MAX_LAYERS: usize = 256;
/// What the decoder may hold per pixel of the picture. It calculates with floats, in several copies.
///
/// Source: the smallest limits with which files of libjxl 0.11 are decoded: 24 for lossy ones, 28 with alpha, 36 for floats,
/// 38 for 16 bits with alpha. Layers and references to other frames take more.
const BYTES_PER_PIXEL: u64 = 64;
/// What it may hold however small the picture is.
const SMALLEST_LIMIT_BYTES: u64 = 64 << 20;

pub(super) fn decode(request: &DecodeRequest<'_>) -> Result<Decoded, ImagingError> {
    // its authors let assertions stand for errors in places that damaged files reach
    contained(|| decoded(request))
        .unwrap_or_else(|panic| Err(corrupt(format!("the decoder gave up: {panic}"))))
}

fn decoded(request: &DecodeRequest<'_>) -> Result<Decoded, ImagingError> {
    let header = Header::parse(request.source)?;
    if header.size != request.info.stored_size {
        return Err(corrupt("the header changed between two readings"));
    }
    let mut image = load(&header, request.limits)?;
    let profile = choose_colors(&mut image, &header)?;
    check_deadline(request.deadline)?;
    let rendered = image.render_frame(0).map_err(damaged)?;
    let mut rows = Rows::new(&image, rendered.stream(), header.size)?;
    Decoded::of_rows(&mut rows, request, profile)
}

/// Reads up to where the first picture is complete. Nothing is decoded yet.
fn load(header: &Header<'_>, limits: &Limits) -> Result<JxlImage, ImagingError> {
    let bytes = &*header.codestream;
    let part = |from: usize, to: usize| bytes.get(from..to.min(bytes.len())).unwrap_or_default();
    let mut opening = JxlImage::builder()
        .alloc_tracker(AllocTracker::with_limit(memory_limit(header.size)))
        .build_uninit();
    let (mut fed, mut end) = (0, PART_BYTES);
    let mut image = loop {
        fed += opening.feed_bytes(part(fed, end)).map_err(damaged)?;
        match opening.try_init().map_err(damaged)? {
            InitializeResult::Initialized(image) => break image,
            InitializeResult::NeedMoreData(_) if end >= bytes.len() => {
                return Err(ImagingError::Truncated);
            }
            // what comes before the first frame is read again each time, so each time there is twice as much
            InitializeResult::NeedMoreData(more) => (opening, end) = (more, end * 2),
        }
    };
    loop {
        check_layers(&image, header.size, limits)?;
        if image.num_loaded_keyframes() > 0 {
            return Ok(image);
        }
        if image.is_loading_done() {
            return Err(corrupt("there is no picture in it"));
        }
        let consumed = image
            .feed_bytes(part(fed, fed + PART_BYTES))
            .map_err(damaged)?;
        if consumed == 0 {
            return Err(ImagingError::Truncated);
        }
        fed += consumed;
    }
}

fn memory_limit(size: Size) -> usize {
    let bytes = size.area().saturating_mul(BYTES_PER_PIXEL);
    usize::try_from(bytes.saturating_add(SMALLEST_LIMIT_BYTES)).unwrap_or(usize::MAX)
}

/// A picture may be made of several frames, and frames may be larger than the picture. All of them are work, so together
/// they are limited like the frames of a moving picture.
///
/// Errors: `TooManyFrames`.
fn check_layers(image: &JxlImage, canvas: Size, limits: &Limits) -> Result<(), ImagingError> {
    let count = image.num_loaded_frames();
    let work = (0..count)
        .filter_map(|index| image.frame(index))
        .map(|frame| {
            let header = frame.header();
            let own = u64::from(header.width).saturating_mul(u64::from(header.height));
            match header.frame_type {
                // laid over the whole of what is below
                FrameType::RegularFrame | FrameType::SkipProgressive => own.max(canvas.area()),
                FrameType::LfFrame | FrameType::ReferenceOnly => own,
            }
        });
    let work = work.fold(0, u64::saturating_add);
    let allowed = limits.max_frame_pixels;
    if count > MAX_LAYERS || work > allowed.saturating_add(canvas.area()) {
        return Err(ImagingError::TooManyFrames {
            frames: u32::try_from(count).unwrap_or(u32::MAX),
            width: canvas.width,
            height: canvas.height,
            allowed,
        });
    }
    Ok(())
}

/// Colours described by code are converted to sRGB by the decoder, from its floats; those of an embedded profile are left
/// as they are, and the profile returned.
fn choose_colors(
    image: &mut JxlImage,
    header: &Header<'_>,
) -> Result<Option<Vec<u8>>, ImagingError> {
    if header.has_profile && image.original_icc().is_none() {
        // the decoder takes it for granted that there is one
        return Err(corrupt("the profile is empty"));
    }
    match image.pixel_format() {
        PixelFormat::Cmyk | PixelFormat::Cmyka => Err(ImagingError::FormatUnsupported {
            found: "JPEG XL in CMYK",
        }),
        _ if header.has_profile && image.hdr_type().is_none() => Ok(Some(image.rendered_icc())),
        PixelFormat::Gray | PixelFormat::Graya => {
            image.request_color_encoding(EnumColourEncoding::gray_srgb(RenderingIntent::Relative));
            Ok(None)
        }
        PixelFormat::Rgb | PixelFormat::Rgba => {
            image.request_color_encoding(EnumColourEncoding::srgb(RenderingIntent::Relative));
            Ok(None)
        }
    }
}

/// A decoded picture, which the decoder holds as floats; bytes are made of a row when it is read.
struct Rows<'a> {
    stream: ImageStream<'a>,
    size: Size,
    layout: Layout,
    /// Room for a row of grey and alpha, which are widened.
    gray_alpha: Option<Vec<u8>>,
    is_premultiplied: bool,
}

impl<'a> Rows<'a> {
    fn new(image: &JxlImage, stream: ImageStream<'a>, size: Size) -> Result<Self, ImagingError> {
        let (layout, channels) = match image.pixel_format() {
            PixelFormat::Gray => (Layout::Grey, 1),
            PixelFormat::Graya => (Layout::Rgba, 2),
            PixelFormat::Rgba => (Layout::Rgba, 4),
            _ => (Layout::Rgb, 3),
        };
        let shown = Size {
            width: stream.width(),
            height: stream.height(),
        };
        if shown != size || stream.channels() != channels {
            return Err(corrupt(
                "the picture is another one than the header declares",
            ));
        }
        Ok(Self {
            stream,
            size,
            layout,
            gray_alpha: (channels == 2).then(|| vec![0; size.width as usize * 2]),
            is_premultiplied: is_premultiplied(image),
        })
    }
}

impl RowSource for Rows<'_> {
    fn size(&self) -> Size {
        self.size
    }

    fn layout(&self) -> Layout {
        self.layout
    }

    fn read(&mut self, row: &mut [u8]) -> Result<(), ImagingError> {
        match &mut self.gray_alpha {
            Some(samples) => {
                self.stream.write_to_buffer(samples);
                widen_gray_alpha(samples, row);
            }
            None => {
                self.stream.write_to_buffer(row);
            }
        }
        if self.is_premultiplied && self.layout == Layout::Rgba {
            unmultiply(row);
        }
        Ok(())
    }
}

fn is_premultiplied(image: &JxlImage) -> bool {
    let metadata = &image.image_header().metadata;
    let alpha = metadata
        .alpha()
        .and_then(|index| metadata.ec_info.get(index));
    alpha.is_some_and(|channel| {
        matches!(
            channel.ty,
            ExtraChannelType::Alpha {
                alpha_associated: true
            }
        )
    })
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn damaged(error: Box<dyn std::error::Error + Send + Sync>) -> ImagingError {
    corrupt(error.to_string())
}
