"""What the Redis store has the server do: one Lua script for each act, so that each is atomic and one round trip.

Keys, each after the store's prefix ("hospes:"), where a member is "SPACE:KEY":

| key | type | what |
|---|---|---|
| `schema` | string | number of this layout |
| `r:MEMBER` | string | a record: version (8 octets), end (8 octets, a big-endian double, infinite for none), value |
| `k:SPACE` | sorted set | the space's keys, all of score 0: in the order of their octets |
| `e` | sorted set | the members that have an end, by it |
| `t:MEMBER` | string | the token of the turn that is out; ends with its lease |
| `q:MEMBER` | list | tokens that wait for it, first come, first served |

and a channel `w:INSTANCE` for each store object that takes turns. A token begins with its instance, of `INSTANCE` characters.

Laws:

* The clock is the caller's (`now`), so that all engines agree on what "its end has come" means. The server's own expiry stands
  behind it with a day's margin, for a store that nobody sweeps.
* A script writes nothing before it has looked at everything, so one that is refused for want of memory has done nothing.
* Turns stay in memory: they go neither into the server's file nor to its replicas, so that who only reads waits for no disk.
  A server that restarts or fails over forgets them, and a write that was to follow is a compare-and-set.
* A turn is handed to the first in the queue who is alive, which is who still listens to his channel.
"""

from __future__ import annotations

import hashlib
from typing import Final

SCHEMA: Final = 1
INSTANCE: Final = 16
"""Characters of a token that name its store object."""

_RECORD: Final = """
local NONE = string.rep('\\0', 8)
local function look(record, now)
    local head = redis.call('GETRANGE', record, 0, 15)
    return head, #head == 16 and struct.unpack('>d', head, 9) > tonumber(now)
end
"""

_UNWRITTEN: Final = "redis.set_repl(redis.REPL_NONE)\n"

_TURN: Final = f"""
local function channel(token, wake) return wake .. string.sub(token, 1, {INSTANCE}) end
-- Give the turn to the first who waits and is alive; without one it is free.
local function pass_on(turn, queue, wake, grant)
    local token = redis.call('LPOP', queue)
    while token and redis.call('PUBLISH', channel(token, wake), token) == 0 do token = redis.call('LPOP', queue) end
    if token then redis.call('SET', turn, token, 'PX', grant) else redis.call('DEL', turn) end
end
"""


class Script:
    """A script of the server.

    Args:
        text: Lua.
        keys: How many of its arguments are keys.
    """

    __slots__ = ("digest", "keys", "text")

    def __init__(self, text: str, keys: int) -> None:
        self.text = text
        self.keys = keys
        self.digest: Final = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        """What the server calls it."""


WRITE: Final = Script(
    _RECORD
    + _TURN
    + f"""
local schema, record, index, ends, turn, queue = unpack(KEYS)
local now, expected, octets, expires, life, key, member, token, wake, grant = unpack(ARGV)
local found = redis.call('GET', schema)
if found and found ~= '{SCHEMA}' then return redis.error_reply('HOSPES schema ' .. found) end
local head, there = look(record, now)
local done = expected == '' or expected == (there and string.sub(head, 1, 8) or NONE)
if done then
    if not found then redis.call('SET', schema, '{SCHEMA}') end
    if string.sub(head, 9, 16) == string.sub(octets, 9, 16) then
        redis.call('SET', record, octets, 'KEEPTTL')
    elseif life == '' then
        redis.call('SET', record, octets)
        redis.call('ZREM', ends, member)
    else
        redis.call('SET', record, octets, 'PX', life)
        redis.call('ZADD', ends, expires, member)
    end
    if #head == 0 then redis.call('ZADD', index, 0, key) end
end
if token ~= '' and redis.call('GET', turn) == token then
    {_UNWRITTEN}    pass_on(turn, queue, wake, grant)
end
return done and 1 or 0
""",
    6,
)
"""Write a record, if it has the expected version ('': whatever it has), and give the turn back ('': there is none)."""

