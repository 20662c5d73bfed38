"""What the servers of these tests serve: it counts, and it stores as much as one asks for."""

from hospes import App, Session, User

app = App()


@app.get("/plain")
async def plain() -> str:
    return "here"


@app.get("/count")
async def count(user: User) -> dict[str, object]:
    return {"n": user.get("n", 0), "is_new": user.is_new, "name": user.name}


@app.post("/count")
async def count_on(user: User) -> dict[str, int]:
    user["n"] = user.get("n", 0) + 1
    return {"n": user["n"]}


@app.post("/keep/{size:int}")
async def keep(size: int, user: User) -> dict[str, int]:
    user["kept"] = "x" * size
    return {"size": size}


@app.get("/kept")
async def kept(user: User) -> dict[str, int]:
    return {"size": len(user.get("kept", ""))}


@app.post("/login/{name}")
async def login(name: str, user: User) -> dict[str, int]:
    await user.login(name)
    return {"n": user.get("n", 0)}


@app.get("/session/count")
async def look(session: Session) -> dict[str, object]:
    return {"n": session.get("n", 0), "is_new": session.is_new}


@app.get("/session/count/on")
@app.post("/session/count")
async def count_session_on(session: Session) -> dict[str, int]:
    session["n"] = session.get("n", 0) + 1
    return {"n": session["n"]}
