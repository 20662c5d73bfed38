"""What is answered, and how."""

import os
from http.cookies import SimpleCookie

from simple_http_server import (
    Cookies,
    Headers,
    HttpError,
    Redirect,
    Response,
    StaticFile,
    error_message,
    request_map,
    route,
)


@request_map("/answer/dict")
def answer_dict():
    return {"success": True, "message": "Success! 成功"}


@request_map("/answer/xml")
def answer_xml():
    return "<?xml><root></root>"


@request_map("/answer/xml/1.0")
def answer_xml_1():
    return "<?xml version=\"1.0\"?><root></root>"


@request_map("/answer/text")
def answer_text():
    return "  some other string value\n"


@request_map("/answer/bytes")
def answer_bytes():
    return b"\x00\x01\x02"


@request_map("/answer/none")
def answer_none():
    return None


@request_map("/answer/status")
def answer_status():
    return 204


@request_map("/answer/headers")
def answer_headers():
    return Headers({"X-One": "1", "X-Two": ["2", "3"]})


@request_map("/answer/cookies")
def answer_cookies():
    cookies = Cookies()
    cookies["a"] = "b"
    return cookies


@request_map("/answer/error")
def answer_error():
    raise HttpError(410, "page gone", "it was moved")


@request_map("/answer/404")
def answer_404():
    raise HttpError(404, "page not found")


@request_map("/answer/exception")
def answer_exception():
    raise Exception("a secret")


@request_map("/answer/unavailable")
def answer_unavailable():
    raise HttpError(503, "later", "at noon")


@request_map("/answer/redirect")
def answer_redirect():
    return Redirect("/redirect/to/this/path")


@request_map("/answer/file")
def answer_file():
    return StaticFile(os.path.abspath(__file__), content_type="text/xml")


@request_map("/answer/file/missing")
def answer_missing():
    return StaticFile("/no/such/file.xml", content_type="text/xml")


@request_map("/answer/response")
def answer_response():
    res = Response(status_code=200)
    res.headers["Content-Type"] = "text/html"
    res.set_header("userToken", "user_id_token_xxxx")  # set_header() 会覆盖之前设置的信息
    res.add_header("userToken", "xxxx")  # add_header() 会增加多一个信息
    res.cookies = SimpleCookie()
    res.cookie["userInfo"] = "ABC"
    res.cookie["userInfo"]["path"] = "/"
    res.body = "<!DOCTYPE html><html><body>hello world</body></html>"
    return res


@request_map("/answer/response/dict")
def answer_response_dict():
    return Response(status_code=201, headers={"X-Made": ["a", "b"]}, body={"made": True})


@request_map("/answer/tuple")
def answer_tuple():
    res_cookie = Cookies()
    res_cookie["userInfo"] = "ABC"
    res_cookie["userInfo"]["path"] = "/"
    return 200, Headers({"userToken": "user_id_token_xxx"}), res_cookie, {"success": True, "message": "success!"}, "这个字符串会被忽略"


@request_map("/answer/tuple/short")
def answer_short_tuple():
    return Headers({"userToken": "user_id_token_xxx"}), {"success": True, "message": "success!"},


@request_map("/injected")
def injected(res=Response()):
    res.body = "<html><body>Hello, world! </body></html>"
    res.send_response()
    return "what is returned after that is ignored"


@request_map("/injected/redirect")
def injected_redirect(res=Response()):
    res.send_redirect("/index")


@request_map("/injected/error")
async def injected_error(res: Response):
    res.set_header("X-Why", "so")
    res.send_error(409, "conflicting", "twice")


@request_map("/injected/kept")
def injected_kept(res: Response):
    res.status_code = 202
    res.add_headers({"X-A": "1", "X-B": ["2", "3"]})
    res.cookies["c"] = "d"
    return {"kept": True, "is_sent": res.is_sent}


@request_map("/injected/unsent")
def injected_unsent(res: Response):
    res.status_code = 203
    res.body = {"unsent": True}


@route("/res/write/bytes")
def res_writer(response: Response):
    # 你也可以通过 response 对象分段写入数据。
    response.status_code = 200
    response.add_header("Content-Type", "application/octet-stream")
    response.write_bytes(b'abcd')
    response.write_bytes(bytearray(b'efg'))
    response.close()


@route("/stream")
def stream():
    for number in range(3):
        yield f"{number};"


@error_message("403", "404")
def my_40x_page(message: str, explain=""):
    return f"""
    <html>
        <head>
            <title>发生错误！</title>
        <head>
        <body>
            message: {message}, explain: {explain}
        </body>
    </html>
    """


@error_message("50x")
def my_50x_message(code, message, explain=""):
    return f"{code}-{message}-{explain}"


@error_message
def my_error_message(code, message, explain=""):
    return f"{code}-{message}-{explain}"


@error_message
def the_later_counts(code, message, explain=""):
    return f"{code}={message}={explain}"
