"""Use of collections in a model's training."""

import numpy as np

from ..data.database import Database
from ..data.split import Split, hashed, read_split
from ..errors import UserError
from ..models.description import Description

NEVER_SEEN, HELD_OUT, TRAINED_ON, UNKNOWN = "never seen", "held out", "trained on", "unknown"
USES = {  # with titles of their sections
    NEVER_SEEN: "Collections never seen",
    HELD_OUT: "Held-out faces of collections trained on",
    TRAINED_ON: "Collections trained on, training faces included",
    UNKNOWN: "Collections of unknown use in training",
}
# Databases that may be split by person; label files of pictures may lack the persons.
_BY_PERSON = ("imdb", "wiki", "csv")
_UNNAMED = ("", "csv")  # `db` of databases that are not a named collection


def use_of(database: Database, description: Description, part: str) -> str:
    """One of `USES` for the faces of a database, restricted to `part` of the model's split."""
    use = _use(database, description)
    return HELD_OUT if use == TRAINED_ON and part in ("validation", "test") else use


def _use(database: Database, description: Description) -> str:
    """`TRAINED_ON`, `NEVER_SEEN` or `UNKNOWN`, from the databases in the description."""
    trained = description.data
    split = read_split(description.split)
    names, files = ({part.get(key) for part in trained} for key in ("db", "file"))
    is_named = database.db not in _UNNAMED
    if (split and split.has(database)) or database.path.name in files:
        return TRAINED_ON
    if is_named and database.db in names:
        return TRAINED_ON
    if not trained or None in names or (not is_named and names.intersection(_UNNAMED)):
        return UNKNOWN
    return NEVER_SEEN


def use_of_pictures(collection: str, names: list[str], description: Description) -> str:
    """One of `USES` for pictures with these file names.

    collection: their dataset, as in `Database.db`, or another name; "" if unknown.
    Pictures of a dataset trained on are `HELD_OUT` if the model's split is by the hash of file
    names and assigns none of them to training.
    """
    trained = {part.get("db") for part in description.data}
    if not collection or not trained or (None in trained and collection not in trained):
        return UNKNOWN
    if collection not in trained:
        return NEVER_SEEN
    split = read_split(description.split)
    own = {part.get("db") for part in description.data if not part.get("initial")}
    if split is None or split.method != "hash" or collection in {*_BY_PERSON} | trained - own:
        return TRAINED_ON
    parts = split.part_of(np.array([hashed(name) for name in names]))
    return HELD_OUT if parts.all() else TRAINED_ON  # 0 is training


def rows_of_part(
    databases: list[Database], description: Description, part: str, flag: str = "--part"
) -> np.ndarray:
    """Rows, int64, of joined databases: all of collections never seen, `part` of the rest.

    Raises `UserError` naming `flag` if the model has no split, or a database that it may have been
    trained on is not one of the split's run.
    """
    split = model_split(description, flag)
    own = [_use(database, description) != NEVER_SEEN for database in databases]
    trained = [database for database, is_own in zip(databases, own, strict=True) if is_own]
    of_trained = np.repeat(own, [*map(len, databases)])
    chosen = ~of_trained
    if trained:
        chosen[np.flatnonzero(of_trained)[split.rows(trained, part, flag)]] = True
    return np.flatnonzero(chosen)


def model_split(description: Description, flag: str) -> Split:
    """The split of a model's run; `UserError` naming `flag` if the model has none."""
    split = read_split(description.split)
    if split is None:
        raise UserError(
            f"{flag}: expected a weight file that stores its split, as train.py writes; this one "
            "stores none, so its training faces are unknown"
            + ("; use --part all" if flag == "--part" else "")
        )
    return split
