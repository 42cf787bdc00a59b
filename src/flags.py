"""Command-line flags from the fields of a dataclass."""

import argparse
import types
from collections.abc import Callable
from dataclasses import MISSING, Field, field, fields
from typing import Any, Union, get_args, get_origin, get_type_hints

from .errors import UserError


def flag(
    default: Any = MISSING,
    *,
    help: str,
    group: str | None = None,
    short: str | None = None,
    choices: tuple | None = None,
    limits: str | None = None,
    const: Any = None,
    metavar: str | None = None,
    needs: dict[str, tuple] | None = None,
) -> Any:
    """A dataclass field that `add_flags` turns into a flag with its name and type.

    A bool is a switch, a list takes several values.
    group: title of the group that begins with this flag.
    limits: interval of accepted numbers, "[0, 1)".
    const: value of the flag without an argument; None if it requires one.
    needs: values of other flags that this flag requires to have an effect.
    """
    metadata = {
        "help": help,
        "group": group,
        "short": short,
        "choices": choices,
        "limits": limits,
        "const": const,
        "metavar": metavar,
        "needs": needs or {},
    }
    return field(default=default, metadata=metadata)


def flags_of(cls: type) -> list[Field]:
    """The fields of a dataclass that are flags."""
    return [one for one in fields(cls) if "help" in one.metadata]


def add_flags(parser: argparse.ArgumentParser, cls: type) -> None:
    """Add the flags of a dataclass to a `cli.Parser`, in its order and its groups."""
    group = parser
    for one in flags_of(cls):
        if one.metadata["group"]:
            group = parser.add_argument_group(one.metadata["group"])
        names = [f"--{one.name}", *filter(None, [one.metadata["short"]])]
        group.add_argument(*names, **_options(one, get_type_hints(cls)[one.name]))
        for other, accepted in one.metadata["needs"].items():
            parser.require(
                names[0],
                lambda args, other=other, accepted=accepted: getattr(args, other) in accepted,
                f"--{other} {' or '.join(map(str, accepted))}",
            )


def _options(one: Field, hint: Any) -> dict[str, Any]:
    """Arguments of `add_argument`."""
    meta = one.metadata
    options = {"help": meta["help"]}
    if one.default is MISSING:
        options["required"] = True
    elif one.default is not None:
        options["default"] = one.default
    kind = _plain(hint)
    if kind is bool:
        return options | {"action": "store_true"}
    if get_origin(hint) is list:
        options["nargs"] = "+"
    if meta["const"] is not None:
        options |= {"nargs": "?", "const": meta["const"]}
    if meta["metavar"]:
        options["metavar"] = meta["metavar"]
    if meta["choices"]:
        options["choices"] = meta["choices"]
    return options | {"type": number(kind, meta["limits"]) if kind in (int, float) else kind}


def _plain(hint: Any) -> type:
    """The type of one value: int of `int | None`, Path of `list[Path]`."""
    if get_origin(hint) in (Union, types.UnionType, list):
        return next(_plain(one) for one in get_args(hint) if one is not type(None))
    return hint


def number(kind: type, limits: str | None = None) -> Callable[[str], int | float]:
    """Conversion of a flag's text to a number of `kind`, int or float, within `limits`."""

    def convert(text: str) -> int | float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not (limits is None or within(value, limits)):
            raise argparse.ArgumentTypeError(
                f"expected {describe(kind, limits)}, received {text!r}"
            )
        return value

    return convert


def within(value: float, limits: str) -> bool:
    """Whether an interval, such as "[0, 1)" or "(0, inf)", contains a value; never for NaN."""
    low, high = (float(end) for end in limits[1:-1].split(","))
    above = value >= low if limits[0] == "[" else value > low
    below = value <= high if limits[-1] == "]" else value < high
    return above and below


def describe(kind: type, limits: str | None) -> str:
    """ "a whole number of at least 1", "a number above 0 and below 1"."""
    noun = "a whole number" if kind is int else "a number"
    if limits is None:
        return noun
    low, high = limits[1:-1].split(", ")
    ends = [f"of at least {low}" if limits[0] == "[" else f"above {low}"]
    if high != "inf":
        ends.append(f"at most {high}" if limits[-1] == "]" else f"below {high}")
    return f"{noun} {' and '.join(ends)}"


def check_values(values: Any) -> None:
    """Raise `UserError` if a flag of a dataclass instance has an invalid value, or a value other
    than its default without effect."""
    for one in flags_of(type(values)):
        value, meta = getattr(values, one.name), one.metadata
        if value is None or value == one.default:
            continue
        kind = _plain(get_type_hints(type(values))[one.name])
        if meta["choices"] and value not in meta["choices"]:
            raise UserError(
                f"--{one.name}: expected {', '.join(map(str, meta['choices']))}, received {value}"
            )
        if meta["limits"] and not within(value, meta["limits"]):
            raise UserError(
                f"--{one.name}: expected {describe(kind, meta['limits'])}, received {value}"
            )
