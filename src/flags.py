"""Command-line flags from the fields of frozen dataclasses."""

import argparse
import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from inspect import get_annotations
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from . import __version__
from .errors import UserError

Values = TypeVar("Values")
# Names of flags, one of which must be set; or names and accepted values, one of which must match.
Needs = str | tuple[str, ...] | dict[str, tuple]


@dataclass(frozen=True)
class Flag:
    """A flag: what `flag` sets, and the name, default and type of its field.

    The type decides: a bool is a switch, a list or tuple takes several values.
    group: title of the group in --help, also of the next flags of the class.
    limits: interval of accepted numbers, "[0, 1)".
    const: value of the flag without an argument; None if it requires one.
    parse: conversion of the text instead of the type's; raises `UserError` or `ValueError`.
    needs: what this flag requires to have an effect, see `Needs`. Names may also be properties of
        the dataclass, whose values are phrases, such as "the webcam".
    excludes: names of flags that cannot be combined with this one.
    """

    help: str
    group: str | None = None
    short: str | None = None
    positional: bool = False
    choices: tuple | None = None
    limits: str | None = None
    const: Any = None
    metavar: str | None = None
    parse: Callable[[str], Any] | None = None
    needs: Needs = ()
    excludes: tuple[str, ...] = ()
    name: str = ""
    default: Any = ...  # required
    hint: Any = None

    @property
    def label(self) -> str:
        return self.name if self.positional else f"--{self.name}"

    @property
    def kind(self) -> type:
        """The type of one value: int of `int | None`, Path of `list[Path]`."""
        hint = self.hint
        while get_args(hint):
            hint = next(arg for arg in get_args(hint) if arg not in (NoneType, ...))
        return hint

    @property
    def collection(self) -> type | None:
        """list or tuple if the flag takes several values."""
        origins = map(get_origin, (self.hint, *get_args(self.hint)))
        return next((origin for origin in origins if origin in (list, tuple)), None)


def flag(default: Any = MISSING, **options: Any) -> Any:
    """A dataclass field that `parse` turns into a flag; options: as of `Flag`."""
    return dataclasses.field(default=default, metadata={"flag": Flag(**options)})


@lru_cache
def flags_of(cls: type) -> tuple[Flag, ...]:
    """The flags of a dataclass: its own, then those of its bases, from left to right.

    A subclass changes the default of a base's flag by `name: type = default`, and adds to its
    `needs` by a class variable, `NEEDS: ClassVar = {"detector": "detect"}`.
    """
    hints, final, found = get_type_hints(cls), cls.__dataclass_fields__, {}
    for base in cls.__mro__:
        group = None
        for name in get_annotations(base):
            declared = getattr(base, "__dataclass_fields__", {}).get(name)
            if declared and "flag" in declared.metadata and name not in found:
                options, default = declared.metadata["flag"], final[name].default
                group = options.group or group
                found[name] = replace(
                    options,
                    name=name,
                    group=group,
                    default=... if default is MISSING else default,
                    hint=hints[name],
                )
    return tuple(found.values())


def parse(cls: type[Values], argv: Sequence[str], description: str | None = None) -> Values:
    """The dataclass `cls` with the values of a command line.

    Args:
        cls: dataclass of flags.
        argv: command line without the script's name.
        description: docstring of the script, which --help shows as it is.

    Raises:
        UserError: Unknown flags, invalid values, flags without effect.
    """
    passed = vars(_Parser(cls, description).parse_args(argv))
    for field in flags_of(cls):
        if field.collection and field.name in passed:
            passed[field.name] = field.collection(passed[field.name])
    values = cls(**passed)
    check_effects(values, passed)
    return values


