"""How a step of a process is made a Prefect task: its name, and what it repeats. The ledger remembers, not a cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
from prefect.utilities.annotations import quote

from tasks.retrying import RETRY_DELAYS_S, is_transient, is_unsettled

P = ParamSpec("P")
R = TypeVar("R")


class Step(Protocol):
    """Makes a task of a function."""

    def __call__(self, function: Callable[P, R]) -> Task[P, R]:
        """Return the task."""


class _OfPlainThings(Task[P, R]):
    """A task whose arguments and result are plain things: none is a future, or came from one that must be waited for.

    Prefect walks through every argument, twice, to the last field of each model, looking for futures: with an order
    that takes longer than the rest of starting a task. Quoted, an argument is left as it is. And it keeps every result
    with its state until the flow ends, to see where later arguments came from: memory would grow with every order.
    """

    if not TYPE_CHECKING:  # the signature stays the function's own

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            own = {name: kwargs.pop(name) for name in ("return_state", "wait_for") if name in kwargs}
            quoted = {name: quote(value) for name, value in kwargs.items()}
            return self._and_forget(super().__call__(*map(quote, args), **quoted, **own))

        async def _and_forget(self, running: Any) -> Any:
            try:
                return await running
            finally:
                flow = FlowRunContext.get()
                if flow is not None:
                    flow.run_results.clear()


def step(name: str, *, looks_first: bool = False) -> Step:
    """Make a function a step that is seen in Prefect under `name`, and repeated where that is safe.

    `looks_first`: it looks whether a write whose answer was lost has landed before it writes again, so it is repeated
    after a lost answer too. Nothing is kept in Prefect's result cache: it is one machine's, and to make out its keys
    costs more than most steps.
    """

    def make(function: Callable[P, R]) -> Task[P, R]:
        return _OfPlainThings(
            function,
            task_run_name=name,
            retries=len(RETRY_DELAYS_S),
            retry_delay_seconds=RETRY_DELAYS_S,
            retry_condition_fn=is_unsettled if looks_first else is_transient,
            cache_policy=NO_CACHE,
        )

    return make
