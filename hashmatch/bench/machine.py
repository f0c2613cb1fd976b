"""What a reader of figures must know of the machine; nothing that names its owner or its network."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Final

from hashmatch.bench import peers
from hashmatch.evidence.mounts import mount_of

# Vector widths and instructions that hashing can use, by the names of /proc/cpuinfo on x86 and ARM.
_FLAGS: Final = frozenset(
    {
        *("sse2", "ssse3", "sse4_1", "sse4_2", "avx", "avx2", "avx512f", "avx512bw", "avx512vl", "avx512vbmi", "bmi2"),
        *("sha_ni", "sha512", "hypervisor"),
        *("asimd", "sha1", "sha2", "sha3", "sve", "sve2"),
    }
)


def facts(place: Path) -> dict[str, object]:
    """Return the facts of this machine and of the device that a directory is on."""
    info = Path("/proc/cpuinfo").read_text()
    flags = re.search(r"^(?:flags|Features)\s*: (.+)", info, re.MULTILINE)
    return {
        "cpu": cpu(info),
        "cores": cores(),
        "cores_online": os.cpu_count(),
        "flags": sorted(_FLAGS & set(flags[1].split())) if flags else [],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30), 1),
        "load_average_before": round(os.getloadavg()[0], 2),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "place": _place(place),
        "peers": peers.versions(),
    }


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def cpu(info: str) -> str:
    """Return the model from the content of /proc/cpuinfo; the architecture where it names none, as on ARM."""
    model = re.search(r"^model name\s*: (.+)", info, re.MULTILINE)
    return model[1].strip() if model else platform.machine()


def name() -> str:
    """Return a name for folders: the model of the processor and the number of cores."""
    model = re.sub(r"\((?:R|TM)\)|\bCPU\b|\bProcessor\b|@.*", " ", cpu(Path("/proc/cpuinfo").read_text()))
    slug = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")
    return f"{slug}-{cores()}-cores"


def _place(place: Path) -> dict[str, object]:
    mount = mount_of(os.fsencode(place))
    if mount is None:
        return {"file_system": None}
    queue = _block(mount.device)
    return {
        "file_system": mount.fs_type,
        "options": sorted(option for option in mount.options if "=" not in option),
        "device": queue.parent.name if queue else None,
        "model": _read(queue.parent / "device" / "model") if queue else None,
        "rotational": _read(queue / "rotational") == "1" if queue else None,
        "scheduler": _read(queue / "scheduler") if queue else None,
    }


def _block(number: str) -> Path | None:
    """Return the queue of the disk under a file system; None for one that is on no block device of its own."""
    device = Path(f"/sys/dev/block/{number}").resolve()
    candidates = (device / "queue", device.parent / "queue")  # a partition has none: its disk has
    return next((queue for queue in candidates if queue.is_dir()), None)


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
