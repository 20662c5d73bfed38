"""Several processes that serve one address: an access log, health, and a reload without a lost request.

python examples/workers.py            then: curl localhost:8080
kill -HUP PID                         new workers, with the code as it is now
"""

from __future__ import annotations

import os

from hospes import AccessLog, App, ServerOptions, Workers

app = App(store="memory:")
app.health()


@app.get("/")
async def home() -> dict[str, int]:
    return {"process": os.getpid()}


if __name__ == "__main__":
    app.run(workers=Workers(2, max_requests=100_000), options=ServerOptions(access_log=AccessLog("-", "json")))
