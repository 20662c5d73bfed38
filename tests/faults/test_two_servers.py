"""Two servers on one file: a visitor of both is one visitor."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.faults.support import Site, Visitor

EACH = 20
THREADS = 4


def test_two_servers_count_160(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    with Site(url, tmp_path).running() as one, Site(url, tmp_path).running() as other:
        first = Visitor(one.port)
        first.ask("GET", "/count")
        answers: list[int] = []

        def count(port: int) -> None:
            visitor = Visitor(port)
            visitor.cookie = first.cookie
            for _ in range(EACH):
                status, value = visitor.ask("POST", "/count")
                assert status == 200
                answers.append(value["n"])
            visitor.close()

        threads = [threading.Thread(target=count, args=(site.port,)) for site in (one, other) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == list(range(1, 161))
        assert first.ask("GET", "/count").value["n"] == 160
        first.close()


def test_two_servers_count_a_session_whether_they_wait_for_its_turn_or_merge(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    with Site(url, tmp_path).running() as one, Site(url, tmp_path).running() as other:
        first = Visitor(one.port)
        first.ask("POST", "/session/count")
        problems: list[object] = []

        def count(port: int, method: str, path: str) -> None:
            visitor = Visitor(port)
            visitor.cookie = first.cookie
            for _ in range(EACH):
                answer = visitor.ask(method, path)
                if answer.status != 200:
                    problems.append(answer)
            visitor.close()

        ways = [("POST", "/session/count"), ("GET", "/session/count/on")] * 2
        threads = [threading.Thread(target=count, args=(site.port, *way)) for site in (one, other) for way in ways]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
        assert first.ask("GET", "/session/count").value["n"] == 1 + 8 * EACH
        first.close()


def test_when_one_is_killed_the_other_goes_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    with Site(url, tmp_path).running() as one, Site(url, tmp_path).running() as other:
        visitor = Visitor(one.port)
        assert visitor.ask("POST", "/count").value == {"n": 1}
        assert visitor.ask("POST", "/login/ada").status == 200
        visitor.close()
        one.kill()
        visitor.at(other.port)
        assert visitor.ask("POST", "/count").value == {"n": 2}
        assert visitor.ask("GET", "/count").value["name"] == "ada"
        visitor.close()
