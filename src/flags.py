"""Command-line flags from the fields of frozen dataclasses."""

import argparse
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, make_dataclass, replace
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
            hint = next(one for one in get_args(hint) if one not in (NoneType, ...))
        return hint

    @property
    def collection(self) -> type | None:
        """list or tuple if the flag takes several values."""
        origins = map(get_origin, (self.hint, *get_args(self.hint)))
        return next((origin for origin in origins if origin in (list, tuple)), None)


def flag(default: Any = MISSING, **options: Any) -> Any:
    """A dataclass field that `parse` turns into a flag; options: as of `Flag`."""
    return field(default=default, metadata={"flag": Flag(**options)})


@lru_cache
def flags_of(cls: type) -> tuple[Flag, ...]:
    """The flags of a dataclass: its own, then those of its bases, from left to right.

    A subclass changes the default of a base's flag by `name: type = default`, and adds to its
    `needs` by a class variable, `NEEDS: ClassVar = {"detector": "detect"}`.
    """
    hints, final, found = get_type_hints(cls), {one.name: one for one in fields(cls)}, {}
    for base in cls.__mro__:
        group = None
        for name in get_annotations(base):
            declared = getattr(base, "__dataclass_fields__", {}).get(name)
            if not declared or "flag" not in declared.metadata or name in found:
                continue
            options, default = declared.metadata["flag"], final[name].default
            group = options.group or group
            default = ... if default is MISSING else default
            found[name] = replace(
                options, name=name, group=group, default=default, hint=hints[name]
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
    parser = _Parser(description)
    add_flags(parser, cls)
    passed = vars(parser.parse_args(argv))
    for one in flags_of(cls):
        if one.collection and one.name in passed:
            passed[one.name] = one.collection(passed[one.name])
    values = cls(**passed)
    check_effects(values, passed)
    return values


class _Parser(argparse.ArgumentParser):
    """A parser whose flags are written in full and whose errors are `UserError`."""

    def __init__(self, description: str | None):
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


def add_flags(parser: argparse.ArgumentParser, cls: type) -> None:
    """Add the flags of a dataclass to a parser, in its order and its groups.

    Flags that are not passed are absent from the parsed namespace.
    """
    groups = {None: parser}
    for one in flags_of(cls):
        if one.group not in groups:
            groups[one.group] = parser.add_argument_group(one.group)
        names = [one.label, *filter(None, [one.short])]
        groups[one.group].add_argument(*names, **_options(one))
    positional = "".join(f" [{one.name} ...]" for one in flags_of(cls) if one.positional)
    parser.usage = f"%(prog)s [flags]{positional}"


def _options(one: Flag) -> dict[str, Any]:
    """Arguments of `add_argument`."""
    options = {"help": _help(one), "default": argparse.SUPPRESS}
    is_required = one.default is ...
    if not one.positional:
        options["required"] = is_required
    if one.kind is bool:
        return options | {"action": "store_true"}
    if one.collection:
        options["nargs"] = "*" if one.positional and not is_required else "+"
    if one.const is not None:
        options |= {"nargs": "?", "const": one.const}
    if one.metavar or one.choices:
        options["metavar"] = one.metavar or f"{{{','.join(map(str, one.choices))}}}"
    return options | {"type": _converter(one)}


def _help(one: Flag) -> str:
    text = one.help
    if one.default is ...:
        text += "" if one.positional else " (required)"
    elif "(default" not in text and one.default not in (None, ()) and one.default is not False:
        text += f" (default: {one.default})"
    return text.replace("%", "%%")


def _converter(one: Flag) -> Callable[[str], Any]:
    """Conversion of a flag's text to a value."""

    def convert(text: str) -> Any:
        try:
            value = (one.parse or one.kind)(text)
        except ValueError:
            value = None
        except UserError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        if value is None or not _accepts(one, value):
            raise argparse.ArgumentTypeError(_expected(one, text))
        return value

    return convert


def _accepts(one: Flag, value: Any) -> bool:
    if one.choices:
        return value in one.choices
    return one.limits is None or within(value, one.limits)


def _expected(one: Flag, value: Any) -> str:
    near = ""
    if one.choices:
        expected, near = ", ".join(map(str, one.choices)), did_you_mean(value, one.choices)
    else:
        expected = "a whole number" if one.kind is int else "a number"
        expected += f" in {one.limits}" if one.limits else ""
    return f"expected {expected}, received {str(value)!r}{near}"


def did_you_mean(text: object, known: Iterable[object]) -> str:
    """ "; did you mean --json?", or "" if no known text is similar."""
    similar = {str(one).lower(): str(one) for one in known}
    near = get_close_matches(str(text).lower(), similar, n=1)
    return f"; did you mean {similar[near[0]]}?" if near else ""


def within(value: float, limits: str) -> bool:
    """Whether an interval, such as "[0, 1)" or "(0, inf)", contains a value; never for NaN."""
    low, high = (float(end) for end in limits[1:-1].split(","))
    above = value >= low if limits[0] == "[" else value > low
    return above and (value <= high if limits[-1] == "]" else value < high)


def check_values(values: Any) -> None:
    """Raise `UserError` if a flag of a dataclass instance has an invalid value."""
    for one in flags_of(type(values)):
        value = getattr(values, one.name)
        if value is not None and value != one.default and not _accepts(one, value):
            raise UserError(f"{one.label}: {_expected(one, value)}")


def check_effects(values: Any, passed: Collection[str]) -> None:
    """Raise `UserError` if one of the `passed` flags has no effect, or excludes another."""
    flags = {one.name: one for one in flags_of(type(values))}
    added = [vars(base).get("NEEDS", {}) for base in type(values).__mro__]
    for one in flags.values():
        if one.name not in passed:
            continue
        for needs in (one.needs, *(needs[one.name] for needs in added if one.name in needs)):
            if unmet := _unmet(needs, values, flags):
                raise UserError(f"{one.label} requires {unmet}")
        for other in one.excludes:
            if other in passed:
                raise UserError(f"{one.label} cannot be combined with {flags[other].label}")


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


def flags_by_choice(name: str, choice: str, classes: Mapping[str, type]) -> type:
    """A dataclass with the flags of several, each of which requires a value of another flag.

    Args:
        name: name of the dataclass.
        choice: name of the other flag.
        classes: dataclass by value of the other flag; flags of one name are the same flag.
    """
    found: dict[str, tuple[Flag, list[str]]] = {}
    for value, cls in classes.items():
        for one in flags_of(cls):
            found.setdefault(one.name, (one, []))[1].append(value)
    made = []
    for one, users in found.values():
        text, default, rest = one.help.partition(" (default")
        text = f"{text}, for --{choice} {', '.join(users)}{default}{rest}"
        needs, group = {choice: tuple(users)}, f"options of --{choice}"
        options = replace(one, help=text, needs=needs, group=group)
        made.append((one.name, one.hint, field(default=one.default, metadata={"flag": options})))
    return make_dataclass(name, made, frozen=True)


def pick(cls: type[Values], values: Any) -> Values:
    """The dataclass `cls` with the flags that `values` has, such as a reader's options."""
    return cls(**{one.name: getattr(values, one.name) for one in flags_of(cls)})
