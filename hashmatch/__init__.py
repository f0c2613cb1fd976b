"""hashmatch: known-hash matching for forensic triage. Digests in, flags out."""

__version__ = "0.1.0"
