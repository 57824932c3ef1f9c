//! Draws a document by resvg: only the bundled fonts, nothing loaded, embedded pictures within the limits.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{
        Fill, Group, ImageHrefResolver, ImageKind, Node, Options, Paint, Path, Pattern, Stroke,
        Tree,
    },
};
use roxmltree::Document;

use super::{
    budget::{self, Work},
    filters, fonts, lettering, rejected, sanitize,
};
use crate::{
    decode::Decoded,
    error::ImagingError,
    format::ImageFormat,
    geometry::{Region, Size, whole_pixels},
    guard::contained,
    limits::Limits,
    picture::{Channels, Picture},
    probe::{self, ImageInfo, Orientation},
};

/// Larger documents are delivered, not drawn. Source: `imagekit.md` section 2.
pub(crate) const MAX_BYTES: u64 = 1 << 20;
/// Sides of a document. Units: px.
const MAX_SIDE: f32 = 1_000_000.0;
/// Pixels of a drawing, whatever the tenant's limit: a drawing takes more time per pixel than a photograph.
const MAX_PIXELS: f64 = 25_000_000.0;
/// Canvas areas gone over, times pixels. Two thousand million take some seconds.
const MAX_PIXEL_WORK: u64 = 2_000_000_000;
/// Pixels that filters compare or add. As many as above.
const MAX_FILTER_STEPS: f64 = 2e9;
/// Pixels of all embedded pictures.
const MAX_EMBEDDED_PIXELS: u64 = 25_000_000;
/// Pixels of the tile a pattern repeats.
const MAX_TILE_PIXELS: f64 = 16_000_000.0;
/// How far from the origin a stroked line may reach. The drawing library follows it all the way, seen or not: at four million it
/// takes a second, and a width of some hundred million makes it panic. Units: px.
const MAX_STROKE_REACH: f32 = 2_000_000.0;
/// Nodes looked at for patterns.
const MAX_VISITS: u32 = 1_000_000;

/// A document ready to be drawn.
pub(crate) struct Drawing {
    tree: Tree,
    work: Work,
    size: Size,
}

impl Drawing {
    /// Reads a document as it came from the origin.
    ///
    /// Errors: `SourceTooLarge`, `SvgRejected`.
    pub(crate) fn open(source: &[u8]) -> Result<Self, ImagingError> {
        let found = source.len() as u64;
        if found > MAX_BYTES {
            return Err(ImagingError::SourceTooLarge {
                found,
                allowed: MAX_BYTES,
            });
        }
        let safe = sanitize(source)?;
        let text = std::str::from_utf8(&safe).map_err(|_| rejected("its text is not UTF-8"))?;
        let document = Document::parse(text).map_err(|error| rejected(error.to_string()))?;
        let work = budget::work_of(&document)?;
        let tree = match lettering::prepared(text, &document, work.enlargement) {
            None => laid_out(&document),
            Some(lettered) => Document::parse(&lettered)
                .map_err(|error| rejected(error.to_string()))
                .and_then(|document| laid_out(&document)),
        }?;
        let (width, height) = (tree.size().width(), tree.size().height());
        if width > MAX_SIDE || height > MAX_SIDE {
            return Err(rejected("its sides are too long"));
        }
        let size = Size {
            width: whole_pixels(width.into()),
            height: whole_pixels(height.into()),
        };
        Ok(Self { tree, work, size })
    }

    /// What its header would say if it were a picture.
    pub(crate) fn info(&self) -> ImageInfo {
        ImageInfo {
            format: ImageFormat::Png,
            stored_size: self.size,
            orientation: Orientation::Upright,
            has_alpha: true,
            frames: 1,
            has_profile: false,
            quality: None,
        }
    }

    /// Draws it as large as the part `crop` has to be to make `scaled`, so that nothing is resized afterwards.
    ///
    /// Errors: `SvgRejected` where that takes too long, `OutputTooLarge`.
    pub(crate) fn draw(
        &self,
        crop: Region,
        scaled: Size,
        limits: &Limits,
    ) -> Result<Decoded, ImagingError> {
        let across = f64::from(scaled.width) / crop.width;
        let down = f64::from(scaled.height) / crop.height;
        #[expect(clippy::cast_precision_loss, reason = "areas are far below 2^53")]
        let (natural, most) = (self.size.area() as f64, limits.max_pixels as f64);
        // a small part of a large picture is drawn smaller and enlarged, rather than not at all
        let room = (MAX_PIXELS.min(most) / (natural * across * down).max(1.0))
            .sqrt()
            .min(1.0);
        let size = Size {
            width: whole_pixels(f64::from(self.size.width) * across * room),
            height: whole_pixels(f64::from(self.size.height) * down * room),
        };
        limits.check_step(size)?;
        if self.work.layers.saturating_mul(size.area()) > MAX_PIXEL_WORK {
            return Err(rejected("its layers and filters take too long to draw"));
        }
        let scale = (
            f64::from(size.width) / f64::from(self.size.width),
            f64::from(size.height) / f64::from(self.size.height),
        );
        #[expect(
            clippy::cast_precision_loss,
            reason = "sides of pictures; half a pixel in a million is no matter"
        )]
        let transform = Transform::from_scale(
            size.width as f32 / self.tree.size().width(),
            size.height as f32 / self.tree.size().height(),
        );
        let mut effort = Effort {
            canvas: size,
            visits: 0,
            filter_steps: 0.0,
        };
        effort.check(self.tree.root(), transform)?;
        let mut pixmap = Pixmap::new(size.width, size.height)
            .ok_or_else(|| rejected("it cannot be drawn at this size"))?;
        contained(|| resvg::render(&self.tree, transform, &mut pixmap.as_mut()))
            .map_err(|panic| rejected(format!("it cannot be drawn: {panic}")))?;
        let picture = Picture {
            size,
            channels: Channels::Rgba,
            pixels: pixmap.take_demultiplied(),
        };
        Ok(Decoded {
            picture,
            scale,
            profile: None,
            is_cut: false,
        })
    }
}

