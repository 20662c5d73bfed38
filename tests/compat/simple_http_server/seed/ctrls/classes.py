"""Controllers."""

from simple_http_server import controller, request_map, route


class MyController:

    def __init__(self) -> None:
        self._name = "ctr object"
        self._count = 0

    @request_map("/obj/say_hello", method="GET")
    def my_ctrl_mth(self, name: str):
        self._count += 1
        return {"message": f"hello, {name}, {self._name} says. ", "count": self._count}


@controller
class MySingleton:

    def __init__(self) -> None:
        self._name = "ctr object"
        self._count = 0

    @request_map("/single/say_hello", method="GET")
    async def my_ctrl_mth(self, name: str):
        self._count += 1
        return {"message": f"hello, {name}, {self._name} says. ", "count": self._count}


@controller
@request_map("/prefixed", method="GET")
class MyPrefixed:

    def __init__(self) -> None:
        self._name = "ctr object"

    @request_map
    def my_ctrl_default_mth(self, name: str):
        return {"message": f"hello, {name}, {self._name} says. "}

    @request_map("/say_hello", method=("GET", "POST"))
    def my_ctrl_mth(self, name: str):
        return {"message": f"hello, {name}, {self._name} says. "}


@controller(args=["ctr_name"], kwargs={"desc": "this is a key word argument"})
@request_map("/given", method="GET", params="name")
class MyGiven:

    def __init__(self, name, desc="") -> None:
        self._name = f"ctr[{name}] - {desc}"

    @request_map
    def my_ctrl_default_mth(self, name: str):
        return {"message": f"hello, {name}, {self._name} says. "}

    @request_map("/say_hello", method=("GET", "POST"), params="!nobody")
    def my_ctrl_mth(self, name: str):
        return {"message": f"hello, {name}, {self._name} says. "}

    @route(regexp="^(regs/(.+))$")  # 从类装饰器来的 `/obj` 会被无视, 但 `method`(GET) 则依然有用
    def my_reg_mth(self, name: str):
        return {"message": f"hello, {name}, {self._name} says. "}


@controller(singleton=False)
class MyEachTime:

    def __init__(self) -> None:
        self._count = 0

    @request_map("/each/say_hello")
    def my_ctrl_mth(self):
        self._count += 1
        return {"count": self._count}
