"""demo.py's own flags."""

import argparse
from pathlib import Path

from src import cli
from src.files import check_output_file


def add_source_arguments(parser: cli.Parser) -> None:
    group = parser.add_argument_group("where pictures come from")
    group.add_argument("pictures", type=Path, nargs="*", help="pictures (default: the webcam)")
    group.add_argument(
        "--image_dir",
        type=Path,
        help="target image directory; if set, images in image_dir are used instead of webcam",
    )
    group.add_argument("--recursive", action="store_true", help="its folders' pictures too")
    group.add_argument("--labels", type=Path, help="CSV of labelled pictures, for a table of them")
    group.add_argument("--video", metavar="FILE|URL", help="a video file, or a stream's address")
    group.add_argument("--camera", type=int, default=0, metavar="INDEX", help="which webcam")


def add_face_arguments(parser: cli.Parser) -> None:
    group = parser.add_argument_group("how faces are found")
    group.add_argument(
        "--margin",
        type=cli.margin,
        help="margin around detected face for age-gender estimation "
        "(default: the weight file's, 0.4 where it does not say)",
    )
    group.add_argument(
        "--detector",
        choices=("dlib", "dlib-cnn", "mtcnn", "none"),
        default="dlib",
        help="what finds the faces; dlib-cnn and mtcnn are extras (docs/detectors.md); none: every "
        "picture is one face",
    )
    group.add_argument(
        "--min_face",
        type=cli.positive_int,
        metavar="PIXELS",
        help="the smallest face wanted, the larger the faster "
        "(default: a 16th of the longer side, in video 80 at most)",
    )
    group.add_argument(
        "--smooth",
        type=cli.positive_int,
        default=30,
        metavar="FRAMES",
        help="frames that a face's age and gender are averaged over in video; 1 for none",
    )


def add_sink_arguments(parser: cli.Parser) -> None:
    group = parser.add_argument_group("where results go")
    group.add_argument("--output_dir", type=Path, help="folder for annotated copies, .mp4 of video")
    group.add_argument("--csv", type=Path, help="file for one row a face")
    group.add_argument("--jsonl", type=Path, help="file for one line of JSON a face")
    group.add_argument("--resume", action="store_true", help="go on where --csv or --jsonl ends")
    group.add_argument("--table", action="store_true", help="a table at the end, no line a face")
    group.add_argument("--no_display", action="store_true", help="open no window")


def add_web_arguments(parser: cli.Parser) -> None:
    group = parser.add_argument_group("in a browser")
    group.add_argument(
        "--web",
        action="store_true",
        help="serve a page for pictures and a webcam instead; needs gradio",
    )
    group.add_argument("--port", type=cli.positive_int, default=7860, help="port of the page")
    group.add_argument(
        "--host",
        default="127.0.0.1",
        help="address of the page; 0.0.0.0 lets other machines use it, without a password",
    )


def check(parser: cli.Parser, args: argparse.Namespace) -> None:
    """End with one line where flags do not go together, or a file cannot be written."""
    given = {
        "pictures": args.pictures,
        "--image_dir": args.image_dir and not args.labels,
        "--labels": args.labels,
        "--video": args.video,
        "--web": args.web,
    }
    sources = [name for name, value in given.items() if value]
    if len(sources) > 1:
        parser.error(f"expected one source of pictures, received {' and '.join(sources)}")
    if args.recursive and not args.image_dir:
        parser.error("--recursive: expected --image_dir, whose folders are meant")
    if args.labels and not args.output_dir:
        parser.error("--labels: expected --output_dir, where the table goes")
    if args.resume and not (args.csv or args.jsonl):
        parser.error("--resume: expected --csv or --jsonl, to go on where it ends")
    if args.resume and (not sources or args.video or args.web):
        parser.error("--resume: expected pictures, of which those done are left out")
    for file in (args.csv, args.jsonl):
        if file:
            check_output_file(file)
