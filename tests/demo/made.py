"""What the demo's tests share: results with estimates that are known, and frames of clips."""

import cv2
import numpy as np

from src.data.images import Box
from src.demo.result import Result
from src.demo.sources import Picture
from src.estimation.estimator import Estimates


def estimates(ages, p_female) -> Estimates:
    """Of given ages, 0 to 100, with an interval of 5 years on both sides."""
    ages = np.array(ages, np.float32)
    whole = ages.astype(np.int64)
    distribution = np.eye(101, dtype=np.float32)[whole]
    return Estimates(np.array(p_female, np.float32), ages, whole - 5, whole + 5, distribution)


def result(
    name="a.jpg", boxes=(), ages=(), p_female=(), size=(60, 80), time=None, tracks=None
) -> Result:
    """Of a black picture."""
    picture = Picture(name, np.zeros((*size, 3), np.uint8), time)
    return Result(picture, list(boxes), estimates(ages, p_female), tracks)


def two_faces(name="a.jpg", **video) -> Result:
    """The second reaches past the picture's border."""
    boxes = [Box(10, 20, 30, 40), Box(-3, -4, 90, 70)]
    return result(name, boxes, [20.126, 60], [0.98764, 0.25], **video)


def frames(path, count=None) -> list[np.ndarray]:
    """The first `count` frames of a clip, uint8 (H, W, 3), BGR; all if None."""
    capture, images = cv2.VideoCapture(str(path)), []
    while len(images) != count and (read := capture.read())[0]:
        images.append(read[1])
    capture.release()
    return images


def write_clip(path, images, rate=10.0) -> None:
    """An .avi of JPEGs."""
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*"MJPG"), rate, images[0].shape[1::-1]
    )
    for image in images:
        writer.write(image)
    writer.release()
