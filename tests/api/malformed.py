"""Requests that are wrong in every way that is known, and in ways that chance finds; each with a mark to find it by."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

HEADERS_TAKEN: Final = (
    "Authorization", "Accept", "Content-Digest", "Content-Encoding", "Content-Length", "Content-Type", "Connection",
    "Cookie", "Expect", "Forwarded", "Hashmatch-Algorithm", "Hashmatch-Case", "Host", "Idempotency-Key", "If-Match",
    "Last-Event-ID", "Range", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "X-Forwarded-For",
    "X-HTTP-Method-Override",
)  # fmt: skip
LENGTHS: Final = (
    "1073741824", "9" * 18, "18446744073709551616", "9" * 400, "-1", "+5", "0x10", "1_0", "5, 5", "5 5", "", "\u0663",
    "1e3",
)  # fmt: skip
CODINGS: Final = (
    "chunked", "Chunked ", "identity", "gzip, chunked", "chunked, chunked", "chunked;q=1", "xchunked", "\x0bchunked",
    "",
)  # fmt: skip
CHUNKS: Final = (b"-1", b"ffffffffffffffffff", b"0x5", b"5;" + b"e" * 9000, b"5 ", b"", b"G", b"+5", b"5\n", b"0005")
NUMBERS: Final = ("NaN", "Infinity", "-Infinity", "1e400", "-0", "00", "1.", "1" * 5000, "0x1", "-9223372036854775809")
DIGITS: Final = ("\uff10", "\u0660", "\U0001d7ce", "\u00b2")  # full width, Arabic, mathematical, superscript


@dataclass(frozen=True, slots=True)
class Target:
    """A route as it is asked when nothing is wrong."""

    method: str
    path: str
    authorization: str
    kind: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A request. `mark` looks like a digest, and stands somewhere in it."""

    name: str
    mark: str
    octets: bytes


