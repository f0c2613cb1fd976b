"""Custody: who did what with which list and which case, in a trail that shows when it was tampered with."""
