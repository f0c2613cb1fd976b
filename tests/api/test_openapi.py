"""The service is what its OpenAPI document says: schemathesis drives every route from it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from hashmatch.access.roles import Permission, Role, allows
from hashmatch.api import hashlookup
from hashmatch.api.application import ROUTES as OWN
from hashmatch.api.openapi import describe
from hashmatch.api.routes import Route
from hashmatch.config import Settings
from tests.api.scanning import make_source
from tests.api.service import Running, bearer, serving
from tests.madeup import figures

ROUTES = (*OWN, *hashlookup.ROUTES)
HERE = Path(__file__).resolve().parents[2]
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
# A Content-Digest may be that of another content, a digest one of another algorithm than the path names.
REFUSED_FOR_CONTENT = ("/v1/streams", "/v1/lists", "/lookup/{algorithm}/{digest}")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_source(tmp_path_factory.mktemp("evidence"), "image")


@pytest.fixture(scope="module")
def service(places: Settings, source: Path) -> Iterator[Running]:
    """Return a service with every route that there is."""
    with serving(places, "--hashlookup", "--evidence-root", source.parent) as running:
        yield running


def who(permission: Permission) -> Role:
    return next(role for role in Role if allows(role, permission))


def configuration(service: Running) -> str:
    """Return what tells schemathesis which token each route is asked with."""
    tokens = {role: bearer(service.settings, role)["Authorization"] for role in Role}
    operations = "".join(operation(route, tokens) for route in ROUTES if route.permission)
    return f'hooks = "tests.api.schemathesis_hooks"\n{operations}'


def operation(route: Route, tokens: dict[Role, str]) -> str:
    assert route.permission is not None
    lines = ["[[operations]]", f'include-name = "{route.method} {route.path}"']
    lines.append(f'headers = {{ Authorization = "{tokens[who(route.permission)]}" }}')
    if route.path in REFUSED_FOR_CONTENT:
        lines.append('checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "409"]')
    if route.path == "/v1/tokens" and route.bodies:
        # That a token has to end later than now is nothing that a schema can say.
        lines.append('checks.positive_data_acceptance.expected-statuses = ["2xx", "422"]')
    return "\n".join([*lines, ""])


def drive(service: Running, source: Path, directory: Path, *options: str) -> str:
    """Run schemathesis; return what it says of its test cases."""
    (directory / "schemathesis.toml").write_text(configuration(service))
    words: list[str | Path] = [
        SCHEMATHESIS,
        "--config-file",
        directory / "schemathesis.toml",
        "run",
        f"{service.base}/openapi.json",
    ]
    done = subprocess.run(
        # DELETE ends a scan or an import; what came of it stays to be seen, so it may be used after that.
        [*words, "--checks", "all", "--exclude-checks", "use_after_free", "--continue-on-failure", *options],
        cwd=directory,  # it keeps what it has learnt beside it
        env={**os.environ, "PYTHONPATH": os.fspath(HERE), "HASHMATCH_TEST_SOURCE": os.fspath(source)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert service.process.poll() is None
    assert '"level":"error"' not in service.log.read_text()
    said = re.search(r"^Test cases:\n +(.*)$", done.stdout, re.MULTILINE)
    assert said is not None, done.stdout
    return said[1]


def test_the_document_is_true(service: Running, source: Path, tmp_path: Path) -> None:
    """Twenty requests a route and more, made from the document, get the answers that it promises."""
    drive(
        service, source, tmp_path, "--max-examples", "20", "--seed", "1", "--no-shrink", "--phases", "coverage,fuzzing"
    )


@pytest.mark.slow
def test_the_document_is_true_at_length(service: Running, source: Path, tmp_path: Path) -> None:
    """Hundreds of requests a route, others in every run, and what one answer gives asked for in the next request."""
    figures(f"schemathesis: {drive(service, source, tmp_path, '--max-examples', '500')}")


def test_every_route_is_in_the_document() -> None:
    """No route is left out, none is there twice, and none has an id of another."""
    described = orjson.loads(describe(ROUTES))["paths"]
    operations = [
        (method.upper(), path, about["operationId"])
        for path, methods in described.items()
        for method, about in methods.items()
    ]
    assert sorted((method, path) for method, path, _ in operations) == sorted((r.method, r.path) for r in ROUTES)
    assert len({name for _, _, name in operations}) == len(operations)
