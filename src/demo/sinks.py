"""Where the demo's results go beside files of records and a window: lines, a table, copies."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2
from tabulate import tabulate

from src.demo.result import Result
from src.demo.sources.video import Video
from src.errors import UserError
from src.files import replacing
from src.labels import INITIALS

LONGEST_TABLE = 50  # rows


def print_faces(result: Result) -> bool:
    """One line a face on the screen."""
    for i in range(len(result.boxes)):
        age, years, gender = _said(result, i)
        print(f"{result.picture.name}: {age} years ({years}), {gender}", flush=True)
    if not result.boxes:
        print(f"{result.picture.name}: no face", flush=True)
    return True


def _said(result: Result, face: int) -> tuple[str, str, str]:
    """Age, its interval, and gender with its probability."""
    said = result.estimates
    gender = f"{INITIALS[said.gender[face]]} {said.p_gender[face]:.2f}"
    return f"{said.age[face]:.1f}", f"{said.age_low[face]}-{said.age_high[face]}", gender


@contextmanager
def table(video: bool) -> Iterator[Callable[[Result], bool]]:
    """A table on the screen at the end: a row a face, in video a row a track, as last seen.

    Printed after Ctrl-C too.
    """
    rows: dict[tuple, tuple] = {}
    pictures = 0

    def add(result: Result) -> bool:
        nonlocal pictures
        pictures += 1
        for i in range(len(result.boxes)):
            if video:
                number, time = result.tracks[i], result.picture.time
                first = rows[number,][1] if (number,) in rows else f"{time:.1f}"
                rows[number,] = (number, first, f"{time:.1f}", *_said(result, i))
            else:
                rows[result.picture.name, i] = (result.picture.name, i, *_said(result, i))
        return True

    try:
        yield add
    finally:
        what = ["track", "from (s)", "to (s)"] if video else ["file", "face"]
        shown = list(rows.values())[:LONGEST_TABLE]
        print(tabulate(shown, [*what, "age", "80 %", "gender"], disable_numparse=True))
        seen = f"{pictures:,} {'frames' if video else 'pictures'}"
        kind = "tracks" if video else "faces"
        more = f", {len(shown)} of them shown" if len(shown) < len(rows) else ""
        print(f"{len(rows):,} {kind} in {seen}{more}", flush=True)


def annotated_copies(folder: Path, pictures: dict[str, Path]) -> Callable[[Result], bool]:
    """A sink of pictures with boxes and labels, under their own names in `folder`, which is made.

    Raises `UserError` where it cannot be made, or where one of `pictures`, its path by its name,
    would be replaced, or is of a kind that cannot be written.
    """
    make_folder(folder)
    for name, path in pictures.items():
        if not cv2.haveImageWriter(Path(name).suffix):
            raise UserError(
                f"--output_dir: expected pictures whose kind can be written, received {path}; "
                "give it another extension, or see --csv"
            )
        _check_copy(folder / name, path)

    def save(result: Result) -> bool:
        path = folder / result.picture.name
        path.parent.mkdir(parents=True, exist_ok=True)
        _, data = cv2.imencode(path.suffix, result.annotated)
        with replacing(path) as partial:
            partial.write_bytes(data)
        return True

    return save


@contextmanager
def annotated_video(folder: Path, video: Video) -> Iterator[Callable[[Result], bool]]:
    """A sink that writes `folder`/NAME.mp4 with boxes and labels, without sound.

    A live camera's frames are repeated as often as their times ask. What there is when Ctrl-C ends
    a video is kept. Raises `UserError` where it cannot be written, or would replace the video.
    """
    make_folder(folder)
    copy = folder / f"{video.name}.mp4"
    if video.file:
        _check_copy(copy, video.file)
    with replacing(copy) as partial, ExitStack() as stack:
        writer = cv2.VideoWriter(
            str(partial), cv2.VideoWriter_fourcc(*"mp4v"), video.rate, video.size
        )
        if not writer.isOpened():
            raise UserError(
                f"--output_dir: {folder} takes no video of {video.size}; see --csv instead"
            )
        stack.callback(writer.release)
        written = 0

        def write(result: Result) -> bool:
            nonlocal written
            wanted = round(result.picture.time * video.rate) + 1
            for _ in range(max(wanted - written, 0)):
                writer.write(result.annotated)
                written += 1
            return True

        yield write


def _check_copy(copy: Path, original: Path) -> None:
    if copy.exists() and copy.samefile(original):
        raise UserError(
            f"--output_dir: expected another folder than that of {original}, which the annotated "
            "copy would replace"
        )


def make_folder(folder: Path) -> None:
    """Make `folder`, where it is missing. Raises `UserError` where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--output_dir: expected a folder, {folder} could not be made: {error.strerror}"
        ) from error
