"""The only opener of evidence: checks how it is mounted, walks it, and opens what is in it. Never for writing."""
