"""Results with known estimates, and clips, for the tests of the demo."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from src.demo.arguments import Arguments
from src.demo.job import Frame, Job, Result
from src.estimation.estimator import Estimates, FaceEstimate
from src.faces.detectors.base import Face
from src.faces.images import Box


def estimates(ages, p_female) -> Estimates:
    """Estimates of given ages, 0 to 100, with an interval of 5 years on both sides."""
    ages = np.array(ages, np.float32)
    whole = ages.astype(np.int64)
    distribution = np.eye(101, dtype=np.float32)[whole]
    return Estimates(np.array(p_female, np.float32), ages, whole - 5, whole + 5, distribution)


def face_estimates(boxes, ages, p_female) -> list[FaceEstimate]:
    """Faces of quality 0.5."""
    of_all = estimates(ages, p_female)
    return [of_all.of_face(i, Face(Box(*box), quality=0.5)) for i, box in enumerate(boxes)]


def result(
    name="a.jpg", boxes=(), ages=(), p_female=(), size=(60, 80), time=None, tracks=None, **values
) -> Result:
    """A result for a black image; `values` also of its arguments."""
    frame = Frame(name, np.zeros((*size, 3), np.uint8), size, time)
    crops = np.full((len(boxes), 16, 16, 3), 100, np.uint8)
    skipped, arguments = values.pop("skipped", 0), Arguments(no_display=True, **values)
    return Result(frame, face_estimates(boxes, ages, p_female), arguments, crops, tracks, skipped)


def job(video=None, images=(), labels=None, done=None, **flags) -> Job:
    """A job on `images`, paths by name or names, with default flags except `flags`."""
    paths = images if isinstance(images, dict) else {name: Path(name) for name in images}
    arguments = Arguments(**{"no_display": True} | flags)
    return Job(arguments, paths, video, labels, done or {})


def two_faces(name="a.jpg", **video) -> Result:
    """The second face fills the image."""
    boxes = [Box(10, 20, 30, 40), Box(0, 0, 80, 60)]
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


def write_timed(
    path,
    times,
    codec="libx264",
    rate=30,
    size=(176, 144),
    aspect=None,
    sound=None,
    images=None,
    **container,
) -> None:
    """A clip with frames at `times`, in seconds, by PyAV.

    rate: frames per second that the file states.  aspect: shape of its pixels.
    sound: seconds of a tone of 440 Hz.  images: uint8 BGR; numbers on grey if None.
    container: options of the file's format.
    """
    import av

    options = {name: value for name, value in container.items() if value}
    with av.open(str(path), "w", options=options) as file:
        stream = file.add_stream(codec, rate=rate)
        if images is not None:
            size = images[0].shape[1::-1]
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 30_000)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        tone = file.add_stream("aac", rate=44_100, layout="mono") if sound else None
        for number, time in enumerate(times):
            image = np.full((*size[::-1], 3), 128, np.uint8) if images is None else images[number]
            if images is None:
                cv2.putText(image, str(number), (20, 80), 0, 2, (255, 255, 255), 2)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = round(time * 30_000), Fraction(1, 30_000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
        if tone:
            wave = np.sin(np.arange(int(44_100 * sound)) * 2 * np.pi * 440 / 44_100)
            samples = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), "fltp", "mono")
            samples.sample_rate, samples.pts = 44_100, 0
            file.mux(tone.encode(samples))
            file.mux(tone.encode())
