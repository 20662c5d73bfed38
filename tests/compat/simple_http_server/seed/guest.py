"""The README's WSGI and ASGI programs, with the controllers of the others: granian guest:app, gunicorn guest:handler."""

import asyncio
import os

import simple_http_server.server as server
from simple_http_server import request_map
from simple_http_server.server import ASGIProxy

asgi_proxy: ASGIProxy = None
init_asgi_proxy_lock: asyncio.Lock = asyncio.Lock()

server.scan(base_dir="ctrls", regx=r'.*', project_dir=os.path.dirname(os.path.abspath(__file__)))


@request_map("/hello_wsgi")
def my_controller(name: str):
    return 200, "Hello, WSGI!"


wsgi_proxy = server.init_wsgi_proxy(resources={"/public/*": "static"})


def handler(environ, start_response):
    return wsgi_proxy.app_proxy(environ, start_response)


async def init_asgi_proxy():
    global asgi_proxy
    if asgi_proxy == None:
        async with init_asgi_proxy_lock:
            if asgi_proxy == None:
                asgi_proxy = server.init_asgi_proxy(resources={"/public/*": "static"})


async def app(scope, receive, send):
    await init_asgi_proxy()
    await asgi_proxy.app_proxy(scope, receive, send)
