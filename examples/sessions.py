"""Sessions: what is remembered of a browser while it is here, and messages that are shown once.

A session ends half an hour after the last request. Signing in gives it a new id, signing out ends it.
"""

from html import escape

from hospes import App, Redirect, Session

app = App()

PAGE = """<!doctype html><title>Tea room</title>{messages}<h1>{greeting}</h1><p>Pages seen: {seen}</p>
<form method="post" action="/login"><input name="name"> <button>Sign in</button></form>
<form method="post" action="/logout"><button>Sign out</button></form>"""


@app.get("/")
def home(session: Session) -> str:
    session["seen"] = session.get("seen", 0) + 1
    messages = "".join(f"<p>{escape(message)}</p>" for message in session.flashes())
    greeting = f"Hello, {escape(session.get('name', 'stranger'))}"
    return PAGE.format(messages=messages, greeting=greeting, seen=session["seen"])


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
