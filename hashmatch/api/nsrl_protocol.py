"""nsrlsvr's protocol, version 2.0, without sockets: octets in, steps of the session out.

As `handle_client` in nsrlsvr's src/handler.cc has it: lines end in LF, CR and blanks around a line do not count, words
are parted by spaces, and the verb is in either case. A line that holds nothing, or a hash that is none, ends the
session without an answer; an unknown verb ends it with `NOT OK`. What the client sent before it closed its side counts
as a line even without a line break. nsrlsvr knows MD5 alone; here SHA-1 and SHA-256 are told from it by their length.

nsrlsvr takes lines of any length, and so leaves a client to fill the memory. Here there is a limit, which no client
known of comes near: nsrllookup sends 512 hashes a line, and sent 4,096 before its version 1.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hashmatch.digests import Algorithm, parse_hex
from hashmatch.hashlists.columns import octets_in_lines

LINE_LIMIT: Final = 512 << 10  # bytes; some 15,800 MD5s or 8,000 SHA-256s

_BLANKS: Final = b"\t\n\v\f\r "
_BY_DIGITS: Final = {2 * algorithm.size: algorithm for algorithm in Algorithm}


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent whatever the lists hold."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Query:
    """Digests that are to be looked up.

    Attributes:
        count: how many the line has.
        digests: those of each algorithm that the line has any of, raw and end to end.
        places: where these stand in the line, for each algorithm; nothing where all are of one algorithm, in order.
    """

    count: int
    digests: Mapping[Algorithm, bytes] = field(repr=False)
    places: Mapping[Algorithm, Sequence[int]]

    def reply(self, marks: Mapping[Algorithm, bytes]) -> bytes:
        """Return the line that answers, from an ASCII `1` or `0` for each digest of each algorithm, in order."""
        if not self.places:
            return b"OK %b\r\n" % b"".join(marks.values())
        line = bytearray(self.count)
        for algorithm, places in self.places.items():
            for place, mark in zip(places, marks[algorithm], strict=True):
                line[place] = mark
        return b"OK %b\r\n" % bytes(line)


Step = Reply | Query

_ENDS: Final = {b"", b"BYE"}
_REFUSAL: Final = Reply(b"NOT OK\r\n")
_REPLIES: Final = {
    b"VERSION:": Reply(b"OK\r\n"),
    b"STATUS": Reply(b"NOT SUPPORTED\r\n"),
    b"UPSHIFT": Reply(b"NOT OK\r\n"),
    b"DOWNSHIFT": Reply(b"NOT OK\r\n"),
}


class Session:
    """The server's side of one connection."""

    def __init__(self) -> None:
        self._begun = bytearray()
        self.ended = False

    @property
    def within_a_line(self) -> bool:
        """Whether a line has begun that has not ended yet."""
        return bool(self._begun)

    def take(self, octets: bytes) -> list[Step]:
        """Return what is to be done about the lines that end in `octets`, in order. After that, look at `ended`."""
        steps: list[Step] = []
        first, *others = octets.split(b"\n")
        self._begun += first
        for following in others:
            self._line(steps)
            self._begun[:] = following
            if self.ended:
                return steps
        self.ended = len(self._begun) > LINE_LIMIT
        return steps

    def end(self) -> list[Step]:
        """Return what is to be done once the client sends no more."""
        steps: list[Step] = []
        if not self.ended:
            self._line(steps)
        self.ended = True
        return steps

    def _line(self, steps: list[Step]) -> None:
        line = bytes(self._begun).strip(_BLANKS)
        verb, _, rest = line.partition(b" ")
        step = _step(verb.upper(), rest) if len(self._begun) <= LINE_LIMIT else None
        if step is not None:
            steps.append(step)
        self.ended = step is None or step is _REFUSAL


def _step(verb: bytes, rest: bytes) -> Step | None:
    """Return what a line asks for; None where it is to end the session without an answer."""
    if verb == b"QUERY":
        return _query(rest)
    return None if verb in _ENDS else _REPLIES.get(verb, _REFUSAL)


def _query(text: bytes) -> Query | None:
    """Read the digests of a line; None where one is none."""
    algorithm = _BY_DIGITS.get(text.find(b" ") if b" " in text else len(text))
    if algorithm is not None:
        # Most lines hold digests of one algorithm with one space between two, as lists hold them with line breaks.
        octets = octets_in_lines(algorithm, text.replace(b" ", b"\n") + b"\n")
        if octets is not None:
            return Query(len(octets) // algorithm.size, {algorithm: octets}, {})
    return _mixed([word for word in text.split(b" ") if word])


def _mixed(words: Sequence[bytes]) -> Query | None:
    digests: dict[Algorithm, list[bytes]] = {}
    places: dict[Algorithm, list[int]] = {}
    for place, word in enumerate(words):
        algorithm = _BY_DIGITS.get(len(word))
        if algorithm is None:
            return None
        try:
            octets = parse_hex(algorithm, word)
        except ValueError:
            return None
        digests.setdefault(algorithm, []).append(octets)
        places.setdefault(algorithm, []).append(place)
    return Query(len(words), {algorithm: b"".join(some) for algorithm, some in digests.items()}, places)
