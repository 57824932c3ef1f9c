"""How far two pictures are apart, per channel."""

from dataclasses import dataclass

import numpy as np


# Rows compared at once, so that a picture of 100 megapixels needs no copy of 32 bits a channel.
BAND_ROWS = 256


@dataclass(frozen=True)
class Difference:
    """Mean and largest absolute difference of a channel value, the worst channel each. Units: levels of 255."""

    mean: float
    largest: int

    def __str__(self) -> str:
        return f"mean {self.mean:.3f}, largest {self.largest}"

    def within(self, mean: float, largest: int) -> bool:
        return self.mean <= mean and self.largest <= largest


def between(ours: np.ndarray, theirs: np.ndarray) -> Difference:
    """Compares rows of RGBA. The colour of a clear pixel is nobody's business, so colours count as much as they are seen."""
    if ours.shape != theirs.shape:
        raise ValueError(f"{ours.shape[1]}x{ours.shape[0]} px instead of {theirs.shape[1]}x{theirs.shape[0]}")
    total, largest = np.zeros(4), 0.0
    for top in range(0, ours.shape[0], BAND_ROWS):
        band = slice(top, top + BAND_ROWS)
        distance = np.abs(_as_seen(ours[band]) - _as_seen(theirs[band]))
        total += distance.sum(axis=(0, 1), dtype=np.float64)
        largest = max(largest, float(distance.max(initial=0)))
    mean = total.max() / max(1, ours.shape[0] * ours.shape[1])
    return Difference(float(mean), int(np.ceil(largest - 1e-4)))


def _as_seen(pixels: np.ndarray) -> np.ndarray:
    pixels = pixels.astype(np.float32)
    opacity = pixels[:, :, 3:4] / 255.0
    return np.concatenate([pixels[:, :, :3] * opacity, pixels[:, :, 3:4]], axis=2)
