"""Prediction of age and gender from images and face crops."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Generator, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import islice, repeat
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from tqdm import tqdm

from ..errors import UserError
from ..faces.detectors import DEFAULT_DETECTOR
from ..faces.detectors.base import Face
from ..faces.finder import FaceFinder, Found
from ..faces.images import Box
from ..models.description import Original
from ..shipped import resolve_weights
from ..workers import map_in_order
from .estimates import Estimates, FaceEstimate, ImageFaces, to_frame
from .images import CHANNELS, KINDS, ImageSource, check_array, read_pixels
from .runtimes import load, runtime_of

__all__ = ["Estimates", "Estimator", "FaceEstimate", "ImageFaces", "to_frame"]

_BATCH = 32  # faces; larger batches are no faster on a CPU
# The five points of an upright face in its box: medians of 249 faces of WIKI, made symmetric.
_POINTS = np.array([(0.3, 0.29), (0.72, 0.29), (0.51, 0.52), (0.35, 0.71), (0.67, 0.71)])


class Estimator:
    """A model that estimates age and gender from images; arrays are BGR, as OpenCV reads them.

    >>> estimator = Estimator()
    >>> for face in estimator.predict("photo.jpg"):  # doctest: +SKIP
    ...     print(face)
    female (97%), 33 years (28-37), box 158, 134, 367, 344

    Threads may share an estimator. One that is pickled, or used after a fork, loads its file again.

    Attributes:
        weight_file: path of the model.
        description: what the file stores about the model.
        crop: the face crops that the model expects.
    """

    def __init__(
        self,
        weight_file: Path | str | None = None,
        runtime: str | None = None,
        original: Original = Original(),
    ):
        """Load a model.

        Args:
            weight_file: a checkpoint or an export, or the name of a shipped model, "accurate" (the
                default) or "small", which is faster.
            runtime: one of `estimation.RUNTIMES`, by default from the file's name.
            original: network of a file of the original toolkit.

        Raises:
            UserError: The file cannot be loaded.
        """
        self.weight_file = resolve_weights(weight_file)
        self._arguments = self.weight_file, runtime or runtime_of(self.weight_file), original
        self._load()
        self.crop = self.description.crop

    def _load(self) -> None:
        self._process = os.getpid()
        self._predict, self.description = load(*self._arguments)
        # The other runtimes are not thread-safe.
        self._lock = nullcontext() if self._arguments[1] == "onnx" else Lock()

    def __reduce__(self) -> tuple:
        return Estimator, self._arguments

    def __call__(self, crops: np.ndarray) -> Estimates:
        """Estimate face crops that are ready for the network, as `crop` describes them.

        >>> import numpy as np
        >>> size = estimator.crop.size
        >>> estimator(np.zeros((3, size, size, 3), np.uint8)).age.shape
        (3,)

        Args:
            crops: uint8 (N, size, size, 3), BGR, 0..255; N may be 0.

        Raises:
            UserError: The array has another shape or type.
        """
        check_array(crops, ("N",), (self.crop.size, self.crop.size, 3))
        if os.getpid() != self._process:  # threads of runtimes do not survive a fork
            # Never deleted, which would wait for these threads.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._predict))
            self._load()
        outputs = [(np.empty((0, 2), np.float32), np.empty((0, 101), np.float32))]
        for start in range(0, len(crops), _BATCH):
            with self._lock:
                outputs.append(self._predict(crops[start : start + _BATCH]))
        gender, age = map(np.concatenate, zip(*outputs, strict=True))
        return Estimates.of(gender[:, 0], age)

    def predict(
        self,
        image: ImageSource | Iterable[ImageSource],
        detector: str = DEFAULT_DETECTOR,
        min_face: int | None = None,
        *,
        boxes: Sequence | np.ndarray | None = None,
        channels: str = "bgr",
        progress: bool = False,
        skip_errors: bool = False,
    ) -> ImageFaces | list[ImageFaces] | Generator[ImageFaces]:
        """Detect the faces of an image, or of many, and estimate their age and gender.

        Many images are read and searched on all cores, and their faces are estimated in batches.

        >>> [face] = estimator.predict(portrait)
        >>> face.age_low <= face.age <= face.age_high
        True
        >>> len(estimator.predict(portrait, boxes=[face.box]))
        1

        Args:
            image: a path, the bytes of a file, an open file, uint8 (H, W, 3) or grey (H, W), or a
                PIL image; or a list, a tuple or a generator of these.
            detector: one of `faces.detectors.DETECTORS`; "none" if the image is a face crop.
            min_face: minimum side of a face to detect, in pixels; larger is faster (default: a
                16th of the image's longer side).
            boxes: faces of your own detector instead, (N, 4): left, top, right, bottom in pixels;
                of many images, one such sequence per image.
            channels: "bgr" or "rgb", the order of an array's channels.
            progress: whether to show a progress bar.
            skip_errors: whether an unreadable image gives an empty result with `error`.

        Returns:
            The faces, in the order of the detector or of `boxes`. For a list or tuple, a list of
            results; for a generator, a generator.

        Raises:
            UserError: An image cannot be read, or an argument is invalid.
        """
        if channels not in CHANNELS:
            raise UserError(f"channels: expected {' or '.join(CHANNELS)}, received {channels!r}")
        finder = FaceFinder(detector, min_face, self.crop)
        finder.load()
        find = partial(_find, finder, channels, skip_errors)
        if isinstance(image, KINDS) or hasattr(image, "read") or not isinstance(image, Iterable):
            return next(self._results(map(find, [(image, boxes)])))
        tasks = zip(image, repeat(None) if boxes is None else boxes, strict=boxes is not None)
        total = len(image) if isinstance(image, list | tuple) else None
        found = map_in_order(find, tasks)
        results = self._results(tqdm(found, total=total, unit=" images", disable=not progress))
        return results if total is None else list(results)

    def in_batches(
        self, found: Iterable[tuple[Any, Found]], images: int = _BATCH
    ) -> Generator[tuple[Any, Found, Estimates]]:
        """Keys and faces of images with the estimates of the faces, in batches of images."""
        remaining = iter(found)
        while batch := list(islice(remaining, images)):
            estimates = self(np.concatenate([each.crops for _, each in batch]))
            done = 0
            for key, each in batch:
                own = slice(done, done := done + len(each.faces))
                yield key, each, estimates.of_faces(own)

    def _results(self, found: Iterable[tuple[ImageFaces, Found]]) -> Generator[ImageFaces]:
        for result, each, estimates in self.in_batches(found):
            result.extend(estimates.of_face(i, face) for i, face in enumerate(each.faces))
            yield result


def _find(
    finder: FaceFinder, channels: str, skip_errors: bool, task: tuple[ImageSource, Any]
) -> tuple[ImageFaces, Found]:
    """An empty result for an image, and its faces, or those in its boxes."""
    source, boxes = task
    source = source.read() if hasattr(source, "read") else source
    try:
        if boxes is not None:
            found = _find_at_boxes(finder, read_pixels(source, channels), boxes)
        elif isinstance(source, str | os.PathLike):
            found = finder.find_in_file(source)
        elif isinstance(source, bytes):
            found = finder.find_in_file("image", content=source)
        else:
            found = finder.find(read_pixels(source, channels))
    except (UserError, FileNotFoundError) as error:
        found = finder.nothing("", str(error))
    if found.error and not skip_errors:
        raise UserError(found.error)
    return ImageFaces(source, channels, found.error), found


def _find_at_boxes(finder: FaceFinder, image: np.ndarray, boxes: Sequence | np.ndarray) -> Found:
    """The faces in boxes; those without points are taken for upright."""
    faces, (height, width) = [], image.shape[:2]
    for left, top, right, bottom in np.reshape(boxes, (-1, 4)).round().astype(int).tolist():
        face = Face(Box(left, top, right, bottom))
        if not (left < min(right, width) and top < min(bottom, height)):
            raise UserError(f"boxes: expected corners in the image, received {face.box}")
        upright = replace(face, points=_POINTS * (right - left, bottom - top) + (left, top))
        faces += finder.located(image, [face]) or finder.located(image, [upright])
    return Found(None, faces, finder.crop.stack(image, faces))
