"""Sessions kept by the program itself."""

import time
from typing import Any, Dict, Tuple

from simple_http_server import Request, Session, SessionFactory, request_map, set_session_factory


class MySessionImpl(Session):

    def __init__(self, id: str):
        super().__init__()
        self._id = id
        self._attributes: Dict[str, Any] = {}
        self._time = time.time()
        self._is_valid = True

    @property
    def id(self) -> str:
        return self._id

    @property
    def creation_time(self) -> float:
        return self._time

    @property
    def last_accessed_time(self) -> float:
        return time.time()

    @property
    def is_new(self) -> bool:
        return not self._attributes

    @property
    def is_valid(self) -> bool:
        return self._is_valid

    @property
    def attribute_names(self) -> Tuple:
        return tuple(self._attributes)

    def get_attribute(self, name: str) -> Any:
        return self._attributes.get(name)

    def set_attribute(self, name: str, value: Any) -> None:
        self._attributes[name] = value

    def invalidate(self) -> None:
        self._is_valid = False


class MySessionFacImpl(SessionFactory):

    def __init__(self):
        super().__init__()
        self._sessions: Dict[str, MySessionImpl] = {}

    def get_session(self, session_id: str, create: bool = False) -> Session:
        session = self._sessions.get(session_id)
        if session is None and create:
            session = self._sessions[session_id] = MySessionImpl(session_id)
        return session


@request_map("/session/count")
def count(session: Session):
    session.set_attribute("n", (session.get_attribute("n") or 0) + 1)
    return {"n": session.get_attribute("n"), "names": list(session.attribute_names)}


@request_map("/session/end")
def end(req=Request()):
    session = req.get_session()
    if session is None:
        return "none"
    session.invalidate()
    return "ended"


def use_own_sessions():
    set_session_factory(MySessionFacImpl())
