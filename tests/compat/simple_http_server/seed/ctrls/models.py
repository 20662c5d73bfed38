"""Bindings of the program's own."""

import logging
from typing import Any

from simple_http_server import HttpError, default_model_binding, model_binding, route
from simple_http_server.models.model_bindings import ModelBinding

_logger = logging.getLogger("models")


class Person:

    def __init__(self, name: str = "", sex: int = "", age: int = 0) -> None:
        self.name = name
        self.sex = sex
        self.age = age


@model_binding(Person)
class PersonModelBinding(ModelBinding):

    async def bind(self) -> Any:
        name = self.request.get_parameter("name", "no-one")
        sex = self.request.get_parameter("sex", "secret")
        try:
            age = int(self.request.get_parameter("age", ""))
        except:
            raise HttpError(400, "Age is required, and must be an integer")
        return Person(name, sex, age)


@route("/model_binding/person")
def test_model_binding(person: Person):
    return {
        "name": person.name,
        "sex": person.sex,
        "age": person.age,
    }


class Dog:

    def __init__(self, name="a dog") -> None:
        self.name = name

    def wang(self):
        return self.name


@default_model_binding
class SetAttrModelBinding(ModelBinding):

    """
    " 该类会尝试使用无参数的方法创建一个对象，然后将请求的参数通过 `setattr` 的方式设置到该对象当中。
    """

    def bind(self) -> Any:
        # bind 方法可以定义为 async 或者普通方法
        try:
            obj = self.arg_type()
            for k, v in self.request.parameter.items():
                setattr(obj, k, v)
            return obj
        except Exception as e:
            _logger.warning(
                f"Cannot create Object with given type {self.arg_type}. ", stack_info=True)
            return self.default_value


@route("/model_binding/dog")
def test_model_binding_dog(dog: Dog):
    return {
        "name": dog.wang()
    }
