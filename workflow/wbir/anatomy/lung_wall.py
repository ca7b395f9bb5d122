"""The chest wall: ribs with cartilage, sternum, spine, clavicles, scapulae, muscle, fat and skin, in Hounsfield units.

Points are in mm of the standard chest at rest (see `lung_tube.py`). Ribs run on the wall's outside: a point's angle around the tube
says how far its rib has fallen there, so all twelve pairs are one periodic function. Textbook sizes, rounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wbir.anatomy.lung_organs import Fraction, paint
from wbir.anatomy.lung_tube import Tube, superellipse

HU = {
    "air": -1000.0,
    "fat": -100.0,
    "muscle": 52.0,
    "cortex": 850.0,
    "marrow": 190.0,
    "cartilage": 110.0,
    "disc": 85.0,
    "cord": 30.0,
}
LEVEL = 23.0  # mm from one rib and vertebra to the next
RIBS = 12
FALL = 84.0  # mm that a rib falls from the spine to its lowest point
RIB_DEPTH = 7.0  # mm from the inner wall to the middle of a rib
RIB_AXES = (6.0, 3.8)  # mm: half its height and half its thickness
SHELL = 1.3  # mm of compact bone
BONE_ENDS = 0.80  # of the way round from the back: in front of it a rib is cartilage
ENDS = (1.0,) * 10 + (0.62, 0.42)  # where ribs end: 11 and 12 do not come round
VERTEBRA = (18.0, 15.0)  # mm: half-axes of the body
CANAL = 8.5  # mm radius


@dataclass(frozen=True)
class Wall:
    """fat: mm under the skin. muscle: relative thickness."""

    tube: Tube
    fat: float
    muscle: float

    def hounsfield(
        self, x: np.ndarray, y: np.ndarray, z: np.ndarray, fraction: Fraction, mottle: np.ndarray
    ) -> np.ndarray:
        """HU outside the tube. fraction: signed distance to the part of a voxel inside. mottle: a field of variance 1."""
        outward, angle = self._around(x, y, z)
        skin, flesh = self._thickness(x, y, z, outward, angle)
        hu = np.full_like(x, HU["air"])
        paint(hu, HU["muscle"] - 20, fraction(skin))
        paint(hu, HU["fat"] + 8 * mottle, fraction(skin + 1.8))
        streaks = np.clip((mottle - 0.9) / 0.5, 0, 1) * (outward > 12)  # fat between muscles
        paint(hu, HU["muscle"] + 4 * mottle - 120 * streaks, fraction(flesh))
        self._scapulae(hu, x, y, z, outward, fraction)
        self._spine(hu, x, y, z, fraction)
        self._ribs(hu, x, z, outward, angle, fraction)
        self._front(hu, x, y, z, outward, fraction)
        return hu

    def _around(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Millimetres outside the undented tube, and the way round from the back (0) to the front (1)."""
        width, depth = self.tube.half_width(z), self.tube.half_depth(z)
        across, along = x / width, (y - self.tube.back(z) - depth) / depth
        gauge = superellipse(across, along)
        steepness = (
            np.hypot(np.abs(across) ** 1.5 / width, np.abs(along) ** 1.5 / depth) / np.maximum(gauge, 0.05) ** 1.5
        )
        return (gauge - 1) / np.maximum(steepness, 1e-3), np.arctan2(np.abs(across), -along) / np.float32(np.pi)

    def _thickness(
        self, x: np.ndarray, y: np.ndarray, z: np.ndarray, outward: np.ndarray, angle: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances of skin and muscles: over the ribs, at the shoulders and the neck."""
        apex = self.tube.apex
        front = 1 / (1 + np.exp((0.5 - angle) / 0.05))
        behind = np.exp(-((x / 42.0) ** 2)) * (1 - front)
        breast = np.exp(-(((np.abs(x) - 62.0) / 45.0) ** 2) - ((z - 35.0) / 50.0) ** 2) * front
        side = np.exp(-(((angle - 0.42) / 0.2) ** 2)) / (1 + np.exp((-z - 10.0) / 25.0))
        thick = 12.5 + self.muscle * (15.0 * behind + 15.0 * breast + 22.0 * side)
        flesh = outward - thick
        forth = y - self.tube.back(z)
        lateral = np.maximum(np.abs(x) - 118.0, 0)
        shoulders = np.sqrt(lateral**2 + ((forth - 55.0) * 0.8) ** 2 + (z - apex - 2.0) ** 2) - 46.0
        neck = np.maximum(np.hypot(x, 0.9 * (forth - 62.0)) - 58.0, apex - 20.0 - z)
        flesh = np.minimum(np.minimum(flesh, shoulders), neck)
        cover = self.fat * (0.7 + 0.5 * front * np.clip(-z / 100, 0, 1) + 0.3 * breast)
        return flesh - cover - 1.8, flesh

    def _ribs(
        self, hu: np.ndarray, x: np.ndarray, z: np.ndarray, outward: np.ndarray, angle: np.ndarray, fraction: Fraction
    ) -> None:
        fallen = z + FALL * 0.5 * (1 - np.cos(1.22 * np.pi * angle))
        top = self.tube.apex + 8.0
        number = np.clip(np.rint((top - fallen) / LEVEL), 0, RIBS - 1)
        across = (fallen - top + LEVEL * number) * (1 - 0.08 * np.sin(np.pi * angle))
        gauge = np.hypot(across / RIB_AXES[0], (outward - RIB_DEPTH) / RIB_AXES[1])
        body = (gauge - 1) * RIB_AXES[1] * np.minimum(gauge + 0.3, 1)
        ends = np.array(ENDS, x.dtype)[number.astype(int)]
        body = np.maximum(body, (angle - ends) * 200)
        body = np.maximum(body, 24.0 - np.abs(x) - 40 * (angle > 0.5))  # heads beside the spine
        body = np.maximum(body, 14.0 - np.abs(x) - 40 * (angle < 0.5))
        bony = 1 / (1 + np.exp((angle - BONE_ENDS) / 0.01))
        paint(hu, bony * HU["cortex"] + (1 - bony) * HU["cartilage"], fraction(body))
        paint(hu, bony * HU["marrow"] + (1 - bony) * HU["cartilage"], fraction(body + SHELL))

    def _spine(self, hu: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray, fraction: Fraction) -> None:
        middle = self.tube.spine_front(z) - 2.0 - VERTEBRA[1]
        phase = (z - self.tube.apex - 8.0) / LEVEL
        level = (phase - np.rint(phase)) * LEVEL  # mm from the middle of a vertebra
        disc = np.abs(level) - 0.5 * LEVEL + 2.6
        waist = 1 - 0.06 * (1 - (level / 9.0) ** 2)
        gauge = np.hypot(x / VERTEBRA[0], (y - middle) / VERTEBRA[1]) / waist
        body = (gauge - 1) * VERTEBRA[1]
        behind = middle - VERTEBRA[1] - CANAL + 1.5
        canal = np.hypot(x, y - behind) - CANAL
        arch = np.maximum(canal - 5.0, np.abs(level) - 8.0)
        spinous = np.maximum(np.abs(x) - 3.2, np.maximum(np.abs(level + 4 + 0.35 * (y - behind)) - 5.0, y - behind + 4))
        spinous = np.maximum(spinous, behind - 34.0 - y)
        process = np.hypot(level - 2.0, y - behind + 5.0 + 0.3 * np.abs(x)) - 5.0
        process = np.maximum(process, np.abs(x) - 33.0)
        bone = np.minimum(np.minimum(arch, spinous), process)
        paint(hu, HU["cortex"] * 0.75, fraction(bone))
        paint(hu, HU["marrow"], fraction(bone + 1.6))
        paint(hu, HU["disc"], fraction(body))
        paint(hu, HU["cortex"] * 0.7, fraction(np.maximum(body, disc)))
        paint(hu, HU["marrow"], fraction(np.maximum(body, disc) + SHELL))
        paint(hu, HU["cord"], fraction(canal))

    def _front(
        self, hu: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray, outward: np.ndarray, fraction: Fraction
    ) -> None:
        """Sternum and clavicles."""
        before = y > self.tube.back(z) + self.tube.half_depth(z)
        half = 15.0 + 9.0 * np.clip((z - 42.0) / 20.0, 0, 1) - 6.0 * np.clip((-38.0 - z) / 25.0, 0, 1)
        gauge = superellipse(x / half, (outward - 8.0) / 6.0)
        body = np.maximum((gauge - 1) * 6.0, np.maximum(z - 78.0, -68.0 - z))
        body = np.where(before, body, 50.0)
        paint(hu, HU["cortex"] * 0.55, fraction(body))
        paint(hu, HU["marrow"] * 0.6, fraction(body + 1.2))
        reach = np.clip((np.abs(x) - 14.0) / 92.0, 0, 1)
        height = 80.0 + 30.0 * reach
        forth = (
            self.tube.back(height)
            + 2 * self.tube.half_depth(height)
            + 12.0
            - 62.0 * reach
            + 9.0 * np.sin(2 * np.pi * reach)
        )
        bar = np.sqrt((z - height) ** 2 + (y - forth) ** 2 + (np.abs(x) - 14.0 - 92.0 * reach) ** 2) - 6.0
        paint(hu, HU["cortex"], fraction(bar))
        paint(hu, HU["marrow"], fraction(bar + 1.8))

    def _scapulae(
        self, hu: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray, outward: np.ndarray, fraction: Fraction
    ) -> None:
        """Blades outside the upper ribs, turned aside by the raised arms."""
        high = (z + 18.0) / 110.0  # 0 at the lower angle, 1 at the upper edge
        forth = y - self.tube.back(z)
        blade = np.abs(outward - 19.0 - 5.0 * high * high) - 1.9
        blade = np.maximum(blade, np.maximum(-high, high - 1) * 110.0)
        near, far = 62.0 + 8.0 * high, 92.0 + 42.0 * np.clip(high, 0, 1)
        blade = np.maximum(blade, np.maximum(near - np.abs(x), np.abs(x) - far) * 0.8)
        blade = np.maximum(blade, forth - 80.0)
        paint(hu, HU["cortex"] * 0.7, fraction(blade))
        ball = np.sqrt((np.abs(x) - 142.0) ** 2 + (forth - 62.0) ** 2 + (z - self.tube.apex - 4.0) ** 2) - 21.0
        paint(hu, HU["cortex"], fraction(ball))  # the head of the humerus
        paint(hu, HU["marrow"], fraction(ball + 2.0))
