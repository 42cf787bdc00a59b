"""Face tracks in videos."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np

from ..faces.detectors.base import Detect, Face
from ..faces.images import Box, overlap
from .sources import Frame

DETECT_SECONDS, DETECT_FRAMES = 0.1, 3  # maximum interval between detections
PATIENCE = 1.0  # seconds without a detection that end a track
MAX_GAP = 0.25  # seconds between two detections of a face that is shown in between
MIN_DETECTIONS = 3  # of a face that is shown
MIN_QUALITY = 0.4  # mean of a track that is shown
SAME_FACE = 0.3  # minimum overlap (intersection over union) of boxes of the same face
SCENE_CHANGE = 0.6  # correlation of consecutive frames below which a new scene begins
_TOLERANCE = 0.005  # seconds
_THUMBNAIL = (32, 18)


class TrackedFace(NamedTuple):
    """A face in a frame, the unique ID, from 1, of its track, and the track's mean quality."""

    track_id: int
    face: Face
    quality: float


@dataclass(eq=False)
class _Track:
    """A face in successive frames.

    time, face: of the last detection.  before: of the one before it.
    total_quality: sum over the detections.
    """

    time: float
    face: Face
    before: tuple[float, Face] | None = None
    detections: int = 1
    total_quality: float = 0.0
    track_id: int = 0  # unless shown

    def add(self, time: float, face: Face) -> None:
        self.before = self.time, self.face
        self.time, self.face = time, face
        self.detections += 1
        self.total_quality += face.quality

    @property
    def quality(self) -> float:
        return self.total_quality / self.detections

    def at(self, time: float) -> Face:
        """The face at a time after the last detection, if its motion continues for a short time."""
        if self.before is None or self.time - self.before[0] > MAX_GAP:
            return self.face
        ahead = min(time - self.time, DETECT_SECONDS)
        return _between(*self.before, self.time, self.face, self.time + ahead)


@dataclass(eq=False)
class _Pending:
    """A frame whose faces are not complete yet.

    key: number of detections so far, this frame's included.
    """

    frame: Frame
    key: int
    faces: dict[_Track, Face] = field(default_factory=dict)


