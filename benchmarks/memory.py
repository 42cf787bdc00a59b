"""Limits of memory for benchmarks."""

import os
from pathlib import Path


def set_limit(cgroup: Path, limit: int) -> None:
    """Limit the memory of a cgroup, of version 1 or 2, to `limit` bytes."""
    names = ("memory.max", "memory.limit_in_bytes")
    [setting] = [cgroup / name for name in names if (cgroup / name).exists()]
    setting.write_text(str(limit))


def uncache(path: Path) -> None:
    """Drop a file from the page cache: cached pages do not count as a process's."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
