"""Makes the pictures of the benchmark, once, from photographs in Debian's wallpaper packages. Needs Pillow.

    photographs.py FOLDER            makes what is missing there
"""

import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

PACKAGES = ["lomiri-wallpapers-16.04", "mate-backgrounds"]
DETAILED = [
    "picosdeeuropa_by_Aitzol_Berasategi",
    "aitzgorri_by_Aitzol_Berasategi",
    "life_by_Aitzol_Berasategi",
    "greentock_by_Peter_Nerlich",
    "Bridge_by_Sander_Klootwijk",
    "friends_by_Aitzol_Berasategi",
]


def unpack(folder: Path) -> dict[str, Path]:
    """Photographs by their file names without extension."""
    packages = folder / "packages"
    if not packages.exists():
        subprocess.run(["apt-get", "download", *PACKAGES], cwd=folder, check=True, stdout=sys.stderr)
        for archive in folder.glob("*.deb"):
            subprocess.run(["dpkg", "-x", archive, packages], check=True)
            archive.unlink()
    return {path.stem: path for path in packages.rglob("*.jpg")}


def mosaic(photographs: dict[str, Path], size: tuple[int, int], columns: int, rows: int) -> Image.Image:
    """Detailed photographs side by side, each cut to the shape of its field."""
    canvas = Image.new("RGB", size)
    for row in range(rows):
        for column in range(columns):
            left, right = (size[0] * (column + i) // columns for i in (0, 1))
            top, bottom = (size[1] * (row + i) // rows for i in (0, 1))
            name = DETAILED[(row * columns + column) % len(DETAILED)]
            canvas.paste(filled(photographs[name], (right - left, bottom - top)), (left, top))
    return canvas


def filled(photograph: Path, size: tuple[int, int]) -> Image.Image:
    """The middle of a photograph, as large as it gets, at a size."""
    picture = Image.open(photograph).convert("RGB")
    scale = max(size[0] / picture.width, size[1] / picture.height)
    width, height = size[0] / scale, size[1] / scale
    left, top = (picture.width - width) / 2, (picture.height - height) / 2
    return picture.resize(size, Image.Resampling.LANCZOS, (left, top, left + width, top + height))


def cut_out(picture: Image.Image) -> Image.Image:
    """The picture inside a soft-edged ellipse, clear outside."""
    mask = Image.new("L", picture.size)
    width, height = picture.size
    ImageDraw.Draw(mask).ellipse((width // 16, height // 16, width * 15 // 16, height * 15 // 16), fill=255)
    picture.putalpha(mask.filter(ImageFilter.GaussianBlur(24)))
    return picture


def make(folder: Path) -> None:
    """Writes every picture that isn't there yet."""
    photographs = unpack(folder)
    jpeg = {"format": "JPEG", "quality": 92, "subsampling": "4:2:0"}
    pictures = {
        "12mp.jpg": (lambda: mosaic(photographs, (4000, 3000), 2, 2), jpeg),
        "12mp-progressive.jpg": (lambda: mosaic(photographs, (4000, 3000), 2, 2), {**jpeg, "progressive": True}),
        "20mp.jpg": (lambda: mosaic(photographs, (5472, 3648), 3, 2), {**jpeg, "subsampling": "4:2:2"}),
        "36mp.jpg": (lambda: mosaic(photographs, (7360, 4912), 3, 2), jpeg),
        "2mp.jpg": (lambda: filled(photographs["life_by_Aitzol_Berasategi"], (1632, 1224)), {**jpeg, "quality": 90}),
        "2725x2225.jpg": (lambda: filled(photographs[DETAILED[0]], (2725, 2225)), {**jpeg, "quality": 85}),
        "2048x1536.png": (lambda: cut_out(filled(photographs[DETAILED[0]], (2048, 1536))), {"format": "PNG"}),
    }
    for name, (picture, options) in pictures.items():
        path = folder / name
        if not path.exists():
            partial = path.with_suffix(".partial")
            picture().save(partial, **options)
            partial.rename(path)
    original = folder / "13mp-progressive.jpg"
    if not original.exists():
        original.write_bytes(photographs["Dragonfly_by_Bolly"].read_bytes())


if __name__ == "__main__":
    make(Path(sys.argv[1]))
