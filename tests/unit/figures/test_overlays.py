"""Overlays of two images in colours that add up to grey."""

import numpy as np

from wbir.figures.overlays import overlay


def test_equal_images_are_grey_and_others_blue_or_orange():
    fixed, moving = np.array([[-1000.0, 0.0, -1000.0, -500.0]]), np.array([[-1000.0, -1000.0, 0.0, -500.0]])
    found = overlay(fixed, moving, -1000, 0)[0]
    assert found.tolist() == [[0, 0, 0], [0, 0.5, 1], [1, 0.5, 0], [0.5, 0.5, 0.5]]
