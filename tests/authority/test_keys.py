"""Public keys: one id for one key, and no key that anybody could sign with."""

from __future__ import annotations

import pytest

from hashmatch.authority.canonical import from_base64
from hashmatch.authority.envelope import Envelope
from hashmatch.authority.keys import _SMALL_ORDER, KeyKind, PublicKey, check_key, holds
from tests.authority.lab import key

P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P
L = 2**252 + 27742317777372353535851937790883648493
Point = tuple[int, int]


def add(a: Point, b: Point) -> Point:
    """Add two points of edwards25519 (RFC 8032, section 5.1.4, affine)."""
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + y1 * x2) * pow(1 + k, P - 2, P) % P
    return x, (y1 * y2 + x1 * x2) * pow(1 - k, P - 2, P) % P


def times(n: int, point: Point) -> Point:
    result = (0, 1)
    while n:
        if n & 1:
            result = add(result, point)
        point, n = add(point, point), n >> 1
    return result


def x_of(y: int) -> int | None:
    """Recover a coordinate (RFC 8032, section 5.1.3)."""
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    for x in (pow(square, (P + 3) // 8, P), pow(square, (P + 3) // 8, P) * pow(2, (P - 1) // 4, P) % P):
        if x * x % P == square:
            return x
    return None


def small_order() -> set[int]:
    """Return the y coordinates of the points whose order divides 8: multiples by L of any point lie among them."""
    found: set[int] = set()
    for y in range(2, 60):
        x = x_of(y)
        if x is not None:
            torsion = times(L, (x, y))
            found |= {times(n, torsion)[1] for n in range(8)}
    return found


def test_the_points_of_small_order_are_those_of_the_curve() -> None:
    """The five y coordinates that are refused are worked out anew."""
    assert small_order() == _SMALL_ORDER


@pytest.mark.parametrize("y", sorted(_SMALL_ORDER))
@pytest.mark.parametrize("sign", [0, 1])
def test_a_point_of_small_order_is_no_key(y: int, sign: int) -> None:
    """Whatever its sign bit says."""
    public = (y | sign << 255).to_bytes(32, "little")
    with pytest.raises(ValueError, match="small order"):
        check_key(PublicKey(KeyKind.ED25519, public.hex(), "nobody"))


def test_with_a_point_of_small_order_anybody_signs_anything() -> None:
    """The reason to refuse them: this signature was made without any private key."""
    identity = (1).to_bytes(32, "little")
    forged = identity + bytes(32)
    assert holds(identity, forged, b"one message")
    assert holds(identity, forged, b"another message")
    assert not holds(key("ana").public.octets, forged, b"one message")


@pytest.mark.parametrize("y", [P, P + 1, P + 18, 2**255 - 1])
def test_a_coordinate_beyond_the_field_is_refused(y: int) -> None:
    """One point would have two forms, and count as two keys."""
    with pytest.raises(ValueError, match="canonical"):
        check_key(PublicKey(KeyKind.ED25519, y.to_bytes(32, "little").hex(), "nobody"))


def test_an_id_follows_from_the_point_alone() -> None:
    """Another name or kind is no other key."""
    plain = key("ana").public
    other = PublicKey(KeyKind.AUTHENTICATOR, plain.public, "another name", "ssh:")
    assert plain.key_id == other.key_id
    assert plain.key_id != key("ben").public.key_id
    check_key(plain)
    check_key(other)


@pytest.mark.parametrize(("kind", "application"), [(KeyKind.ED25519, "ssh:"), (KeyKind.AUTHENTICATOR, "")])
def test_an_application_belongs_to_an_authenticator(kind: KeyKind, application: str) -> None:
    """Fields that contradict the kind are refused."""
    with pytest.raises(ValueError, match="application"):
        check_key(PublicKey(kind, key("ana").public.public, "ana", application))


def test_a_signature_holds_for_its_message_alone() -> None:
    """Another message, key or length does not hold, and is no exception."""
    public = key("ana").public.octets
    envelope = key("ana").sign(Envelope("type", b"payload"))
    octets, message = from_base64(envelope.signatures[0].sig), envelope.signed_bytes
    assert holds(public, octets, message)
    assert not holds(public, octets, message + b"x")
    assert not holds(public, octets[:-1], message)
    assert not holds(key("ben").public.octets, octets, message)
    assert not holds(b"\xff" * 32, octets, message)
    assert not holds(b"short", octets, message)
