#!/usr/bin/env python3
"""Tell age and gender of the faces in pictures, in a video or in front of a webcam.

python demo.py --image_dir photos --csv faces.csv --output_dir annotated
python demo.py --video clip.mp4 --output_dir annotated
python demo.py --web
"""

import sys
from contextlib import ExitStack, closing, suppress

from src import cli
from src.cli import demo as flags
from src.errors import UserError


def get_args():
    parser = cli.Parser(
        "This script detects faces from web cam input, and estimates age and gender for the "
        "detected faces."
    )
    cli.add_weight_arguments(parser)
    cli.add_runtime_argument(parser)
    flags.add_source_arguments(parser)
    flags.add_face_arguments(parser)
    flags.add_sink_arguments(parser)
    flags.add_web_arguments(parser)
    args = parser.parse_args()
    flags.check(parser, args)
    return args


def get_estimator(args):
    """The model, and how it wants faces found and cut."""
    from src.demo.search import Search
    from src.estimation.estimator import Estimator

    estimator = Estimator(args.weight_file, args.depth, args.width, args.runtime, args.img_size)
    margin = estimator.margin if args.margin is None else args.margin
    search = Search(args.detector, args.min_face, estimator.align, margin, estimator.img_size)
    return estimator, search


def open_files(args, stack, video=False, done=frozenset()):
    from src.demo import records

    files = []
    if args.csv:
        files.append(stack.enter_context(records.csv_file(args.csv, video, done)))
    if args.jsonl:
        files.append(stack.enter_context(records.jsonl_file(args.jsonl, done)))
    return files


def open_screen(args, stack, window, video=False):
    """What is seen while it works, and whether that is a window."""
    from src.demo import sinks
    from src.demo.window import has_screen

    shown = not args.no_display and has_screen()
    screen = [stack.enter_context(window())] if shown else []
    if args.table:
        screen.append(stack.enter_context(sinks.table(video)))
    elif not shown:
        screen.append(sinks.print_faces)
    return screen, shown


def show_pictures(args, stack):
    from src.demo import gallery, loop, records, sinks
    from src.demo.search import find_all
    from src.demo.sources.pictures import folder_pictures, named_pictures
    from src.demo.window import picture_window

    if args.labels:
        pictures, labels = gallery.labelled_pictures(args.labels, args.image_dir)
    elif args.image_dir:
        outputs = (args.output_dir,) if args.output_dir else ()
        pictures, notes = folder_pictures(args.image_dir, args.recursive, outputs)
        print(*notes, sep="\n", end="\n" if notes else "", file=sys.stderr)
    else:
        pictures = named_pictures(args.pictures)
    done = records.pictures_done(args.csv, args.jsonl) if args.resume else frozenset()
    left = {name: path for name, path in pictures.items() if name not in done}
    files = open_files(args, stack, done=done)
    if args.output_dir:
        files.append(sinks.annotated_copies(args.output_dir, pictures))
    if args.labels:
        files.append(stack.enter_context(gallery.labelled_table(args.output_dir, labels)))
    estimator, search = get_estimator(args)
    screen, shown = open_screen(args, stack, picture_window)
    found = stack.enter_context(closing(find_all(search, left)))
    try:
        loop.show_pictures(found, estimator, files + screen, 1 if shown else loop.AT_ONCE)
    except KeyboardInterrupt:
        if args.csv or args.jsonl:
            raise KeyboardInterrupt("--resume goes on after the pictures done") from None
        raise


def show_video(args, stack):
    from src.demo import loop, sinks
    from src.demo.smoothing import Smoother
    from src.demo.sources.video import open_camera, open_video
    from src.demo.window import video_window

    video = open_video(args.video) if args.video else open_camera(args.camera)
    stack.enter_context(closing(video.frames))
    args.min_face = args.min_face or video.min_face
    files = open_files(args, stack, video=True)
    if args.output_dir:
        files.append(stack.enter_context(sinks.annotated_video(args.output_dir, video)))
    estimator, search = get_estimator(args)
    screen, _ = open_screen(args, stack, lambda: video_window(video.live), video=True)
    # Ctrl-C is how a webcam without a window ends: what it gave by then is kept.
    with suppress(KeyboardInterrupt):
        loop.show_video(video, search, estimator, Smoother(args.smooth), files + screen)
    return video


def serve(args):
    from src.demo import web

    estimator, search = get_estimator(args)
    web.serve(*search.tools(), estimator, args.smooth, args.host, args.port)


def main():
    args = get_args()
    with cli.quiet_import():
        from src.demo import loop  # noqa: F401  what it brings says much while it loads
    if args.web:
        return serve(args)
    show = show_pictures if args.pictures or args.image_dir or args.labels else show_video
    with ExitStack() as stack:
        video = show(args, stack)
    if video and video.problem:  # after the outputs are whole
        raise UserError(video.problem)


if __name__ == "__main__":
    cli.run(main)
