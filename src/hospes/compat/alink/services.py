"""The other spelling of `service`."""

from hospes.compat.alink.service import Cookie, User

__all__ = ["Cookie", "User"]
