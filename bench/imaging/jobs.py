"""What is measured, and the bar of each: the table of the issue that asked for this benchmark."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Job:
    """One picture made into another."""

    name: str
    photograph: str
    width: int
    height: int
    format: str
    # peers are named as in programs.py; the bar is how many times less CPU than the best of them
    bars: dict[str, float]
    # the peer whose default result sets the quality everybody has to reach
    anchor: str = "sharp"

    @property
    def peers(self) -> list[str]:
        return [peer for bar in self.bars for peer in bar.split()]


ALL = "sharp vipsthumbnail Pillow thumbor"

JOBS = [
    Job("12 MP baseline → JPEG 400", "12mp.jpg", 400, 300, "jpeg", {ALL: 2.2}),
    Job("20 MP baseline → JPEG 400", "20mp.jpg", 400, 267, "jpeg", {ALL: 2.2}),
    Job("12 MP progressive → JPEG 400", "12mp-progressive.jpg", 400, 300, "jpeg", {ALL: 3.0}),
    Job("13 MP progressive → JPEG 400", "13mp-progressive.jpg", 400, 300, "jpeg", {ALL: 3.0}),
    Job("2 MP → JPEG 800", "2mp.jpg", 800, 600, "jpeg", {ALL: 1.8}),
    Job("2725×2225 → JPEG 720×588", "2725x2225.jpg", 720, 588, "jpeg", {ALL: 1.8}),
    Job("2048×1536 RGBA → PNG 720×540", "2048x1536.png", 720, 540, "png", {ALL: 1.5}),
    Job("12 MP → WebP 400", "12mp.jpg", 400, 300, "webp", {ALL: 1.8}),
    Job("2 MP → WebP 800", "2mp.jpg", 800, 600, "webp", {ALL: 1.3}),
    Job(
        "12 MP → AVIF 400", "12mp.jpg", 400, 300, "avif",
        {"sharp-fastest": 1.5, "sharp": 10.0}, anchor="sharp-fastest",
    ),
]


@dataclass(frozen=True)
class Crowd:
    """One job several times at once."""

    name: str
    job: Job
    at_once: int
    # the peak memory of the process, or how many times the speed of one at a time
    max_memory_mb: float | None = None
    min_speedup: float | None = None
    peers: tuple[str, ...] = field(default=("sharp",))


CROWDS = [
    Crowd(
        "36 MP → JPEG 500, 4 at once", Job("36 MP → JPEG 500", "36mp.jpg", 500, 334, "jpeg", {}), 4, max_memory_mb=150.0
    ),
    Crowd("12 MP → JPEG 400, 2 at once", JOBS[0], 2, min_speedup=1.95),
]