class Tracker:
    """Tracks the faces of one video, frame by frame.

    Faces are detected every `DETECT_SECONDS` or `DETECT_FRAMES`, and when a new scene begins, which
    ends all tracks. Boxes move linearly between two detections. A face is shown if it was detected
    `MIN_DETECTIONS` times with a mean quality of at least `min_quality`; a file's frames wait for
    as many detections, so that such a face is shown from its first frame on.
    """

    def __init__(
        self,
        detect: Detect,
        min_quality: float | None = None,
        live: bool = False,
        sparse: bool = False,
    ):
        """min_quality: `MIN_QUALITY` by default; 0 shows all faces.
        live: frames do not wait.  sparse: frames are too far apart for several detections."""
        self._detect, self._live, self._sparse = detect, live, sparse
        self._min_quality = MIN_QUALITY if min_quality is None else min_quality
        self._min_detections = 1 if sparse or min_quality == 0 else MIN_DETECTIONS
        self._tracks: list[_Track] = []
        self._pending: deque[_Pending] = deque()
        self._thumbnail: np.ndarray | None = None
        self._keys = self._since = 0
        self._last_key = -np.inf
        self._begun = self._shown = 0  # tracks

    def __call__(self, frame: Frame) -> Iterator[tuple[Frame, list[TrackedFace]]]:
        """Add the next frame; yields the frames that are complete, in order, with their faces."""
        thumbnail = _thumbnail(frame.image)
        before, self._thumbnail = self._thumbnail, thumbnail
        if before is None or is_scene_change(before, thumbnail):
            yield from self.finish()
        self._since += 1
        is_due = frame.time - self._last_key >= DETECT_SECONDS - _TOLERANCE
        if is_due or self._sparse or self._since >= DETECT_FRAMES:
            self._detect_in(frame)
        else:
            self._pending.append(_Pending(frame, self._keys))
            if self._live:
                self._hold()
        lag = 0 if self._live or self._sparse else self._min_detections
        while self._pending and self._keys - self._pending[0].key >= lag:
            yield self._complete(self._pending.popleft())

    @property
    def not_shown(self) -> int:
        """Number of faces so far that were too brief or unclear to be shown."""
        return self._begun - self._shown

    def finish(self) -> Iterator[tuple[Frame, list[TrackedFace]]]:
        """End all tracks; yields the remaining frames with their faces."""
        self._hold()
        yield from map(self._complete, self._pending)
        self._pending.clear()
        self._tracks, self._last_key = [], -np.inf

    def _detect_in(self, frame: Frame) -> None:
        self._keys += 1
        self._last_key, self._since = frame.time, 0
        pending = _Pending(frame, self._keys)
        found = self._detect(frame.image)
        boxes = [track.at(frame.time).box for track in self._tracks]
        matches = match(boxes, [face.box for face in found])
        for i, face in enumerate(found):
            if i in matches:
                track = self._tracks[matches[i]]
                track.add(frame.time, face)
                self._interpolate(track)
            else:
                track = _Track(frame.time, face, total_quality=face.quality)
                self._tracks.append(track)
                self._begun += 1
            pending.faces[track] = face
        self._hold()
        self._pending.append(pending)
        self._tracks = [t for t in self._tracks if frame.time - t.time <= PATIENCE]

    def _interpolate(self, track: _Track) -> None:
        """Add the face to the frames between its last two detections."""
        time, face = track.before
        if track.time - time > MAX_GAP:
            return
        for pending in self._pending:
            now = pending.frame.time
            if time < now < track.time:
                pending.faces[track] = _between(time, face, track.time, track.face, now)

    def _hold(self) -> None:
        """Add faces to the frames just after their last detection."""
        for pending in self._pending:
            for track in self._tracks:
                age = pending.frame.time - track.time
                if 0 < age < DETECT_SECONDS - _TOLERANCE:
                    pending.faces.setdefault(track, track.at(pending.frame.time))

    def _complete(self, pending: _Pending) -> tuple[Frame, list[TrackedFace]]:
        height, width = pending.frame.image.shape[:2]
        tracked = []
        for track, face in pending.faces.items():
            x, y = (face.box.left + face.box.right) / 2, (face.box.top + face.box.bottom) / 2
            if 0 <= x < width and 0 <= y < height and self._is_shown(track):
                tracked.append(TrackedFace(track.track_id, face, track.quality))
        return pending.frame, sorted(tracked)

    def _is_shown(self, track: _Track) -> bool:
        is_clear = not track.quality < self._min_quality  # NaN: not measured
        if not track.track_id and is_clear and track.detections >= self._min_detections:
            self._shown += 1
            track.track_id = self._shown
        return track.track_id > 0


def match(boxes: list[Box], others: list[Box]) -> dict[int, int]:
    """Indices of `boxes` by those of `others`, one to one, the largest overlap first."""
    overlaps = [(overlap(a, b), i, j) for i, a in enumerate(boxes) for j, b in enumerate(others)]
    matches: dict[int, int] = {}
    for share, i, j in sorted(overlaps, reverse=True):
        if share >= SAME_FACE and j not in matches and i not in matches.values():
            matches[j] = i
    return matches


def is_scene_change(before: np.ndarray, now: np.ndarray) -> bool:
    """Whether a new scene begins, by the correlation of two thumbnails, uint8 (h, w).

    It is 0.7 to 1 within the scenes of real clips, below 0.55 across.
    """
    return float(cv2.matchTemplate(before, now, cv2.TM_CCOEFF_NORMED)[0, 0]) < SCENE_CHANGE


def _thumbnail(image: np.ndarray) -> np.ndarray:
    small = cv2.resize(image, _THUMBNAIL, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)


def _between(time: float, face: Face, later: float, other: Face, now: float) -> Face:
    """A face at the time `now`, linear in time from two detections."""
    share = (now - time) / (later - time)
    box = np.rint(np.add(np.multiply(face.box, 1 - share), np.multiply(other.box, share)))
    points = None
    if face.points is not None and other.points is not None:
        points = (1 - share) * face.points + share * other.points
    return Face(Box(*box.astype(int).tolist()), points, min(face.score, other.score))
