"""The store: one small contract for what must outlive a request, and the engines that keep it.

`contract` says what every engine promises, `url` opens the one a URL names; an engine is imported when it is opened. `turns`
parts those who want to change one record, whichever engine keeps it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospes.lazily import lazily

if TYPE_CHECKING:
    from hospes.store.contract import (
        Conflict,
        PromptStore,
        QuickStore,
        Record,
        Store,
        StoreCorrupt,
        StoreError,
        StoreFull,
        StoreSource,
        StoreUnavailable,
        Taken,
        TurnStore,
    )
    from hospes.store.health import answers
    from hospes.store.turns import TurnTimeout
    from hospes.store.url import open_store
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "contract": "Conflict PromptStore QuickStore Record Store "
            "StoreCorrupt StoreError StoreFull StoreSource StoreUnavailable Taken TurnStore",
            "health": "answers",
            "turns": "TurnTimeout",
            "url": "open_store",
        },
    )

__all__ = [
    "Conflict",
    "PromptStore",
    "QuickStore",
    "Record",
    "Store",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreSource",
    "StoreUnavailable",
    "Taken",
    "TurnStore",
    "TurnTimeout",
    "answers",
    "open_store",
]
