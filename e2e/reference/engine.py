"""Runs `limpid transform` on one file, and says how that ended."""

import os
import resource
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
EXECUTABLE = os.environ.get("LIMPID_BIN") or str(
    Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/limpid"
)

# A transformation that keeps every pixel: a lossless format, and the profile kept so that no colours are converted.
AS_IT_IS = "f-png,lo-true,cp-true"

# Exit status of `limpid transform` for a refusal (docs/OPERATIONS.md).
REFUSED = 6
CODES = ("EINVAL", "ELIMIT", "UNIDENTIFIED")

# What one file may cost. The address space holds the allocator's reserve too, so it is far above the memory in use.
MAX_SECONDS = 10.0
MAX_RESIDENT_BYTES = 512 << 20
MAX_ADDRESS_SPACE_BYTES = 4 << 30


@dataclass
class Outcome:
    """How a run ended: `data` or `refusal` is set, or `fault` where it did what it never may."""

    seconds: float
    resident_bytes: int
    data: bytes | None = None
    refusal: str | None = None
    fault: str | None = None

    def pixels(self) -> np.ndarray:
        """The result as rows of RGBA."""
        with Image.open(BytesIO(self.data)) as image:
            return np.asarray(image.convert("RGBA"))


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE_BYTES, MAX_ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def transform(transformation: str, source: Path | str) -> Outcome:
    """Runs it once, in a process of its own under the limits above."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as complaint:
        result = Path(folder) / "result"
        started = time.monotonic()
        process = subprocess.Popen(
            [EXECUTABLE, "transform", transformation, str(source), str(result)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaint,
            preexec_fn=_limit,
        )
        timer = _Timer(process.pid, MAX_SECONDS)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        timed_out = timer.cancel()
        complaint.seek(0)
        said = complaint.read().decode("utf-8", "replace").strip()
        outcome = Outcome(time.monotonic() - started, usage.ru_maxrss * 1024)
        if timed_out:
            outcome.fault = f"still running after {MAX_SECONDS} s"
        elif process.returncode == 0:
            outcome.data = result.read_bytes()
        elif process.returncode == REFUSED and _is_refusal(said):
            outcome.refusal = _reason(said)
        else:
            outcome.fault = f"exit status {process.returncode}: {said[-400:]}"
        if outcome.fault is None and outcome.resident_bytes > MAX_RESIDENT_BYTES:
            outcome.fault = f"took {outcome.resident_bytes >> 20} MB"
        return outcome


def _reason(said: str) -> str:
    return said.splitlines()[-1].removeprefix("limpid: ").removeprefix("error: ")


def _is_refusal(said: str) -> bool:
    if "panicked" in said or not said:
        return False
    code, separator, message = _reason(said).partition(" - ")
    return code in CODES and bool(separator) and bool(message)


class _Timer:
    """Kills a process that takes too long; written out because `wait4` has no time-out."""

    def __init__(self, pid: int, seconds: float) -> None:
        import threading

        self._fired = False
        self._pid = pid
        self._timer = threading.Timer(seconds, self._kill)
        self._timer.daemon = True
        self._timer.start()

    def _kill(self) -> None:
        self._fired = True
        try:
            os.kill(self._pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def cancel(self) -> bool:
        self._timer.cancel()
        return self._fired
