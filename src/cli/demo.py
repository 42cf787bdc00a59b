"""Flags of demo.py."""

import argparse
from pathlib import Path

from .. import cli

_PICTURES = {"pictures", "--image_dir", "--labels"}
_VIDEOS = {"--video", "the webcam"}
_ALL = _PICTURES | _VIDEOS
# Sources with which a flag has an effect; flags that are not listed have one with every source.
_EFFECT = {
    "--recursive": {"--image_dir"},
    "--scheduler": {"--image_dir"},
    "--camera": {"the webcam"},
    "--every": _VIDEOS,
    "--smooth": _VIDEOS | {"--web"},
    "--output_dir": _ALL,
    "--crops": _ALL,
    "--csv": _ALL,
    "--jsonl": _ALL,
    "--resume": _PICTURES,
    "--table": _ALL,
    "--anonymize": _ALL,
    "--no_display": _ALL,
    "--port": {"--web"},
    "--host": {"--web"},
}
_STDOUT = Path("-")


def add_source_arguments(parser: cli.Parser) -> None:
    group = parser.add_argument_group("sources, one of them")
    group.add_argument("pictures", type=Path, nargs="*", help="pictures (default: the webcam)")
    group.add_argument(
        "--image_dir",
        type=Path,
        help="target image directory; if set, images in image_dir are used instead of webcam",
    )
    group.add_argument(
        "--recursive", action="store_true", help="include the pictures in subfolders of --image_dir"
    )
    group.add_argument(
        "--labels",
        type=Path,
        help="CSV of labelled pictures, for a table of labels and estimates in --output_dir",
    )
    group.add_argument("--video", metavar="FILE|URL", help="video file, or address of a stream")
    group.add_argument(
        "--camera",
        type=cli.whole_number(0, 9999),
        default=0,
        metavar="INDEX",
        help="number of the webcam",
    )
    group.add_argument(
        "--every",
        type=cli.positive_float,
        metavar="SECONDS",
        help="interval between the video frames that are analysed (default: every frame)",
    )


def add_sink_arguments(parser: cli.Parser) -> None:
    group = parser.add_argument_group("outputs")
    group.add_argument(
        "--output_dir",
        type=Path,
        help="folder for annotated copies; for a video an .mp4 and a table of tracks",
    )
    group.add_argument("--crops", type=Path, metavar="DIR", help="folder for the face crops")
    group.add_argument(
        "--csv", type=Path, help="CSV file with one row per face; - for standard output"
    )
    group.add_argument(
        "--jsonl",
        type=Path,
        help="file with one line of JSON per face; - for standard output",
    )
    group.add_argument(
        "--resume", action="store_true", help="resume an interrupted run from its --csv or --jsonl"
    )
    group.add_argument(
        "--table", action="store_true", help="print a table at the end instead of lines"
    )
    group.add_argument(
        "--anonymize", action="store_true", help="blur the faces in copies and in the window"
    )
    group.add_argument("--no_display", action="store_true", help="open no window")


def add_face_arguments(parser: cli.Parser) -> None:
    group = parser.add_argument_group("faces")
    cli.add_detector_arguments(group)
    group.add_argument(
        "--margin",
        type=cli.margin,
        help="margin around detected face for age-gender estimation, as a fraction of its box "
        "(default: from the weight file; 0.4 if it stores none)",
    )
    group.add_argument(
        "--smooth",
        type=cli.positive_int,
        default=30,
        metavar="FRAMES",
        help="number of video frames over which estimates are averaged along a track; 1 for none",
    )
    cli.add_scheduler_argument(group)


def add_model_arguments(parser: cli.Parser) -> None:
    group = cli.add_weight_arguments(parser)
    group.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="folder for an ONNX export of the weight file, written at first use, which starts "
        "faster and is faster on few faces; needs tf2onnx and onnxruntime (default: no export)",
    )


def add_web_arguments(parser: cli.Parser) -> None:
    group = parser.add_argument_group("web page")
    group.add_argument(
        "--web",
        action="store_true",
        help="serve a page for pictures, videos and a webcam; needs gradio",
    )
    group.add_argument("--port", type=cli.positive_int, default=7860, help="port of the page")
    group.add_argument(
        "--host",
        default="127.0.0.1",
        help="address of the page; 0.0.0.0 opens it to other machines, without a password",
    )


def add_needs(parser: cli.Parser) -> None:
    """Reject every flag that has no effect with the source or with the other flags."""
    for flag, sources in _EFFECT.items():
        parser.require(
            flag,
            lambda args, sources=sources: sources.intersection(_sources(args)),
            " or ".join(sorted(sources)),
        )
    parser.needs("--resume", "--csv", "--jsonl")
    for flag, condition, expected in (
        ("--min_face", lambda args: args.detector != "none", "a --detector"),
        ("--resume", lambda args: _STDOUT not in (args.csv, args.jsonl), "a file to continue"),
        ("--table", lambda args: _STDOUT not in (args.csv, args.jsonl), "--csv to a file"),
        (
            "--anonymize",
            lambda args: args.output_dir or not args.no_display,
            "--output_dir or a window",
        ),
        ("--anonymize", lambda args: not args.crops, "no --crops, which shows the faces"),
        ("--anonymize", lambda args: not args.labels, "no --labels, whose table shows them"),
        ("--cache", lambda args: not args.runtime, "no --runtime"),
    ):
        parser.require(flag, condition, expected)
    for flag in ("--depth", "--width", "--img_size", "--runtime"):
        parser.needs(flag, "--weight_file")


def _sources(args: argparse.Namespace) -> list[str]:
    given = {
        "pictures": args.pictures,
        "--image_dir": args.image_dir and not args.labels,
        "--labels": args.labels,
        "--video": args.video,
        "--web": args.web,
    }
    return [name for name, value in given.items() if value] or ["the webcam"]


def check(parser: cli.Parser, args: argparse.Namespace) -> None:
    """Exit with an error if flags exclude each other, or if a needed one is missing."""
    sources = _sources(args)
    if len(sources) > 1:
        parser.error(f"expected one source of pictures, received {' and '.join(sources)}")
    if args.labels and not args.output_dir:
        parser.error("--labels: expected --output_dir, for the table")
    if args.csv == args.jsonl == _STDOUT:
        parser.error("--csv and --jsonl: expected one of them on standard output")
