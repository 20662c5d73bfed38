"""Signing in: what a visitor kept before goes into the record of the login name, and every device that signs in reaches it."""

import hmac
from hashlib import scrypt
from typing import Any

from hospes import App, HttpError, Redirect, User
from hospes.users import keep_both

app = App()


def hashed(password: str, salt: bytes) -> bytes:
    return scrypt(password.encode(), salt=salt, n=1 << 14, r=8, p=1)


# In a real program they are in a database, made by `hashed` with a salt of their own.
ACCOUNTS = {"ada": (b"salt of Ada", hashed("engine", b"salt of Ada"))}
NOBODY = (b"salt of nobody", b"")

PAGE = """<!doctype html><title>Tea</title><h1>Hello, {name}</h1><p>In the cart: {cart}</p>
<form method="post" action="/cart"><input name="item"> <button>Add</button></form>
<form method="post" action="/login"><input name="name"> <input name="password" type="password"> <button>Sign in</button></form>
<form method="post" action="/logout"><button>Sign out</button> <button name="everywhere" value="1">everywhere</button></form>"""


@app.get("/")
async def home(user: User) -> str:
    return PAGE.format(name=user.name or "stranger", cart=", ".join(user.get("cart", [])) or "nothing")


@app.post("/cart")
async def add(user: User, item: str) -> Redirect:
    user.setdefault("cart", []).append(item)
    return Redirect("/", 303)


@app.post("/login")
def login(user: User, name: str, password: str) -> Redirect:  # not async: hashing takes its time, in a thread
    salt, known = ACCOUNTS.get(name, NOBODY)
    if not hmac.compare_digest(hashed(password, salt), known):  # takes as long for a name that is not there
        raise HttpError(403, "Name or password is wrong")
    user.login(name, merge=keep_both)
    return Redirect("/", 303)


@app.post("/logout")
async def logout(user: User, everywhere: bool = False) -> Redirect:
    await (user.logout_everywhere() if everywhere else user.logout())
    return Redirect("/", 303)


@app.get("/data")
async def data(user: User) -> dict[str, Any]:
    return user.export()


if __name__ == "__main__":
    app.run()
