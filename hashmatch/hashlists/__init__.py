"""Hash lists: what they hold, how each format writes it, and whether a list may be used.

Bytes in, entries or an error with its place out. Nothing here opens a store or reads evidence.
"""
