"""Forms that only this site's pages can send.

What another site's page sends is refused without anything being said: browsers tell where a request comes from. A form that must
not rely on that carries a token as well.
"""

from hospes import App, Csrf, Session, csrf_token

app = App(csrf=Csrf(exempt="/hooks/**"))  # open to all: these look at something else, a signature for one
app.filter("/transfer")(Csrf(token=True))

FORM = """<!doctype html><title>Transfer</title><form method="post" action="/transfer">
<input type="hidden" name="_csrf" value="{token}"><input name="amount"> <button>Transfer</button></form>"""


@app.get("/")
def form(session: Session) -> str:
    return FORM.format(token=csrf_token(session))


@app.post("/transfer")
def transfer(session: Session, amount: int) -> str:
    session["sent"] = session.get("sent", 0) + amount
    return f"Transferred {amount}, {session['sent']} in all"


@app.post("/vote")
def vote(session: Session) -> str:
    session["voted"] = True
    return "Thank you"


@app.post("/hooks/paid")
def paid() -> str:
    return "noted"


if __name__ == "__main__":
    app.run()
