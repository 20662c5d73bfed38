"""Benchmarks: hospes beside its peers, in one run; and single functions.

| file | what |
|---|---|
| `app.py` | the workloads, written with the ordinary public API |
| `apps/` | the same on the peers |
| `workloads.py` | what is asked, and how an answer is checked |
| `peers.py` | who is measured, how each is started, how all are installed |
| `load.py`, `load.lua`, `wsload.c` | the load, pinned to its own core, and the server's CPU time meanwhile |
| `yardstick.c` | a server in C that does nothing but answer |
| `programs.py` | compiles the two programs in C |
| `macro.py` | servers asked in turn, in rounds |
| `bars.py` | what is to be reached |
| `report.py`, `plots.py`, `whole.py` | figures to a page; all of it in one run |
| `guard.py`, `guard.json` | instructions of a request, beside those written down |
| `memory.py`, `startup.py` | what an idle connection and starting cost |
| `micro.py` | nanoseconds of the functions on the hot path |
| `calls.py` | Python calls of one request, wire to wire |
| `users.py`, `stores.py` | visitors in a store of one million; the stores beside each other |
| `scale.py`, `scale_app.py` | how the cost of a request grows, and what each hop adds |
| `__main__.py` | `python -m bench` |
"""
