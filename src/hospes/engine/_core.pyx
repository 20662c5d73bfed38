# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled part of the engine: one extension module, written in several files.

    parser.h   recognises the head of a usual request (C, no Python)
    head.pxi   what a handler sees of it

Laws:

* What HTTP means is decided in Python, in `hospes.server` and `hospes.wire`; here is only what nearly every request needs.
* No global state but constants.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memchr, memcmp

from sys import intern

from hospes.wire import TargetForm

cdef object _ORIGIN = TargetForm.ORIGIN
cdef Py_ssize_t _LARGEST_HEAD = 64 * 1024  # longer ones are wire's, whatever the limits are

include "head.pxi"
