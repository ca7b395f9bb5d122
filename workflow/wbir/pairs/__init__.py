"""Registration of a user's own pair: reading, placing, carrying, scoring, showing."""
