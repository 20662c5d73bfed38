"""Benchmarks: hospes beside its peers, in one run; and single functions.

| file | what |
|---|---|
| `app.py` | the workloads, written with the ordinary public API |
| `workloads.py` | what is asked, and how an answer is checked |
| `peers.py` | who is measured, and how each is started |
| `load.py` | wrk, pinned to its own core, and the server's CPU time meanwhile |
| `report.py` | figures to a Markdown table |
| `micro.py` | nanoseconds of the functions on the hot path |
| `calls.py` | Python calls of one request, wire to wire |
| `users.py` | visitors in a store of one million: start, lookup, sweeping |
| `__main__.py` | `python -m bench` |
"""
