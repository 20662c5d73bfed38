"""Signed values: a link that says who may do what, that nobody can forge, and that ends after a while.

The key is made once and kept in the store; `App(keys=["…"])` takes one of your own.
"""

from hospes import App, Keyring, Session

app = App()
HOUR = 3600


@app.post("/invitations")
def invite(keyring: Keyring, email: str) -> dict[str, str]:
    token = keyring.signer("invitation").sign({"email": email})
    return {"link": f"/join?token={token}"}  # to be sent by mail


@app.get("/join")
def join(keyring: Keyring, session: Session, token: str) -> str:
    # What is forged, for something else, or too old, is answered with 400.
    invitation = keyring.signer("invitation").read(token, max_age=48 * HOUR)
    session.rotate()
    session["email"] = invitation["email"]
    return f"Welcome, {invitation['email']}"


if __name__ == "__main__":
    app.run()
