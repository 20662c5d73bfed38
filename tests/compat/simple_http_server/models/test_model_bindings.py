"""The base of a program's own bindings."""

from __future__ import annotations

import pytest

from hospes.compat.simple_http_server import Request, Response
from hospes.compat.simple_http_server.models.model_bindings import ModelBinding


def test_what_a_binding_knows() -> None:
    request, response = Request(), Response()
    made = ModelBinding(request, response, "a", int, 3)
    assert (made.request, made.response) == (request, response)
    assert (made.arg, made.arg_name, made.arg_type, made.val, made.default_value) == ("a", "a", int, 3, 3)
    with pytest.raises(NotImplementedError, match=r"ModelBinding has to define bind\(\), or async bind\(\)"):
        made.bind()
