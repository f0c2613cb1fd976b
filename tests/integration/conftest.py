"""Fixtures of every test here."""

from tests.integration.command import desk, evidence, listed, listed_once

__all__ = ["desk", "evidence", "listed", "listed_once"]
