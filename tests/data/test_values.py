import pytest

from src.data.datasets.values import parse_age, parse_gender

UNKNOWN = ("", " ", "NA", "n/a", "#N/A", "NaN", "nan", "None", "null", "Unknown", "u", "?", "-")


@pytest.mark.parametrize(
    ("text", "ages"),
    [
        *(
            ("25", (25, 25)),
            ("25.9", (25, 25)),
            ("7.99", (7, 7)),
            ("0", (0, 0)),
            (" 25 ", (25, 25)),
        ),
        *(("101", (100, 100)), ("116", (100, 100)), ("100.5", (100, 100))),
        *(
            ("25-32", (25, 32)),
            ("25 - 32", (25, 32)),
            ("25\u201332", (25, 32)),
            ("25..32", (25, 32)),
        ),
        *(("25 to 32", (25, 32)), ("(25, 32)", (25, 32)), ("(25,32)", (25, 32))),
        *(("[25, 32]", (25, 32)), ("25, 32", (25, 32)), ("0-2", (0, 2)), ("25.5-32.9", (25, 32))),
        *(("60+", (60, 100)), ("60 +", (60, 100)), ("more than 70", (70, 100))),
        *(("More than 70", (70, 100)), ("(60, 120)", (60, 100)), ("110+", (100, 100))),
    ],
)
def test_ages_and_ranges(text, ages):
    assert parse_age(text, decimal_comma=False) == ages


@pytest.mark.parametrize(
    "text",
    ["abc", "-3", "-1", "250", "1987", "32-25", "(32, 25)", "25,32", "25-", "-25", "2-3-4", "+",
     "25 years", "20-29 years", "inf", "1e1", "2O", "3. Sep", "Mar-09", "(25, 32"],
)  # fmt: skip
def test_other_ages_are_refused(text):
    with pytest.raises(ValueError):
        parse_age(text, decimal_comma=False)


def test_decimal_comma_only_where_declared():
    assert parse_age("25,9", decimal_comma=True) == (25, 25)
    assert parse_age("25,5-32,9", decimal_comma=True) == (25, 32)
    assert parse_age("(25,32)", decimal_comma=True) == (25, 32)
    with pytest.raises(ValueError):
        parse_age("25,9", decimal_comma=False)


def test_words_for_genders():
    for word in ("female", "F", "Woman", "WOMAN", "w", "girl", " Female "):
        assert parse_gender(word) == 0
    for word in ("male", "Male ", "M", "man", "MAN", "boy"):
        assert parse_gender(word) == 1


@pytest.mark.parametrize("text", ["0", "1", "2", "1.0", "-1", "other", "fem", "x", "male/female"])
def test_other_genders_are_refused(text):
    with pytest.raises(ValueError):
        parse_gender(text)


@pytest.mark.parametrize("text", UNKNOWN)
def test_blanks_are_unknown(text):
    assert parse_age(text, decimal_comma=False) is parse_gender(text) is None
