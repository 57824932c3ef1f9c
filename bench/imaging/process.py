"""Runs programs and reads from the kernel what they cost."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What a process and its children cost."""

    cpu_ms: float
    wall_ms: float
    # the kernel counts the parent's own memory at the start too, so this process stays small (no Pillow here)
    peak_mb: float


def run(command: list[str], environment: dict[str, str] | None = None) -> Cost:
    """Runs a command to its end. Its complaints are shown only if it fails."""
    with tempfile.TemporaryFile() as complaints:
        started = time.monotonic()
        child = subprocess.Popen(
            command, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL, stderr=complaints
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall_ms = (time.monotonic() - started) * 1000
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            complaints.seek(0)
            raise RuntimeError(f"{' '.join(command)}: {complaints.read().decode(errors='replace')[-2000:]}")
    per_mb = 1024 if sys.platform == "linux" else 1024 * 1024
    return Cost((usage.ru_utime + usage.ru_stime) * 1000, wall_ms, usage.ru_maxrss / per_mb)


def cpu_ms_of_running(pid: int) -> float:
    """CPU time of all threads of a running process, to the nanosecond the scheduler keeps."""
    total_ns = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            total_ns += int(file.read().split()[0])
    return total_ns / 1e6


def peak_mb_of_running(pid: int) -> float:
    """The high-water mark of a running process's memory."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        line = next(line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
