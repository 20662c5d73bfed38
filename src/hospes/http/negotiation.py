"""What a visitor prefers among what there is: Accept, Accept-Encoding, Accept-Language (RFC 9110 §12).

Laws:

* The most specific member that speaks of an offer decides about it, wherever it stands in the list (§12.5.1).
* Weight zero means "not this one" and is never chosen; among equals the server's own order counts.
* A malformed member is left out alone; where none is left, the field counts as not sent.
* Weights are whole thousandths: no rounding decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from hospes.errors import HttpError
from hospes.http.headers import Headers
from hospes.http.media import MediaType, parse_media_type
from hospes.lazily import regexp

_QVALUE = regexp(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")  # RFC 9110 §12.4.2
_MEMBER = regexp(r'(?:[^,"]++|"(?:[^"\\]++|\\.)*+"?+)++', re.DOTALL)
_WEIGHTED = regexp(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]++)(?:[ \t]*+;[ \t]*+[qQ]=([0-9.]++))?+")
_ALIASES = {"x-gzip": "gzip", "x-compress": "compress"}  # RFC 9110 §8.4.1
_FULL = 1000
_LONGEST_TAG = 64  # RFC 5646 §4.4.1: 35 characters are enough; a longer one is not shortened again and again


class MediaRange(Struct, frozen=True):
    """A member of Accept: a media type in which `*` stands for any, and its weight in thousandths."""

    range: MediaType
    weight: int

    def covers(self, offer: MediaType) -> bool:
        """Whether it speaks of this media type."""
        wanted = self.range
        return (
            wanted.type in ("*", offer.type)
            and wanted.subtype in ("*", offer.subtype)
            and all(offer.parameters.get(name, "").lower() == value.lower() for name, value in wanted.parameters.items())
        )

    @property
    def specificity(self) -> int:
        """Larger for the range that takes precedence (RFC 9110 §12.5.1): parameters, then subtype, then type."""
        return (self.range.type != "*") + (self.range.subtype != "*") + len(self.range.parameters)


def parse_accept(value: str) -> list[MediaRange]:
    """Read an Accept field; malformed members are left out.

    Args:
        value: The field's value; several fields are joined with a comma first.
    """
    found: list[MediaRange] = []
    for member in _MEMBER.findall(value):
        try:
            media_type = parse_media_type(member)
        except HttpError:
            continue
        weighted = _split_weight(media_type)
        if weighted is not None and (media_type.type != "*" or media_type.subtype == "*"):
            found.append(weighted)
    return found


def parse_weights(value: str) -> dict[str, int]:
    """Read Accept-Encoding or Accept-Language; malformed members are left out, the first of a name counts.

    Args:
        value: The field's value; several fields are joined with a comma first.

    Returns:
        Weight in thousandths by name in lower case, `*` among them.
    """
    found: dict[str, int] = {}
    for member in value.split(","):
        match = _WEIGHTED.fullmatch(member.strip(" \t"))
        weight = None if match is None else _weight(match[2])
        if match is not None and weight is not None:
            found.setdefault(match[1].lower(), weight)
    return found


def choose(offers: Sequence[str], accept: str | None) -> str | None:
    """Choose the media type to answer with.

    Args:
        offers: Media types there are, the server's favourite first.
        accept: The Accept field, None or empty where there is none.

    Returns:
        The offer preferred; None where none is acceptable (406, or answer with the favourite all the same).
    """
    ranges = parse_accept(accept) if accept and accept != "*/*" else []
    if not ranges:
        return offers[0] if offers else None
    best: str | None = None
    best_weight = 0
    for offer in offers:
        media_type = parse_media_type(offer)
        deciding = max((each for each in ranges if each.covers(media_type)), key=lambda each: each.specificity, default=None)
        if deciding is not None and deciding.weight > best_weight:
            best, best_weight = offer, deciding.weight
    return best


def choose_encoding(offers: Sequence[str], accept_encoding: str | None) -> str | None:
    """Choose the content coding to answer with (RFC 9110 §12.5.3).

    Args:
        offers: Codings there are, the server's favourite first; `identity` is always there and need not be named.
        accept_encoding: The Accept-Encoding field, None where there is none.

    Returns:
        The coding; `identity` where nothing else is wanted, or the field is not sent: such a peer may know no coding.
        None where even `identity` is excluded and nothing else fits.
    """
    weights = {_ALIASES.get(name, name): weight for name, weight in parse_weights(accept_encoding or "").items()}
    if not weights:
        return "identity"
    anything = weights.get("*")
    best: str | None = None
    best_weight = 0
    for offer in (*offers, "identity"):
        weight = weights.get(offer, anything)
        if weight is None:
            # Not spoken of: identity is acceptable all the same, though last; any other coding is not.
            weight = 0
            if offer == "identity" and best is None:
                best = offer
        if weight > best_weight:
            best, best_weight = offer, weight
    return best


def add_vary(headers: Headers, name: str) -> None:
    """Say that a field of the request has had a part in this answer (RFC 9110 §12.5.5), beside those that are named already."""
    named = [each.strip(" \t").lower() for each in headers.get("Vary", "").split(",")]
    if "*" not in named and name.lower() not in named:
        headers["Vary"] = f"{headers['Vary']}, {name}" if named != [""] else name


def choose_language(offers: Sequence[str], accept_language: str | None) -> str | None:
    """Choose the language to answer in.

    A range covers its own tag and all below it (RFC 4647 §3.3.1: `en` covers `en-GB`). Where that finds nothing, ranges are
    shortened from the end (§3.4: `de-CH` takes `de`), which is better than a language nobody asked for.

    Args:
        offers: Language tags there are, the server's favourite first.
        accept_language: The Accept-Language field, None or empty where there is none.

    Returns:
        The offer preferred; None where none is wanted (the program's default is the answer then).
    """
    weights = parse_weights(accept_language or "")
    if not weights:
        return offers[0] if offers else None
    best: str | None = None
    best_weight = 0
    for offer in offers:
        weight = _language_weight(offer.lower(), weights)
        if weight is not None and weight > best_weight:
            best, best_weight = offer, weight
    return best if best is not None else _shorten(offers, weights)


def _language_weight(tag: str, weights: dict[str, int]) -> int | None:
    """The weight the longest range that covers a tag gives it; None where no range does."""
    while tag:
        if tag in weights:
            return weights[tag]
        tag = tag.rpartition("-")[0]
    return weights.get("*")


def _shorten(offers: Sequence[str], weights: dict[str, int]) -> str | None:
    by_tag = {offer.lower(): offer for offer in offers}
    for name, weight in sorted(weights.items(), key=lambda item: -item[1]):
        if len(name) > _LONGEST_TAG:
            continue
        while weight and name:
            if name in by_tag and _language_weight(name, weights) != 0:
                return by_tag[name]
            name = name.rpartition("-")[0]
    return None


def _split_weight(media_type: MediaType) -> MediaRange | None:
    """The range and its weight; what follows `q` is no part of the range (RFC 9110 §12.5.1). None if the weight is malformed."""
    parameters: dict[str, str] = {}
    for name, value in media_type.parameters.items():
        if name == "q":
            weight = _weight(value)
            return None if weight is None else MediaRange(MediaType(media_type.type, media_type.subtype, parameters), weight)
        parameters[name] = value
    return MediaRange(media_type, _FULL)


def _weight(text: str | None) -> int | None:
    """Thousandths; all of them where no weight is given, None where it is malformed."""
    if text is None:
        return _FULL
    if not _QVALUE.fullmatch(text):
        return None
    whole, _, fraction = text.partition(".")
    return int(whole) * _FULL + int(fraction.ljust(3, "0"))
