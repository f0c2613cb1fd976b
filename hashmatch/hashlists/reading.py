"""What a person says of a list, and what opening it gives: the border between the formats and whoever imports."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from hashmatch.digests import Algorithm
from hashmatch.errors import ListAmbiguous, ListContradiction, UsageError
from hashmatch.hashlists.entries import Category, EntryBlock, ListType, Piece
from hashmatch.hashlists.listfile import ListFile
from hashmatch.hashlists.text import LineBlock, line_blocks


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Declared by the person who imports, because the file cannot be trusted to say it or does not.

    Attributes:
        list_type: what being on the list says of a file.
        algorithm: the digest, for lists that name none.
        scheme: the scheme of the list's categories.
        category: one category for all entries of a list that has none of its own.
    """

    list_type: ListType
    algorithm: Algorithm | None = None
    scheme: str | None = None
    category: str | None = None

    def list_category(self) -> Category | None:
        """Return the category that holds for the whole list, where the person gave one.

        Raises:
            UsageError: a category without its scheme.
        """
        if self.category is None:
            return None
        if self.scheme is None:
            raise UsageError("a category means nothing without its scheme: add --scheme")
        return Category(self.scheme, self.category)


@dataclass(frozen=True, slots=True)
class Reading:
    """A list that has been recognised and opened; nothing but its head need have been read.

    Attributes:
        format_name: as `--format` calls it.
        algorithms: the digests its entries may have; None where only reading the list tells.
        has_categories: whether entries may have categories of their own.
    """

    format_name: str
    algorithms: tuple[Algorithm, ...] | None
    has_categories: bool
    _pieces: Callable[[], Iterator[Piece]] = field(repr=False)

    def pieces(self) -> Iterator[Piece]:
        """Yield the list in stretches, in order; they may be parsed in other processes and in any order.

        The list is complete only once the iterator has ended without an error.
        """
        return self._pieces()


class LineParser(Protocol):
    """Reads blocks of lines that stand alone; it can be pickled."""

    def parse(self, block: LineBlock) -> EntryBlock: ...


@dataclass(frozen=True, slots=True)
class LinePiece:
    """Lines not parsed yet, with what is needed to parse them anywhere."""

    parser: LineParser
    block: LineBlock

    def entries(self) -> EntryBlock:
        return self.parser.parse(self.block)


def line_pieces(list_file: ListFile, parser: LineParser) -> Callable[[], Iterator[Piece]]:
    """Return what a `Reading` of a line format yields its pieces by."""

    def pieces() -> Iterator[Piece]:
        for block in line_blocks(list_file):
            yield LinePiece(parser, block)

    return pieces


def needed_algorithm(options: ListOptions) -> Algorithm:
    """Return the algorithm a person must name because the list does not.

    Raises:
        ListAmbiguous: nobody named it.
    """
    if options.algorithm is None:
        raise ListAmbiguous(
            "nothing in this list names its algorithm, and its length does not tell: 32 digits may be MD5, MD4 or "
            "NTLM, 40 SHA-1 or RIPEMD-160; add --algorithm"
        )
    return options.algorithm


def check_algorithm(named: Collection[Algorithm], options: ListOptions) -> None:
    """Refuse an algorithm from the person that the list does not have.

    Raises:
        ListContradiction: they differ.
    """
    if options.algorithm is not None and options.algorithm not in named:
        raise ListContradiction(f"the list holds {labels(named)}, but --algorithm says {options.algorithm.label}")


def check_not_known(options: ListOptions, what: str) -> None:
    """Refuse a list of notable files that is declared to be of known ones.

    Raises:
        ListContradiction: the declared type is `known`.
    """
    if options.list_type is ListType.KNOWN:
        raise ListContradiction(f"{what} is never a list of known files, but --type says known")


def labels(algorithms: Iterable[Algorithm]) -> str:
    return ", ".join(algorithm.label for algorithm in sorted(algorithms))
