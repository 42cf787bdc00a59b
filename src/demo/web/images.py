"""The page's tab for images, and the endpoint for programs."""

from dataclasses import dataclass, field, replace
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pandas as pd

from ...extras import library
from ...faces.images import EXTENSIONS, ImageError, read_image, shrink
from ...labels import AGES
from ..result import Result
from ..results import image_result
from ..sinks.records import COLUMNS, csv_header, csv_text, records
from .page import FILE_TTL_SECONDS, Service

if TYPE_CHECKING:
    import gradio

HEADERS = ["image", "face", "age", "interval", "gender"]
SIDE = 1280  # pixels of the longer side of the image that goes back to the page
_CHOSEN, _FAINT = "#c2410c", "#cbd5e1"  # curves of the chosen face and of all others
_HINT = "Click a face, a row or a thumbnail to choose it."


@dataclass(frozen=True)
class Upload:
    """An uploaded image and its faces.

    result: None if the file could not be read; without the image, which may be large.
    problem: the reason, or "".
    shown: uint8 (H, W, 3), BGR, the annotated image, its longer side at most `SIDE` pixels.
    copy: path of the annotated image for the download.
    """

    name: str
    problem: str = ""
    result: Result | None = None
    shown: np.ndarray | None = None
    copy: str | None = None

    @property
    def scale(self) -> float:
        """Pixels of `shown` per pixel of the image."""
        return self.shown.shape[1] / self.result.frame.shape[1]


@dataclass(frozen=True)
class Session:
    """A visitor's uploads by path, in the order of the gallery, and the chosen image and face.

    csv: path of the records of all faces for the download, None without a face.
    """

    uploads: dict[str, Upload] = field(default_factory=dict)
    image: int = 0
    face: int = 0
    csv: str | None = None

    @property
    def chosen(self) -> Upload | None:
        return list(self.uploads.values())[self.image] if self.uploads else None

    @property
    def results(self) -> list[Result]:
        return [upload.result for upload in self.uploads.values() if upload.result]

    @property
    def rows(self) -> list[tuple[int, int]]:
        """Index of the image and of the face of each row of the table."""
        uploads = enumerate(self.uploads.values())
        return [
            (i, face) for i, one in uploads if one.result for face in range(len(one.result.boxes))
        ]


def analyse(service: Service, path: Path) -> Upload:
    """The faces of an image file, from left to right."""
    try:
        image = read_image(path)
    except ImageError as error:
        return Upload(path.name, str(error).replace(str(path), path.name))
    found = service.finder.find(image)
    result = image_result(path.name, found, service.estimator(found.crops), service.arguments)
    _, copy = cv2.imencode(".jpg", result.annotated)
    stored = service.new_file(copy.tobytes(), f"{path.stem}.annotated.jpg")
    small = shrink(result.annotated, SIDE)
    del result.annotated  # only the small one is kept
    return Upload(
        path.name, "", replace(result, frame=result.frame._replace(image=None)), small, stored
    )


def updated(
    service: Service, gallery: list[tuple[str, str]] | None, session: Session | None
) -> Session:
    """The session after files were added or deleted; only new files are analysed."""
    known = session.uploads if session else {}
    uploads = {path: known.get(path) or analyse(service, Path(path)) for path, _ in gallery or []}
    added = [i for i, path in enumerate(uploads) if path not in known]
    session = Session(uploads, added[0] if added else 0)
    if not session.rows:
        return session
    return replace(session, csv=service.new_file(csv_of(session.results), "faces.csv"))


def face_at(upload: Upload, x: int, y: int) -> int | None:
    """Index of the face at a pixel of the shown image; the nearest of overlapping ones."""
    boxes = np.array(upload.result.boxes).reshape(-1, 4) * upload.scale
    inside = (boxes[:, :2] <= (x, y)).all(axis=1) & ((x, y) < boxes[:, 2:]).all(axis=1)
    distances = np.abs((boxes[:, :2] + boxes[:, 2:]) / 2 - (x, y)).sum(axis=1)
    return int(np.where(inside, distances, np.inf).argmin()) if inside.any() else None


def table_of(results: list[Result]) -> pd.DataFrame:
    """One row per face, as text, with the columns `HEADERS`."""
    rows = []
    for result in results:
        for number, words in zip(result.numbers, result.words, strict=True):
            doubt = "?" if words.initial.endswith("?") else ""
            gender = f"{words.gender}{doubt} {100 * words.p_gender:.0f} %"
            rows.append([result.frame.name, number, words.years, words.interval, gender])
    return pd.DataFrame(rows, columns=HEADERS)


def curves_of(result: Result) -> pd.DataFrame:
    """The age distribution of each face: columns age, probability and face."""
    distributions = np.asarray(result.estimates.age_distribution, float)
    return pd.DataFrame(
        {
            "age": np.tile(AGES, len(distributions)),
            "probability": distributions.ravel().round(4),
            "face": np.repeat([f"face {number}" for number in result.numbers], len(AGES)),
        }
    )


def csv_of(results: list[Result]) -> bytes:
    """The records of demo.py --csv."""
    rows = (record for result in results for record in records(result))
    return (csv_header(COLUMNS) + csv_text(rows, COLUMNS)).encode("utf-8", "surrogateescape")


