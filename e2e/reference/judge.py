"""One file through our engine and the reference decoders, and what to think of it."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import decoders
import difference
import engine

# What we read, by the names Pillow gives it. Everything else is refused by its kind.
OUR_FORMATS = {"JPEG", "MPO", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "ICO"}

# Mean and largest difference. What isn't named has to be exact, JPEG and WebP too: same file, same pixels.
TOLERANCES = {
    # colour differences of half the resolution: each pixel takes the nearest, Pillow's decoder blends them. Measured: 1.754, 43
    "AVIF": (2.0, 45),
    # 16 bits become 8 by rounding, and four inks round at another step. Measured: 0.971, 2
    "TIFF": (1.0, 2),
    # 5 bits become 8 by rounding. Measured: 0.481, 1
    "BMP": (0.5, 1),
}
# Four inks with a profile: another intent. Measured: 1.000, 1
INKS = (1.0, 5)

FOREIGN = ("is not an image", "format of the file is not supported")


@dataclass(frozen=True)
class Verdict:
    """What came of a file.

    kind: `same` as Pillow or libvips; `refused` as the references refuse it; `foreign`, a format we don't have; `flavour`, a kind of
    TIFF we don't have; `limit`, refused for its size; or what has to be explained: `strict` (only we refuse it), `lenient` (only we
    read it), `different`; or what never may be: `fault`.
    """

    path: str
    kind: str
    detail: str
    seconds: float
    resident_bytes: int


def judge(path: Path) -> Verdict:
    """Never raises for what is in the file."""
    warnings.simplefilter("ignore")
    outcome = engine.transform(engine.AS_IT_IS, path)

    def verdict(kind: str, detail: str) -> Verdict:
        return Verdict(str(path), kind, detail, outcome.seconds, outcome.resident_bytes)

    if outcome.fault is not None:
        return verdict("fault", outcome.fault)
    if outcome.refusal is not None:
        return verdict(*_refused(path, outcome.refusal))
    pixels = outcome.pixels()
    said = []
    for decode in (decoders.with_pillow, decoders.with_vips):
        try:
            expected = decode(path)
        except Exception as error:  # whatever a decoder raises is its refusal
            said.append(f"{decode.__name__}: {_brief(error)}")
            continue
        found = _compared(pixels, expected)
        if isinstance(found, difference.Difference) and found.within(*_tolerance(path)):
            return verdict("same", str(found))
        said.append(f"{decode.__name__}: {found}")
    is_compared = any("mean" in text or "instead of" in text for text in said)
    return verdict("different" if is_compared else "lenient", "; ".join(said))


def _refused(path: Path, refusal: str) -> tuple[str, str]:
    if refusal.startswith("ELIMIT"):
        return "limit", refusal
    format = _format(path)
    if format not in OUR_FORMATS:
        # SVG is passed on, not decoded, unless it is malformed
        is_foreign = format is not None and refusal.endswith(FOREIGN)
        return ("foreign" if is_foreign else "refused"), refusal
    try:
        decoders.with_pillow(path)
    except Exception:
        return "refused", refusal
    if format == "TIFF" and refusal.endswith(FOREIGN):
        return "flavour", refusal
    return "strict", refusal


def _compared(ours: np.ndarray, theirs: np.ndarray) -> difference.Difference | str:
    try:
        return difference.between(ours, theirs)
    except ValueError as error:
        return str(error)


def _format(path: Path) -> str | None:
    try:
        with Image.open(path) as image:
            return image.format
    except Exception:
        return None


def _tolerance(path: Path) -> tuple[float, int]:
    try:
        with Image.open(path) as image:
            if image.mode == "CMYK" and image.format != "TIFF":
                return INKS
            return TOLERANCES.get(image.format, (0.0, 0))
    except Exception:
        # read by libvips only: the tolerance of its name
        name = {"avif": "AVIF", "tif": "TIFF", "tiff": "TIFF"}.get(path.suffix[1:].lower())
        return TOLERANCES.get(name, (0.0, 0))


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:100]
