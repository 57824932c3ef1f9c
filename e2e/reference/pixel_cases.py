"""What is compared: a source, a transformation, and what another library makes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import numpy as np
import pyvips
from PIL import Image, ImageCms, ImageOps

import pictures
from decoders import SRGB
from pictures import HEIGHT, WIDTH

LANCZOS = Image.Resampling.LANCZOS


@dataclass(frozen=True)
class Case:
    """One comparison; how close it has to be stands in `tolerances`."""

    name: str
    source: Callable[[], bytes]
    transformation: str
    # rows of RGB or RGBA
    expected: Callable[[], np.ndarray]


@cache
def scene() -> np.ndarray:
    return pictures.scene()


@cache
def clear_scene() -> np.ndarray:
    return pictures.with_alpha(scene())


@cache
def png() -> bytes:
    return pictures.png(scene())


@cache
def clear_png() -> bytes:
    return pictures.png(clear_scene())


@cache
def jpeg() -> bytes:
    return pictures.stored(Image.fromarray(scene()), "JPEG", quality=92, subsampling=0)


@cache
def large_jpeg() -> bytes:
    """Large enough that the decoder may leave pixels out."""
    return pictures.stored(Image.fromarray(pictures.scene(2403, 1829)), "JPEG", quality=92)


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def resized(data: bytes, size: tuple[int, int], box: tuple[float, ...] | None = None) -> Callable[[], np.ndarray]:
    """By Pillow, upright, with Lanczos; colours weighted by alpha."""

    def make() -> np.ndarray:
        image = ImageOps.exif_transpose(opened(data))
        if image.mode != "RGBA":
            return np.asarray(image.convert("RGB").resize(size, LANCZOS, box))
        return np.asarray(image.convert("RGBa").resize(size, LANCZOS, box).convert("RGBA"))

    return make


def resized_by_vips(data: bytes, size: tuple[int, int]) -> Callable[[], np.ndarray]:
    """By libvips with Lanczos alone: `gap` keeps it from averaging first, which is quicker and blurs."""

    def make() -> np.ndarray:
        image = pyvips.Image.new_from_buffer(data, "")
        across, down = size[0] / image.width, size[1] / image.height
        if image.hasalpha():
            image = image.premultiply()
        image = image.resize(across, vscale=down, kernel="lanczos3", gap=0)
        if image.hasalpha():
            image = image.unpremultiply()
        return image.rint().cast("uchar").numpy()

    return make


def cut(left: int, top: int, width: int, height: int) -> Callable[[], np.ndarray]:
    return lambda: scene()[top : top + height, left : left + width]


def padded() -> np.ndarray:
    """300 × 300 with the picture in the middle: 300 × 228."""
    canvas = Image.new("RGB", (300, 300), (255, 128, 0))
    canvas.paste(Image.fromarray(scene()).resize((300, 228), LANCZOS), (0, 36))
    return np.asarray(canvas)


def on_orange() -> np.ndarray:
    canvas = Image.new("RGBA", (WIDTH, HEIGHT), (255, 128, 0, 255))
    canvas.alpha_composite(Image.fromarray(clear_scene()))
    return np.asarray(canvas)


def converted(source: Image.Image, profile: bytes) -> Callable[[], np.ndarray]:
    """To sRGB by LittleCMS. Relative, as libvips does: its perceptual intent always moves the black point to this target."""

    def make() -> np.ndarray:
        used = ImageCms.ImageCmsProfile(BytesIO(profile))
        relative = ImageCms.Intent.RELATIVE_COLORIMETRIC
        return np.asarray(ImageCms.profileToProfile(source, used, SRGB, renderingIntent=relative, outputMode="RGB"))

    return make


P3 = pictures.built_in_profile("p3")
ADOBE_RGB = pictures.adobe_rgb()
INKS = pictures.built_in_profile("cmyk")
GRAY_18 = pictures.gray_gamma(1.8)


@cache
def inks() -> Image.Image:
    """Four inks as a JPEG file holds them, decoded again."""
    return opened(inks_jpeg())


@cache
def inks_jpeg() -> bytes:
    srgb = Image.fromarray(scene())
    used = ImageCms.ImageCmsProfile(BytesIO(INKS))
    image = ImageCms.profileToProfile(srgb, SRGB, used, outputMode="CMYK")
    return pictures.stored(image, "JPEG", quality=95, icc_profile=INKS)


def gray() -> Image.Image:
    return Image.fromarray(scene()).convert("L")


def palette() -> Image.Image:
    """200 colours, the last of them clear."""
    image = Image.fromarray(scene()).quantize(200)
    image.info["transparency"] = 3
    return image


def samples_of_16_bits() -> np.ndarray:
    low = np.arange(WIDTH * HEIGHT * 3, dtype=np.uint32).reshape(HEIGHT, WIDTH, 3) * 37 % 256
    return (scene().astype(np.uint16) << 8) | low.astype(np.uint16)


def gray_of_16_bits() -> bytes:
    return pictures.png(samples_of_16_bits()[:, :, 0])


def as_gray(channel: np.ndarray) -> np.ndarray:
    return np.dstack([channel] * 3)


def from_jpeg() -> np.ndarray:
    return np.asarray(opened(jpeg()).convert("RGB"))


# libvips enlarges with another filter than Lanczos, so only Pillow is asked there.
RESIZE = [
    Case("down to a third", png, "w-200", resized(png(), (200, 152))),
    Case("down, proportions changed", png, "w-151,h-115,c-force", resized(png(), (151, 115))),
    Case("down by eleven thirds across only", png, "w-164,h-457,c-force", resized(png(), (164, 457))),
    Case("down to a few pixels", png, "w-37", resized(png(), (37, 28))),
    Case("up by a half", png, "w-901", resized(png(), (901, 685))),
    Case("up by four, odd", png, "w-2403", resized(png(), (2403, 1827))),
    Case("down with alpha", clear_png, "w-200", resized(clear_png(), (200, 152))),
    Case("up with alpha", clear_png, "w-901", resized(clear_png(), (901, 685))),
    Case("down, libvips", png, "w-200,h-152,c-force", resized_by_vips(png(), (200, 152))),
    Case("down with alpha, libvips", clear_png, "w-200,h-152,c-force", resized_by_vips(clear_png(), (200, 152))),
    Case("JPEG down a little", jpeg, "w-400", resized(jpeg(), (400, 304))),
    Case("large JPEG down to a twelfth", large_jpeg, "w-200", resized(large_jpeg(), (200, 152))),
    Case("large JPEG down to a quarter", large_jpeg, "w-600", resized(large_jpeg(), (600, 457))),
]

CROP = [
    Case("cut around the centre and scaled", png, "w-200,h-200", resized(png(), (200, 200), (72, 0, 529, 457))),
    Case("cut at the left", png, "w-200,h-200,fo-left", resized(png(), (200, 200), (0, 0, 457, 457))),
    Case("cut at the bottom", png, "w-300,h-100,fo-bottom",
         resized(png(), (300, 100), (0, 457 - 601 / 3, 601, 457))),
    Case("fitted inside", png, "w-300,h-100,c-at_max", resized(png(), (132, 100))),
    Case("covering", png, "w-300,h-100,c-at_least", resized(png(), (300, 228))),
    Case("padded", png, "w-300,h-300,cm-pad_resize,bg-FF8000", padded),
    Case("extracted from the middle", png, "w-200,h-151,cm-extract", cut(200, 153, 200, 151)),
    Case("extracted by its corner", png, "w-200,h-151,cm-extract,x-11,y-23", cut(11, 23, 200, 151)),
    Case("extracted by its centre", png, "w-200,h-150,cm-extract,xc-301,yc-205", cut(201, 130, 200, 150)),
    Case("extracted at an anchor", png, "w-200,h-151,cm-extract,fo-bottom_right", cut(401, 306, 200, 151)),
]  # fmt: skip

TURN = [
    Case("a quarter turn clockwise", png, "rt-90", lambda: np.rot90(scene(), -1)),
    Case("a half turn", png, "rt-180", lambda: np.rot90(scene(), 2)),
    Case("a quarter turn back", png, "rt-270", lambda: np.rot90(scene())),
    Case("mirrored across", png, "fl-h", lambda: scene()[:, ::-1]),
    Case("mirrored down", png, "fl-v", lambda: scene()[::-1]),
    Case("mirrored both ways", png, "fl-h_v", lambda: scene()[::-1, ::-1]),
]


def _oriented(format: str, orientation: int, **options) -> tuple[Callable[[], bytes], bytes]:
    data = pictures.oriented(scene(), orientation, format, **options)
    return (lambda: data), data


def _orientation_cases() -> list[Case]:
    cases = []
    for orientation in range(2, 9):
        make, data = _oriented("PNG", orientation)
        upright = resized(data, ImageOps.exif_transpose(opened(data)).size)
        cases.append(Case(f"PNG with orientation {orientation}", make, "", upright))
        make, data = _oriented("JPEG", orientation, quality=92, subsampling=0)
        width, height = (200, 152) if orientation < 5 else (200, 263)
        down = resized(data, (width, height))
        cases.append(Case(f"JPEG with orientation {orientation}, down", make, "w-200", down))
        width, height = (457, 601) if orientation > 4 else (601, 457)
        side = min(width, height)
        left, top = (width - side) / 2, 0
        box = (left, (height - side) / 2, left + side, (height + side) / 2)
        middle = resized(data, (150, 150), box)
        cases.append(Case(f"JPEG with orientation {orientation}, cut", make, "w-150,h-150", middle))
    return cases


COLOR = [
    Case("Display P3 PNG", lambda: pictures.png(scene(), icc_profile=P3), "",
         converted(Image.fromarray(scene()), P3)),
    Case("Adobe RGB PNG", lambda: pictures.png(scene(), icc_profile=ADOBE_RGB), "",
         converted(Image.fromarray(scene()), ADOBE_RGB)),
    Case("Display P3 JPEG", lambda: pictures.stored(opened(jpeg()), "JPEG", quality=92, subsampling=0, icc_profile=P3), "",
         lambda: converted(opened(pictures.stored(opened(jpeg()), "JPEG", quality=92, subsampling=0)), P3)()),
    Case("grey PNG with a gamma of 1.8", lambda: pictures.stored(gray(), "PNG", icc_profile=GRAY_18), "",
         lambda: converted(gray(), GRAY_18)()),
    Case("grey PNG", lambda: pictures.stored(gray(), "PNG"), "", lambda: as_gray(np.asarray(gray()))),
    Case("grey JPEG", lambda: pictures.stored(gray(), "JPEG", quality=92), "",
         lambda: np.asarray(opened(pictures.stored(gray(), "JPEG", quality=92)).convert("RGB"))),
    Case("four inks with a profile", inks_jpeg, "", lambda: converted(inks(), INKS)()),
    Case("four inks without one", lambda: pictures.stored(inks(), "JPEG", quality=95), "",
         lambda: np.asarray(opened(pictures.stored(inks(), "JPEG", quality=95)).convert("RGB"))),
    Case("palette PNG with a clear colour", lambda: pictures.stored(palette(), "PNG"), "",
         lambda: np.asarray(palette().convert("RGBA"))),
    Case("16 bits a channel", lambda: pictures.png_of_16_bits(samples_of_16_bits()), "", scene),
    Case("16 bits of grey", gray_of_16_bits, "", lambda: as_gray(scene()[:, :, 0])),
    Case("alpha kept", clear_png, "", clear_scene),
    Case("alpha on a colour", clear_png, "bg-FF8000", on_orange),
    Case("JPEG as it is", jpeg, "", from_jpeg),
    Case("lossy WebP", lambda: pictures.stored(Image.fromarray(scene()), "WEBP", quality=90), "",
         lambda: np.asarray(opened(pictures.stored(Image.fromarray(scene()), "WEBP", quality=90)).convert("RGB"))),
    Case("AVIF", lambda: pictures.stored(Image.fromarray(scene()), "AVIF", quality=90, subsampling="4:4:4", speed=10), "",
         lambda: np.asarray(opened(pictures.stored(Image.fromarray(scene()), "AVIF", quality=90, subsampling="4:4:4", speed=10)).convert("RGB"))),
]  # fmt: skip

CASES = [*RESIZE, *CROP, *TURN, *_orientation_cases(), *COLOR]
