"""Faces of older systems over the same core: their names, their spellings, their call forms.

| package | whose face |
|---|---|
| `alink` | a server that gives each visitor a user kept in a database, and a client |
| `http_server` | a small server whose functions take a request and a response |
| `simple_http_server` | typed controllers, filters, sessions, websockets, in threads or on the loop |
| `simple_http_server_jinja`, `simple_http_server_redis_session` | its extensions: templates, sessions in Redis |

`aliases` lets programs find them under their own names: `python -m hospes.compat PROGRAM.py`.

Law: no behaviour lives here that the core could have. What a face adds is names, and the shapes its programs expect.
"""