DELETE: Final = Script(
    _RECORD
    + """
local record, index, ends = unpack(KEYS)
local now, key, member = unpack(ARGV)
local _, there = look(record, now)
if not there then return 0 end
redis.call('DEL', record)
redis.call('ZREM', index, key)
redis.call('ZREM', ends, member)
return 1
""",
    3,
)

TOUCH: Final = Script(
    _RECORD
    + """
local record, ends = unpack(KEYS)
local now, octets, expires, life, member = unpack(ARGV)
local _, there = look(record, now)
if not there then return 0 end
redis.call('SETRANGE', record, 8, octets)
if life == '' then
    redis.call('PERSIST', record)
    redis.call('ZREM', ends, member)
else
    redis.call('PEXPIRE', record, life)
    redis.call('ZADD', ends, expires, member)
end
return 1
""",
    2,
)

SWEEP: Final = Script(
    """
local ends = KEYS[1]
local prefix, now, limit = unpack(ARGV)
local members = redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, limit)
local swept = 0
for _, member in ipairs(members) do
    local colon = string.find(member, ':', 1, true)
    swept = swept + redis.call('DEL', prefix .. 'r:' .. member)
    redis.call('ZREM', prefix .. 'k:' .. string.sub(member, 1, colon - 1), string.sub(member, colon + 1))
    redis.call('ZREM', ends, member)
end
return {#members, swept}
""",
    1,
)
"""Gives how many ends had come, and how many records were removed: the server's own expiry may have been faster."""

PAGE: Final = Script(
    """
local index = KEYS[1]
local records, start, count = unpack(ARGV)
local found = {}
for _, key in ipairs(redis.call('ZRANGEBYLEX', index, start, '+', 'LIMIT', 0, count)) do
    found[#found + 1] = key
    found[#found + 1] = redis.call('GET', records .. key)
end
return found
""",
    1,
)
"""Keys and records in turn; a record that the server has let expire is nil."""

TAKE: Final = Script(
    _UNWRITTEN
    + _TURN
    + """
local record, turn, queue = unpack(KEYS)
local token, lease, wake, grant, grace, wait = unpack(ARGV)
local holder = redis.call('GET', turn)
if not holder then
    -- Free, or its lease has run out: those who wait come first. (It is by LPOP, which needs no memory, that the server lets
    -- the script write on where memory is full: so whoever only reads has his turn then, too.)
    holder = redis.call('LPOP', queue)
    while holder and holder ~= token and redis.call('PUBLISH', channel(holder, wake), holder) == 0 do
        holder = redis.call('LPOP', queue)
    end
    holder = holder or token
    if holder ~= token then redis.call('SET', turn, holder, 'PX', grant) end
end
if holder == token then
    redis.call('SET', turn, token, 'PX', lease)
    return {1, redis.call('GET', record)}
end
if not redis.call('LPOS', queue, token) then redis.call('RPUSH', queue, token) end
redis.call('PEXPIRE', queue, wait)
-- A holder who listens no longer has a moment to come back; then he is dead.
local is_alive = redis.call('PUBSUB', 'NUMSUB', channel(holder, wake))[2] > 0
if not is_alive and redis.call('PTTL', turn) > tonumber(grace) then redis.call('PEXPIRE', turn, grace) end
return {0, redis.call('PTTL', turn)}
""",
    3,
)
"""{1, record}: the turn is the token's, for the length of a lease. {0, milliseconds}: it waits, and may ask again after these."""

LEAVE: Final = Script(
    _UNWRITTEN
    + _TURN
    + """
local turn, queue = unpack(KEYS)
local token, wake, grant = unpack(ARGV)
redis.call('LREM', queue, 0, token)
if redis.call('GET', turn) == token then pass_on(turn, queue, wake, grant) end
return 1
""",
    2,
)
"""Give the turn back, or wait for it no longer."""

RENEW: Final = Script(
    _UNWRITTEN
    + """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
""",
    1,
)
"""Begin the turn's lease anew."""

SCRIPTS: Final = (WRITE, DELETE, TOUCH, SWEEP, PAGE, TAKE, LEAVE, RENEW)
