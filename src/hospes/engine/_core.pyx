# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled part of the engine: one extension module, written in several files.

    parser.h         recognises the head of a usual request (C, no Python)
    head.pxi         what a handler sees of it
    map.pxi          the way to the program's function, where it is known
    shelf.pxi        small files, straight from a folder
    driver.pxi       the first step of a handler
    hosted.pxi       what a hosted ASGI or WSGI application is told of a request
    system.pxi       what the kernel is asked
    fields.pxi       heads of answers with fields of the program's own
    connection.pxi   a connection in its small form: usual requests, usual answers
    transport.pxi    what carries it in its large form, where `hospes.server.Connection` does all that is not usual
    asgi.pxi         a conversation with a hosted ASGI application
    wsgi.pxi         a hosted WSGI application's call
    mailbox.pxi      what a task waits on, and its messages
    content.pxi      large content on its way to whoever reads it
    conduit.pxi      and on its way into a file
    websocket.pxi    usual messages of websockets
    poller.pxi       epoll, listening sockets, slots, turns

Laws:

* What HTTP means is decided in Python, in `hospes.server` and `hospes.wire`; here is only what nearly every request needs.
* No global state but constants. No threads: everything happens on the loop's.
"""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_DelItem, PyDict_GetItemWithError, PyDict_Size
from cpython.object cimport PyObject, PyObject_CallObject
from cpython.list cimport PyList_GET_SIZE
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_AsUTF8String, PyUnicode_DecodeASCII, PyUnicode_GET_LENGTH
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset

import inspect as _inspect
import sys as _sys
from asyncio import CancelledError, coroutines as _coroutines, current_task as _current, get_running_loop as _running, tasks as _tasks
from asyncio.tasks import _enter_task as _enter, _leave_task as _leave
from os import fsdecode, fsencode, strerror
from collections import deque
from inspect import isawaitable
from io import BytesIO
from sys import intern
from types import CoroutineType as _CoroutineType, GeneratorType, SimpleNamespace

from hospes.execution.driver import Driver, _Seat, call_on_loop
from hospes.execution.pending import Pending as _Pending
from hospes.execution.pool import Job as _Job, as_failure
from hospes.http import json
from hospes.http.asking import ANSWERED
from hospes.http.content import HIGH_WATER, LOW_WATER, ContentReader, FileContent
from hospes.http.direct import Content, Origin
from hospes.http.request import Address, Connection as Ends, Request
from hospes.http.headers import Headers
from hospes.http.websocket import Listens
from hospes.limits import Timeouts
from hospes.http.response import JSON, OCTETS, Redirect, Response, TEXT, text_type
from hospes.server.answers import CARRIERS, answer_head, hints_head
from hospes.server.connection import BUSY as BUSY_STATE, Connection
from hospes.server.intake import Intake
from hospes.server.sending import FILE_AT_ONCE, read_file
from hospes.server.service import Service
from hospes.server.supervision import NEVER
from hospes.wire import RequestReader, TargetForm
from hospes.wire.content import CountedContent
from hospes.wire.fields import write_fields

cdef extern from *:
    """
    #ifndef HOSPES_SOURCES
    #define HOSPES_SOURCES ""
    #endif
    """
    const char *HOSPES_SOURCES

SOURCES = HOSPES_SOURCES.decode()  # see hospes.engine.sources

cdef object _enter_task = _enter, _leave_task = _leave, _running_loop = _running
cdef object CoroutineType = _CoroutineType, Job = _Job, Pending = _Pending
cdef object _ORIGIN = TargetForm.ORIGIN
cdef object _NOTHING = object()  # where None would be something
cdef object _ENCODE = json.ENCODE
cdef object _APPEND = deque.append, _POPLEFT = deque.popleft
cdef str _TEXT = TEXT, _JSON = JSON, _OCTETS = OCTETS
cdef Py_ssize_t JSON_DIGITS = json.DIGITS
cdef Py_ssize_t _FILE_AT_ONCE = FILE_AT_ONCE
cdef Py_ssize_t _LARGEST_HEAD = 64 * 1024  # longer ones are wire's, whatever the limits are

include "head.pxi"
include "system.pxi"
include "map.pxi"
include "driver.pxi"
include "hosted.pxi"
include "shelf.pxi"
include "fields.pxi"
include "connection.pxi"
include "transport.pxi"
include "mailbox.pxi"
include "asgi.pxi"
include "wsgi.pxi"
include "content.pxi"
include "conduit.pxi"
include "websocket.pxi"
include "poller.pxi"
