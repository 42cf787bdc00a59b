"""The page's tab for images, and the endpoint for programs."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import gradio
import numpy as np
import pandas as pd

from ...faces.images import EXTENSIONS
from ...labels import AGES
from ...thumbnails import shrink
from ..job import Result
from ..results import image_result
from ..sinks.records import COLUMNS, csv_text, records
from .service import (
    EVENT,
    FILE_TTL_SECONDS,
    TABLE,
    Service,
    alert,
    download,
    download_buttons,
    table_of,
)

HEADERS = ["file", "face", "age", "80 %", "gender"]
SIDE = 1280  # pixels of the longer side of the image that goes back to the page
_CHOSEN, _FAINT = "#c2410c", "#cbd5e1"  # curves of the chosen face and of all others


@dataclass(frozen=True)
class Upload:
    """An uploaded image and its faces."""

    problem: str = ""  # why it could not be read, or that there is no face
    result: Result | None = None  # None if it could not be read; without the image
    shown: np.ndarray | None = None  # annotated, uint8 (H, W, 3), RGB, at most `SIDE` pixels long
    copy: str | None = None  # path of the annotated image for the download


@dataclass(frozen=True)
class Session:
    """A visitor's uploads, and the chosen image and face."""

    uploads: dict[str, Upload] = field(default_factory=dict)  # by path, as in the gallery
    image: int = 0
    face: int = 0
    csv: str | None = None  # path of the records of all faces for the download

    @property
    def chosen(self) -> Upload:
        return list(self.uploads.values())[self.image] if self.uploads else Upload()

    @property
    def faces(self) -> list[tuple[int, int]]:
        """Index of the image and of the face per row of the table."""
        uploads = enumerate(self.uploads.values())
        return [(i, face) for i, u in uploads if u.result for face in range(len(u.result.faces))]


def analyse(service: Service, path: Path) -> Upload:
    """The faces of an image file, from left to right."""
    found = service.finder.find_in_file(path, with_image=True)
    if found.error:
        return Upload(found.error.replace(str(path), path.name))
    result = image_result(path.name, found, service.estimator(found.crops), service.arguments)
    _, copy = cv2.imencode(".jpg", result.annotated)
    return Upload(
        "" if result.faces else f"{path.name}: no face was found",
        replace(result, frame=result.frame._replace(image=None), crops=None),
        cv2.cvtColor(shrink(result.annotated, SIDE), cv2.COLOR_BGR2RGB),
        service.new_file(copy.tobytes(), f"{path.stem}.annotated.jpg") if result.faces else None,
    )


def updated(
    service: Service, gallery: list[tuple[str, str]] | None, session: Session | None
) -> Session:
    """The session after files were added or deleted; only new files are analysed."""
    known = session.uploads if session else {}
    uploads = {path: known.get(path) or analyse(service, Path(path)) for path, _ in gallery or []}
    added = [i for i, path in enumerate(uploads) if path not in known]
    session = Session(uploads, added[0] if added else 0)
    if not session.faces:
        return session
    rows = (row for upload in uploads.values() if upload.result for row in records(upload.result))
    text = csv_text(rows, COLUMNS, header=True).encode("utf-8", "surrogateescape")
    return replace(session, csv=service.new_file(text, "faces.csv"))


def face_at(upload: Upload, x: int, y: int) -> int | None:
    """Index of the face at a pixel of the shown image; the nearest of overlapping ones."""
    boxes = np.array([face.box for face in upload.result.faces], float).reshape(-1, 4)
    boxes *= upload.shown.shape[1] / upload.result.frame.shape[1]
    low, high = boxes[:, :2], boxes[:, 2:]
    inside = (low <= (x, y)).all(axis=1) & ((x, y) < high).all(axis=1)
    distances = np.abs((low + high) / 2 - (x, y)).sum(axis=1)
    return int(np.where(inside, distances, np.inf).argmin()) if inside.any() else None


