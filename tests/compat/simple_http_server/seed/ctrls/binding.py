"""Where arguments come from."""

import os
import tempfile
from typing import Dict, List, Optional

from simple_http_server import (
    BytesBody,
    Cookie,
    Cookies,
    Environment,
    Header,
    Headers,
    JSONBody,
    ModelDict,
    MultipartFile,
    Parameter,
    Parameters,
    PathValue,
    Request,
    RequestBodyReader,
    Response,
    Session,
    request_map,
    route,
)


@request_map("/request/to/{name}", method=["GET", "POST", "PUT"])
def by_request(req=Request()):
    """ 请注意关键字参数传入的默认参数是一个 Request 对象，而不是类本身。 """
    session = req.getSession()
    ins = session.get_attribute("in-session")
    session.set_attribute("in-session", "Hello, Session!")
    return {
        "method": req.method,
        "path": req.path,
        "header": req.headers["X-Mine"] if "x-mine" in req.headers else None,
        "parameter": req.parameter,
        "parameters": req.parameters,
        "query_string": req.query_string,
        "cookies": {name: req.cookies[name].value for name in req.cookies if name.startswith("c")},
        "path_values": req.path_values,
        "body": req.body.decode(),
        "json": req.json,
        "in-session": ins,
        "host": req.host != "",
        "content_type": req.content_type,
        "content_length": req.content_length,
        "one": req.get_parameter("a", "none"),
        "none": req.get_parameter("zz", "none"),
    }


@request_map("/model/to/{name}", method=["GET", "POST", "PUT"])
def by_model(model=ModelDict(), name=PathValue()):
    return {"name": name, "a": model["a"], "b": model["b"]}


@request_map("/plain/to/{name}", method=["GET", "POST", "PUT"])
def by_arguments(
        user_name,  # 传入 req.parameter["user_name"]，如果该参数为空，则会响应为 400 参数错误
        password,
        nickName="",
        age=16,
        male=True,
        skills=[],
        extra={}
):
    return {"user_name": user_name, "password": password, "nickName": nickName, "age": age, "male": male, "skills": skills, "extra": extra}


@request_map("/classes/to/{name}", method=["GET", "POST", "PUT"])
def by_classes(
        user_name=Parameter("userName", required=True),
        password=Parameter("password", required=True),
        nickName=Parameter(default=""),
        skills=Parameters(required=True),
        all_headers=Headers(),
        user_token=Header(name="userToken", required=True),
        all_cookies=Cookies(),
        user_info=Cookie("userInfo", required=False),
        name=PathValue("name"),
        session=Session()
):
    session.set_attribute("seen", (session.get_attribute("seen") or 0) + 1)
    return {
        "user_name": user_name, "password": password, "nickName": nickName, "skills": skills, "host": "Host" in all_headers,
        "user_token": user_token, "all_cookies": sorted(each for each in all_cookies if each.startswith("c")),
        "user_info": user_info.value, "name": name, "seen": session.get_attribute("seen"),
    }


@request_map("/from_json_body", method=["post", "put", "delete"])
def by_json(data=JSONBody()):
    return {"some_key": data["some_key"], "is_dict": isinstance(data, dict)}


@request_map("/upload", method="POST")
def upload(img=MultipartFile("img", required=True), note: str = ""):
    root = tempfile.mkdtemp()
    path = os.path.join(root, img.filename)
    img.save_to_file(path)
    with open(path, "rb") as saved:
        size = len(saved.read())
    os.unlink(path)
    os.rmdir(root)
    return f"<!DOCTYPE html><html><body>upload ok! {img.name} {img.filename} {img.content_type} {len(img.content)} {size} {note}</body></html>"


@request_map("/annotated/to/{name}", method=["GET", "POST", "PUT"])
def by_annotations(
        user_name: str,
        password: str,
        skills: list,
        all_headers: Headers,
        user_token: Header,
        all_cookies: Cookies,
        user_info: Cookie,
        name: PathValue,
        session: Session
):
    return {
        "user_name": user_name, "password": password, "skills": skills, "headers": len(all_headers) > 0, "user_token": user_token,
        "cookies": "user_info" in all_cookies, "user_info": user_info.value, "name": name, "is_new": session.is_new,
    }


@route("/typed")
def typed(ints: List[int] = [], floats: List[float] = [], bools: List[bool] = [], dicts: List[Dict] = [], n: Optional[int] = None, *, f: float = 1.5, d: dict = None):
    return {"ints": ints, "floats": floats, "bools": bools, "dicts": dicts, "n": n, "f": f, "d": d}


@route("/rest")
def rest(a: str, *args, **kw):
    return {"a": a, "args": list(args), "kw": kw}


@route("/bytes_body", method="POST")
def bytes_body(body: BytesBody):
    return {"length": len(body), "is_bytes": isinstance(body, bytes)}


@route("/reader", method="POST")
async def by_reader(reader: RequestBodyReader):
    size, piece = 0, await reader.read(4)
    while piece:
        size += len(piece)
        piece = await reader.read(4096)
    return {"size": size}


@route("/environment")
def environment(env: Environment, res: Response):
    res.add_header("X-Scheme", env["wsgi.url_scheme"])
    return env["REMOTE_ADDR"]
