"""What a process shares."""

from __future__ import annotations

from hospes.compat.simple_http_server.app_conf import AppConf, get_app_conf, using
from hospes.compat.simple_http_server.process import CURRENT, PROCESS, Process


def test_it_begins_empty() -> None:
    process = Process()
    assert (process.confs, process.session_factory, process.server, process.templates) == ({}, None, None, {})


def test_the_current_conf_hides_the_shared_one() -> None:
    with using(AppConf()) as conf:
        assert CURRENT.get() is get_app_conf() is conf
    assert CURRENT.get() is None
    assert conf not in PROCESS.confs.values()
