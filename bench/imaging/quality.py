"""How good a result is, and which quality setting makes programs equally good."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from jobs import Job

HERE = Path(__file__).resolve().parent
# SSIMULACRA2 points; the issue calls results within half a point equal
NEAR_ENOUGH = 0.25


@dataclass(frozen=True)
class Result:
    """One result of a program."""

    quality: int
    bytes: int
    similarity: float


class Judge:
    """Compares results with the reference of a job, and remembers."""

    def __init__(self, python: Path, similarity: Path, folder: Path):
        self.python = python
        self.similarity = similarity
        self.folder = folder
        self.seen: dict[tuple, Result] = {}

    def plain(self, *arguments: str) -> None:
        subprocess.run([str(self.python), str(HERE / "plain.py"), *arguments], check=True)

    def reference(self, job: Job, photograph: Path) -> Path:
        path = self.folder / f"reference-{job.width}x{job.height}-{photograph.stem}.png"
        if not path.exists():
            self.plain("resized", str(job.width), str(job.height), str(photograph), str(path))
        return path

    def result(self, program, job: Job, photograph: Path, quality: int) -> Result:
        key = (program.name, job.name, quality)
        if key not in self.seen:
            output, _ = program.make(job, photograph, quality, self.folder)
            plain = self.folder / "plain.png"
            self.plain("as-it-is", str(output), str(plain))
            command = [str(self.similarity), str(self.reference(job, photograph)), str(plain)]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            self.seen[key] = Result(quality, output.stat().st_size, float(printed))
        return self.seen[key]

    def equal(self, program, job: Job, photograph: Path, start: int, target: float) -> Result:
        """The result nearest to a similarity, found by halving from a first guess. Lossless formats have only one."""
        result = self.result(program, job, photograph, start)
        low, high = 1, 100
        best = result
        while job.format != "png" and abs(best.similarity - target) > NEAR_ENOUGH and low < high:
            if result.similarity < target:
                low = result.quality + 1
            else:
                high = result.quality - 1
            if low > high:
                break
            # steps are small near a good guess, so try beside it before halving
            slope = 0.5
            guess = round(result.quality + (target - result.similarity) / slope)
            result = self.result(program, job, photograph, min(max(guess, low), high))
            best = min(best, result, key=lambda one: abs(one.similarity - target))
        return best

    def bytes_at(self, program, job: Job, photograph: Path, near: Result, target: float) -> float:
        """Size at exactly a similarity, on the line through the two settings around it."""
        if job.format == "png":
            return near.bytes
        step = 1 if near.similarity < target else -1
        for distance in (1, 2, 3):
            quality = min(max(near.quality + step * distance, 1), 100)
            other = self.result(program, job, photograph, quality)
            if abs(other.similarity - near.similarity) > 0.05:
                slope = (other.bytes - near.bytes) / (other.similarity - near.similarity)
                return near.bytes + slope * (target - near.similarity)
        return near.bytes
