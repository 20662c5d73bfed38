"""Sessions: what is remembered of a browser while it is here, and messages that are shown once.

A session ends half an hour after the last request. Signing in gives it a new id, signing out ends it. An order is an object,
because the app declares it.
"""

from dataclasses import dataclass, field
from html import escape

from hospes import App, Redirect, Session, SessionOptions


@dataclass
class Order:
    dishes: list[str] = field(default_factory=list[str])


app = App(sessions=SessionOptions(types={"order": Order}))

PAGE = """<!doctype html><title>Tea room</title>{messages}<h1>{greeting}</h1><p>Pages seen: {seen}</p><p>Ordered: {ordered}</p>
<form method="post" action="/order"><input name="dish"> <button>Order</button></form>
<form method="post" action="/login"><input name="name"> <button>Sign in</button></form>
<form method="post" action="/logout"><button>Sign out</button></form>"""


@app.get("/")
def home(session: Session) -> str:
    session["seen"] = session.get("seen", 0) + 1
    messages = "".join(f"<p>{escape(message)}</p>" for message in session.flashes())
    greeting = f"Hello, {escape(session.get('name', 'stranger'))}"
    order: Order = session.get("order", Order())
    ordered = escape(", ".join(order.dishes)) or "nothing yet"
    return PAGE.format(messages=messages, greeting=greeting, seen=session["seen"], ordered=ordered)


@app.post("/order")
def order(session: Session, dish: str) -> Redirect:
    order: Order = session.setdefault("order", Order())
    order.dishes.append(dish)
    return Redirect("/", 303)


@app.post("/login")
def login(session: Session, name: str) -> Redirect:
    session.rotate()  # whoever knew the id before does not know this one
    session["name"] = name
    session.flash("You have signed in.")
    return Redirect("/", 303)


@app.post("/logout")
def logout(session: Session) -> Redirect:
    session.invalidate()
    return Redirect("/", 303)


if __name__ == "__main__":
    app.run()
