"""The demo: connects source, face finder, estimator and sinks."""

import sys
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..estimation.estimator import Estimator
from ..faces.finder import FaceFinder
from ..files import check_folder
from ..outputs import check_outputs, is_same
from .arguments import STDOUT, Arguments
from .job import Job, Result, Sink
from .results import image_results, video_results
from .sinks import open_sinks
from .sinks.images import copy_path, crop_path, labelled_images
from .sinks.records import outputs, read_done
from .sinks.video import video_path
from .sinks.window import has_screen
from .sources.images import folder_images, named_images
from .sources.video import open_camera, open_video

_SAME = 0.06  # years, or probability: maximum difference due to the batch size and rounding


def run(arguments: Arguments) -> None:
    """Run the demo.

    Raises `UserError` for errors that the user can fix, such as images none of which is readable;
    for a video that is only partly readable, after its outputs are complete.
    """
    if arguments.web:
        from .web import serve

        return serve(_models(arguments), _models(arguments, for_video=True), arguments)
    with ExitStack() as stack:
        job = _open_job(arguments, stack)
        _check_outputs(job)
        finder, estimator = _models(arguments, for_video=job.video is not None)
        _check_resumed(job, finder, estimator)
        sinks = open_sinks(job, stack)
        (run_video if job.video else _run_images)(job, finder, estimator, sinks)
    if job.video and job.video.problem:
        raise UserError(job.video.problem)


def _open_job(arguments: Arguments, stack: ExitStack) -> Job:
    opens_window = not arguments.no_display and has_screen()
    if arguments.source in ("--video", "the webcam"):
        camera = arguments.camera, arguments.camera_size
        video = open_video(arguments.video) if arguments.video else open_camera(*camera)
        return Job(arguments, video=video, opens_window=opens_window)
    labels = None
    if arguments.label_file:
        images, labels = labelled_images(arguments)
    elif arguments.image_dir:
        written = tuple(path for path in (arguments.output_dir, arguments.crops) if path)
        images, others = folder_images(arguments.image_dir, arguments.recursive, written)
        if others:
            print(f"skipped: {others:,} files that are not images", file=sys.stderr)
    else:
        downloads = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        images = named_images(arguments.images, downloads)
    done = read_done(arguments) if arguments.resume else {}
    done = {name: done[name] for name in images if name in done and _is_done(done[name])}
    return Job(arguments, images, labels=labels, done=done, opens_window=opens_window)


def _is_done(result: Result) -> bool:
    """Whether an earlier run wrote all files of an image that this run would write."""
    name, arguments = result.frame.name, result.arguments
    files = [copy_path(arguments.output_dir, name)] if arguments.output_dir else []
    if arguments.crops:
        files += [crop_path(arguments.crops, name, number) for number in result.numbers]
    return all(file.is_file() for file in files)


def _check_outputs(job: Job) -> None:
    """Raise `UserError` if an output would replace an input, or a file of another kind."""
    arguments, folder = job.arguments, job.arguments.output_dir
    for path in (folder, arguments.crops):
        if path and path.exists():
            check_folder(path)
    sources = list(job.images.values()) or [job.video.file]
    inputs = [("--weight_file", arguments.weight_file), ("--labels", arguments.label_file)]
    check_outputs(outputs(arguments), inputs + [("an input", source) for source in sources])
    if folder:
        copies = [copy_path(folder, name) for name in job.images] or [video_path(job)]
        for copy, source in zip(copies, sources, strict=True):
            if source and copy.exists() and is_same(copy, source):
                raise UserError(f"--output_dir: a copy would replace {copy}; name another folder")


def _models(arguments: Arguments, for_video: bool = False) -> tuple[FaceFinder, Estimator]:
    """The face finder, for the model's crops, and the model, by default a fast one for videos."""
    weight_file = arguments.weight_file or ("small" if for_video else None)
    estimator = Estimator(weight_file, arguments.runtime, arguments.original)
    crop = estimator.crop
    if arguments.margin is not None:
        crop = replace(crop, margin=arguments.margin)
    finder = FaceFinder(arguments.detector, arguments.min_face, crop)
    finder.load()
    return finder, estimator


def _check_resumed(job: Job, finder: FaceFinder, estimator: Estimator) -> None:
    """Raise `UserError` if the first face of the earlier run now has another box or age."""
    name = next((name for name, result in job.done.items() if result.faces), None)
    now = next(image_results(job, [name], finder, estimator), None) if name else None
    if now is None:  # no face, or an image that is missing or unreadable, which was reported
        return
    before, now = (
        np.array([(*face.box, face.age, face.p_female) for face in result.faces])
        for result in (job.done[name], now)
    )
    if before.shape != now.shape or not np.allclose(before, now, atol=_SAME):
        raise UserError(
            f"--resume: the faces of {job.images[name]} differ from the earlier run's; pass the "
            "same weights, margin and detector, or another --csv and --jsonl"
        )


def _run_images(job: Job, finder: FaceFinder, estimator: Estimator, sinks: list[Sink]) -> None:
    names = [name for name in job.images if name not in job.done]
    is_recorded = {job.arguments.csv, job.arguments.jsonl} - {None, STDOUT}
    try:
        _feed(image_results(job, names, finder, estimator), sinks)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(*["resume with --resume"] if is_recorded else []) from None


def run_video(job: Job, finder: FaceFinder, estimator: Estimator, sinks: list[Sink]) -> None:
    """Pass the results of a video's frames to the sinks, until one of them ends the run."""
    with suppress(KeyboardInterrupt):  # the way to end a webcam without a window
        _feed(video_results(job, finder, estimator), sinks)


def _feed(results: Generator[Result], sinks: list[Sink]) -> None:
    with closing(results):
        for result in results:
            if False in [sink(result) for sink in sinks]:
                return
