import numpy as np

from src.evaluation.results import labels_table
from src.evaluation.subgroups import subgroups

NAN = np.nan


def test_rows_of_every_subgroup_by_hand():
    """Crossings of age, gender and group; bands by the middle of a range, 104 years are 70-100."""
    labels = labels_table(
        list("abcdef"),
        gender=np.array([0, 1, 0, NAN, 1, 1]),
        age_low=np.array([0, 9, 10, 69, 104, NAN]),
        age_high=np.array([9, 12, 10, 70, 104, NAN]),
        group=np.array(["x", "", "x", "y", "y", "y"]),
        source="one",
        makeup=np.array(["", "much", "", "", "", ""]),
    )
    found = {name: rows.tolist() for name, rows in subgroups(labels).items()}
    assert found == {
        "all": [0, 1, 2, 3, 4, 5],
        "age 0-9": [0],
        "age 10-19": [1, 2],
        "age 60-69": [3],
        "age 70-100": [4],
        "children 0-12": [0, 1, 2],
        "gender female": [0, 2],
        "gender male": [1, 4, 5],
        "group x": [0, 2],
        "group y": [3, 4, 5],
        "makeup much": [1],
        "source one": [0, 1, 2, 3, 4, 5],
        "age 0-9 x gender female": [0],
        "age 10-19 x gender female": [2],
        "age 10-19 x gender male": [1],
        "age 70-100 x gender male": [4],
        "age 0-9 x group x": [0],
        "age 10-19 x group x": [2],
        "age 60-69 x group y": [3],
        "age 70-100 x group y": [4],
        "gender female x group x": [0, 2],
        "gender male x group y": [4, 5],
    }
