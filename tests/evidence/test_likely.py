"""Which places and names are likely: what fnmatch(3) says, component by component, on bytes."""

from __future__ import annotations

import fnmatch
import os
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.errors import UsageError
from hashmatch.evidence.likely import READY, Likely

PATHS = [
    b"Users/ann/Pictures/a.txt", b"Users/ann/Pictures/sub/deep/b", b"Users/ann/c.JPG", b"pictures/d", b"e.jpg",
    b"Users/ann/notes/f.txt", b"x/Users/ann/Pictures/g.txt", b"Users/.jpg", b"Users/jpg", b"DCIM/100/h", b"a.jpg/i",
    b"Users/ann/Pictures", b"j.tar.gz", b"k[1].doc", b"new\nline.jpg", b"\xff\xfe.jpg", b"l.jp", b"m.jpgx",
]  # fmt: skip


def is_likely(likely: Likely, path: bytes) -> bool:
    *directories, name = path.split(b"/")
    place = likely.root
    for directory in directories:
        place = likely.below(place, directory)
    return likely.has(place, name)


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        (["*.jpg"], {2, 4, 7, 10, 14, 15}),
        (["Pictures"], {0, 1, 3, 6, 11}),
        (["/users/*/pictures/"], {0, 1, 11}),
        (["Users/*/Pictures/*.TXT"], {0}),
        (["*/*/*.jpg"], {2}),
        (["users/ann/c.jpg", "dcim"], {2, 9}),
        (["*.tar.gz", "k[[]1].doc", "?.jp"], {12, 13, 16}),
        (["[!k]*.doc"], set()),
        (["pictures"], {0, 1, 2, 3, 4, 6, 7, 9, 10, 11, 14, 15}),
        ([], set(range(len(PATHS)))),
    ],
    ids=str,
)
def test_examples(patterns: list[str], chosen: set[int]) -> None:
    """Names at any depth, paths from the root, directories with all that is in them, either case.

    The ready set of pictures holds the name `pictures` and the extension `jpg`.
    """
    likely = Likely(patterns)
    assert {number for number, path in enumerate(PATHS) if is_likely(likely, path)} == chosen


component = st.text(st.sampled_from("aB*?[]!-."), min_size=1, max_size=4)
names = st.text(st.sampled_from("abB.-!"), min_size=1, max_size=4)


def said_by_fnmatch(patterns: list[list[str]], path: list[str]) -> bool:
    """Read the rules one by one, for each directory above the file and for the file itself."""
    for prefix in accumulate([[name] for name in path]):
        for pattern in patterns:
            over = [prefix[-1]] if len(pattern) == 1 else prefix
            pairs = zip(over, pattern, strict=False)
            if len(over) == len(pattern) and all(fnmatch.fnmatchcase(n.lower(), p.lower()) for n, p in pairs):
                return True
    return False


@given(
    st.lists(st.lists(component, min_size=1, max_size=3), min_size=1, max_size=4),
    st.lists(names, min_size=1, max_size=4),
)
def test_agrees_with_fnmatch(patterns: list[list[str]], path: list[str]) -> None:
    """Whatever the patterns and the path are, extensions and joined expressions change nothing."""
    expected = said_by_fnmatch(patterns, path)
    assert is_likely(Likely(map("/".join, patterns)), os.fsencode("/".join(path))) == expected


@given(
    st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1), max_size=4),
    st.binary(min_size=1).filter(lambda path: 0 not in path),
)
def test_any_pattern_and_any_name(patterns: list[str], path: bytes) -> None:
    """Every text is a pattern or refused as one; no name of any bytes is too strange to ask about."""
    try:
        likely = Likely(patterns)
    except UsageError:
        assert any("//" in pattern.strip("/") or not pattern.strip("/") for pattern in patterns)
    else:
        is_likely(likely, path)


@pytest.mark.parametrize("pattern", ["", "/", "//", "a//b"])
def test_patterns_of_nothing_are_refused(pattern: str) -> None:
    """An empty component could match nothing, and would look like a choice."""
    with pytest.raises(UsageError, match="first"):
        Likely([pattern])


def test_places_are_ranked() -> None:
    """First what is inside a match, then what may lead to one, then the rest."""
    likely = Likely(["Users/*/Pictures", "DCIM"])
    users = likely.below(likely.root, b"users")
    ann = likely.below(users, b"ann")
    assert [likely.root.rank, users.rank, ann.rank] == [1, 1, 1]
    assert likely.below(ann, b"Pictures").rank == 0
    assert likely.below(likely.below(ann, b"Pictures"), b"any").rank == 0
    assert likely.below(ann, b"Documents").rank == 2
    assert likely.below(likely.below(likely.root, b"Windows"), b"dcim").rank == 0
    assert likely.below(likely.root, b"Windows").rank == 2


def test_ready_sets_are_of_patterns_that_can_be_used() -> None:
    """Each names places and extensions, none twice."""
    for patterns in READY.values():
        Likely(patterns)
        assert len(set(patterns)) == len(patterns)
        assert all(pattern == pattern.lower() for pattern in patterns)
