"""Results of images and videos: detection, tracking, estimation."""

import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from threading import Event

import numpy as np

from ..errors import UserError
from ..estimation.estimator import Estimates, Estimator
from ..faces.finder import FaceFinder, Found
from .arguments import Arguments
from .job import Job
from .result import Result
from .smoothing import Smoother
from .sources import Frame
from .threads import drop_stale, prefetch
from .tracking import TrackedFace, Tracker

BATCH = 32  # faces or images; larger batches are no faster on a CPU
_MAX_BYTES = 2**27  # of the images in a batch


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

    with closing(finder.find_all(paths, arguments.scheduler, with_image=with_image)) as found:
        for batch in _batches(readable(), 1 if job.opens_window else BATCH):
            estimates = estimator(np.concatenate([item.crops for _, item in batch]))
            done = 0
            for name, item in batch:
                own = slice(done, done := done + len(item.faces))
                yield image_result(name, item, estimates.of_faces(own), arguments)
    if len(errors) == len(job.images):
        none = f"none of the {len(errors):,} images could be read"
        raise UserError(errors[0] if len(errors) == 1 else none)


def image_result(name: str, found: Found, estimates: Estimates, arguments: Arguments) -> Result:
    """The result of an image, with its faces of sufficient quality from left to right."""
    quality = np.array([face.quality for face in found.faces])
    order = sorted(range(len(found.faces)), key=lambda i: found.faces[i].box)
    kept = [i for i in order if not quality[i] < (arguments.min_quality or 0)]
    return Result(
        Frame(name, found.image, found.shape),
        [found.faces[i].box for i in kept],
        estimates.of_faces(kept),
        quality[kept],
        found.crops[kept],
        skipped=len(order) - len(kept),
        anonymize=arguments.anonymize,
        shown=arguments.shown,
    )


def _batches(found: Iterable[tuple[str, Found]], at_once: int) -> Iterator[list[tuple[str, Found]]]:
    """Batches of up to `at_once` images or faces, or `_MAX_BYTES` of images."""
    batch, faces, size = [], 0, 0
    for name, item in found:
        batch.append((name, item))
        faces += len(item.faces)
        size += 0 if item.image is None else item.image.nbytes
        if max(faces, len(batch)) >= at_once or size >= _MAX_BYTES:
            yield batch
            batch, faces, size = [], 0, 0
    if batch:
        yield batch


def with_restored(
    results: Iterable[Result], names: Iterable[str], done: dict[str, Result]
) -> Iterator[Result]:
    """Results merged with those of an earlier run, `done`, in the order of `names`."""
    order = iter(names)
    for result in results:
        for name in order:
            if name == result.frame.name:
                break
            if name in done:
                yield done[name]
        yield result
    yield from (done[name] for name in order if name in done)


def video_results(job: Job, finder: FaceFinder, estimator: Estimator) -> Generator[Result]:
    """Results of the frames of the job's video; faces are tracked, and estimates are averaged along
    tracks.

    One thread reads, one detects and tracks, one estimates. Files are processed in full; cameras
    drop frames to stay live.
    """
    stop, video, arguments = Event(), job.video, job.arguments
    is_sparse = arguments.every is not None
    tracker = Tracker(finder.detect, arguments.min_quality, live=video.live, sparse=is_sparse)

    def tracked() -> Generator[tuple[Frame, list[TrackedFace]]]:
        due = 0.0
        for frame in frames:
            if frame.time >= due:
                due = frame.time + (arguments.every or 0)
                yield from tracker(frame)
        yield from tracker.finish()

    def estimated() -> Generator[Result]:
        smoother = Smoother(arguments.smooth)
        with closing(prefetch(tracked())) as ready:
            for frame, faces in ready:
                result = frame_result(frame, faces, smoother, finder, estimator, arguments)
                yield replace(result, skipped=tracker.not_shown)

    frames = drop_stale(video.frames, stop) if video.live else prefetch(video.frames)
    with closing(frames), closing(prefetch(estimated())) as results:
        try:
            # `yield from` would close the results before `stop` is set.
            for result in results:  # noqa: UP028
                yield result
        finally:
            stop.set()  # ends the threads even if the camera hangs


def frame_result(
    frame: Frame,
    faces: list[TrackedFace],
    smoother: Smoother,
    finder: FaceFinder,
    estimator: Estimator,
    arguments: Arguments,
) -> Result:
    """The result of a video's frame, with estimates averaged along tracks by `smoother`."""

    def crops(wanted: list[TrackedFace]) -> np.ndarray:
        return finder.crop.stack(frame.image, [tracked.face for tracked in wanted])

    track_ids = [tracked.track_id for tracked in faces]
    return Result(
        frame,
        [tracked.face.box for tracked in faces],
        smoother(track_ids, frame.time, lambda due: estimator(crops([faces[i] for i in due]))),
        np.array([tracked.quality for tracked in faces]),
        crops(faces) if arguments.crops else None,
        track_ids,
        anonymize=arguments.anonymize,
        shown=arguments.shown,
    )
