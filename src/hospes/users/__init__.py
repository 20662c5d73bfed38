"""Visitors: recognised by a cookie, remembered in the store, one turn at a time.

| file | what |
|---|---|
| `user` | what a program sees: a dict that is there again next time |
| `visitors` | who comes: a request's visitor, recognised or new |
| `visit` | one visitor's record, from its loading to its commit |
| `turns`, `rangelock` | one visitor, one turn: in this process, and between processes |
| `options` | for how long, how much |
| `seal` | cookie values: made here only, and recognised as such |
| `values` | what may be stored, and its octets |
"""

from hospes.users.options import VisitorOptions
from hospes.users.turns import TurnTimeout
from hospes.users.user import User
from hospes.users.values import RecordTooLarge
from hospes.users.visitors import Visitors

__all__ = ["RecordTooLarge", "TurnTimeout", "User", "VisitorOptions", "Visitors"]
