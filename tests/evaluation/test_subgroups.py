import numpy as np

from src.evaluation.results import Labels
from src.evaluation.subgroups import subgroups

NAN = np.nan


def test_rows_of_every_subgroup_by_hand():
    labels = Labels(
        names=list("abcdef"),
        gender=np.array([0, 1, 0, NAN, 1, 1]),
        age_low=np.array([0, 9, 10, 69, 100, NAN]),
        age_high=np.array([9, 12, 10, 70, 100, NAN]),
        columns={"group": np.array(["x", "", "x", "y", "y", "y"]), "source": np.full(6, "one")},
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


def test_further_columns_are_not_crossed():
    labels = Labels(
        names=["a", "b"],
        gender=np.full(2, NAN),
        age_low=np.full(2, NAN),
        age_high=np.full(2, NAN),
        columns={"source": np.array(["wiki", "own"]), "makeup": np.array(["", "much"])},
    )
    found = {name: rows.tolist() for name, rows in subgroups(labels).items()}
    assert found == {"all": [0, 1], "source own": [1], "source wiki": [0], "makeup much": [1]}


def test_ages_above_100():
    labels = Labels(["a"], np.array([NAN]), np.array([104.0]), np.array([104.0]))
    assert "age 70-100" in subgroups(labels)


def test_use_is_crossed_with_source():
    labels = Labels(
        names=list("abc"),
        gender=np.full(3, NAN),
        age_low=np.full(3, NAN),
        age_high=np.full(3, NAN),
        columns={
            "use": np.array(["held out", "held out", "never seen"]),
            "source": np.array(["wiki", "imdb", "wiki"]),
        },
    )
    found = {name: rows.tolist() for name, rows in subgroups(labels).items()}
    assert found["use held out"] == [0, 1]
    assert found["use never seen x source wiki"] == [2]
    assert "use never seen x source imdb" not in found