def marked(upload: Upload, face: int) -> np.ndarray:
    """The shown image, RGB, with a white frame around the box of a face if there are several."""
    image = upload.shown.copy()
    if len(upload.result.boxes) > 1:
        left, top, right, bottom = (
            round(side * upload.scale) for side in upload.result.boxes[face]
        )
        line = max(2, round(max(image.shape) / 400))
        corners = (left - line, top - line), (right + line, bottom + line)
        cv2.rectangle(image, *corners, (255, 255, 255), line)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def view(session: Session) -> list:
    """Values of the tab's outputs: image, note, table, chart and both downloads."""
    gradio = library("gradio")
    upload, results = session.chosen, session.results
    has_faces = bool(upload and upload.result and upload.result.boxes)
    no_file = gradio.DownloadButton(value=None, interactive=False)
    return [
        marked(upload, session.face) if has_faces else _plain(upload),
        note_of(session),
        table_of(results),
        _chart(upload.result, session.face) if has_faces else gradio.LinePlot(visible=False),
        gradio.DownloadButton(value=session.csv, interactive=True) if session.csv else no_file,
        gradio.DownloadButton(value=upload.copy, interactive=True) if has_faces else no_file,
    ]


def _plain(upload: Upload | None) -> np.ndarray | None:
    is_readable = upload and upload.shown is not None
    return cv2.cvtColor(upload.shown, cv2.COLOR_BGR2RGB) if is_readable else None


def _chart(result: Result, face: int) -> "gradio.LinePlot":
    """The age distributions; all curves but the chosen face's are faint and behind it."""
    names = [f"face {number}" for number in result.numbers]
    curves = curves_of(result)
    curves = pd.concat(
        [curves[curves["face"] != names[face]], curves[curves["face"] == names[face]]]
    )
    colours = {name: _CHOSEN if i == face else _FAINT for i, name in enumerate(names)}
    label = f"Probability of each age, {names[face]}"
    return library("gradio").LinePlot(curves, color_map=colours, label=label, visible=True)


def note_of(session: Session) -> str:
    """Problems of the uploads as HTML, or a hint."""
    problems = [upload.problem for upload in session.uploads.values() if upload.problem]
    if session.chosen and session.chosen.result and not session.chosen.result.boxes:
        problems.append(f"{session.chosen.name}: no face was found")
    alerts = "<br>".join(map(escape, problems))
    alert = f'<p role="alert">{alerts}</p>' if problems else ""
    several = len(session.uploads) > 1 or any(len(r.boxes) > 1 for r in session.results)
    return alert + (f"<p>{_HINT}</p>" if several else "")


def image_tab(service: Service) -> None:
    """The tab's components and events, in an open gradio.Blocks."""
    gradio = library("gradio")
    session = gradio.State(time_to_live=FILE_TTL_SECONDS)
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
        example = gradio.Button("Example: a portrait of Grace Hopper", size="sm")
    with gradio.Column(scale=2, min_width=320):
        note = gradio.HTML()
        table = gradio.Dataframe(
            headers=HEADERS,
            interactive=False,
            label="All faces",
            elem_classes="faces",
            buttons=[],
        )
        chart = gradio.LinePlot(
            x="age", y="probability", color="face", x_lim=[0, 100], height=220, visible=False
        )
        with gradio.Row():
            downloads = [
                gradio.DownloadButton(text, interactive=False, size="sm")
                for text in ("Results as CSV", "Annotated image")
            ]
    outputs = [session, shown, note, table, chart, *downloads]
    _connect(service, gallery, example, session, shown, table, outputs)
    _add_endpoint(service)


def _connect(
    service: Service,
    gallery: "gradio.Gallery",
    example: "gradio.Button",
    session: "gradio.State",
    shown: "gradio.Image",
    table: "gradio.Dataframe",
    outputs: "list[gradio.components.Component]",
) -> None:
    """The events of the tab."""
    gradio = library("gradio")

    def answer(files: list[tuple[str, str]] | None, before: Session | None) -> list:
        after = updated(service, files, before)
        return [after, *view(after)]

    def choose(now: Session | None, image: int, face: int = 0) -> list:
        after = replace(now or Session(), image=image, face=face)
        return [after, *view(after)]

    def choose_image(now: Session | None, event: gradio.SelectData) -> list:
        return choose(now, event.index)

    def choose_row(now: Session | None, event: gradio.SelectData) -> list:
        return choose(now, *now.rows[event.index[0]])

    def choose_face(now: Session | None, event: gradio.SelectData) -> list:
        face = face_at(now.chosen, *event.index) if now.chosen.result else None
        return choose(now, now.image, now.face if face is None else face)

    options = {"concurrency_limit": None, "api_visibility": "private"}
    for event in (gallery.upload, gallery.delete):
        event(answer, [gallery, session], outputs, **options)
    quick = options | {"show_progress": "hidden"}
    gallery.select(choose_image, session, outputs, **quick)
    table.select(choose_row, session, outputs, **quick)
    shown.select(choose_face, session, outputs, **quick)
    filled = example.click(partial(_portrait, service), None, gallery, **options)
    filled.then(answer, [gallery, session], outputs, **options)


def _add_endpoint(service: Service) -> None:
    """The endpoint /predict: an image to the records of its faces, as of demo.py --jsonl."""
    gradio = library("gradio")

    def predict(image: gradio.FileData) -> list[dict]:
        upload = analyse(service, Path(image["path"]))
        if not upload.result:
            raise gradio.Error(upload.problem)
        return list(records(upload.result)) if upload.result.boxes else []

    gradio.api(predict, api_name="predict", concurrency_limit=None)


def _portrait(service: Service) -> list[str]:
    name = "grace_hopper.jpg"  # of the US Navy, in the public domain
    with library("matplotlib.cbook").get_sample_data(name) as file:
        return [service.new_file(file.read(), name)]
