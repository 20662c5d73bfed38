"""Routes."""

import threading

from simple_http_server import PathValue, RegGroup, RegGroups, request, request_map, route


@request_map("/index")
def your_ctroller_function():
    return "<html><body>Hello, World!</body></html>"


@request_map("/say_hello", method="GET")
def say_hello():
    return "<html><body>Hello, World!</body></html>"


@request_map("/say_hello/several", method=["GET", "POST", "PUT"])
def say_hello_several():
    return "<html><body>Hello, World!</body></html>"


@request_map("/say_hello/to/{name}", method=["GET", "POST", "PUT"])
def say_hello_to(name=PathValue()):
    return f"<html><body>Hello, {name}!</body></html>"


@request_map("/")
@request_map("/home")
def index():
    return "<html><body>Hello, World!</body></html>"


async def say(sth: str = ""):
    return f"Success! {sth}"


@request_map("/中文/coroutine")
async def coroutine_ctrl(hey: str = "Hey!"):
    return await say(hey)


@request_map("/thread/async")
async def thread_async():
    return str(threading.current_thread() is threading.main_thread())


@request_map("/thread/plain")
def thread_plain():
    return str(threading.current_thread() is threading.main_thread())


@route(regexp="^(reg/(.+))$", method="GET")
def my_reg_ctr(reg_groups: RegGroups, reg_group: RegGroup = RegGroup(1)):
    return {"groups": list(reg_groups), "group": f"{reg_group.group},{reg_group}", "reg_group": reg_group}


@request_map("/star/*")
@request_map("*/star")
def star_path(path_val=PathValue()):
    return f"<html><body>{path_val}</body></html>"


@request_map("/stars/**")
@request_map("**/stars")
def stars_path(path_val=PathValue()):
    return f"<html><body>{path_val}</body></html>"


@request("/exact_params", method="GET", params="a=b")
def exact_params(a: str):
    return {"result": "a=b", "a": a}


@request("/exact_params", method="GET", params="a!=b")
def exact_not_params(a: str):
    return {"result": "a!=b", "a": a}


@request("/begins_params", method="GET", params="a^=b")
def exact_startswith_params(a: str):
    return {"result": "a^=b", "a": a}


@request("/exact_params", method="GET", params="!a")
def no_params():
    return {"result": "!a"}


@request("/has_params", method="GET", params="a")
def must_has_params():
    return {"result": "a"}


@request("/all_params", method="GET", params=["a=b", "c!=d"])
def multipul_params():
    return {"result": "all"}


@request("/any_params", method="GET", params=["a=b", "c!=d"], match_all_params_expressions=False)
def any_params():
    return {"result": "any"}


@request("/form_params", method="POST", params="a=b")
def form_params(a: str):
    return {"result": "form", "a": a}


@request("/exact_headers", headers=("X-A=b", "!X-C"))
def exact_headers():
    return {"result": "headers"}


@request("/exact_headers", headers="X-A^=c")
def other_headers():
    return {"result": "others"}
