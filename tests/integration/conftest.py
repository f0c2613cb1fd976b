"""Fixtures of every test here."""

from tests.integration.command import desk, evidence

__all__ = ["desk", "evidence"]
