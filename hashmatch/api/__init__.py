"""The HTTP service: digests, files and scans in, flags out."""
