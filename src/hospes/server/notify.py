"""Telling systemd how we are: the protocol of sd_notify(3), a datagram of lines to the socket that `NOTIFY_SOCKET` names.

| call          | says                                       | when                                               |
|---------------|--------------------------------------------|----------------------------------------------------|
| `ready`       | `READY=1`, `STATUS=…`                      | everything serves; a unit of `Type=notify` is up    |
| `reloading`   | `RELOADING=1`, `MONOTONIC_USEC=…`          | a reload begins; `ready` ends it (`notify-reload`) |
| `stopping`    | `STOPPING=1`                               | a stop begins                                      |
| `alive`       | `WATCHDOG=1`, twice in `WatchdogSec`       | as long as the caller goes on                      |

Laws:

* Without `NOTIFY_SOCKET` nothing happens. A message that cannot be sent is dropped: who is not heard works on.
* The variable stays for this process alone: programs it starts do not speak for it.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from time import monotonic, monotonic_ns
from typing import Final

_PATIENCE: Final = 0.5
"""Seconds for a message that is said once."""


class Notifier:
    """Speaks to systemd, if it listens.

    Args:
        address: Of its socket, a path or `@name`; "" where nobody listens.
        watchdog: Seconds within which it wants a sign of life; 0 for none.
    """

    def __init__(self, address: str, watchdog: float = 0.0) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.interval = watchdog / 2
        """Seconds between two calls of `alive`; 0 where nobody waits for them."""
        self._last = 0.0
        self._said = ""

    @property
    def listens(self) -> bool:
        """Whether anybody does."""
        return bool(self._address)

    @classmethod
    def of_this_process(cls) -> Notifier:
        """As the environment says; what it says is taken out of it."""
        address = os.environ.pop("NOTIFY_SOCKET", "")
        ours = os.environ.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        period = os.environ.pop("WATCHDOG_USEC", "")
        return cls(address, int(period) / 1e6 if address and ours and period.isascii() and period.isdigit() else 0.0)

    def ready(self, status: str) -> None:
        """Everything serves; said again only if something else was said in between."""
        message = f"READY=1\nSTATUS={status}"
        if message != self._said:
            self._say(message)

    def reloading(self) -> None:
        """A reload begins."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """A stop begins."""
        self._say("STOPPING=1")

    def alive(self) -> None:
        """We go on; said as often as it is wanted."""
        now = monotonic()
        if self.interval and now - self._last >= self.interval * 0.9:
            self._last = now
            self._send("WATCHDOG=1", 0.0)

    def _say(self, message: str) -> None:
        self._said = message
        self._send(message, _PATIENCE)

    def _send(self, message: str, patience: float) -> None:
        if self._address:
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.settimeout(patience)  # its queue is short, and who does not read it must not stop us
                sock.sendto(message.encode(), self._address)
