"""Sealed hash lists on disk: build, verify, open, and which of them are active.

Nothing outside this room imports plyvel. A generation is written once and never opened where it lies; whoever reads it
opens a private view. Layout and formats: docs/store-format.md.
"""
