"""The other spelling of service."""

from hospes.compat.alink import service, services


def test_it_is_the_same() -> None:
    assert services.Cookie is service.Cookie
    assert services.User is service.User
