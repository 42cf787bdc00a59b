"""The Median Flow tracker.

Kalal, Mikolajczyk & Matas, "Forward-Backward Error: Automatic Detection of Tracking Failures",
ICPR 2010. Grid points in the box are tracked to the next frame and back by the pyramidal
Lucas-Kanade method; the half with the smallest forward-backward errors moves the box.
"""

import cv2
import numpy as np

GRID = 10  # points along each side of a box
WINDOW = 15  # pixels, side of the compared window around a point
LEVELS = 3  # of the image pyramid
LOST = 0.1  # of the box's width: maximum median forward-backward error


def follow(before: np.ndarray, now: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Boxes in the frame `now`, uint8 (H, W), from boxes in the frame `before`, of the same shape.

    boxes: float64 (N, 4): left, top, right, bottom in pixels.
    Returns float64 (N, 4), NaN for lost boxes.
    """
    if not len(boxes):
        return boxes
    start = np.stack([_grid(box) for box in boxes])  # (N, points, 2)
    end, found = _flow(before, now, start)
    back, found_back = _flow(now, before, end)
    error = np.linalg.norm(back - start, axis=2)
    error[~(found & found_back)] = np.inf
    return np.stack(
        [_move(*of_box) for of_box in zip(boxes, start, end, error, strict=True)]
    ).astype(np.float64)


def _grid(box: np.ndarray) -> np.ndarray:
    """The centres of the cells of a grid over `box`, float32 (GRID ** 2, 2)."""
    share = (np.arange(GRID) + 0.5) / GRID
    x, y = np.meshgrid(box[0] + share * (box[2] - box[0]), box[1] + share * (box[3] - box[1]))
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)


def _flow(before: np.ndarray, now: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """New positions of points (N, M, 2), and whether they were found, bool (N, M)."""
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before, now, points.reshape(-1, 1, 2), None, winSize=(WINDOW, WINDOW), maxLevel=LEVELS
    )
    return moved.reshape(points.shape), found.reshape(points.shape[:2]) == 1


def _move(box: np.ndarray, start: np.ndarray, end: np.ndarray, error: np.ndarray) -> np.ndarray:
    """The box, moved by the median shift of the better half of the points, and scaled by the median
    ratio of their distances."""
    if not np.median(error) <= LOST * (box[2] - box[0]):
        return np.full(4, np.nan)
    good = error <= np.median(error)
    start, end = start[good], end[good]
    first, second = np.triu_indices(len(start), 1)
    scale = np.median(
        np.linalg.norm(end[first] - end[second], axis=1)
        / np.linalg.norm(start[first] - start[second], axis=1)
    )
    middle = (box[:2] + box[2:]) / 2 + np.median(end - start, axis=0)
    half = (box[2:] - box[:2]) / 2 * scale
    return np.concatenate([middle - half, middle + half])
