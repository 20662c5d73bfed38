"""The scripts themselves: what the server is given is what this release names, and each looks before it writes."""

from __future__ import annotations

import hashlib
import re

import pytest
from tests.servers import ValkeyServer

from hospes.store.redis_scripts import DELETE, LEAVE, PAGE, RENEW, SCRIPTS, SWEEP, TAKE, TOUCH, WRITE, Script


def test_every_script_is_loaded() -> None:
    assert set(SCRIPTS) == {WRITE, DELETE, TOUCH, SWEEP, PAGE, TAKE, LEAVE, RENEW}


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_server_knows_a_script_by_our_name(valkey: ValkeyServer, script: Script) -> None:
    assert valkey.ask("SCRIPT", "LOAD", script.text) == b"$40\r\n%s\r\n" % script.digest.encode()
    assert script.digest == hashlib.sha1(script.text.encode()).hexdigest()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_names_as_many_keys_as_it_says(script: Script) -> None:
    unpacked = re.search(r"local ([a-z, ]+) = unpack\(KEYS\)", script.text)
    named = len(unpacked[1].split(",")) if unpacked else len(set(re.findall(r"KEYS\[(\d)\]", script.text)))
    assert named == script.keys


def test_a_write_that_is_refused_for_want_of_memory_has_done_nothing(own_valkey: ValkeyServer) -> None:
    head = "v" * 8 + "\x3f\xf0" + "\0" * 6
    keys = ("schema", "r", "k", "e", "t", "q")
    values = ("0", "", head + "value", "5", "100000", "key", "users:key", "", "w:", "100")
    own_valkey.ask("CONFIG", "SET", "maxmemory", "1")
    assert own_valkey.ask("EVAL", WRITE.text, str(WRITE.keys), *keys, *values).startswith(b"-OOM")
    assert own_valkey.ask("EXISTS", *keys) == b":0\r\n"
    own_valkey.ask("CONFIG", "SET", "maxmemory", "0")
    assert own_valkey.ask("EVAL", WRITE.text, str(WRITE.keys), *keys, *values) == b":1\r\n"
    assert own_valkey.ask("EXISTS", *keys) == b":4\r\n"
