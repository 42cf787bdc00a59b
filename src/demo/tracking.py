"""Face tracks in videos."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from ..faces.detectors.base import Face
from ..faces.images import Box, overlap
from .job import Frame

DETECT_SECONDS, DETECT_FRAMES = 0.1, 3  # maximum interval between detections
PATIENCE = 1.0  # seconds without a detection that end a track
MAX_GAP = 0.25  # seconds between two detections of a face that is shown in between
MIN_DETECTIONS = 3  # of a face that is shown
MIN_QUALITY = 0.4  # mean of a track that is shown
SAME_FACE = 0.3  # minimum overlap (intersection over union) of boxes of the same face
SCENE_CHANGE = 0.6  # correlation of consecutive frames below which a new scene begins
TOLERANCE = 0.005  # seconds
_THUMBNAIL = (32, 18)


class _Track:
    """A face in successive frames."""

    def __init__(self, time: float, face: Face):
        self.detections: deque[tuple[float, Face]] = deque(maxlen=2 * MIN_DETECTIONS)
        self.count, self.quality = 0, 0.0  # of all detections, the mean quality
        self.track_id = 0  # unless shown
        self.add(time, face)

    def add(self, time: float, face: Face) -> None:
        self.detections.append((time, face))
        self.count += 1
        self.quality += (face.quality - self.quality) / self.count

    def at(self, time: float) -> Face | None:
        """The face between two detections, or just after one; None at other times."""
        before = [detection for detection in self.detections if detection[0] <= time]
        after = [detection for detection in self.detections if detection[0] > time]
        if before and after and after[0][0] - before[-1][0] <= MAX_GAP:
            return _between(before[-1], after[0], time)
        is_recent = before and time - before[-1][0] < DETECT_SECONDS - TOLERANCE
        return _predicted(before, time) if is_recent else None


class Tracker:
    """Tracks the faces of one video, frame by frame.

    Faces are detected every `DETECT_SECONDS` or `DETECT_FRAMES`, and when a new scene begins, which
    ends all tracks. Boxes move linearly between two detections. A face is shown if it was detected
    `MIN_DETECTIONS` times with a mean quality of at least `min_quality`; a file's frames wait for
    as many detections, so that such a face is shown from its first frame on.
    """

    def __init__(
        self,
        detect: Callable[[np.ndarray], list[Face]],
        min_quality: float | None = None,
        live: bool = False,
        sparse: bool = False,
    ):
        """min_quality: `MIN_QUALITY` by default; 0 shows all faces.
        live: frames do not wait.  sparse: frames are too far apart for several detections."""
        self._detect, self._sparse = detect, sparse
        self._min_quality = MIN_QUALITY if min_quality is None else min_quality
        self._min_detections = 1 if sparse or min_quality == 0 else MIN_DETECTIONS
        self._lag = 0 if live or sparse else self._min_detections  # detections
        self._tracks: list[_Track] = []
        self._pending: deque[tuple[Frame, int]] = deque()  # with the number of detections up to it
        self._thumbnail: np.ndarray | None = None
        self._detections = self._since = 0  # number of them, and of frames since the last one
        self._last = -np.inf  # time of the last detection
        self._begun = self._shown = 0  # tracks

    @property
    def not_shown(self) -> int:
        """Number of faces so far that were too brief or unclear to be shown."""
        return self._begun - self._shown

    def __call__(self, frame: Frame) -> Iterator[tuple[Frame, dict[int, Face]]]:
        """Add the next frame; yields the frames that are complete, in order, with their faces by
        the IDs of their tracks, which count from 1."""
        before, self._thumbnail = self._thumbnail, _thumbnail(frame.image)
        if before is None or is_scene_change(before, self._thumbnail):
            yield from self.finish()
        self._since += 1
        is_due = frame.time - self._last >= DETECT_SECONDS - TOLERANCE
        if is_due or self._sparse or self._since >= DETECT_FRAMES:
            self._update(frame)
        self._pending.append((frame, self._detections))
        while self._pending and self._detections - self._pending[0][1] >= self._lag:
            yield self._complete(*self._pending.popleft())

    def finish(self) -> Iterator[tuple[Frame, dict[int, Face]]]:
        """End all tracks; yields the remaining frames with their faces."""
        while self._pending:
            yield self._complete(*self._pending.popleft())
        self._tracks, self._last = [], -np.inf

    def _update(self, frame: Frame) -> None:
        """Detect faces, and add them to the tracks."""
        self._detections += 1
        self._last, self._since = frame.time, 0
        found = self._detect(frame.image)
        boxes = [_predicted(track.detections, frame.time).box for track in self._tracks]
        matches = match(boxes, [face.box for face in found])
        for i, face in enumerate(found):
            if i in matches:
                self._tracks[matches[i]].add(frame.time, face)
            else:
                self._tracks.append(_Track(frame.time, face))
                self._begun += 1
        oldest = self._pending[0][0].time - DETECT_SECONDS if self._pending else np.inf
        end = min(frame.time - PATIENCE, oldest)
        self._tracks = [track for track in self._tracks if track.detections[-1][0] >= end]

    def _complete(self, frame: Frame, _: int) -> tuple[Frame, dict[int, Face]]:
        """The frame and its faces, with the mean quality of their tracks, by the tracks' IDs."""
        height, width = frame.shape
        faces = {}
        for track in self._tracks:
            if face := track.at(frame.time):
                x, y = (face.box.left + face.box.right) / 2, (face.box.top + face.box.bottom) / 2
                if 0 <= x < width and 0 <= y < height and self._is_shown(track):
                    faces[track.track_id] = replace(face, quality=track.quality)
        return frame, dict(sorted(faces.items()))

    def _is_shown(self, track: _Track) -> bool:
        is_clear = not track.quality < self._min_quality  # NaN: not measured
        if not track.track_id and is_clear and track.count >= self._min_detections:
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


def _between(before: tuple[float, Face], after: tuple[float, Face], time: float) -> Face:
    """A face at `time`, linear in time from two detections."""
    (first, face), (last, other) = before, after
    share = (time - first) / (last - first)
    box = np.rint(np.add(np.multiply(face.box, 1 - share), np.multiply(other.box, share)))
    points = None
    if face.points is not None and other.points is not None:
        points = (1 - share) * face.points + share * other.points
    return Face(Box(*box.astype(int).tolist()), points, min(face.score, other.score))


def _predicted(detections: Sequence[tuple[float, Face]], time: float) -> Face:
    """A face after its last detection, if its motion continues for a short time."""
    before, last = detections[max(len(detections) - 2, 0)], detections[-1]
    if not 0 < last[0] - before[0] <= MAX_GAP:
        return last[1]
    return _between(before, last, min(time, last[0] + DETECT_SECONDS))
