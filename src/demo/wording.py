"""Estimates as text: "34 (28-41) F"."""

from typing import NamedTuple

from ..estimation.estimator import FaceEstimate
from ..labels import GENDERS, INITIALS

MIN_CERTAINTY = 0.8  # probability of the gender, below which it has a question mark


class Wording(NamedTuple):
    """A face as text; all but `years` and `interval` have what --labels shows."""

    years: str  # "34"
    interval: str  # "28-41"
    full: str  # "34 (28-41) F"
    short: str  # "34 F"
    line: str  # "34.1 years (28-41), F 0.97"
    cells: dict[str, str]  # of a table, by their headers


def wording(face: FaceEstimate, shown: str = "both") -> Wording:
    """A face as text; shown: "age", "gender" or "both"."""
    years, interval = f"{face.age:.0f}", f"{face.age_low}-{face.age_high}"
    initial = INITIALS[GENDERS.index(face.gender)]
    doubt = "" if face.p_gender >= MIN_CERTAINTY else "?"

    def joined(age: str, gender: str, separator: str = " ") -> str:
        return {"age": age, "gender": gender, "both": f"{age}{separator}{gender}"}[shown]

    ages = {"age": f"{face.age:.1f}", "80 %": interval} if shown != "gender" else {}
    genders = {"gender": f"{face.gender}{doubt} {face.p_gender:.0%}"} if shown != "age" else {}
    return Wording(
        years,
        interval,
        full=joined(f"{years} ({interval})", initial + doubt),
        short=joined(years, initial + doubt),
        line=joined(f"{face.age:.1f} years ({interval})", f"{initial} {face.p_gender:.2f}", ", "),
        cells=ages | genders,
    )
