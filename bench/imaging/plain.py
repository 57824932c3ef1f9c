"""Any picture as an RGB PNG, so that the similarity program can read it. Needs Pillow.

    plain.py as-it-is INPUT OUTPUT
    plain.py resized WIDTH HEIGHT INPUT OUTPUT     the reference: full decode, Lanczos3, nothing encoded with loss
"""

import sys

from PIL import Image


def on_gray(picture: Image.Image) -> Image.Image:
    """What shows through shows grey."""
    if "A" not in picture.getbands():
        return picture.convert("RGB")
    canvas = Image.new("RGBA", picture.size, (128, 128, 128, 255))
    return Image.alpha_composite(canvas, picture.convert("RGBA")).convert("RGB")


match sys.argv[1:]:
    case ["as-it-is", source, target]:
        picture = Image.open(source)
    case ["resized", width, height, source, target]:
        # Pillow multiplies by alpha before it resizes, so clear pixels don't bleed
        picture = Image.open(source).resize((int(width), int(height)), Image.Resampling.LANCZOS)
    case _:
        sys.exit(__doc__)
on_gray(picture).save(target, "PNG", compress_level=1)
