"""Fetching: the catalogue of data files, downloads, wheels, unpacking. What is fetched stays outside git."""
