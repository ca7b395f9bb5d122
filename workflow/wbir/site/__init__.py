"""The site: pages a stranger can read from disk, made of the results as they stand; nothing is computed anew."""
