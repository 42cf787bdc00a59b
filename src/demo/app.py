"""The demo: connects source, face finder, estimator and sinks."""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..estimation.estimator import Estimator
from ..faces.finder import FaceFinder
from ..outputs import check_outputs
from . import loop
from .job import Job
from .result import Result, Sink
from .sinks import all_outputs, open_sinks
from .sinks.copies import copy_path, crop_path
from .sinks.gallery import labelled_pictures
from .sinks.records import read_done
from .sinks.window import VideoWindow
from .smoothing import Smoother
from .sources.pictures import folder_pictures, named_pictures
from .sources.video import open_camera, open_video

_SAME_AGE, _SAME_SHARE = 0.1, 0.01  # maximum differences due to the batch size


def run(args: Namespace) -> None:
    """Run the demo with the arguments of demo.py.

    Raises `UserError` for errors that the user can fix, such as pictures none of which is readable;
    for a video that is only partly readable, after its outputs are complete.
    """
    if args.web:
        from .web.server import serve

        return serve(*_finder_and_estimator(args), args)
    with ExitStack() as stack:
        job = _open_job(args, stack)
        check_outputs(all_outputs(job), _inputs(job))
        finder, estimator = _finder_and_estimator(args)
        _check_resumed(job, finder, estimator)
        sinks = open_sinks(job, stack)
        if job.video:
            window = next((sink for sink in sinks if isinstance(sink, VideoWindow)), None)
            idle = window.idle if window and job.video.live else None
            run_video(job, finder, estimator, sinks, idle)
        else:
            _run_pictures(job, finder, estimator, sinks)
    if job.video and job.video.problem:
        raise UserError(job.video.problem)


def _open_job(args: Namespace, stack: ExitStack) -> Job:
    if args.labels:
        pictures, labels = labelled_pictures(args.labels, args.image_dir)
        job = Job(args, pictures, labels=labels)
    elif args.image_dir:
        outputs = tuple(path for path in (args.output_dir, args.crops) if path)
        pictures, left_out = folder_pictures(args.image_dir, args.recursive, outputs)
        for line in left_out:
            print(line, file=sys.stderr)
        job = Job(args, pictures)
    elif args.pictures:
        job = Job(args, named_pictures(args.pictures))
    else:
        video = (
            open_video(args.video, args.every)
            if args.video
            else open_camera(args.camera, args.every)
        )
        stack.enter_context(closing(video.frames))
        args.min_face = args.min_face or (video.min_face if args.detector != "none" else None)
        return Job(args, video=video)
    if args.resume:
        done = read_done(args.csv, args.jsonl)
        job.done = {name: done[name] for name in job.pictures if _is_done(job, done.get(name))}
    return job


def _is_done(job: Job, result: Result | None) -> bool:
    """Whether an earlier run wrote all files of a picture that this run would write."""
    if result is None:
        return False
    files = []
    if job.args.output_dir:
        files.append(copy_path(job.args.output_dir, result.picture.name))
    if job.args.crops:
        faces = range(len(result.boxes))
        files += [crop_path(job.args.crops, result.picture.name, face) for face in faces]
    return all(file.is_file() for file in files)


def _inputs(job: Job) -> Iterator[tuple[str, Path | None]]:
    yield "--weight_file", job.args.weight_file
    yield "--labels", job.args.labels
    yield "--video", job.video and job.video.file
    yield from (("a picture", path) for path in job.pictures.values())


def _finder_and_estimator(args: Namespace) -> tuple[FaceFinder, Estimator]:
    """The face finder, for the model's crops, and the model."""
    estimator = Estimator(args.model_file, args.runtime, args.original)
    crop = estimator.crop
    if args.margin is not None:
        crop = replace(crop, margin=args.margin)
    finder = FaceFinder(args.detector, args.min_face, crop)
    finder.load()
    return finder, estimator


def _check_resumed(job: Job, finder: FaceFinder, estimator: Estimator) -> None:
    """Raise `UserError` if the first face of the earlier run now has another box or age."""
    name = next((name for name, result in job.done.items() if result.boxes), None)
    if name is None:
        return
    before = job.done[name]
    now = next(loop.picture_results(finder, {name: job.pictures[name]}, estimator, 1), None)
    if now is None:  # missing or unreadable, which was reported
        return
    height, width = now.picture.image.shape[:2]
    boxes = [
        (max(left, 0), max(top, 0), min(right, width), min(bottom, height))
        for left, top, right, bottom in now.boxes
    ]
    if boxes == before.boxes and all(
        np.allclose(getattr(before.estimates, column), getattr(now.estimates, column), atol=atol)
        for column, atol in (("age", _SAME_AGE), ("p_female", _SAME_SHARE))
    ):
        return
    raise UserError(
        f"--resume: expected the weights, margin and detector of the earlier run, received others: "
        f"the faces of {job.pictures[name]} differ; pass the same, or another --csv and --jsonl"
    )


def _run_pictures(job: Job, finder: FaceFinder, estimator: Estimator, sinks: list[Sink]) -> None:
    left = {name: path for name, path in job.pictures.items() if name not in job.done}
    at_once = 1 if job.opens_window else loop.AT_ONCE
    errors = []

    def report(error: str) -> None:
        errors.append(error)
        if len(job.pictures) > 1:
            loop.left_out(error)

    results = loop.picture_results(
        finder, left, estimator, at_once, job.args.anonymize, job.args.scheduler, report
    )
    with closing(results):
        try:
            _feed(loop.with_restored(results, job.pictures, job.done), sinks)
        except KeyboardInterrupt:
            if (job.args.csv or job.args.jsonl) and not job.prints_records:
                raise KeyboardInterrupt("resume with --resume") from None
            raise
    if len(errors) == len(job.pictures):
        raise UserError(
            errors[0]
            if len(errors) == 1
            else f"expected pictures, none of the {len(errors):,} could be read"
        )


def run_video(
    job: Job,
    finder: FaceFinder,
    estimator: Estimator,
    sinks: list[Sink],
    idle: Callable[[], bool] | None = None,
) -> None:
    """Pass the results of a video's frames to the sinks, until one of them ends the run.

    idle: see `loop.video_results`.
    """
    smoother = Smoother(job.args.smooth)
    results = loop.video_results(job.video, finder, estimator, smoother, idle, job.args.anonymize)
    # Ctrl-C is the way to end a webcam without a window, so results are kept.
    with suppress(KeyboardInterrupt), closing(results):
        _feed(results, sinks)


def _feed(results: Iterator[Result], sinks: list[Sink]) -> None:
    for result in results:
        if False in [sink(result) for sink in sinks]:
            return
