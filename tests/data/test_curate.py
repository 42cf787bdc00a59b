import numpy as np
import pandas as pd
import pytest

from src.data import curate
from src.data.curate import find_duplicates, over_cap
from src.errors import UserError

NAN = np.nan


def table(low, high=None, gender=None):
    high = low if high is None else high
    gender = np.zeros(len(low)) if gender is None else gender
    return pd.DataFrame({"age_low": low, "age_high": high, "gender": gender}, dtype=float)


def hashes(letters):
    return np.array([ord(letter) for letter in letters], np.uint64)


def test_duplicates_with_equal_or_different_labels():
    rows = table(
        low=[20, 30, 20, 20, 30, 40, 50, 50, NAN, NAN, 60, NAN],
        high=[20, 30, 20, 20, 31, 40, 50, 50, NAN, NAN, 60, NAN],
        gender=[0, 1, 0, 0, 1, 0, 0, 1, NAN, NAN, 1, 1],
    )
    found = find_duplicates(rows, hashes("abaabcddeeff"))
    same, disagree = (
        np.flatnonzero(found[rule]).tolist() for rule in (curate.SAME, curate.DISAGREE)
    )
    assert same == [2, 3, 9]
    assert disagree == [1, 4, 6, 7, 10, 11]  # the range, the gender, and known next to unknown


def test_rows_of_any_index():
    """As after some pictures could not be read."""
    rows = table([20, 20, 30]).set_index(pd.Index([7, 3, 5]))
    assert find_duplicates(rows, hashes("aab"))[curate.SAME].tolist() == [False, True, False]
    assert over_cap(rows, 1, seed=0).sum() == 1


def test_cap_per_year_of_age():
    low = [20] * 5 + [18] * 3 + [20] * 2 + [NAN] * 6 + [21] * 2
    high = [20] * 5 + [22] * 3 + [21] * 2 + [NAN] * 6 + [21] * 2
    left = ~over_cap(table(low, high), 4, seed=0)
    assert left[:10].sum() == 4  # 20, 18..22 and 20..21 are all of age 20
    assert left[10:].all()


def test_cap_is_drawn_by_seed():
    rows = table([20] * 30 + [30] * 3)
    drawn = [over_cap(rows, 10, seed) for seed in range(40)]
    np.testing.assert_array_equal(drawn[1], over_cap(rows, 10, 1))
    assert all(dropped.sum() == 20 for dropped in drawn)
    times = np.sum(drawn, axis=0)
    assert (0 < times[:30]).all() and (times[:30] < 40).all()
    assert not times[30:].any()


@pytest.fixture
def audit(tmp_path):
    """Applies an audit to five records, the last two of one file."""

    def apply(*lines, above=None):
        header = "path,identity,suspicion,rank,decision,new_age,new_gender"
        (tmp_path / "audit.csv").write_text("\n".join([header, *lines]))
        rows = table([20, 30, 40, 50, 60], gender=[0, 1, 0, NAN, 1])
        rows["path"] = [f"{letter}.jpg" for letter in "abcde"]
        identity = np.array([1, 2, 2**64 - 1, 7, 7], np.uint64)
        labels, rules = curate.apply_audit(rows, identity, tmp_path / "audit.csv", above)
        return labels, {rule: np.flatnonzero(drop).tolist() for rule, drop in rules.items()}

    return apply


def test_audit_decisions_come_before_suspicion(audit):
    lines = [
        "other/a.jpg,0000000000000001,0.95,1,,,",
        "b.jpg,0000000000000002,0.94,2,keep,,",
        "x.jpg,ffffffffffffffff,0.1,3,drop,,",
        "d.jpg,,0.9,4,correct,51-53,female",
        "e.jpg,0000000000000007,0.91,5,,,",
    ]
    labels, dropped = audit(*lines, above=0.9)
    assert dropped == {"audit: dropped by hand": [2], "audit: suspicion above 0.9": [0, 4]}
    assert labels["age_low"].tolist() == [20, 30, 40, 51, 60]
    assert labels["age_high"].tolist() == [20, 30, 40, 53, 60]
    np.testing.assert_array_equal(labels["gender"], [0, 1, 0, 0, 1])
    assert audit(*lines)[1] == {"audit: dropped by hand": [2]}


def test_audit_of_a_file_without_its_path(audit):
    """It is of all records of the file."""
    assert audit("y.jpg,0000000000000007,0,1,drop,,")[1] == {"audit: dropped by hand": [3, 4]}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a.jpg,,0.5,1,dorp,,", "'decision'.*'dorp' in row 1"),
        ("a.jpg,xyz,0.5,1,drop,,", "none"),
        ("a.jpg,,1.5,1,,,", "'suspicion'.*'1.5' in row 1"),
        ("a.jpg,,0.5,1,correct,old,", "'new_age'.*'old' in row 1"),
        ("x.jpg,,0.5,1,drop,,", "none"),
    ],
)
def test_bad_audit_is_named(audit, line, reason):
    with pytest.raises(UserError, match=rf"audit\.csv: .*{reason}"):
        audit(line)
