"""Metric tables of a model card, between two marks of a Markdown file."""

from pathlib import Path

from ..errors import UserError
from ..files import replacing
from .results import Results
from .tables import legend, markdown


def marks(section: str) -> tuple[str, str]:
    """The lines around the tables of a section."""
    return f"<!-- {section}: begin -->", f"<!-- {section}: end -->"


def check_card(path: Path, section: str = "figures") -> None:
    """Raise `UserError` if `write_card` cannot write to `path`, before any work is done."""
    _around(path, *marks(section))


def write_card(path: Path, results: Results, command: str, section: str = "figures") -> None:
    """Replace the text between the marks of a section in `path` by tables of all models.

    command: the command of the evaluation, for reference.
    """
    begin, end = marks(section)
    before, after = _around(path, begin, end)
    notes = [f"{e.model}: {e.calibration}." for e in results.evaluations if e.calibration]
    notes += [
        f"{e.model}: {len(e.skipped):,} of {len(results.labels):,} images skipped: missing, "
        "undecodable or without a face."
        for e in results.evaluations
        if e.skipped
    ]
    explained = legend().replace("[...]", r"\[...\]").replace("*:", r"\*:")
    code = f"Written by\n\n```bash\n{command}\n```"
    tables = "\n\n".join([begin, markdown(results), explained, *notes, code, end])
    with replacing(path) as partial:
        partial.write_text(before + tables + after, encoding="utf-8")


def _around(path: Path, begin: str, end: str) -> tuple[str, str]:
    """The text before and after the marks."""
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise UserError(
            f"--card: expected a Markdown file, {path} cannot be read: {error}"
        ) from error
    before, _, rest = content.partition(begin)
    _, found, after = rest.partition(end)
    if not found or content.count(begin) + content.count(end) > 2:
        raise UserError(
            f"--card: expected {begin} and below it {end} in {path}, once each; add both lines"
        )
    return before, after
