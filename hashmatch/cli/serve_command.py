"""`hashmatch serve`: the HTTP service on the store that is there."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from hashmatch.api.logs import log_to_stderr
from hashmatch.api.server import serve as run_service
from hashmatch.api.settings import NSRLSVR_PORT, PORT, ServiceSettings
from hashmatch.config import Settings
from hashmatch.on_record import tokens as on_record

_FILE: Final = click.Path(path_type=Path)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(0, 65535), help="0 for any that is free.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes that answer.")
@click.option(
    "--evidence-root",
    "evidence_roots",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Scans may be asked for beneath this directory; may be given again.",
)
@click.option("--scans-at-once", default=1, show_default=True, type=click.IntRange(1), help="Others wait their turn.")
@click.option(
    "--nsrlsvr",
    is_flag=False,
    flag_value=NSRLSVR_PORT,
    type=click.IntRange(0, 65535),
    metavar="[PORT]",
    help=f"Speak nsrlsvr's protocol as well, on loopback, at port {NSRLSVR_PORT} or another.",
)
@click.option("--hashlookup", is_flag=True, help="Serve CIRCL hashlookup's paths as well.")
@click.option("--tls-certificate", type=_FILE, help="Encrypt, with this certificate and those it is signed with (PEM).")
@click.option("--tls-key", type=_FILE, help="The certificate's private key (PEM, no passphrase).")
@click.option("--client-ca", type=_FILE, help="Ask clients for a certificate that one of these has signed (PEM).")
@click.option("--log-requests/--no-log-requests", default=True, show_default=True, help="A line for each request.")
@click.pass_obj
def serve(
    settings: Settings,
    host: str,
    port: int,
    workers: int,
    evidence_roots: tuple[Path, ...],
    scans_at_once: int,
    nsrlsvr: int | None,
    hashlookup: bool,
    tls_certificate: Path | None,
    tls_key: Path | None,
    client_ca: Path | None,
    log_requests: bool,
) -> None:
    """Serve look-ups, streams and scans over HTTP, until SIGTERM or SIGINT.

    The first start makes a token for look-ups and writes it to STORE/service/first-token. The log goes to standard
    error, a JSON document a line.
    """
    log_to_stderr()
    service = ServiceSettings(
        store=os.path.abspath(settings.store),
        sealing_key=os.path.abspath(settings.sealing_key),
        trail_key=_absolute(settings.trail_key),
        checkpoint_copies=_absolute(settings.checkpoint_copies),
        host=host,
        port=port,
        workers=workers,
        evidence_roots=tuple(os.path.realpath(root) for root in evidence_roots),
        scans_at_once=scans_at_once,
        nsrlsvr_port=nsrlsvr,
        hashlookup=hashlookup,
        tls_certificate=_absolute(tls_certificate),
        tls_key=_absolute(tls_key),
        client_ca=_absolute(client_ca),
        log_requests=log_requests,
    )
    token = on_record.create_first(settings, service.state, datetime.now(UTC))
    if token is not None:
        click.echo(f"token in {token}")
    run_service(service, lambda address: click.echo(f"listening at {address}"))


def _absolute(path: Path | None) -> str | None:
    return None if path is None else os.path.abspath(path)
