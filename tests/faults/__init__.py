"""Faults of a whole run: kills, two runs at once, disks that are full or read-only, methods that fail."""
