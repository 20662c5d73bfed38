"""Whether a store is there, asked from outside: for a probe that decides where requests go.

Law: the answer comes within a bound, and is text that may be shown to who looks after the store; it holds no password.
"""

from __future__ import annotations

import asyncio

from hospes.errors import SetupError
from hospes.store.contract import Store, StoreError


async def answers(store: Store, within: float) -> str:
    """Why a store cannot be used now; "" if it can.

    Args:
        store: Is open.
        within: Seconds for it to answer.
    """
    try:
        async with asyncio.timeout(within):
            await store.check()
    except TimeoutError:
        return f"the store did not answer within {within:g} s"
    except StoreError as error:
        return error.reason
    except SetupError as error:
        return error.problem
    return ""
