"""HTTPS: give the certificate and its key. Cookies are then `Secure`, and old versions of TLS are not spoken.

    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -keyout key.pem -out cert.pem
    python examples/tls.py

Then https://localhost:8443/, where the browser warns, for nobody vouches for this certificate.
"""

from hospes import App, Request, Tls, User

app = App()


@app.get("/")
def home(request: Request) -> str:
    return f"you came by {request.scheme}"


@app.get("/visits")
def visits(user: User) -> str:
    user["visits"] = user.get("visits", 0) + 1
    return f"visit {user['visits']}"


if __name__ == "__main__":
    app.run("localhost", 8443, tls=Tls("cert.pem", "key.pem"))
