"""Dates: when something was made, changed or expires (RFC 9110 §5.6.7).

    Sun, 06 Nov 1994 08:49:37 GMT       IMF-fixdate: the form to write
    Sunday, 06-Nov-94 08:49:37 GMT      RFC 850: to be read only
    Sun Nov  6 08:49:37 1994            asctime(): to be read only

Laws:

* No clock: seconds since 1970 come in and go out.
* A date is read strictly, its weekday and the number of days of its month included. What is no date is None, because a
  condition with an invalid date is to be ignored, not refused (RFC 9110 §13.1.3).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from hospes.lazily import regexp

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONG_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_IMF_FIXDATE = regexp(rf"(?P<weekday>{'|'.join(_DAYS)}), (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT")
_RFC_850 = regexp(rf"(?P<weekday>{'|'.join(_LONG_DAYS)}), (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT")
_ASCTIME = regexp(rf"(?P<weekday>{'|'.join(_DAYS)}) {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})")
_FORMS = (_IMF_FIXDATE, _RFC_850, _ASCTIME)
_EPOCH = date(1970, 1, 1).toordinal()


def format_date(epoch: float) -> str:
    """Write a date as IMF-fixdate.

    Args:
        epoch: Seconds since 1970-01-01T00:00Z; a fraction is cut off.

    Raises:
        ValueError: if the year is not one from 1 to 9999.
    """
    try:
        moment = datetime.fromtimestamp(epoch // 1, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"format_date({epoch!r}): the year is not one from 1 to 9999") from error
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment.hour:02}:{moment.minute:02}:{moment.second:02} GMT"


def parse_date(text: str, now: float | None = None) -> int | None:
    """Read a date in any of its three forms.

    Args:
        text: The value of a field such as If-Modified-Since.
        now: Seconds since 1970, for the two-digit years of RFC 850: a date that seems more than 50 years ahead of it lies in
            the past. Without it, 69 to 99 are years of the 20th century, as in POSIX.

    Returns:
        Seconds since 1970-01-01T00:00Z, or None if the text is no date.
    """
    for form in _FORMS:
        if found := form.fullmatch(text):
            return _epoch(found, now)
    return None


def _epoch(found: re.Match[str], now: float | None) -> int | None:
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"])
    month, day = _MONTHS.index(found["month"]) + 1, int(found["day"])
    year = _full_year(found["year"], now)
    if hour > 23 or minute > 59 or second > 60:  # 60 is a leap second
        return None
    try:
        ordinal = date(year, month, day).toordinal()
    except ValueError:
        return None
    if _DAYS[(ordinal - 1) % 7] != found["weekday"][:3]:
        return None
    return (ordinal - _EPOCH) * 86_400 + hour * 3_600 + minute * 60 + second


def _full_year(digits: str, now: float | None) -> int:
    """Find the century of a two-digit year (RFC 9110 §5.6.7)."""
    year = int(digits)
    if len(digits) == 4:
        return year
    if now is None:
        return year + (1900 if year >= 69 else 2000)
    this_year = datetime.fromtimestamp(now, UTC).year
    year += this_year - this_year % 100
    return year - 100 if year > this_year + 50 else year