class _Parser(argparse.ArgumentParser):
    """A parser of a dataclass's flags, in its order and its groups.

    Flags are written in full; those that are not passed are absent from the parsed namespace.
    Errors are `UserError`.
    """

    def __init__(self, cls: type, description: str | None):
        super().__init__(
            description=(description or "").strip(),  # None with python -OO
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument(
            "--version",
            action="version",
            version=f"%(prog)s {__version__}",
            help="print the version",
        )
        groups = {None: self}
        for field in flags_of(cls):
            if field.group not in groups:
                groups[field.group] = self.add_argument_group(field.group)
            names = [field.label, *filter(None, [field.short])]
            groups[field.group].add_argument(*names, **_options(field))
        positional = "".join(f" [{field.name} ...]" for field in flags_of(cls) if field.positional)
        self.usage = f"%(prog)s [flags]{positional}"

    def error(self, message: str):
        raise UserError(message.removeprefix("argument "))

    def parse_args(self, args: Sequence[str], namespace=None) -> argparse.Namespace:
        known = self._option_string_actions
        for text in args:
            name = text.partition("=")[0]
            if name == "--":
                break
            if name.startswith("--") and name not in known:
                self.error(f"unrecognized arguments: {name}{did_you_mean(name, known)}")
        return super().parse_args(args, namespace)


def _options(field: Flag) -> dict[str, Any]:
    """Arguments of `add_argument`."""
    options = {"help": _help(field), "default": argparse.SUPPRESS}
    is_required = field.default is ...
    if not field.positional:
        options["required"] = is_required
    if field.kind is bool:
        return options | {"action": "store_true"}
    if field.collection:
        options["nargs"] = "*" if field.positional and not is_required else "+"
    if field.const is not None:
        options |= {"nargs": "?", "const": field.const}
    if field.metavar or field.choices:
        options["metavar"] = field.metavar or f"{{{','.join(map(str, field.choices))}}}"
    return options | {"type": _converter(field)}


def _help(field: Flag) -> str:
    text = field.help
    if field.default is ...:
        text += "" if field.positional else " (required)"
    elif "(default" not in text and field.default not in (None, ()) and field.default is not False:
        text += f" (default: {field.default})"
    return text.replace("%", "%%")


def _converter(field: Flag) -> Callable[[str], Any]:
    """Conversion of a flag's text to a value."""

    def convert(text: str) -> Any:
        try:
            value = (field.parse or field.kind)(text)
        except ValueError:
            value = None
        except UserError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        if mistake := _mistake(field, value, text):
            raise argparse.ArgumentTypeError(mistake)
        return value

    return convert


def _mistake(field: Flag, value: Any, received: object) -> str:
    """Why a flag does not accept a value, None if it could not be converted; "" if it does."""
    if field.choices:
        if value in field.choices:
            return ""
        near = did_you_mean(received, field.choices)
        return f"expected {', '.join(map(str, field.choices))}, received {str(received)!r}{near}"
    if value is not None and (field.limits is None or within(value, field.limits)):
        return ""
    expected = "a whole number" if field.kind is int else "a number"
    expected += f" in {field.limits}" if field.limits else ""
    return f"expected {expected}, received {str(received)!r}"


def did_you_mean(text: object, known: Iterable[object]) -> str:
    """ "; did you mean --json?", or "" if no known text is similar."""
    similar = {str(text).lower(): str(text) for text in known}
    near = get_close_matches(str(text).lower(), similar, n=1)
    return f"; did you mean {similar[near[0]]}?" if near else ""


def within(value: float, limits: str) -> bool:
    """Whether an interval, such as "[0, 1)" or "(0, inf)", contains a value; never for NaN."""
    low, high = (float(end) for end in limits[1:-1].split(","))
    above = value >= low if limits[0] == "[" else value > low
    return above and (value <= high if limits[-1] == "]" else value < high)


def check_values(values: Any) -> None:
    """Raise `UserError` if a flag of a dataclass instance has an invalid value."""
    for field in flags_of(type(values)):
        value = getattr(values, field.name)
        if value not in (None, field.default) and (mistake := _mistake(field, value, value)):
            raise UserError(f"{field.label}: {mistake}")


def check_effects(values: Any, passed: Collection[str]) -> None:
    """Raise `UserError` if one of the `passed` flags has no effect, or excludes another."""
    flags = {field.name: field for field in flags_of(type(values))}
    added = [vars(base).get("NEEDS", {}) for base in type(values).__mro__]
    for field in flags.values():
        if field.name not in passed:
            continue
        for needs in (field.needs, *(needs[field.name] for needs in added if field.name in needs)):
            if unmet := _unmet(needs, values, flags):
                raise UserError(f"{field.label} requires {unmet}")
        for other in field.excludes:
            if other in passed:
                raise UserError(f"{field.label} cannot be combined with {flags[other].label}")


def _unmet(needs: Needs, values: Any, flags: Mapping[str, Flag]) -> str:
    """ "--detect or --align", "--arch wide_resnet"; "" if one of them is met."""
    if not isinstance(needs, dict):
        needs = dict.fromkeys((needs,) if isinstance(needs, str) else needs, ())
    phrases = []
    for name, accepted in needs.items():
        value = getattr(values, name)
        if value in accepted if accepted else value:
            return ""
        label = flags[name].label if name in flags else ""
        phrases.append(f"{label} {' or '.join(map(str, accepted))}".strip())
    return " or ".join(phrases)
