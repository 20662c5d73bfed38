"""Modules of simple_http_server that stand below `models`."""
