"""The main job, on a made-up disk: `make demo` runs it.

It makes a small disk image with planted files, imports a notable and a known list, scans the image through a read-only
mount, or the same tree unpacked where mounting is not possible, and checks that the image did not change.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent / "demo"
HASHMATCH: Final = Path(sys.executable).with_name("hashmatch")
IMAGE_MIB: Final = 192
FILES: Final = 2400
PLANTED: Final = 12
# Fixed times and identifiers make the image the same, byte for byte, each time it is made.
FAKE_TIME: Final = "1767225600"
IDENTIFIER: Final = "6d616465-2d75-4000-8070-646576696365"
FOLDERS: Final = ("Users/ana/Pictures", "Users/ana/Documents", "Users/ana/Downloads", "Programs/editor", "System/lib")
SYSTEM: Final = ("Programs/", "System/")


def main() -> int:
    """Run the demonstration and return the scan's exit code."""
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir()
    say("A made-up disk, with planted files")
    tree = ROOT / "tree"
    files = plant(tree)
    image = make_image(tree)
    notable, known = write_lists(files)
    print(f"  {FILES} files, {PLANTED} of them on the notable list below, under other names")

    say("Two made-up lists come in")
    run("lists", "import", notable, "--id", "demo-notable", "--type", "notable", "--release", "2026-01",
        "--authority", "made up for this demonstration", "--unsigned")  # fmt: skip
    run("lists", "import", known, "--id", "demo-known", "--type", "known", "--release", "2026-01",
        "--authority", "made up for this demonstration", "--algorithm", "md5", "--unsigned")  # fmt: skip
    run("lists")

    before = digest(image) if image else None
    with source(tree, image) as (place, options):
        say("The scan")
        code = run("scan", place, "--output", ROOT / "report", "--case", "DEMO-1", "--exhibit", "DISK-1",
                   "--examiner", "demo", "--legal-authority", "none needed: made-up files", *options)  # fmt: skip

    say("What the report says")
    for line in (ROOT / "report" / "flags.jsonl").read_text().splitlines():
        flag = json.loads(line)
        if any(f["type"] == "notable" for f in flag["flags"]):
            print("  " + line[:160] + ("..." if len(line) > 160 else ""))
            break
    if image:
        print(f"  image unchanged by the scan: {'yes' if digest(image) == before else 'NO'} (SHA-256 {before})")
    print(f"  everything is in {ROOT / 'report'}; 'make clean' removes it")
    return code


def say(text: str) -> None:
    """Print a heading."""
    print(f"\n== {text}", flush=True)


def run(*arguments: str | Path) -> int:
    """Run one hashmatch command, shown as a person would type it."""
    words = [str(a) for a in arguments]
    print("\n$ hashmatch " + " ".join(f"'{w}'" if " " in w else w for w in words), flush=True)
    environment = {**os.environ, "HASHMATCH_STORE": str(ROOT / "store"), "HASHMATCH_SEALING_KEY": str(ROOT / "key")}
    code = subprocess.run([HASHMATCH, *words], env=environment, check=False).returncode
    if code not in (0, 3):
        sys.exit(code)
    return code


def plant(tree: Path) -> dict[str, bytes]:
    """Write the same made-up files each time; return their contents by path."""
    chance = random.Random("hashmatch demo")
    files = {}
    for number in range(FILES):
        size = min(int(chance.lognormvariate(9.3, 1.7)), 4_000_000)
        files[f"{FOLDERS[number % len(FOLDERS)]}/{number:04d}.bin"] = chance.randbytes(size)
    files["Users/ana/Documents/empty.txt"] = b""
    for path, content in files.items():
        place = tree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (tree / "Users/ana/Documents/link").symlink_to("../Pictures")
    return files


