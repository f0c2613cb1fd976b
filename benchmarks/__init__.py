"""Whole-program benchmarks beside the tools that labs use; run with `make bench`."""
