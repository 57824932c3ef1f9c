"""Pictures that other projects test with, from source archives of the package index. None is committed here.

pip fetches them, so that its configuration (index, certificates, offline folders) holds. It also makes each package say its name,
which runs that package's set-up script, as installing it would.
"""

import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from engine import ROOT

CACHE = ROOT / ".dev/collections"


@dataclass(frozen=True)
class Collection:
    """A folder of an archive. `least` is how many files it must hold, so that an empty folder doesn't pass."""

    package: str
    version: str
    folder: str
    least: int

    @property
    def name(self) -> str:
        return self.package

    def path(self) -> Path:
        """The folder, fetched on the first call."""
        unpacked = CACHE / f"{self.package}-{self.version}"
        if not unpacked.is_dir():
            self._fetch()
        return unpacked / self.folder

    def files(self) -> list[Path]:
        """All files, whatever they claim to be."""
        return sorted(path for path in self.path().rglob("*") if path.is_file())

    def _fetch(self) -> None:
        CACHE.mkdir(parents=True, exist_ok=True)
        archive = CACHE / f"{self.package}-{self.version}.tar.gz"
        if not archive.exists():
            subprocess.run(
                [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                 "--no-binary", self.package, "--dest", str(CACHE), f"{self.package}=={self.version}"],
                check=True,
            )  # fmt: skip
        with tarfile.open(archive) as opened:
            wanted = [member for member in opened.getmembers() if f"/{self.folder}/" in member.name]
            opened.extractall(CACHE, wanted, filter="data")


COLLECTIONS = [
    Collection("pillow", "13.0.0", "Tests/images", 1000),
    Collection("thumbor", "7.8.0", "tests/fixtures/images", 45),
]
