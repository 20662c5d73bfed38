"""How a handler runs: on the loop without a Task of its own where none is needed, or in a bounded pool of threads."""

from hospes.execution.driver import Done, Driver, Handle, call_on_loop
from hospes.execution.pending import Pending
from hospes.execution.pool import Job, PoolSaturated, ThreadPool, as_failure, default_threads
from hospes.execution.pull import Pulled, iterate

__all__ = [
    "Done", "Driver", "Handle", "Job", "Pending", "PoolSaturated", "Pulled", "ThreadPool",
    "as_failure", "call_on_loop", "default_threads", "iterate",
]  # fmt: skip
