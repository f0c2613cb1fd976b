"""The types of the fields of signed documents, and their times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar

import msgspec

from hashmatch.authority import canonical
from hashmatch.errors import ListNotAuthorised

_Document = TypeVar("_Document")

_PLAIN: Final = (
    r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z"  # no control characters: a text is one line wherever it is shown
)

Text = Annotated[str, msgspec.Meta(max_length=1000, pattern=_PLAIN)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=_PLAIN)]
ListId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]
KeyId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
Octets32 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Time = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z")]
Count = Annotated[int, msgspec.Meta(ge=0)]
Version = Annotated[int, msgspec.Meta(ge=1)]

_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"


def read(content: bytes, kind: type[_Document], what: str) -> _Document:
    """Read a document that was verified, or that somebody is about to sign.

    Raises:
        ListNotAuthorised: it is not of that kind; `what` names it.
    """
    try:
        return canonical.decode(content, kind)
    except ValueError as error:
        raise ListNotAuthorised(f"{what}: {error}") from None


def moment(text: str) -> datetime:
    """Return the moment a `Time` names.

    Raises:
        ValueError: there is no such day or hour.
    """
    return datetime.strptime(text, _FORM).replace(tzinfo=UTC)


def stamp(when: datetime) -> str:
    """Return a moment as a `Time`, in UTC and to the second."""
    return when.astimezone(UTC).strftime(_FORM)


def check_period(issued: str, expires: str, what: str) -> None:
    """Refuse times that do not exist, and an end that is not after the beginning.

    Raises:
        ListNotAuthorised: names the times.
    """
    try:
        ordered = moment(issued) < moment(expires)
    except ValueError as error:
        raise ListNotAuthorised(f"{what}: {error}") from None
    if not ordered:
        raise ListNotAuthorised(f"{what}: expires {expires}, which is not after {issued}, when it was issued")
