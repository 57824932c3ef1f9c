"""The reference decoders: Pillow, and libvips where Pillow doesn't read a file. Both give rows of upright RGBA."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pyvips
from PIL import Image, ImageCms, ImageOps

# Pillow refuses twice this, which is then what our own limit is.
Image.MAX_IMAGE_PIXELS = 50_000_000

# All formats at once: which of them claims a file must not depend on the files read before.
Image.init()

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def with_pillow(path: Path) -> np.ndarray:
    """The first frame. Errors: whatever Pillow raises."""
    with Image.open(path) as image:
        if getattr(image, "default_image", False):
            # for viewers without animation only, so not the first frame
            image.seek(1)
        image.load()
        upright = ImageOps.exif_transpose(image)
        return np.asarray(_rgba(upright, image.info.get("icc_profile")))


def with_vips(path: Path) -> np.ndarray:
    """The first frame, by libvips. Errors: `pyvips.Error`."""
    image = pyvips.Image.new_from_file(str(path), access="sequential", fail_on="truncated").autorot()
    if image.interpretation not in ("srgb", "rgb"):
        image = image.colourspace("srgb")
    if image.format != "uchar":
        image = image.cast("uchar", shift=image.format == "ushort")
    if image.bands < 3:
        image = image[0].bandjoin([image[0], image[0], *([image[1]] if image.bands == 2 else [])])
    if image.bands == 3:
        image = image.bandjoin(255)
    return image.numpy()


def _rgba(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "I;16N"):
        # Pillow clips where it should scale
        samples = np.asarray(image).astype(np.int64)
        grey = np.clip(samples >> 8, 0, 255).astype(np.uint8)
        image = Image.fromarray(grey, "L")
    if profile and image.mode in ("L", "CMYK"):
        try:
            used = ImageCms.ImageCmsProfile(BytesIO(profile))
            image = ImageCms.profileToProfile(image, used, SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            # a profile that can't be used counts for nothing
            pass
    return image.convert("RGBA")
