"""The scan: walk a source, hash its files, decide, keep a journal, report."""
