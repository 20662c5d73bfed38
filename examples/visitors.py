"""Visitors: a dict per visitor that is there again next time, also after `kill -9`. It is on disk before the answer leaves.

Requests of one visitor take turns, so counting needs no lock, however many come at once.
"""

from dataclasses import dataclass

from hospes import App, Redirect, User, VisitorOptions


@dataclass
class Item:
    item: str


app = App(visitors=VisitorOptions(types={"cart": list[Item]}))

PAGE = """<!doctype html><title>Cart</title><h1>Visit {visits}</h1><p>In the cart: {cart}</p>
<form method="post" action="/cart"><input name="item"> <button>Add</button></form>
<form method="post" action="/forget"><button>Forget me</button></form>"""


@app.get("/")
def home(user: User) -> str:
    user["visits"] = user.get("visits", 0) + 1
    return PAGE.format(visits=user["visits"], cart=len(user.get("cart", [])))


@app.post("/cart")
async def add(user: User, item: str) -> Redirect:
    user.setdefault("cart", []).append(Item(item))  # changes deep inside are noticed
    return Redirect("/", 303)


@app.get("/cart")
def cart(user: User) -> list[Item]:
    found: list[Item] = user.get("cart", [])
    return found


@app.post("/forget")
def forget(user: User) -> Redirect:
    user.forget()
    return Redirect("/", 303)


if __name__ == "__main__":
    app.run()
