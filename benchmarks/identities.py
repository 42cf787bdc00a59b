#!/usr/bin/env python3
"""Add the identities of the faces that trained a model to its weight file.

For weights of version 0.2, and for those trained on databases without identities. The parts of the
faces come from the file's own lists of pixels, or from the hash of the file names, of initial
weights too; the identities from the files in the dataset's folder that the database names:

python benchmarks/identities.py --weight_file pretrained_models/age_gender.hdf5 -o with.hdf5 \\
    --input data/utkface_136_db.mat data/wiki_136_db.mat --data_dir data/raw/UTKFace data/raw/wiki
"""

import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from src import cli, flags
from src.errors import UserError
from src.extras import import_keras
from src.flags import flag


@dataclass(frozen=True, kw_only=True)
class Arguments:
    weight_file: Path = flag(help="checkpoint")
    input: tuple[Path, ...] = flag(help="databases of its training", short="-i")
    data_dir: tuple[Path, ...] = flag(help="folder of each database's dataset")
    output: Path = flag(help="path of the output", short="-o")

    def __post_init__(self):
        if len(self.input) != len(self.data_dir):
            raise UserError(
                f"--data_dir: expected one folder per --input, {len(self.input)}, received "
                f"{len(self.data_dir)}"
            )


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    import_keras()
    from src.data.database import open_database
    from src.data.identities import BYTES, PARTS, Identities
    from src.data.split import read_split
    from src.models.checkpoints import load_checkpoint, save_checkpoint
    from src.models.seen import seen_in

    databases = [open_database(path) for path in args.input]
    model, description = load_checkpoint(args.weight_file)
    seen = (
        seen_in(databases, description)
        if description.identities
        else of_split(databases, description)
    )
    faces, start = [], 0
    for database, folder in zip(databases, args.data_dir, strict=True):
        parts = seen[start : start + len(database)]
        start += len(database)
        unknown = ~np.isin(parts, PARTS)
        if unknown.any():
            raise UserError(
                f"{database.path}: expected a database that trained {args.weight_file}; the part "
                f"of {unknown.sum():,} of its {len(database):,} faces is unknown"
            )
        identities = file_identities(folder, database.names)
        faces += [(BYTES, part, identities[parts == part]) for part in PARTS]
        counts = ", ".join(f"{part} {(parts == part).sum():,}" for part in PARTS)
        print(f"{database.path}: {counts}", flush=True)
    if description.identities:
        faces += [listed for listed in description.identities.items() if listed[0] == BYTES]
    dbs, files = ({get(d) for d in databases} for get in (lambda d: d.db, lambda d: d.path.name))
    data = [
        part | {"identity": BYTES} if part["db"] in dbs - {"csv"} or part["file"] in files else part
        for part in description.data
    ]
    listed = replace(description, data=data, identities=Identities.of(faces))
    listed = replace(listed, split=asdict(read_split(listed.split)))
    save_checkpoint(args.output, model, listed, half=is_half(args.weight_file))


def of_split(databases: list, description) -> np.ndarray:
    """The part of each row, str (N,), by the hash split of version 0.2, whose databases had the
    same numbers of faces in each part."""
    from src.data.identities import PARTS
    from src.data.split import FILE, read_split

    split = read_split(description.split)
    if split is None or split.method != "hash":
        raise UserError("--weight_file: expected weights trained with --split_by hash")
    parts = split.parts(databases, [FILE] * len(databases))
    expected = [[run[part]["rows"] for part in PARTS] for run in description.split["databases"]]
    ends = np.cumsum([*map(len, databases)])[:-1]
    for database, own in zip(databases, np.split(parts, ends), strict=True):
        counts = [int((own == part).sum()) for part in PARTS]
        if counts not in expected:
            raise UserError(
                f"{database.path}: expected a database of the weights' run, with {expected} faces "
                f"for {', '.join(PARTS)}, received {counts}"
            )
    return parts


def file_identities(folder: Path, names: list[str]) -> np.ndarray:
    """Identities, uint64 (N,), of the files in a dataset's folder."""
    from src.data.identities import file_identity
    from src.files import wrap_read_errors

    identities = np.empty(len(names), np.uint64)
    for row, name in enumerate(names):
        with wrap_read_errors(folder / name, "an image of the dataset"):
            identities[row] = file_identity((folder / name).read_bytes())
    return identities


def is_half(path: Path) -> bool:
    """Whether a checkpoint stores float16."""
    import h5py

    halves = []
    with h5py.File(path) as file:
        file.visititems(lambda _, item: halves.append(getattr(item, "dtype", None) == np.float16))
    return any(halves)


if __name__ == "__main__":
    cli.run(main)
