"""Faces of older systems over the same core: their names, their spellings, their call forms.

| package | whose face |
|---|---|
| `alink` | a server that gives each visitor a user kept in a database, and a client |
| `http_server` | a small server whose functions take a request and a response |

Law: no behaviour lives here that the core could have. What a face adds is names, and the shapes its programs expect.
"""
