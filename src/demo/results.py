"""Results of images and videos: detection, tracking, estimation, threads."""

import sys
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from threading import Condition, Event, Thread
from typing import TypeVar

from ..errors import UserError
from ..estimation.estimator import Estimates, Estimator
from ..faces.detectors.base import Face
from ..faces.finder import FaceFinder, Found
from ..faces.images import Box
from ..files import defer_sigint
from .arguments import Arguments
from .job import Job, Result
from .sources import Frame
from .tracking import Smoother, TrackedFace, Tracker

BATCH = 32  # images whose faces are estimated at once
_BATCH_IN_MEMORY = 8  # the same, if the images are kept for copies of them
_PREFETCHED = 2  # items
_POLL = 0.05  # seconds between two looks at the event that ends a thread
_TIMEOUT = 2.0  # seconds to wait for a camera's last frame

Item = TypeVar("Item")


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
    """The faces of a video's frames, with estimates averaged along tracks.

    tracker: yields frames that are complete, with their faces, for `estimate`.
    """

    def __init__(self, finder: FaceFinder, estimator: Estimator, arguments: Arguments, live: bool):
        self._crop, self._estimator, self._arguments = finder.crop, estimator, arguments
        self._smoother = Smoother(arguments.smooth)
        is_sparse = arguments.every is not None
        self.tracker = Tracker(finder.detect, arguments.min_quality, live, is_sparse)

    def estimate(self, frame: Frame, tracked: list[TrackedFace]) -> Result:
        """The result of a frame."""
        track_ids, faces = [track_id for track_id, _ in tracked], [face for _, face in tracked]

        def estimate_some(due: list[int]) -> Estimates:
            return self._estimator(self._crop.stack(frame.image, [faces[i] for i in due]))

        estimates = self._smoother(track_ids, frame.time, estimate_some)
        return Result(
            frame,
            [estimates.of_face(i, _clipped(face, frame.shape)) for i, face in enumerate(faces)],
            self._arguments,
            self._crop.stack(frame.image, faces) if self._arguments.crops else None,
            track_ids,
            self.tracker.not_shown,
        )


def video_results(job: Job, finder: FaceFinder, estimator: Estimator) -> Generator[Result]:
    """Results of the frames of the job's video.

    One thread reads, one detects and tracks, one estimates. Files are processed in full; cameras
    drop frames to stay live.
    """
    stop, video = Event(), job.video
    finder = replace(finder, min_face=finder.min_face or video.min_face)
    faces = TrackedFaces(finder, estimator, job.arguments, video.live)

    def tracked() -> Generator[tuple[Frame, list[TrackedFace]]]:
        due = 0.0
        with closing(prefetch(video.frames, stop, live=video.live)) as frames:
            for frame in frames:
                if frame.time >= due:
                    due = frame.time + (job.arguments.every or 0)
                    yield from faces.tracker(frame)
        yield from faces.tracker.finish()

    def estimated() -> Generator[Result]:
        with closing(prefetch(tracked(), stop)) as found:
            for frame, found_faces in found:
                yield faces.estimate(frame, found_faces)

    return prefetch(estimated(), stop)


def prefetch(items: Generator[Item], stop: Event, live: bool = False) -> Generator[Item]:
    """Items that another thread produces, up to two ahead; with `live` only the newest one.

    Ends with the items, whose exceptions are raised here, or when `stop` is set, even if the next
    item never comes: the thread of a hanging camera ends with the program. Sets `stop` if it is
    closed early. `items` is closed at the end.
    """
    ready, failed, changed = deque(maxlen=1 if live else None), [], Condition()

    def produce() -> None:
        try:
            for item in items:
                with changed:
                    while not live and len(ready) >= _PREFETCHED and not stop.is_set():
                        changed.wait(_POLL)
                    ready.append(item)
                    changed.notify()
                if stop.is_set():
                    break
        except BaseException as error:  # raised where the items are used
            failed.append(error)
        finally:
            items.close()

    thread = Thread(target=produce, daemon=True)
    try:
        with defer_sigint():
            thread.start()
        while not stop.is_set():
            is_alive = thread.is_alive()  # asked before, so that the last item is not missed
            with changed:
                if not ready and is_alive:
                    changed.wait(_POLL)
                item = [ready.popleft()] if ready else []
                changed.notify()
            yield from item
            if not (item or is_alive):
                break
    except BaseException:
        stop.set()
        raise
    finally:
        thread.join(_TIMEOUT if live else None)
    if failed:
        raise failed[0]
