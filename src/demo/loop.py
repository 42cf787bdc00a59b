"""Results of pictures and videos: detection, tracking, estimation."""

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import numpy as np

from ..estimation.estimator import Estimator
from ..faces.finder import FaceFinder, Found
from .result import Result
from .smoothing import Smoother
from .sources import Picture
from .sources.video import Video
from .threads import ahead, latest
from .tracking import Track, Tracker

AT_ONCE = 32  # faces or pictures; larger batches are no faster on a CPU
_MAX_HELD = 2**27  # bytes of the pictures in a batch


def left_out(error: str) -> None:
    """Print why a picture is left out, on stderr."""
    print(f"left out: {error}", file=sys.stderr, flush=True)


def picture_results(
    finder: FaceFinder,
    pictures: dict[str, Path],
    estimator: Estimator,
    at_once: int,
    anonymize: bool = False,
    scheduler: str | None = None,
    report: Callable[[str], None] = left_out,
) -> Generator[Result]:
    """Results of pictures by name, without the unreadable ones.

    at_once: maximum number of pictures, and of faces, in a batch.
    scheduler: see `FaceFinder.find_all`.
    report: called with a message per unreadable picture.
    """
    found = finder.find_all(list(pictures.values()), scheduler, with_image=True)
    with closing(found):
        for batch in _batches(zip(pictures, found, strict=True), at_once, report):
            estimates = estimator(np.concatenate([item.crops for _, item in batch]))
            done = 0
            for name, item in batch:
                own = slice(done, done := done + len(item.faces))
                yield Result(
                    Picture(name, item.image),
                    [face.box for face in item.faces],
                    estimates.of_faces(own),
                    item.crops,
                    anonymize=anonymize,
                )


def _batches(
    found: Iterable[tuple[str, Found]], at_once: int, report: Callable[[str], None]
) -> Iterator[list[tuple[str, Found]]]:
    batch, faces, held = [], 0, 0
    for name, item in found:
        if item.image is None:
            report(item.error)
            continue
        batch.append((name, item))
        faces += len(item.faces)
        held += item.image.nbytes
        if max(faces, len(batch)) >= at_once or held >= _MAX_HELD:
            yield batch
            batch, faces, held = [], 0, 0
    if batch:
        yield batch


def with_restored(
    results: Iterable[Result], names: Iterable[str], done: dict[str, Result]
) -> Iterator[Result]:
    """Results merged with those of an earlier run, `done`, in the order of `names`."""
    order = iter(names)
    for result in results:
        for name in order:
            if name == result.picture.name:
                break
            if name in done:
                yield done[name]
        yield result
    yield from (done[name] for name in order if name in done)


def video_results(
    video: Video,
    finder: FaceFinder,
    estimator: Estimator,
    smoother: Smoother,
    idle: Callable[[], bool] | None = None,
    anonymize: bool = False,
) -> Generator[Result]:
    """Results of a video's frames; faces are tracked, and estimates are averaged along tracks.

    One thread reads, one detects and tracks, and this one estimates. Files are processed in full;
    cameras drop frames to stay live.
    idle: called while there is no next frame; returns False to end.
    """
    stop = Event()

    def is_running() -> bool:
        if not idle():
            stop.set()
        return not stop.is_set()

    frames = latest(video.frames, stop) if video.live else ahead(video.frames)
    with (
        closing(frames),
        closing(
            ahead(_follow(frames, finder, video), idle=is_running if idle else None)
        ) as followed,
    ):
        try:
            for picture, tracks, crops in followed:
                numbers, boxes = [track.number for track in tracks], [t.face.box for t in tracks]
                estimates = smoother(numbers, estimator(crops))
                yield Result(picture, boxes, estimates, crops, numbers, anonymize)
        finally:
            stop.set()  # ends the threads even if the camera hangs


def _follow(
    frames: Iterator[Picture], finder: FaceFinder, video: Video
) -> Generator[tuple[Picture, list[Track], np.ndarray]]:
    """Each frame, the tracks of its faces, and their crops, uint8 (N, S, S, 3)."""
    tracker = Tracker(finder.detect, every_frame=video.every is not None)
    for picture in frames:
        tracks = tracker(picture.image)
        yield picture, tracks, finder.crop.stack(picture.image, [track.face for track in tracks])