class Maker:
    """Makes wrong requests; the same for the same seed."""

    def __init__(self, seed: int, targets: list[Target]) -> None:
        self._random = Random(seed)
        self._targets = targets
        self._ways: Final[tuple[Callable[[str], bytes], ...]] = (
            self.two_lengths, self.length, self.coding, self.chunks, self.bare_line_feeds, self.control_in_header,
            self.header_taken, self.large_headers, self.header_form, self.request_line, self.path, self.query,
            self.not_http, self.pipelined, self.depth, self.json, self.number, self.digests, self.raw_digests,
            self.body_kind, self.mutated, self.mutated, self.mutated, self.cut,
        )  # fmt: skip

    def requests(self, count: int) -> Iterator[Wrong]:
        for number in range(count):
            way = self._ways[number % len(self._ways)]
            mark = self._random.randbytes(self._random.choice((16, 20, 32))).hex()
            yield Wrong(way.__name__, mark, way(mark))

    def _one(self, *kinds: str) -> Target:
        return self._random.choice([target for target in self._targets if not kinds or target.kind in kinds])

    def _pick(self, *of: str) -> str:
        return self._random.choice(of)

    def _request(
        self, target: Target, *headers: str, body: bytes | None = None, path: str | None = None, length: bool = True
    ) -> bytes:
        """Write a request: what `headers` name is left out of what would stand there, and the length where it is."""
        body = target.body if body is None else body
        own = {"Host": "x", "Authorization": target.authorization, "Content-Type": target.kind}
        if length:
            own["Content-Length"] = str(len(body))
        named = {header.partition(":")[0].strip().lower() for header in headers}
        lines = [f"{name}: {value}" for name, value in own.items() if value and name.lower() not in named]
        head = "\r\n".join([f"{target.method} {path or target.path} HTTP/1.1", *lines, *headers, "", ""])
        return head.encode(errors="surrogatepass") + body

    def two_lengths(self, mark: str) -> bytes:
        second = self._pick("Transfer-Encoding: chunked", "Content-Length: 7", "Content-Length: 7\r\nContent-Length: 8")
        return self._request(self._one(), "Content-Length: 5", second, body=f"0\r\n\r\n{mark}".encode())

    def length(self, mark: str) -> bytes:
        return self._request(self._one(), f"Content-Length: {self._pick(*LENGTHS)}", f"X: {mark}", body=mark.encode())

    def coding(self, mark: str) -> bytes:
        coding = f"Transfer-Encoding: {self._pick(*CODINGS)}"
        body = b"20\r\n" + mark[:32].encode() + b"\r\n0\r\n\r\n"
        return self._request(self._one(), coding, body=body, length=False)

    def chunks(self, mark: str) -> bytes:
        chunk = self._random.choice(CHUNKS) + b"\r\n" + mark.encode() + b"\r\n0\r\n" + mark.encode() + b": x\r\n\r\n"
        return self._request(self._one(), "Transfer-Encoding: chunked", body=chunk, length=False)

    def bare_line_feeds(self, mark: str) -> bytes:
        request = self._request(self._one(), f"X: {mark}")
        return request.replace(
            b"\r\n", self._random.choice((b"\n", b"\r", b"\n\r", b"\r\r\n")), self._random.randint(1, 9)
        )

    def control_in_header(self, mark: str) -> bytes:
        control = chr(self._random.choice((0, 1, 7, 8, 11, 12, 27, 127, 133, 160)))
        return self._request(
            self._one(), self._pick(f"X: {mark}{control}", f"X{control}{mark}: y", f"{control}X: {mark}")
        )

    def header_taken(self, mark: str) -> bytes:
        name = self._pick(*HEADERS_TAKEN)
        value = self._pick(
            mark,
            f'"{mark}"',
            f"{mark}=:{mark}:",
            f"Bearer {mark}",
            f"Basic {mark}",
            f"bytes={mark}",
            mark * 40,
            f"a;q={mark}",
        )
        return self._request(self._one(), f"{name}: {value}", *([f"{name}: {mark}"] * self._random.randint(0, 2)))

    def large_headers(self, mark: str) -> bytes:
        many = [f"X-{number}: {mark}" for number in range(self._random.choice((100, 500, 3000)))]
        return self._request(self._one(), *self._random.choice((many, [f"X: {mark * 700}"], [f"{mark * 700}: x"])))

    def header_form(self, mark: str) -> bytes:
        return self._request(
            self._one(),
            self._pick(
                f"{mark}", f": {mark}", f"X {mark}: y", f"X: y\r\n {mark}", f"X : {mark}", f"\u00e9: {mark}", "=\r\n"
            ),
        )

    def request_line(self, mark: str) -> bytes:
        target = self._one()
        line = self._pick(
            f"{target.method}  {target.path} HTTP/1.1", f"{mark} {target.path} HTTP/1.1", f"get {target.path} HTTP/1.1",
            f"{target.method} {target.path}", f"{target.method} {target.path} HTTP/{mark}",
            f"GET {target.path} HTTP/0.9",
            f"GET {target.path} HTTP/3.0", f"GET http://{mark}/ HTTP/1.1", f"CONNECT {mark}:443 HTTP/1.1",
            f"OPTIONS * HTTP/1.1\r\nX: {mark}",
            f"GET http://[{mark} HTTP/1.1", f"GET http://x:{mark}/ HTTP/1.1", f"\r\n\r\nGET /{mark} HTTP/1.1",
            f"GET /{mark * 600} HTTP/1.1",
        )  # fmt: skip
        return f"{line}\r\nHost: {self._pick('x', mark, '', 'x:99999', '[::1')}\r\n\r\n".encode()

    def path(self, mark: str) -> bytes:
        ends = (
            f"/{mark}",
            "/%zz",
            "/%",
            "/%00",
            f"/%2e%2e/{mark}",
            "//",
            "/\\",
            f"#{mark}",
            "/\u00e9",
            f"/%{mark}",
            "/\x7f",
            f";{mark}",
            "/%ff%fe",
        )
        return self._request(target := self._one(), f"X: {mark}", path=target.path + self._pick(*ends))

    def query(self, mark: str) -> bytes:
        names = (
            "limit",
            "after",
            "case",
            "state",
            "list",
            "release",
            "type",
            "authority",
            "unsigned",
            "activate",
            mark,
        )
        values = (mark, "\u0663", "%00", "%ff", "", "-1", "1e9", "true", "None", "9" * 5000)
        parts = [f"{self._pick(*names)}={self._pick(*values)}" for _ in range(self._random.randint(1, 9))]
        return self._request(target := self._one(), f"X: {mark}", path=f"{target.path}?{'&'.join(parts)}")

    def not_http(self, mark: str) -> bytes:
        return self._random.choice((
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + self._random.randbytes(200),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\r\n" * 2000, self._random.randbytes(4000), mark.encode() * 2000, b"\0" * 5000,
            b"SSH-2.0-" + mark.encode(),
        ))  # fmt: skip

    def pipelined(self, mark: str) -> bytes:
        good = self._request(self._one("", "application/json"))
        return good * self._random.choice((1, 2, 40)) + self._random.choice(
            (mark.encode() * 9, self.length(mark), self.chunks(mark), b"\0\0")
        )

    def depth(self, mark: str) -> bytes:
        deep = self._pick("[", '{"a":', '{"records":[', '[{"md5":', '"', "\\") * 100_000
        return self._request(self._one("application/json"), body=f'{{"{mark}": {deep}'.encode())

    def json(self, mark: str) -> bytes:
        body = self._pick(
            f'{{"algorithm": "md5", "digests": ["{mark}"], "digests": []}}',
            f'{{"algorithm": "{mark}", "digests": []}}',
            f'{{"{mark}": 1}}', f'\ufeff{{"a": "{mark}"}}', f"{{'a': '{mark}'}}", f'{{"a": "{mark}",}}',
            f'/*{mark}*/ {{}}',
            f'{{"algorithm": "md5", "digests": ["\\ud800{mark}"]}}', f'{{"algorithm": "md5", "digests": "{mark}"}}',
            f'{{"algorithm": "md5", "digests": [["{mark}"]]}}', f'{{"records": [{{"{mark}": null}}]}}', f'"{mark}"',
            "null", "1", "",
            f'{{"source": "/../{mark}"}}', f'{{"source": "/", "first": ["[{mark}"]}}', f'{{"release": "{mark}"}}',
            f'{{"case": "{mark}", "records": []}}',
            '{"algorithm": "md5", "digests": [' + f'"{mark[:32]}",' * 100_001 + f'"{mark[:32]}"]}}',
        )  # fmt: skip
        octets = body.encode("utf-16" if self._random.random() < 0.1 else "utf-8", errors="surrogatepass")
        return self._request(self._one("application/json"), f"X: {mark}", body=octets)

    def number(self, mark: str) -> bytes:
        body = f'{{"records": [{{"md5": "{mark[:32]}", "size": {self._pick(*NUMBERS)}}}]}}'
        return self._request(self._one("application/json"), body=body.encode())

    def digests(self, mark: str) -> bytes:
        given = self._pick(
            mark[: self._random.randint(0, 64)], mark * 3, mark.upper(), f"0x{mark}", f" {mark}", f"{mark}\\n",
            mark[:31] + self._pick(*DIGITS),
            mark[:16] + "\\u0000" + mark[17:32], base64.b64encode(bytes.fromhex(mark)).decode(),
            self._pick(*DIGITS) * 32,
        )  # fmt: skip
        known = json.dumps({"md5": "0" * 32})
        body = self._pick(
            f'{{"algorithm": "md5", "digests": ["{given}", "{mark}"]}}',
            f'{{"records": [{known}, {{"sha256": "{given}"}}]}}',
        )
        return self._request(self._one("application/json"), body=body.encode())

    def raw_digests(self, mark: str) -> bytes:
        algorithm = self._pick("md5", "sha1", "sha256", mark, "", "MD5", "md5, md5")
        body = bytes.fromhex(mark)[: self._random.randint(0, 32)]
        return self._request(
            self._one("application/octet-stream"), f"Hashmatch-Algorithm: {algorithm}", f"X: {mark}", body=body
        )

    def body_kind(self, mark: str) -> bytes:
        kind = self._pick(
            "text/plain", f"application/{mark}", "application/json; charset=utf-16",
            f"multipart/form-data; boundary={mark}", ";", "a/b/c",
            "application/x-www-form-urlencoded", "application/json\\", 'application/json; charset="',
        )  # fmt: skip
        coding = self._pick("gzip", "br", "zstd", "deflate", mark, "identity")
        return self._request(
            self._one("application/json"), f"Content-Type: {kind}", f"Content-Encoding: {coding}", f"X: {mark}"
        )

    def mutated(self, mark: str) -> bytes:
        octets = bytearray(self._request(self._one(), f"X: {mark}"))
        for _ in range(self._random.randint(1, 8)):
            at, length = self._random.randrange(len(octets) + 1), self._random.randint(1, 20)
            piece = bytes(octets[at : at + length])
            octets[at : at + self._random.choice((0, length))] = self._random.choice(
                (b"", piece * 2, self._random.randbytes(length), mark.encode())
            )
        return bytes(octets)

    def cut(self, mark: str) -> bytes:
        request = self._request(self._one(), f"X: {mark}")
        return request[: self._random.randrange(len(request))]
