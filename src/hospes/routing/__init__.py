"""Routing: which route answers a request.

Four files, each standing on the one before: `pattern` reads what a route's path is written as, `tree` finds the most
specific pattern for a path, `conditions` holds the expressions on parameters and header fields, and `router` collects the
declarations and freezes them into a `Matcher`. `paths` splits a request's path, and decides which paths a filter covers.
"""

from hospes.routing.conditions import Conditioned, Expression, parse_expression
from hospes.routing.paths import compile_path_test, split_path
from hospes.routing.pattern import CONVERTERS, Field, Pattern, parse_pattern
from hospes.routing.router import Matcher, Outcome, Route, Router
from hospes.routing.tree import AutomaticOptions, BadPath, Match, MethodNotAllowed, NotFound

__all__ = [
    "CONVERTERS",
    "AutomaticOptions",
    "BadPath",
    "Conditioned",
    "Expression",
    "Field",
    "Match",
    "Matcher",
    "MethodNotAllowed",
    "NotFound",
    "Outcome",
    "Pattern",
    "Route",
    "Router",
    "compile_path_test",
    "parse_expression",
    "parse_pattern",
    "split_path",
]
