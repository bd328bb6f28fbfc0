"""The one exception that means: the input is at fault, not the program."""

from __future__ import annotations


class InputError(ValueError):
    """Input that cannot be used; the message says what is wrong, what was given and what would do.

    The command line prints it without a traceback and exits with status 2.
    """


def known(name: str, what: str, names: object) -> InputError:
    """Return the error for a `name` that is not among the `names` of its kind.

    >>> str(known("dcmx", "method", {"dcmh": 1, "cca": 2}))
    "no method 'dcmx'; there are cca, dcmh"
    """
    return InputError(f"no {what} {name!r}; there are {', '.join(sorted(names))}")  # type: ignore[call-overload]


class ItemError(InputError):
    """A raw item that cannot be used; the message is the reason, without the item's name, which the caller knows."""
