"""Results of pictures and of videos: faces found, followed and estimated."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from threading import Event

import numpy as np

from src.demo.result import Result
from src.demo.search import Found, Search
from src.demo.smoothing import Smoother
from src.demo.sources.video import Video
from src.demo.threads import ahead, latest
from src.demo.tracking import Tracker
from src.estimation.estimator import Estimator

AT_ONCE = 32  # faces or pictures; larger batches are no faster on a CPU
_MAX_HELD = 2**27  # bytes of pictures that wait for their batch


def picture_results(
    found: Iterable[Found], estimator: Estimator, at_once: int, anonymize: bool = False
) -> Iterator[Result]:
    """Results of pictures, whose faces are estimated in batches.

    at_once: pictures or faces of a batch.
    """
    for batch in _batches(found, at_once):
        estimates = estimator(np.concatenate([item.faces for item in batch]))
        done = 0
        for picture, boxes, faces in batch:
            own = slice(done, done := done + len(boxes))
            yield Result(picture, boxes, estimates.of_faces(own), faces, anonymize=anonymize)


def _batches(found: Iterable[Found], at_once: int) -> Iterator[list[Found]]:
    batch, faces, held = [], 0, 0
    for item in found:
        batch.append(item)
        faces += len(item.boxes)
        held += item.picture.image.nbytes
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
    search: Search,
    estimator: Estimator,
    smoother: Smoother,
    idle: Callable[[], bool] | None = None,
    anonymize: bool = False,
) -> Generator[Result]:
    """Results of a video's frames, whose faces are followed; estimates are averaged along tracks.

    One thread reads, one detects and follows, and this one estimates. Files are processed in full;
    cameras drop frames to stay live.
    idle: called while there is no next frame; returns False to end.
    """
    stop = Event()

    def go_on() -> bool:
        if not idle():
            stop.set()
        return not stop.is_set()

    frames = latest(video.frames, stop) if video.live else ahead(video.frames)
    with (
        closing(frames),
        closing(ahead(_follow(frames, search, video), idle=go_on if idle else None)) as followed,
    ):
        try:
            for (picture, boxes, faces), tracks in followed:
                estimates = smoother(tracks, estimator(faces))
                yield Result(picture, boxes, estimates, faces, tracks, anonymize)
        finally:
            stop.set()  # a camera that hangs does not keep the threads


def _follow(frames: Iterator, search: Search, video: Video) -> Generator[tuple[Found, list[int]]]:
    """The faces of each frame, and the numbers of their tracks."""
    detect, cut = search.tools()
    track = Tracker(detect, every_frame=video.every is not None)
    for picture in frames:
        tracks = track(picture.image)
        boxes = [face.box for face in tracks]
        yield Found(picture, boxes, cut(picture.image, boxes)), [face.number for face in tracks]
