"""The engine, the compiled carrier: the fast path of the usual request; all else is the portable carrier's, on the same socket.

Read it in this order: `parser.h` (which requests are usual), `head.pxi` (what a handler sees of one), then
docs/decisions/0003-the-engine-is-a-fast-path.md. This package can be imported where the engine was built, and only there.
"""