def write_lists(files: dict[str, bytes]) -> tuple[Path, Path]:
    """Write a notable list in VICS JSON 2.0 and a known list as a checksum file."""
    personal = sorted(p for p in files if not p.startswith(SYSTEM) and files[p])
    chance = random.Random("planted")
    media = [
        {
            "MediaID": number,
            "Category": 1 + number % 2,
            "MD5": hashlib.md5(content).hexdigest().upper(),
            "SHA1": hashlib.sha1(content).hexdigest().upper(),
            "MediaSize": len(content),
        }
        for number, content in enumerate(
            [files[p] for p in chance.sample(personal, PLANTED)] + [chance.randbytes(64) for _ in range(5000)], 1
        )
    ]
    notable = ROOT / "notable.json"
    context = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#Media"
    notable.write_text(json.dumps({"@odata.context": context, "value": media}))
    known = ROOT / "known.md5"
    known.write_text("".join(f"{hashlib.md5(files[p]).hexdigest()}  {p}\n" for p in files if p.startswith(SYSTEM)))
    return notable, known


def make_image(tree: Path) -> Path | None:
    """Put the tree into an ext4 image, without root; None where the tools are absent."""
    make, fill = tool("mke2fs"), tool("debugfs")
    if make is None or fill is None:
        print("  no disk image: mke2fs and debugfs (package e2fsprogs) are not installed; the tree is scanned as it is")
        return None
    image = ROOT / "disk.img"
    environment = {**os.environ, "E2FSPROGS_FAKE_TIME": FAKE_TIME}
    features = ["-U", IDENTIFIER, "-E", f"hash_seed={IDENTIFIER},root_owner=0:0,lazy_itable_init=0", "-L", "demo"]
    quiet = {"check": True, "env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([make, "-q", "-F", "-t", "ext4", *features, image, f"{IMAGE_MIB}M"], **quiet)  # type: ignore[call-overload]
    script = ROOT / "fill.debugfs"
    script.write_text("\n".join(fill_commands(tree)) + "\n")
    subprocess.run([fill, "-w", "-f", script, image], **quiet)  # type: ignore[call-overload]
    script.unlink()
    print(f"  {image.name}: {IMAGE_MIB} MiB, ext4, SHA-256 {digest(image)}")
    return image


def fill_commands(tree: Path) -> Iterator[str]:
    """Yield debugfs commands; unlike a copy of the tree they carry neither its owner nor its times."""
    for place in sorted(tree.rglob("*")):
        path = place.relative_to(tree)
        if place.is_symlink():
            yield f'symlink "/{path}" "{place.readlink()}"'
        elif place.is_dir():
            yield f'mkdir "/{path}"'
        else:
            yield f'write "{place}" "/{path}"'


@contextmanager
def source(tree: Path, image: Path | None) -> Iterator[tuple[Path, list[str]]]:
    """Give the place to scan: a read-only mount of the image where that is possible, else the tree."""
    losetup, mount = tool("losetup"), tool("mount")
    reason = None
    if image is None:
        reason = "there is no image"
    elif os.geteuid() != 0:
        reason = "mounting needs root"
    elif losetup is None or mount is None:
        reason = "losetup or mount is not installed"
    if reason is None and losetup and mount and image:
        loop = subprocess.run([losetup, "-r", "-f", "--show", image], capture_output=True, text=True, check=False)
        place = ROOT / "mount"
        place.mkdir()
        if loop.returncode == 0:
            device = loop.stdout.strip()
            try:
                if subprocess.run([mount, "-o", "ro,noload", device, place], check=False).returncode == 0:
                    print(f"\n  mounted read-only: losetup -r, then mount -o ro,noload {device} {place}")
                    try:
                        yield place, []
                    finally:
                        subprocess.run(["umount", place], check=True)
                    return
            finally:
                subprocess.run([losetup, "-d", device], check=True)
        reason = "this system does not let the image be mounted"
    print(f"\n  not mounted: {reason}; the same tree is scanned unpacked, which is writable")
    yield tree, ["--allow-writable", "demonstration on an unpacked tree"]


def tool(name: str) -> str | None:
    """Find a program, also where only root has it on the path."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())
