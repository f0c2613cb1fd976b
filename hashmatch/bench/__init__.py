"""Whole-program benchmarks beside the tools that labs use: makes its own corpora, measures, keeps figures and facts."""
