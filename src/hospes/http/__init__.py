"""The waist: Request in, Response out, and what field values mean.

| file | what |
|---|---|
| `handler` | the one shape everybody speaks |
| `request`, `content` | the request, lazily decoded; its content, pulled |
| `response`, `answer`, `problem` | the response; what handlers may return; how failures look |
| `headers`, `cookies`, `morsels`, `media`, `query` | fields, cookies (morsels as `http.cookies` has), media types, parameters |
| `negotiation`, `conditional`, `ranges` | preferences, preconditions, parts of a file |
| `multipart`, `json` | forms with files, JSON, with their limits |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospes.http.answer import Answer, to_response
from hospes.http.content import ContentReader, FileContent, Stream
from hospes.http.cookies import SetCookie
from hospes.http.handler import CallNext, Filter, Handler
from hospes.http.headers import Headers
from hospes.http.multipart import MultipartFile
from hospes.http.problem import FieldError, InvalidRequest
from hospes.http.request import Address, Connection, Request
from hospes.http.response import Redirect, Response
from hospes.lazily import lazily
from hospes.wire import format_date

if TYPE_CHECKING:
    from hospes.http.morsels import Cookies
else:
    __getattr__, __dir__ = lazily(__name__, {"morsels": "Cookies"})

__all__ = [
    "Address",
    "Answer",
    "CallNext",
    "Connection",
    "ContentReader",
    "Cookies",
    "FieldError",
    "FileContent",
    "Filter",
    "Handler",
    "Headers",
    "InvalidRequest",
    "MultipartFile",
    "Redirect",
    "Request",
    "Response",
    "SetCookie",
    "Stream",
    "format_date",
    "to_response",
]
