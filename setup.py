"""Builds the native parts where there is a compiler; without one the install succeeds and the portable parts serve."""

from __future__ import annotations

from pathlib import Path

from setuptools import Extension, setup

_ROOT = Path(__file__).parent
_FLAGS = ["-std=gnu11", "-O3", "-fno-strict-aliasing", "-fvisibility=hidden", "-pthread", "-Wall", "-Wextra"]


def _native(room: str) -> list[Extension]:
    folder = _ROOT / "hashmatch" / room / "native"
    sources = sorted(str(path.relative_to(_ROOT)) for path in folder.glob("*.c"))
    headers = sorted(str(path.relative_to(_ROOT)) for path in folder.glob("*.h"))
    if not sources:
        return []
    return [
        Extension(
            f"hashmatch.{room}._native",
            sources,
            depends=headers,
            extra_compile_args=_FLAGS,
            extra_link_args=["-pthread"],
            optional=True,
        )
    ]


setup(ext_modules=[*_native("hashing"), *_native("store")])
