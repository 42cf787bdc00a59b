"""Results of images and videos: detection, tracking, estimation."""

import sys
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from ..errors import UserError
from ..estimation.estimator import Estimates, Estimator
from ..faces.detectors.base import SMALLEST_SHARE, Face
from ..faces.finder import FaceFinder, Found
from ..faces.images import Box
from ..workers import in_order
from .arguments import Arguments
from .job import Frame, Job, Result
from .sources.video import newest
from .tracking import TOLERANCE, Tracker

BATCH = 32  # images whose faces are estimated at once
_BATCH_IN_MEMORY = 8  # the same, if the images are kept for copies of them
MAX_AGE = 0.1  # seconds that an estimate of a tracked face is used for
_PENDING, _PENDING_LIVE = 4, 2  # frames per thread


def image_results(
    job: Job, names: list[str], finder: FaceFinder, estimator: Estimator
) -> Generator[Result]:
    """Results of the job's images with these names, in batches; unreadable ones are reported.

    Raises `UserError` at the end if none of the job's images could be read.
    """
    arguments, errors = job.arguments, []
    with_image = job.opens_window or arguments.output_dir is not None
    paths = [job.images[name] for name in names]

    def readable() -> Iterator[tuple[str, Found]]:
        for name, item in zip(names, found, strict=True):
            if not item.error:
                yield name, item
                continue
            errors.append(item.error)
            if len(job.images) > 1:
                print(f"skipped: {item.error}", file=sys.stderr, flush=True)

    at_once = 1 if job.opens_window else _BATCH_IN_MEMORY if with_image else BATCH
    with closing(finder.find_all(paths, arguments.scheduler, with_image=with_image)) as found:
        for name, item, estimates in estimator.in_batches(readable(), at_once):
            yield image_result(name, item, estimates, arguments)
    if len(errors) == len(job.images):
        none = f"none of the {len(errors):,} images could be read"
        raise UserError(errors[0] if len(errors) == 1 else none)


def image_result(name: str, found: Found, estimates: Estimates, arguments: Arguments) -> Result:
    """The result of an image, with its faces of sufficient quality from left to right."""
    faces = [estimates.of_face(i, _clipped(f, found.shape)) for i, f in enumerate(found.faces)]
    order = sorted(range(len(faces)), key=lambda i: faces[i].box)
    kept = [i for i in order if not faces[i].quality < (arguments.min_quality or 0)]
    return Result(
        Frame(name, found.image, found.shape),
        [faces[i] for i in kept],
        arguments,
        found.crops[kept],
        skipped=len(order) - len(kept),
    )


def _clipped(face: Face, shape: tuple[int, int]) -> Face:
    """The face with a box that ends at the border of an image of `shape`."""
    (left, top, right, bottom), (height, width) = face.box, shape
    return replace(face, box=Box(max(left, 0), max(top, 0), min(right, width), min(bottom, height)))


class TrackedFaces:
    """The faces of a video's frames, with distributions of age and gender averaged along tracks.

    An average is the mean over a track's first `smooth` frames, then an exponential moving average
    with weight 1 / `smooth` for each new frame. A face is estimated again after `MAX_AGE`, for all
    frames since the last estimate; in every frame if `smooth` is 1.

    tracker: yields frames that are complete, with their faces, for `estimate`.
    """

    def __init__(self, finder: FaceFinder, estimator: Estimator, arguments: Arguments, live: bool):
        self._crop, self._estimator, self._arguments = finder.crop, estimator, arguments
        self._averages: dict[int, _Average] = {}  # of tracks in the last frame
        self.tracker = Tracker(finder.detect, arguments.min_quality, live, bool(arguments.every))

    def estimate(self, frame: Frame, tracked: dict[int, Face]) -> Result:
        """The result of a frame with these faces, by track."""
        faces, smooth = list(tracked.values()), self._arguments.smooth
        self._averages = {i: self._averages.get(i) or _Average() for i in tracked}
        averages = list(self._averages.values())
        for average in averages:
            average.frames += 1
        max_age = 0.0 if smooth == 1 else MAX_AGE - TOLERANCE
        due = [i for i, average in enumerate(averages) if frame.time - average.time >= max_age]
        if due:
            fresh = self._estimator(self._crop.stack(frame.image, [faces[i] for i in due]))
            values = np.column_stack([fresh.p_female, fresh.age_distribution])
            for i, value in zip(due, values, strict=True):
                averages[i].add(value, frame.time, smooth)
        smoothed = np.array([average.values for average in averages], np.float32).reshape(-1, 102)
        estimates = Estimates.of(smoothed[:, 0], smoothed[:, 1:])
        return Result(
            frame,
            [estimates.of_face(i, _clipped(face, frame.shape)) for i, face in enumerate(faces)],
            self._arguments,
            self._crop.stack(frame.image, faces) if self._arguments.crops else None,
            list(tracked),
            self.tracker.not_shown,
        )


@dataclass
class _Average:
    """Running average of a track's distributions: of female, then of the ages, (102,)."""

    values: np.ndarray = field(default_factory=lambda: np.zeros(102))
    time: float = -np.inf  # of the last estimate
    count: int = 0  # of the estimates
    frames: int = 0  # since the last estimate

    def add(self, values: np.ndarray, time: float, smooth: int) -> None:
        self.count += 1
        weight = max(1 / self.count, min(self.frames / smooth, 1))
        self.values = self.values + weight * (values - self.values)
        self.time, self.frames = time, 0


def video_results(job: Job, finder: FaceFinder, estimator: Estimator) -> Generator[Result]:
    """Results of the frames of the job's video; one thread detects and tracks, one estimates."""
    video, pending = job.video, _PENDING_LIVE if job.video.live else _PENDING
    frames = newest(video.frames) if video.live else video.frames
    # By default as for images, but at most 80 pixels, so that dlib does not enlarge large frames.
    min_face = finder.min_face or min(80, round(max(video.size) * SMALLEST_SHARE))
    finder = replace(finder, min_face=min_face)
    faces = TrackedFaces(finder, estimator, job.arguments, video.live)

    def due() -> Iterator[Frame]:
        time = 0.0
        for frame in frames:
            if frame.time >= time:
                time = frame.time + (job.arguments.every or 0)
                yield frame

    with closing(frames), ThreadPoolExecutor(1) as pool, ThreadPoolExecutor(1) as estimation:
        found = in_order(pool, lambda frame: list(faces.tracker(frame)), due(), lambda: pending)
        tracked = chain(chain.from_iterable(found), faces.tracker.finish())
        yield from in_order(
            estimation, lambda each: faces.estimate(*each), tracked, lambda: pending
        )
