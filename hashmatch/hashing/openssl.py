"""The version of OpenSSL that hashlib digests with."""

from __future__ import annotations

# `ssl` has it from here, but loads sockets and certificates with it, for which a scan must not wait.
from _ssl import OPENSSL_VERSION
from typing import Final

VERSION: Final[str] = OPENSSL_VERSION
SHORT: Final = " ".join(VERSION.split()[:2])
