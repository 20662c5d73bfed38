"""HTTP/1.1 on the wire: octets to requests, responses to octets; no sockets, no clock, no tasks (RFC 9112).

Read it in this order: `grammar` (which octets may stand where), `lines`, `fields`, `target`, `head`, `framing`, `content`,
`chunked`, `reader`, and for the way out `response`; `date` stands by itself, and so does
`proxy`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospes.lazily import lazily

if TYPE_CHECKING:
    from .content import EndOfContent
    from .date import format_date, parse_date
    from .fields import Fields, check_field, is_field_name, is_field_value
    from .framing import ResponseFraming, response_framing
    from .head import RequestHead
    from .proxy import Preamble, PreambleReader
    from .reader import RequestReader
    from .response import CONTINUE, LAST_CHUNK, REASONS, chunk, last_chunk, response_head
    from .target import TargetForm, is_authority
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "content": "EndOfContent",
            "date": "format_date parse_date",
            "fields": "Fields check_field is_field_name is_field_value",
            "framing": "ResponseFraming response_framing",
            "head": "RequestHead",
            "proxy": "Preamble PreambleReader",
            "reader": "RequestReader",
            "response": "CONTINUE LAST_CHUNK REASONS chunk last_chunk response_head",
            "target": "TargetForm is_authority",
        },
    )

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
