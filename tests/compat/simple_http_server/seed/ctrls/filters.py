"""Filters."""

from simple_http_server import Header, HttpError, Parameter, Response, filter_map, request_filter, route

TIMES = []


@request_filter("/tuple/**")  # 使用通配符，** 可包含 /，* 不包含，上述配置
@request_filter(regexp="^/tuple")  # 使用正则表达式
def filter_tuple(ctx):
    TIMES.append(ctx.request.path)
    # 在过滤器中加入一些信息到请求头中
    ctx.request.headers["filter-set"] = "through filter"
    if "user_name" not in ctx.request.parameter:
        ctx.response.send_redirect("/index")
    elif "pass" not in ctx.request.parameter:
        ctx.response.send_error(400, "pass should be passed")
        # 你也可以使用以下代码，通过抛出异常的方式来返回错误的响应信息。
        # raise HttpError(400, "pass should be passed")
    else:
        # 如果你需要进入下一个过滤器链条或者调用请求处理的函数，必须显式调用以下的方法。
        ctx.do_chain()


@request_filter("/tuple/raise")
def filter_raise(ctx):
    raise HttpError(403, "not you")


@request_filter("/filtered/**")
async def filter_async(ctx):
    ctx.response.set_header("X-Filter", "async")
    ctx.request.parameter["added"] = "by the filter"
    await ctx.do_chain()


@filter_map("^/filtered")
async def filter_inner(ctx):
    ctx.response.add_header("X-Filter", "inner")
    ctx.do_chain()


@request_filter("/silent")
def filter_silent(ctx):
    pass


@route("/tuple/hello")
def tuple_hello(user_name: str, filter_set=Header("filter-set")):
    return {"user": user_name, "filter-set": filter_set, "times": TIMES.count("/tuple/hello")}


@route("/tuple/raise")
def tuple_raise():
    return "never"


@route("/tuple/writes")
def tuple_writes(res: Response):
    res.write_bytes(b"one ")
    res.write_bytes(b"two")


@route("/filtered/async")
async def filtered_async(added=Parameter()):
    return f"async {added}"


@route("/filtered/plain")
def filtered_plain(added=""):
    return f"plain {added}"


@route("/silent")
def silent():
    return "never"
