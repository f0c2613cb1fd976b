"""What schemathesis has to know that no schema can say.

Raw digests are whole, and named by a header. A source is there. A number that JSON Schema counts as whole is written
as one. A key is used once. The lists that others need are left alone.
"""

from __future__ import annotations

import os
from typing import Any
from uuid import uuid4

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

OCTETS = "application/octet-stream"
WHOLE = 160  # bytes; digests of each of the three lengths fill it
NEEDED = ("national", "software")

schemathesis.openapi.media_type(OCTETS, st.binary(max_size=4).map(lambda octets: octets * WHOLE))


@schemathesis.hook
def map_case(context: Any, case: Any) -> Any:
    if case.media_type == OCTETS and case.operation.path == "/v1/lookups":
        case.headers.setdefault("Hashmatch-Algorithm", "md5")
    if "{list}" in case.operation.path and case.path_parameters.get("list") in NEEDED:
        case.path_parameters["list"] = "other"
    if case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE:
        case.body = whole_numbers(case.body)
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = uuid4().hex
        if case.operation.label == "POST /v1/scans":
            case.body["source"] = os.environ["HASHMATCH_TEST_SOURCE"]
    return case


def whole_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: whole_numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [whole_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
