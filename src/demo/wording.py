"""Estimates as text: "34 (28-41) F"."""

from typing import NamedTuple

from ..estimation.estimator import Estimates
from ..labels import GENDERS, INITIALS

MIN_CERTAINTY = 0.8  # probability of the gender, below which it has a question mark


class Wording(NamedTuple):
    """The estimate of a face as text.

    years: in whole years.  interval: the range with a probability of 80 %.
    gender: "female".  initial: "F", "F?" if it is uncertain.
    full: "34 (28-41) F".  short: "34 F".  line: "34.1 years (28-41), F 0.97".
    columns: cells of a printed table by their headers.
    """

    years: str
    interval: str
    gender: str
    initial: str
    p_gender: float
    full: str
    short: str
    line: str
    columns: dict[str, str]


def wording(estimates: Estimates, face: int, shown: str = "both") -> Wording:
    """The estimate of a face, an index of `estimates`, as text.

    shown: what the last four have, "age", "gender" or "both".
    """
    age, gender = estimates.age[face], int(estimates.gender[face])
    years, interval = f"{age:.0f}", f"{estimates.age_low[face]}-{estimates.age_high[face]}"
    p_gender, initial = float(estimates.p_gender[face]), INITIALS[gender]
    likely = f"{initial} {p_gender:.2f}"
    doubt = initial if p_gender >= MIN_CERTAINTY else f"{initial}?"

    def joined(age: str, gender: str, separator: str = " ") -> str:
        return {"age": age, "gender": gender, "both": f"{age}{separator}{gender}"}[shown]

    cells = {"age": f"{age:.1f}", "80 %": interval, "gender": likely}
    hidden = {"age": ["gender"], "gender": ["age", "80 %"], "both": []}[shown]
    return Wording(
        years,
        interval,
        GENDERS[gender],
        doubt,
        p_gender,
        full=joined(f"{years} ({interval})", doubt),
        short=joined(years, doubt),
        line=joined(f"{age:.1f} years ({interval})", likely, ", "),
        columns={name: cell for name, cell in cells.items() if name not in hidden},
    )
