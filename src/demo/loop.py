"""The demo: pictures in, faces found, ages and genders out."""

from collections.abc import Callable, Iterable

import numpy as np

from src.data.images import Box
from src.demo.sinks import Result, Sink
from src.demo.sources import Picture
from src.estimation.estimator import Estimator


def show_faces(
    pictures: Iterable[Picture],
    detect: Callable[[np.ndarray], list[Box]],
    cut: Callable[[np.ndarray, list[Box]], np.ndarray],
    estimator: Estimator,
    sinks: list[Sink],
) -> None:
    """Estimate all faces of each picture in one batch, and hand them to every sink.

    Ends with the pictures, or when a sink returns False.
    """
    for picture in pictures:
        boxes = detect(picture.image)
        result = Result(picture, boxes, estimator(cut(picture.image, boxes)))
        if not all([sink(result) for sink in sinks]):
            break
