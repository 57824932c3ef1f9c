"""Pictures to compare with, made by arithmetic: a photograph's mix of slopes, texture and edges, the same on every run."""

import struct
from io import BytesIO

import numpy as np
import pyvips
from PIL import Image

# Odd on purpose: nothing divides evenly.
WIDTH, HEIGHT = 601, 457


def scene(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Rows of RGB: slopes, waves of several lengths, a disc and a slanted bar with hard edges, and a little noise."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = 30 * np.sin(x / 9.0 + y / 23.0) + 18 * np.sin(x / 3.1 - y / 4.3)
    red = 40 + 150 * x / width + waves
    green = 60 + 130 * y / height + np.roll(waves, 7, axis=1)
    blue = 200 - 120 * (x + y) / (width + height) - waves
    pixels = np.stack([red, green, blue], axis=2)
    disc = (x - width * 0.3) ** 2 + (y - height * 0.4) ** 2 < (height * 0.2) ** 2
    pixels[disc] = pixels[disc] * 0.3 + np.array([220, 40, 30]) * 0.7
    bar = np.abs(x * 0.5 + y - height * 0.9) < height * 0.04
    pixels[bar] = [25, 30, 60]
    noise = np.random.default_rng(20261126).normal(0, 3, pixels.shape)
    return np.clip(pixels + noise, 0, 255).round().astype(np.uint8)


def with_alpha(pixels: np.ndarray) -> np.ndarray:
    """The same with an alpha channel: a slope, a clear corner of a loud colour, and an opaque half."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    alpha = np.where(x > width // 2, 255, x * 510 // width).astype(np.uint8)
    pixels = pixels.copy()
    corner = (x + y) < width // 4
    pixels[corner] = [0, 255, 0]
    alpha[corner] = 0
    return np.dstack([pixels, alpha])


def png(pixels: np.ndarray, **options) -> bytes:
    return stored(Image.fromarray(pixels), "PNG", **options)


def stored(image: Image.Image, format: str, **options) -> bytes:
    result = BytesIO()
    image.save(result, format, **options)
    return result.getvalue()


def oriented(pixels: np.ndarray, orientation: int, format: str, **options) -> bytes:
    """A file whose EXIF says how it is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return stored(Image.fromarray(pixels), format, exif=exif, **options)


def png_of_16_bits(pixels: np.ndarray) -> bytes:
    """Rows of RGB, 16 bits each; written by libvips, since Pillow can't."""
    return pyvips.Image.new_from_array(pixels, interpretation="rgb16").write_to_buffer(".png")


def built_in_profile(name: str) -> bytes:
    """`p3` or `cmyk`, as libvips carries them."""
    return pyvips.Image.profile_load(name)


def adobe_rgb() -> bytes:
    """A profile with the primaries of Adobe RGB (1998), adapted to D50, and its gamma."""
    primaries = [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)]
    curve = _gamma(2.19921875)
    tags = {"rTRC": curve, "gTRC": curve, "bTRC": curve}
    for name, color in zip(("rXYZ", "gXYZ", "bXYZ"), primaries):
        tags[name] = _xyz(*color)
    return _profile("RGB ", tags)


def gray_gamma(gamma: float) -> bytes:
    """A grey profile."""
    return _profile("GRAY", {"kTRC": _gamma(gamma)})


def _gamma(value: float) -> bytes:
    return b"curv" + struct.pack(">IIH", 0, 1, round(value * 256)) + b"\0\0"


def _xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ " + struct.pack(">I3i", 0, *(round(value * 65536) for value in (x, y, z)))


def _profile(space: str, tags: dict[str, bytes]) -> bytes:
    """Version 2 of the format: header, table of tags, tags. Source: ICC.1:2001-04."""
    name = b"made for a test\0"
    description = b"desc" + struct.pack(">II", 0, len(name)) + name + bytes(78)
    tags = {
        "desc": description + bytes(-len(description) % 4),
        "cprt": b"text" + struct.pack(">I", 0) + b"none\0\0\0\0",
        "wtpt": _xyz(0.9642, 1.0, 0.8249),
        **tags,
    }
    at = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for tag, content in tags.items():
        table += tag.encode() + struct.pack(">II", at + len(data), len(content))
        data += content
    header = struct.pack(
        ">I4sI4s4s4s12s4s4sII4sIIIII3i4s",
        at + len(data), b"lcms", 0x02100000, b"mntr", space.encode(), b"XYZ ",
        struct.pack(">6H", 2026, 11, 26, 0, 0, 0), b"acsp", b"APPL", 0, 0, b"none", 0, 0, 0, 0, 0,
        0, 0, 0, b"none",
    )  # fmt: skip
    header = bytearray(header.ljust(128, b"\0"))
    header[64:80] = struct.pack(">I3i", 0, 63190, 65536, 54061)
    return bytes(header) + table + data
