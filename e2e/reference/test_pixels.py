"""Our pixels beside those of Pillow, LittleCMS and libvips, for the same source and the same wish."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

import difference
import engine
from pixel_cases import CASES, Case
from tolerances import EXACT, TOLERANCES

# A way to keep what is compared free of loss; most transformations name no format.
LOSSLESS = "f-png,lo-true"


def rgba(pixels: np.ndarray) -> np.ndarray:
    if pixels.shape[2] == 4:
        return pixels
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])


def shifted(pixels: np.ndarray) -> np.ndarray:
    """Half a pixel to the right."""
    moved = (pixels.astype(np.uint16) + np.roll(pixels, 1, axis=1) + 1) // 2
    return moved.astype(np.uint8)


def brightened(pixels: np.ndarray) -> np.ndarray:
    """As if a gamma of 2.2 had been taken for 2.3."""
    table = (255 * (np.arange(256) / 255) ** (2.2 / 2.3)).round().astype(np.uint8)
    return np.dstack([table[pixels[:, :, :3]], pixels[:, :, 3]])


def ours(case: Case) -> np.ndarray:
    transformation = f"{case.transformation},{LOSSLESS}" if case.transformation else LOSSLESS
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.write_bytes(case.source())
        outcome = engine.transform(transformation, source)
    if outcome.data is None:
        raise AssertionError(outcome.fault or outcome.refusal)
    return outcome.pixels()


class Pixels(unittest.TestCase):
    def test_pictures_are_what_other_libraries_make(self) -> None:
        for case in CASES:
            with self.subTest(case.name):
                mine, expected = ours(case), rgba(case.expected())
                found = difference.between(mine, expected)
                print(f"{case.name}: {found}", flush=True)
                allowed = TOLERANCES.get(case.name, EXACT)
                self.assertTrue(found.within(*allowed), f"{found}; allowed are {allowed}")
                # a tolerance that lets these through would prove nothing
                for fault in (shifted, brightened):
                    spoilt = difference.between(fault(mine), expected)
                    self.assertFalse(spoilt.within(*allowed), f"{fault.__name__} is not noticed: {spoilt}")

    def test_every_tolerance_belongs_to_a_case(self) -> None:
        self.assertLessEqual(TOLERANCES.keys(), {case.name for case in CASES})


if __name__ == "__main__":
    unittest.main()
