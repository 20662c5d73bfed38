"""Binding: a handler's signature becomes a plan of sources once, when the application starts; a request only executes it.

`compile_plan` reads the signature (`signature`), `sources` decides where each parameter comes from, `texts` and `content` hold
the readers. What cannot be bound is a `SetupError` at the start; what a visitor sends that does not fit is one
`InvalidRequest` with all that is wrong.
"""

from hospes.binding.environment import Environment
from hospes.binding.itself import BindsItself, ModelBinding, ModelBindings, injected_response
from hospes.binding.markers import (
    BytesBody,
    Cookie,
    Header,
    JSONBody,
    ModelDict,
    Parameter,
    Parameters,
    PathValue,
    RegGroup,
    RegGroups,
    RequestBodyReader,
)
from hospes.binding.plan import Plan, compile_plan
from hospes.binding.providers import Provided, ProviderRegistry, VisitorOptions
from hospes.binding.providing import Provider, Providers
from hospes.binding.scopes import RequestScope, note_failure
from hospes.binding.signature import Site, local_names, source_of
from hospes.binding.source import Reads

__all__ = [
    "BindsItself",
    "BytesBody",
    "Cookie",
    "Environment",
    "Header",
    "JSONBody",
    "ModelBinding",
    "ModelBindings",
    "ModelDict",
    "Parameter",
    "Parameters",
    "PathValue",
    "Plan",
    "Provided",
    "Provider",
    "ProviderRegistry",
    "Providers",
    "Reads",
    "RegGroup",
    "RegGroups",
    "RequestBodyReader",
    "RequestScope",
    "Site",
    "VisitorOptions",
    "compile_plan",
    "injected_response",
    "local_names",
    "note_failure",
    "source_of",
]
