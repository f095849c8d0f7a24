"""An endpoint's reply for whoever can wait: the ASGI path."""

import asyncio
from collections.abc import Callable

from deployments.lane.endpoint import Begun, Made, Reply


async def replied(start: Callable[[Reply], Begun]) -> Made:
    """What an endpoint replies. Raises its error; whoever stops waiting cancels the request."""
    outcome: asyncio.Future[Made] = asyncio.get_running_loop().create_future()

    def reply(result: Made | Exception) -> None:
        if outcome.done():
            return
        if isinstance(result, Exception):
            outcome.set_exception(result)
        else:
            outcome.set_result(result)

    begun = start(reply)
    try:
        return await outcome
    except asyncio.CancelledError:
        begun.cancel()
        raise
