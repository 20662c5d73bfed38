"""Binding: a handler's signature becomes a plan of sources once, when the application starts; a request only executes it.

`compile_plan` reads the signature (`signature`), `sources` decides where each parameter comes from, and `texts` and `content`
hold the readers. What cannot be bound is a `SetupError` at the start; what a visitor sends that does not fit is one `InvalidRequest`
with all that is wrong.
"""

from hospes.binding.itself import BindsItself, ModelBinding, ModelBindings, injected_response
from hospes.binding.markers import (
    BytesBody,
    Cookie,
    Header,
    JSONBody,
    MissingCookie,
    ModelDict,
    Parameter,
    Parameters,
    PathValue,
    RegGroup,
    RegGroups,
    RequestBodyReader,
)
from hospes.binding.plan import Plan, compile_plan
from hospes.binding.providing import Provider, Providers
from hospes.binding.signature import Site, local_names
from hospes.binding.source import Reads

__all__ = [
    "BindsItself",
    "BytesBody",
    "Cookie",
    "Header",
    "JSONBody",
    "MissingCookie",
    "ModelBinding",
    "ModelBindings",
    "ModelDict",
    "Parameter",
    "Parameters",
    "PathValue",
    "Plan",
    "Provider",
    "Providers",
    "Reads",
    "RegGroup",
    "RegGroups",
    "RequestBodyReader",
    "Site",
    "compile_plan",
    "injected_response",
    "local_names",
]
