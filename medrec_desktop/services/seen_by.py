"""One service for several users: the state and the threads of the one that was begun first, the
permissions and the trail of whoever asks.

For services that own a running part, which must go on when somebody else signs in. All others are
simply made anew.
"""

from typing import Any, Protocol, TypeVar, cast

from medrec_desktop.services.context import Context


class _Whole(Protocol):
    _context: Context


W = TypeVar("W", bound=_Whole)


def seen_by(whole: W, context: Context) -> W:
    """The same service for the user of `context`; only who acts differs."""
    if whole._context is context:  # noqa: SLF001 - what every service has
        return whole
    kind = type(whole)
    seen = type(kind.__name__, (_Seen, kind), {})
    made: Any = object.__new__(seen)
    object.__setattr__(made, "_whole", whole)
    object.__setattr__(made, "_context", context)
    return cast("W", made)


class _Seen:
    """Its methods are the service's own; what they remember is the whole's."""

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "_whole"), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(object.__getattribute__(self, "_whole"), name, value)
