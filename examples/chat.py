"""A chat: everybody who has the page open sees what anybody writes, at once."""

from hospes import App, WebSocket

app = App()
room: set[WebSocket] = set()

PAGE = """<!doctype html>
<title>Chat</title>
<ul></ul>
<form><input name="text" autocomplete="off" autofocus> <button>Send</button></form>
<script>
const scheme = location.protocol === "https:" ? "wss" : "ws";
const socket = new WebSocket(`${scheme}://${location.host}/chat${location.search}`);
const form = document.querySelector("form");
socket.onmessage = event => {
  const line = document.createElement("li");
  line.textContent = event.data;  // as text: nobody can send markup
  document.querySelector("ul").append(line);
};
form.onsubmit = event => {
  event.preventDefault();
  socket.send(form.text.value);
  form.reset();
};
</script>"""


@app.get("/")
def page() -> str:
    return PAGE


@app.websocket("/chat")
async def chat(ws: WebSocket, name: str = "somebody") -> None:
    """Another site's page cannot open it: the handshake's Origin has to be this site."""
    await ws.accept()
    room.add(ws)
    say(f"{name} has come")
    try:
        async for message in ws:
            say(f"{name}: {message!s}")
    finally:
        room.discard(ws)
        say(f"{name} has gone")


def say(line: str) -> None:
    """Nobody waits for the slowest: what one does not take waits for him alone, within a bound."""
    for each in list(room):
        if not each.closed:
            each.send_nowait(line)


if __name__ == "__main__":
    app.run()
