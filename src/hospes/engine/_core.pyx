# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled part of the engine: one extension module, written in several files.

    parser.h         recognises the head of a usual request (C, no Python)
    head.pxi         what a handler sees of it
    driver.pxi       the first step of a handler
    system.pxi       what the kernel is asked
    connection.pxi   a connection in its small form: usual requests, usual answers
    transport.pxi    what carries it in its large form, where `hospes.server.Connection` does all that is not usual
    poller.pxi       epoll, listening sockets, slots, turns

Laws:

* What HTTP means is decided in Python, in `hospes.server` and `hospes.wire`; here is only what nearly every request needs.
* No global state but constants. No threads: everything happens on the loop's.
"""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.list cimport PyList_GET_SIZE
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset

from asyncio.tasks import _enter_task as _enter, _leave_task as _leave
from os import fsdecode, strerror
from sys import intern
from types import CoroutineType as _CoroutineType

from hospes.execution.driver import Driver, _Seat
from hospes.execution.pool import Job as _Job
from hospes.http.content import ContentReader, FileContent
from hospes.http.request import Address, Connection as Ends, Request
from hospes.http.response import Response
from hospes.server.answers import answer_head
from hospes.server.sending import FILE_AT_ONCE, read_file
from hospes.server.service import Service
from hospes.wire import TargetForm

cdef object _enter_task = _enter, _leave_task = _leave
cdef object CoroutineType = _CoroutineType, Job = _Job
cdef object _ORIGIN = TargetForm.ORIGIN
cdef object _NOTHING = object()  # where None would be something
cdef Py_ssize_t _LARGEST_HEAD = 64 * 1024  # longer ones are wire's, whatever the limits are

include "head.pxi"
include "system.pxi"
include "driver.pxi"
include "connection.pxi"
include "transport.pxi"
include "poller.pxi"
