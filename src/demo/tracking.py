"""Face tracks in videos."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from ..faces.detectors.base import Detect, Face
from ..faces.images import Box, overlap, shrink
from .flow import follow

DETECT_EVERY = 10  # frames, while all faces are tracked
SEARCH_EVERY = 5  # frames, while there are no faces
PATIENCE = 2  # consecutive missed detections that end a track
SAME_FACE = 0.3  # minimum overlap (intersection over union) of boxes of the same face
FOLLOWED_SIDE = 640  # pixels, maximum longer side of frames for tracking
CUT = 0.6  # correlation of consecutive frames below which there is a scene cut
_THUMBNAIL = (32, 18)


class Track(NamedTuple):
    """A face in a frame, and the unique number of its track."""

    number: int
    face: Face


@dataclass
class _TrackedFace:
    """A tracked face.

    edges: float64 (4,): left, top, right, bottom in pixels of the frame.
    points: see `Face`; they move with the box between detections.
    missed: number of consecutive missed detections.  lost: whether tracking failed.
    """

    number: int
    edges: np.ndarray
    points: np.ndarray | None
    missed: int = 0
    lost: bool = False

    def move(self, edges: np.ndarray) -> None:
        """Move the box, and the points with it."""
        if self.points is not None:
            scale = (edges[2] - edges[0]) / (self.edges[2] - self.edges[0])
            self.points = (self.points - _centre(self.edges)) * scale + _centre(edges)
        self.edges = edges

    @property
    def face(self) -> Face:
        return Face(Box(*np.rint(self.edges).astype(int).tolist()), self.points)


class Tracker:
    """Tracks the faces of one video, frame by frame.

    Faces are detected in every `DETECT_EVERY`th frame, in every `SEARCH_EVERY`th if there are none,
    and immediately if one is lost or the scene cuts. A cut ends all tracks.
    """

    def __init__(self, detect: Detect, every_frame: bool = False):
        """every_frame: detect in every frame, if frames are too far apart for tracking."""
        self._detect, self._every_frame = detect, every_frame
        self._faces: list[_TrackedFace] = []
        self._numbers = 0
        self._since = 0  # frames since the last detection
        self._before: np.ndarray | None = None

    def __call__(self, image: np.ndarray) -> list[Track]:
        """The faces of the next frame, uint8 (H, W, 3), BGR, of the same size as those before."""
        scale = min(1, FOLLOWED_SIDE / max(image.shape[:2]))
        now = cv2.cvtColor(shrink(image, FOLLOWED_SIDE), cv2.COLOR_BGR2GRAY)
        begins = self._before is None or is_cut(self._before, now)
        if begins:
            self._faces = []
        else:
            self._follow(now, scale)
        self._before = now
        self._since += 1
        pause = DETECT_EVERY if self._faces else SEARCH_EVERY
        if self._every_frame:
            pause = 1
        if begins or self._since >= pause or any(face.lost for face in self._faces):
            self._match(self._detect(image))
            self._since = 0
        height, width = image.shape[:2]
        self._faces = [face for face in self._faces if _is_inside(face.edges, width, height)]
        return [Track(followed.number, followed.face) for followed in self._faces]

    def _follow(self, now: np.ndarray, scale: float) -> None:
        edges = np.array([face.edges for face in self._faces]).reshape(-1, 4)
        moved = follow(self._before, now, edges * scale) / scale
        for face, new in zip(self._faces, moved, strict=True):
            face.lost = bool(np.isnan(new).any())
            if not face.lost:
                face.move(new)

    def _match(self, detected: list[Face]) -> None:
        """Assign detected faces to the tracks that they overlap most, and begin new ones."""
        new, seen = dict(enumerate(detected)), set()
        for face, i in _pairs(self._faces, [other.box for other in detected]):
            found = new.pop(i)
            face.edges, face.points = np.array(found.box, float), found.points
            face.missed, face.lost = 0, False
            seen.add(face.number)
        for face in self._faces:
            face.missed += face.number not in seen
        self._faces = [face for face in self._faces if not face.lost and face.missed < PATIENCE]
        for found in new.values():
            self._faces.append(
                _TrackedFace(self._numbers, np.array(found.box, float), found.points)
            )
            self._numbers += 1


def _pairs(faces: list[_TrackedFace], boxes: list[Box]) -> Iterator[tuple[_TrackedFace, int]]:
    """Faces and the numbers of their boxes, one to one, the largest overlap first."""
    overlaps = [
        (overlap(face.edges, box), f, i)
        for f, face in enumerate(faces)
        for i, box in enumerate(boxes)
    ]
    used_faces, used_boxes = set(), set()
    for share, f, i in sorted(overlaps, reverse=True):
        if share >= SAME_FACE and f not in used_faces and i not in used_boxes:
            used_faces.add(f)
            used_boxes.add(i)
            yield faces[f], i


def is_cut(before: np.ndarray, now: np.ndarray) -> bool:
    """Whether a new scene begins with frame `now`, by its likeness to the one before, uint8 (H, W).

    Their thumbnails' correlation: 0.7 to 1 within the scenes of real clips, below 0.55 across.
    """
    small = [cv2.resize(frame, _THUMBNAIL, interpolation=cv2.INTER_AREA) for frame in (before, now)]
    return float(cv2.matchTemplate(*small, cv2.TM_CCOEFF_NORMED)[0, 0]) < CUT


def _is_inside(edges: np.ndarray, width: int, height: int) -> bool:
    """Whether the middle of a box is in the frame."""
    x, y = _centre(edges)
    return 0 <= x < width and 0 <= y < height


def _centre(edges: np.ndarray) -> np.ndarray:
    return (edges[:2] + edges[2:]) / 2