def view(session: Session) -> list:
    """The session, and values of the tab's image, note, table, chart and both downloads."""
    upload, uploads = session.chosen, list(session.uploads.values())
    problems = [u.problem for u in uploads if u.problem and (u is upload or not u.result)]
    return [
        session,
        upload.shown,
        alert(problems),
        table_of([row for u in uploads if u.result for row in u.result.rows]),
        _chart(upload.result, session.face),
        download(session.csv),
        download(upload.copy),
    ]


def curves_of(result: Result, chosen: int) -> pd.DataFrame:
    """The age distribution of each face, the chosen one last: columns age, probability, face."""
    order = sorted(range(len(result.faces)), key=lambda face: face == chosen)
    table = pd.DataFrame(
        {f"face {i + 1}": result.faces[i].age_distribution.astype(float).round(4) for i in order},
        index=pd.Index(AGES, name="age"),
    )
    return table.reset_index().melt("age", var_name="face", value_name="probability")


def _chart(result: Result | None, chosen: int) -> gradio.LinePlot:
    """The age distributions; all curves but the chosen face's are faint."""
    if not result or not result.faces:
        return gradio.LinePlot(visible=False)
    name = f"face {chosen + 1}"
    curves, label = curves_of(result, chosen), f"Probability of each age, {name}"
    colours = dict.fromkeys(curves["face"], _FAINT) | {name: _CHOSEN}
    return gradio.LinePlot(curves, color_map=colours, label=label, visible=True)


def image_tab(service: Service) -> None:
    """The tab's components and events, in an open gradio.Blocks, and the endpoint."""
    state = gradio.State(time_to_live=FILE_TTL_SECONDS)
    with gradio.Column(scale=3, min_width=320):
        shown = gradio.Image(
            label="Faces",
            interactive=False,
            alt_text="The chosen image with a box and a label at each face",
            buttons=["fullscreen"],
            elem_classes="shown",
        )
        gallery = gradio.Gallery(
            label="Images: drop, paste or choose",
            sources=["upload", "clipboard"],
            file_types=["image", *sorted(EXTENSIONS)],
            interactive=True,
            columns=8,
            fit_columns=False,
            height="auto",
            object_fit="cover",
            allow_preview=False,
            elem_classes="uploads",
        )
    with gradio.Column(scale=2, min_width=320):
        note = gradio.HTML()
        table = gradio.Dataframe(headers=HEADERS, label="All faces", elem_classes="faces", **TABLE)
        axes = {"x": "age", "y": "probability", "color": "face", "x_lim": [0, 100]}
        chart = gradio.LinePlot(height=220, visible=False, **axes)
        downloads = download_buttons("Results as CSV", "Annotated image")

    def answer(files: list[tuple[str, str]] | None, session: Session | None) -> list:
        return view(updated(service, files, session))

    def choose_image(session: Session | None, event: gradio.SelectData) -> list:
        return view(replace(session or Session(), image=event.index, face=0))

    def choose_row(session: Session, event: gradio.SelectData) -> list:
        image, face = session.faces[event.index[0]]
        return view(replace(session, image=image, face=face))

    def choose_face(session: Session, event: gradio.SelectData) -> list:
        face = face_at(session.chosen, *event.index) if session.chosen.result else None
        return view(session if face is None else replace(session, face=face))

    outputs = [state, shown, note, table, chart, *downloads]
    for event in (gallery.upload, gallery.delete):
        event(answer, [gallery, state], outputs, **EVENT)
    quick = EVENT | {"show_progress": "hidden"}
    gallery.select(choose_image, state, outputs, **quick)
    table.select(choose_row, state, outputs, **quick)
    shown.select(choose_face, state, outputs, **quick)

    def predict(image: gradio.FileData) -> list[dict]:
        upload = analyse(service, Path(image["path"]))
        if not upload.result:
            raise gradio.Error(upload.problem, print_exception=False)
        return records(upload.result) if upload.result.faces else []

    # For programs: an image to the records of its faces, as of demo.py --jsonl.
    gradio.api(predict, api_name="predict", concurrency_limit=None)
