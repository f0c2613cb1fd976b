"""Demonstrations that a person runs."""
