"""Hash lists: what they hold, and how each format writes it.

Bytes in, entries or an error with its place out. Nothing here opens a store or reads evidence.
"""
