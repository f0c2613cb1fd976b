"""Clients of nsrlsvr's protocol, written from its description.

nsrllookup itself is in no package registry. What is here does on the wire what its src/query_server.cc does, and is as
strict as that with what it gets.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence

MOST = 512  # hashes a line
_ANSWER = re.compile(rb"^OK [01]+$")


def nsrllookup(port: int, hashes: Sequence[str], host: str = "127.0.0.1") -> set[str]:
    """Return the hashes that the server knows; ends the connection without a word, as nsrllookup does."""
    found: set[str] = set()
    with socket.create_connection((host, port), timeout=30) as connection, connection.makefile("rb") as answers:
        connection.sendall(b"Version: 2.0\r\n")
        assert answers.readline() == b"OK\r\n"
        for start in range(0, len(hashes), MOST):
            some = hashes[start : start + MOST]
            connection.sendall(" ".join(["query", *some]).encode() + b"\r\n")
            answer = answers.readline().removesuffix(b"\n").removesuffix(b"\r")
            if not _ANSWER.search(answer) or len(answer) - 3 != len(some):
                raise ValueError("malformed response from server")
            found.update(text for text, digit in zip(some, answer[3:].decode(), strict=True) if digit == "1")
    return found


def said(port: int, octets: bytes, host: str = "127.0.0.1") -> bytes:
    """Return all that the server says to a client that sends this and then closes its side."""
    with socket.create_connection((host, port), timeout=30) as connection:
        connection.sendall(octets)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer
