"""The demo: faces in, ages and genders out, to every sink.

A sink is called with every `Result`, and returns False when the demo should end.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing

import numpy as np

from src.demo.result import Result
from src.demo.search import Found, Search
from src.demo.smoothing import Smoother
from src.demo.sources.video import Video
from src.demo.threads import ahead, latest
from src.demo.tracking import Tracker
from src.estimation.estimator import Estimator

AT_ONCE = 32  # faces or pictures; larger batches are no faster on a CPU
MOST_HELD = 2**27  # bytes of pictures that wait for their batch

Sink = Callable[[Result], bool]


def show_pictures(
    found: Iterable[Found], estimator: Estimator, sinks: list[Sink], at_once: int
) -> None:
    """Estimate the faces of several pictures in one go: of `at_once`, or with as many faces."""
    for batch in _batches(found, at_once):
        estimates = estimator(np.concatenate([item.faces for item in batch]))
        done = 0
        for picture, boxes, _ in batch:
            own = slice(done, done := done + len(boxes))
            if not _give(Result(picture, boxes, estimates.of_faces(own)), sinks):
                return


def _batches(found: Iterable[Found], at_once: int) -> Iterator[list[Found]]:
    batch, faces, held = [], 0, 0
    for item in found:
        batch.append(item)
        faces += len(item.boxes)
        held += item.picture.image.nbytes
        if max(faces, len(batch)) >= at_once or held >= MOST_HELD:
            yield batch
            batch, faces, held = [], 0, 0
    if batch:
        yield batch


def show_video(
    video: Video, search: Search, estimator: Estimator, smoother: Smoother, sinks: list[Sink]
) -> None:
    """Follow the faces of a video, and average what is said of each along its track.

    One thread reads, one finds and follows, and this one estimates and gives to the sinks. They
    see every frame of a file, and the newest of a camera.
    """
    with (
        closing((latest if video.live else ahead)(video.frames)) as frames,
        closing(ahead(_follow(frames, search))) as followed,
    ):
        for found, tracks in followed:
            estimates = smoother(tracks, estimator(found.faces))
            if not _give(Result(found.picture, found.boxes, estimates, tracks), sinks):
                return


def _follow(frames: Iterator, search: Search) -> Generator[tuple[Found, list[int]]]:
    """The faces of each frame, and the numbers of their tracks."""
    detect, cut = search.tools()
    track = Tracker(detect)
    for picture in frames:
        tracks = track(picture.image)
        boxes = [face.box for face in tracks]
        yield Found(picture, boxes, cut(picture.image, boxes)), [face.number for face in tracks]


def _give(result: Result, sinks: list[Sink]) -> bool:
    return all([sink(result) for sink in sinks])
