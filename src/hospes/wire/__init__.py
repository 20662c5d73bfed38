"""HTTP/1.1 on the wire: octets to requests, responses to octets; no sockets, no clock, no tasks (RFC 9112).

Read it in this order: `grammar` (which octets may stand where), `lines`, `fields`, `target`, `head`, `framing`, `content`,
`chunked`, `reader`, and for the way out `response`; `date` stands by itself, and so does
`proxy`.
"""

from .content import EndOfContent
from .date import format_date, parse_date
from .fields import Fields, check_field, is_field_name, is_field_value
from .framing import ResponseFraming, response_framing
from .head import RequestHead
from .proxy import Preamble, PreambleReader
from .reader import RequestReader
from .response import CONTINUE, LAST_CHUNK, REASONS, chunk, last_chunk, response_head
from .target import TargetForm, is_authority

__all__ = [
    "CONTINUE",
    "LAST_CHUNK",
    "REASONS",
    "EndOfContent",
    "Fields",
    "Preamble",
    "PreambleReader",
    "RequestHead",
    "RequestReader",
    "ResponseFraming",
    "TargetForm",
    "check_field",
    "chunk",
    "format_date",
    "is_authority",
    "is_field_name",
    "is_field_value",
    "last_chunk",
    "parse_date",
    "response_framing",
    "response_head",
]
