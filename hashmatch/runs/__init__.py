"""Work of the service that has a process of its own: scans and imports."""