/// Styles resolved, references followed and text laid out.
///
/// Where the fonts of a line make different numbers of glyphs of it, the library may panic.
fn laid_out(document: &Document<'_>) -> Result<Tree, ImagingError> {
    contained(|| Tree::from_xmltree(document, &options()).map_err(|error| error.to_string()))
        .flatten()
        .map_err(|error| rejected(format!("it cannot be drawn: {error}")))
}

fn options() -> Options<'static> {
    let embedded = Arc::new(AtomicU64::new(0));
    Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(move |_, data, _| embedded_picture(data, &embedded)),
            resolve_string: Box::new(|_, _| None),
        },
        font_resolver: fonts::resolver(),
        fontdb: fonts::database(),
        ..Options::default()
    }
}

/// Pictures are what their bytes say; the sum of their pixels is limited before one is unpacked.
#[expect(clippy::rc_buffer, reason = "what usvg gives and takes")]
fn embedded_picture(data: Arc<Vec<u8>>, embedded: &AtomicU64) -> Option<ImageKind> {
    let info = probe::probe(&data).ok()?;
    let area = info.stored_size.area();
    if embedded
        .fetch_add(area, Ordering::Relaxed)
        .saturating_add(area)
        > MAX_EMBEDDED_PIXELS
    {
        return None;
    }
    match info.format {
        ImageFormat::Jpeg => Some(ImageKind::JPEG(data)),
        ImageFormat::Png => Some(ImageKind::PNG(data)),
        ImageFormat::Gif => Some(ImageKind::GIF(data)),
        ImageFormat::WebP => Some(ImageKind::WEBP(data)),
        _ => None,
    }
}

/// Refuses lines that are too long or too thick.
fn check_stroke(path: &Path, outer: Transform) -> Result<(), ImagingError> {
    if path.stroke().is_none() {
        return Ok(());
    }
    let drawn = path.abs_stroke_bounding_box();
    let reach = [drawn.left(), drawn.top(), drawn.right(), drawn.bottom()]
        .into_iter()
        .fold(0.0, |reach: f32, side| reach.max(side.abs()));
    let (across, down) = outer.get_scale();
    let reach = reach * across.max(down);
    if reach.is_finite() && reach <= MAX_STROKE_REACH {
        Ok(())
    } else {
        Err(rejected("a line of it is too long or too thick"))
    }
}

/// Looks at every pattern before it gets its own canvas, and at every filter: how large they are comes from the document.
struct Effort {
    canvas: Size,
    visits: u32,
    filter_steps: f64,
}

impl Effort {
    fn check(&mut self, group: &Group, outer: Transform) -> Result<(), ImagingError> {
        for node in group.children() {
            self.visits += 1;
            if self.visits > MAX_VISITS {
                return Err(rejected("its patterns multiply"));
            }
            let mut failed = Ok(());
            match node {
                Node::Group(inner) => {
                    self.check_filters(inner, outer.pre_concat(inner.abs_transform()))?;
                    self.check(inner, outer)?;
                    node.subroots(|root| {
                        if failed.is_ok() {
                            failed = self.check(root, outer.pre_concat(inner.abs_transform()));
                        }
                    });
                }
                Node::Path(path) => {
                    check_stroke(path, outer)?;
                    let paints = [
                        path.fill().map(Fill::paint),
                        path.stroke().map(Stroke::paint),
                    ];
                    for paint in paints.into_iter().flatten() {
                        if let Paint::Pattern(pattern) = paint {
                            self.check_tile(pattern, outer.pre_concat(path.abs_transform()))?;
                        }
                    }
                }
                Node::Text(text) => self.check(text.flattened(), outer)?,
                Node::Image(_) => {}
            }
            failed?;
        }
        Ok(())
    }

    fn check_filters(&mut self, group: &Group, transform: Transform) -> Result<(), ImagingError> {
        for filter in group.filters() {
            self.filter_steps += filters::steps(filter, transform, self.canvas);
        }
        if self.filter_steps > MAX_FILTER_STEPS {
            return Err(rejected("its filters take too long to draw"));
        }
        Ok(())
    }

    fn check_tile(&mut self, pattern: &Pattern, outer: Transform) -> Result<(), ImagingError> {
        let (across, down) = outer.pre_concat(pattern.transform()).get_scale();
        let width = f64::from(pattern.rect().width() * across);
        let height = f64::from(pattern.rect().height() * down);
        let area = width * height;
        if !area.is_finite() || area > MAX_TILE_PIXELS {
            return Err(rejected("a pattern of it is too large"));
        }
        self.check(pattern.root(), Transform::from_scale(across, down))
    }
}
