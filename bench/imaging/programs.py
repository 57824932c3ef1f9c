"""How each program is told to do a job. All take one thread, and the same quality scale of 1 to 100."""

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import process
from jobs import Job

HERE = Path(__file__).resolve().parent
EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif"}
# where nothing else is said: the quality an ImageKit URL has by default, and sharp's own for AVIF
DEFAULT_QUALITY = {"jpeg": 80, "png": 100, "webp": 80, "avif": 50}


class CommandLine:
    """A program that repeats a job in one process, so that its start can be subtracted."""

    environment: dict[str, str] = {}

    def __init__(self, name: str):
        self.name = name

    def command(self, job: Job, photograph: Path, quality: int, output: Path, repeat: int) -> list[str]:
        raise NotImplementedError

    def output(self, job: Job, folder: Path) -> Path:
        return folder / f"{self.name}.{EXTENSIONS[job.format]}"

    def make(self, job: Job, photograph: Path, quality: int, folder: Path) -> tuple[Path, process.Cost]:
        """Does the job once; where the result is and what the whole process cost."""
        output = self.output(job, folder)
        return output, process.run(self.command(job, photograph, quality, output, 1), self.environment)

    def cpu_ms(self, job: Job, photograph: Path, quality: int, folder: Path, repeat: int) -> float:
        """CPU time of one picture: `1 + repeat` of them in one process, less one in another."""
        output = self.output(job, folder)
        once, many = (
            process.run(self.command(job, photograph, quality, output, times), self.environment).cpu_ms
            for times in (1, 1 + repeat)
        )
        return (many - once) / repeat

    def close(self) -> None:
        """Nothing to end."""


class Limpid(CommandLine):
    def __init__(self, executable: Path):
        super().__init__("limpid")
        self.executable = executable

    def command(self, job, photograph, quality, output, repeat, at_once=1):
        format = "jpg" if job.format == "jpeg" else job.format
        transformation = f"w-{job.width},h-{job.height},c-force,f-{format}"
        if job.format != "png":
            transformation += f",q-{quality}"
        jobs = [] if at_once == 1 else ["--jobs", str(at_once)]
        options = ["transform", "--repeat", str(repeat), *jobs]
        return [str(self.executable), *options, transformation, str(photograph), str(output)]


class Sharp(CommandLine):
    def __init__(self, name: str, effort: str):
        super().__init__(name)
        self.effort = effort

    def command(self, job, photograph, quality, output, repeat, at_once=1):
        numbers = [str(number) for number in (job.width, job.height, quality, repeat, at_once)]
        script = str(HERE / "peers" / "sharp.js")
        return ["node", script, job.format, self.effort, *numbers, str(photograph), str(output)]


class Vipsthumbnail(CommandLine):
    environment = {"VIPS_CONCURRENCY": "1"}

    def command(self, job, photograph, quality, output, repeat):
        # it has no count of repetitions, but takes several files
        options = "[strip]" if job.format == "png" else f"[Q={quality},strip]"
        size = f"{job.width}x{job.height}!"
        return ["vipsthumbnail", *[str(photograph)] * repeat, "--size", size, "-o", f"{output}{options}"]


class Pillow(CommandLine):
    def __init__(self, python: Path):
        super().__init__("Pillow")
        self.python = python

    def command(self, job, photograph, quality, output, repeat):
        numbers = [str(number) for number in (job.width, job.height, quality, repeat)]
        script = str(HERE / "peers" / "pillow_job.py")
        return [str(self.python), script, job.format, *numbers, str(photograph), str(output)]


class Thumbor:
    """A server: what a request costs it, HTTP included, since it is not to be had without."""

    name = "thumbor"

    def __init__(self, python: Path, photographs: Path, folder: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = folder / "thumbor.conf"
        settings.write_text(
            f"LOADER = 'thumbor.loaders.file_loader'\nFILE_LOADER_ROOT_PATH = {str(photographs)!r}\n"
            "STORAGE = 'thumbor.storages.no_storage'\nALLOW_UNSAFE_URL = True\nHTTP_LOADER_VALIDATE_CERTS = False\n"
        )
        command = [str(python.parent / "thumbor"), "-i", "127.0.0.1", "-p", str(self.port), "-c", str(settings)]
        self.log = (folder / "thumbor.log").open("wb")
        self.server = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.wait()

    def wait(self) -> None:
        for _ in range(100):
            if self.server.poll() is not None:
                raise RuntimeError("thumbor does not start")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthcheck", timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("thumbor does not answer")

    def fetch(self, job: Job, photograph: Path, quality: int) -> bytes:
        filters = f"filters:format({job.format}):quality({quality})"
        path = f"unsafe/{job.width}x{job.height}/{filters}/{photograph.name}"
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=60) as answer:
            return answer.read()

    def make(self, job, photograph, quality, folder):
        output = folder / f"thumbor.{EXTENSIONS[job.format]}"
        output.write_bytes(self.fetch(job, photograph, quality))
        return output, process.Cost(0.0, 0.0, process.peak_mb_of_running(self.server.pid))

    def cpu_ms(self, job, photograph, quality, folder, repeat):
        before = process.cpu_ms_of_running(self.server.pid)
        for _ in range(repeat):
            self.fetch(job, photograph, quality)
        return (process.cpu_ms_of_running(self.server.pid) - before) / repeat

    def close(self) -> None:
        self.server.terminate()
        self.server.wait(timeout=10)
        self.log.close()


def available(limpid: Path, python: Path, photographs: Path, folder: Path) -> tuple[dict, dict[str, str]]:
    """The programs by name, and why the missing ones are missing."""
    programs = {"limpid": Limpid(limpid)}
    missing = {}
    if (HERE / "peers" / "node_modules" / "sharp").exists():
        programs["sharp"] = Sharp("sharp", "default")
        programs["sharp-fastest"] = Sharp("sharp-fastest", "fastest")
    else:
        missing["sharp"] = "the npm package did not install"
    if shutil.which("vipsthumbnail"):
        programs["vipsthumbnail"] = Vipsthumbnail("vipsthumbnail")
    else:
        missing["vipsthumbnail"] = "not installed (Debian: libvips-tools)"
    programs["Pillow"] = Pillow(python)
    if os.path.exists(python.parent / "thumbor"):
        try:
            programs["thumbor"] = Thumbor(python, photographs, folder)
        except (OSError, RuntimeError) as error:
            missing["thumbor"] = str(error)
    else:
        missing["thumbor"] = "the Python package did not install"
    return programs, missing
