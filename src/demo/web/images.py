"""The page's tab for images, and the endpoint for programs."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import gradio
import pandas as pd

from ...errors import UserError
from ...estimation.estimator import FaceEstimate
from ...faces.images import EXTENSIONS
from ...labels import AGES
from ..job import Result
from ..results import image_result
from ..sinks.records import COLUMNS, Record, csv_text, records
from . import EVENT, FILE_TTL_SECONDS, TABLE, Service, warn

_CHOSEN, _FAINT = "#c2410c", "#cbd5e1"  # curves of the chosen face and of all others


class Upload(NamedTuple):
    """The faces of an uploaded image, with their records and rows of the table."""

    faces: Sequence[FaceEstimate] = ()
    records: Sequence[Record] = ()
    rows: Sequence[dict[str, str | int]] = ()
    copy: str | None = None  # path of the annotated image; None if it could not be read


@dataclass(frozen=True, eq=False)  # hashed by identity: each new session renders the chart
class Session:
    """A visitor's uploads, and the chosen image and face."""

    uploads: dict[str, Upload] = field(default_factory=dict)  # by path, as in the gallery
    image: int = 0
    face: int = 0
    csv: str | None = None  # path of the records of all faces

    @property
    def chosen(self) -> Upload:
        return list(self.uploads.values())[self.image] if self.uploads else Upload()


def analyse(service: Service, path: Path) -> Result:
    """The faces of an image file, from left to right. Raises `UserError` if it is unreadable."""
    found = service.finder.find_in_file(path, with_image=True)
    if found.error:
        raise UserError(found.error.replace(str(path), path.name))
    return image_result(path.name, found, service.estimator(found.crops), service.arguments)


def _uploaded(service: Service, path: Path) -> Upload:
    """The faces of an image file, and warnings on the page if there are none."""
    try:
        result = analyse(service, path)
    except UserError as error:
        warn(str(error), path)
        return Upload()
    if not result.faces:
        warn(f"{path.name}: no face was found", path)
    _, copy = cv2.imencode(".jpg", result.annotated)
    file = service.new_file(copy.tobytes(), f"{path.stem}.annotated.jpg")
    return Upload(result.faces, records(result), result.rows, file)


def updated(
    service: Service, gallery: list[tuple[str, str]] | None, session: Session | None
) -> Session:
    """The session after files were added or deleted; only new files are analysed."""
    known = session.uploads if session else {}
    uploads = {path: known.get(path) or _uploaded(service, Path(path)) for path, _ in gallery or []}
    added = [i for i, path in enumerate(uploads) if path not in known]
    rows = [row for upload in uploads.values() for row in upload.records]
    text = csv_text(rows, COLUMNS, header=True).encode("utf-8", "surrogateescape")
    has_faces = any(upload.faces for upload in uploads.values())
    csv = service.new_file(text, "faces.csv") if has_faces else None
    return Session(uploads, added[0] if added else 0, csv=csv)


def face_at(faces: Sequence[FaceEstimate], x: int, y: int) -> int | None:
    """Index of the face at a pixel of the image; the nearest of overlapping ones."""
    distances = {}
    for i, (left, top, right, bottom) in enumerate(face.box for face in faces):
        if left <= x < right and top <= y < bottom:
            distances[i] = abs(left + right - 2 * x) + abs(top + bottom - 2 * y)
    return min(distances, key=distances.get, default=None)


def view(session: Session) -> list:
    """The session, and values of the tab's image, table and file."""
    upload = session.chosen
    return [
        session,
        upload.copy,
        pd.DataFrame(upload.rows) if upload.rows else [],
        gradio.File(session.csv, visible=session.csv is not None),
    ]


def curves_of(faces: Sequence[FaceEstimate], chosen: int) -> pd.DataFrame:
    """The age distribution of each face, the chosen one last: columns age, face, probability."""
    order = sorted(range(len(faces)), key=lambda face: face == chosen)
    data = {f"face {i + 1}": faces[i].age_distribution.astype(float).round(4) for i in order}
    return pd.DataFrame(data | {"age": AGES}).melt("age", var_name="face", value_name="probability")


def _draw_curves(session: Session | None) -> None:
    """Add the chart, all of whose curves but the chosen face's are faint."""
    if session and session.chosen.faces:
        curves, name = curves_of(session.chosen.faces, session.face), f"face {session.face + 1}"
        colours = dict.fromkeys(curves["face"], _FAINT) | {name: _CHOSEN}
        label = f"Probability of each age, {name}"
        axes = {"x": "age", "y": "probability", "color": "face", "x_lim": [0, 100]}
        axes["colors_in_legend"] = []
        gradio.LinePlot(curves, color_map=colours, label=label, height=250, **axes)


def image_tab(service: Service) -> None:
    """The tab's components and events, in an open gradio.Blocks, and the endpoint."""
    state = gradio.State(time_to_live=FILE_TTL_SECONDS)
    with gradio.Column(scale=3, min_width=320):
        shown = gradio.Image(
            label="Faces",
            interactive=False,
            alt_text="The chosen image with a box and a label at each face",
            buttons=["download", "fullscreen"],
            elem_classes="shown",
        )
        gallery = gradio.Gallery(
            label="Images: drop, paste or choose",
            sources=["upload", "clipboard"],
            file_types=["image", *sorted(EXTENSIONS)],
            interactive=True,
            fit_columns=False,
            object_fit="cover",
            allow_preview=False,
            elem_classes="uploads",
        )
    with gradio.Column(scale=2, min_width=320):
        headers = ["face", "age", "80 %", "gender"]
        table = gradio.Dataframe(headers=headers, label="Faces", elem_classes="faces", **TABLE)
        gradio.render(state, concurrency_limit=None, show_progress="hidden")(_draw_curves)
        file = gradio.File(label="Results as CSV", visible=False, interactive=False)

    def answer(files: list[tuple[str, str]] | None, session: Session | None) -> list:
        return view(updated(service, files, session))

    def choose_image(session: Session | None, event: gradio.SelectData) -> list:
        return view(replace(session or Session(), image=event.index, face=0))

    def choose_row(session: Session, event: gradio.SelectData) -> list:
        return view(replace(session, face=event.index[0]))

    def choose_face(session: Session, event: gradio.SelectData) -> list:
        face = face_at(session.chosen.faces, *event.index)
        return view(session if face is None else replace(session, face=face))

    outputs = [state, shown, table, file]
    for event in (gallery.upload, gallery.delete):
        event(answer, [gallery, state], outputs, **EVENT)
    quick = EVENT | {"show_progress": "hidden"}
    gallery.select(choose_image, state, outputs, **quick)
    table.select(choose_row, state, outputs, **quick)
    shown.select(choose_face, state, outputs, **quick)

    def predict(image: gradio.FileData) -> list[dict]:
        try:
            result = analyse(service, Path(image["path"]))
        except UserError as error:
            raise gradio.Error(str(error), print_exception=False) from error
        return records(result) if result.faces else []

    # For programs: an image to the records of its faces, as of demo.py --jsonl.
    gradio.api(predict, api_name="predict", concurrency_limit=None)
