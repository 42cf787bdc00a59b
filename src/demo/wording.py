"""Estimates as text: "34 (28-41) F"."""

from typing import NamedTuple

from ..estimation.estimator import Estimates
from ..labels import GENDERS, INITIALS

MIN_CERTAINTY = 0.8  # probability of the gender, below which it has a question mark


class Wording(NamedTuple):
    """The estimate of a face as text.

    years: in whole years.  interval: the range with a probability of 80 %.
    gender: "female".  initial: "F", "F?" if it is uncertain.
    shown: "age", "gender" or "both".
    """

    age: float
    years: str
    interval: str
    gender: str
    initial: str
    p_gender: float
    shown: str

    @property
    def full(self) -> str:
        """ "34 (28-41) F", "34 (28-41)" or "F"."""
        return self._joined(f"{self.years} ({self.interval})")

    @property
    def short(self) -> str:
        """ "34 F", "34" or "F"."""
        return self._joined(self.years)

    @property
    def line(self) -> str:
        """ "34.1 years (28-41), F 0.97"."""
        age = f"{self.age:.1f} years ({self.interval})"
        gender = f"{self.initial[0]} {self.p_gender:.2f}"
        return {"age": age, "gender": gender, "both": f"{age}, {gender}"}[self.shown]

    @property
    def columns(self) -> dict[str, str]:
        """The cells of a printed table."""
        age = {"age": f"{self.age:.1f}", "80 %": self.interval}
        gender = {"gender": f"{self.initial[0]} {self.p_gender:.2f}"}
        return {"age": age, "gender": gender, "both": age | gender}[self.shown]

    def _joined(self, age: str) -> str:
        return {"age": age, "gender": self.initial, "both": f"{age} {self.initial}"}[self.shown]


def wording(estimates: Estimates, face: int, shown: str = "both") -> Wording:
    """The estimate of a face, an index of `estimates`, as text."""
    gender, p_gender = estimates.gender[face], float(estimates.p_gender[face])
    doubt = "" if p_gender >= MIN_CERTAINTY else "?"
    return Wording(
        float(estimates.age[face]),
        f"{estimates.age[face]:.0f}",
        f"{estimates.age_low[face]}-{estimates.age_high[face]}",
        GENDERS[gender],
        INITIALS[gender] + doubt,
        p_gender,
        shown,
    )
