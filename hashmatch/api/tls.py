"""TLS: 1.3 alone, and certificates of clients where they are asked for."""

from __future__ import annotations

import asyncio.sslproto
import os
import ssl
import stat
from typing import Final, Never

from hashmatch.api.settings import ServiceSettings
from hashmatch.errors import UsageError

# asyncio fills a buffer of 256 KiB for every connection, 1 GiB for all that may be open. A record of TLS has 16 KiB.
_READ_BUFFER: Final = 32 << 10  # bytes


def server_context(settings: ServiceSettings) -> ssl.SSLContext | None:
    """Return what connections are encrypted with; None where there is no certificate.

    Raises:
        UsageError: a file cannot be used, or one is missing for what the others ask for.
    """
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None and settings.client_ca is None:
        return None
    if certificate is None or key is None:
        raise UsageError("TLS: expected a certificate and its key")
    _check_key(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except (OSError, ValueError) as error:
        raise UsageError(f"TLS: cannot use certificate {certificate} with key {key}: {_reason(error)}") from None
    if settings.client_ca is not None:
        _ask_for_certificates(context, settings.client_ca)
    asyncio.sslproto.SSLProtocol.max_size = _READ_BUFFER
    return context


def _ask_for_certificates(context: ssl.SSLContext, authority: str) -> None:
    try:
        context.load_verify_locations(authority)
    except (OSError, ValueError) as error:
        raise UsageError(f"TLS: cannot use certificates of {authority}: {_reason(error)}") from None
    context.verify_mode = ssl.CERT_REQUIRED
    # A session that is taken up again shows no certificate; one that has expired meanwhile would still open the door.
    context.num_tickets = 0


def _check_key(path: str) -> None:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise UsageError(f"TLS: cannot use key {path}: {error.strerror}") from None
    # A group of those who look after keys is usual.
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise UsageError(f"TLS: key {path}: expected mode 0640 or less, got {mode & 0o777:04o}")


def _no_passphrase() -> Never:
    """OpenSSL would ask at the terminal."""
    raise ValueError("it has a passphrase")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason.lower().replace("_", " ") if error.reason else "not what it should be"
    return str(getattr(error, "strerror", None) or error)
