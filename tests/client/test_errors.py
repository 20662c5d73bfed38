"""Errors: what they say, and who is whose kind."""

from __future__ import annotations

import pytest
from tests.golden import check_golden

from hospes.client import errors
from hospes.errors import HospesError

URL = "https://example.org/a"


def test_all_are_client_errors_and_hospes_errors() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert all(issubclass(each, HospesError) for each in kinds)
    assert all(issubclass(each, errors.ClientError) for each in kinds if each is not HospesError)


@pytest.mark.parametrize("kind", [errors.ResolveError, errors.AddressRefused, errors.TlsError])
def test_nothing_was_sent(kind: type[errors.ClientError]) -> None:
    assert issubclass(kind, errors.ConnectError)


def test_an_error_carries_its_parts() -> None:
    error = errors.ReadError("read", URL, "the connection broke")
    assert (error.step, error.url, error.reason) == ("read", URL, "the connection broke")


def test_each_step_has_its_words() -> None:
    lines = [str(errors.ClientError(step, URL, "reason")) for step in errors.DOING]
    lines += [
        str(errors.ClientTimeout("connect", URL, "no progress in time")),
        str(errors.StatusError(URL, 404, "Not Found")),
        str(errors.StatusError(URL, 599, "")),
    ]
    check_golden("client/errors", "\n".join(lines))
