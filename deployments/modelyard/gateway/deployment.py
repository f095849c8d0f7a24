"""The Ray Serve deployment of the gateway."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ray import serve
from ray.exceptions import RayError
from ray.serve import Application
from ray.serve.schema import ApplicationStatusOverview

from modelyard.errors import ModelNotReady, ModelyardError
from modelyard.gateway.catalogue import Entry, catalogue
from modelyard.gateway.grpc.routes import GrpcRoutes
from modelyard.gateway.last_seen import LastSeen
from modelyard.gateway.routes import GatewayRoutes
from modelyard.gateway.signatures import signatures_of
from modelyard.gateway.statistics import Statistics
from modelyard.http.asgi import Asgi, AsgiApp
from modelyard.http.fast_path import FAST_PATH
from modelyard.protocols.grpc.asgi import RejectGrpc
from modelyard.ray_serve.application_status import Deployed, is_unlisted, text_of
from modelyard.ray_serve.handle import answered, ask_model
from modelyard.ray_serve.loopback import keep_on_loopback
from modelyard.telemetry.metrics.aggregate import Counted
from modelyard.telemetry.metrics.hub import HubClient


def build(args: dict[str, Any]) -> Application:
    """Serve's application builder."""
    return serve.deployment(name="gateway")(serve.ingress()(Gateway)).bind(args)


class Gateway:
    """Knows every configured model (by its user_config) and asks Serve how they are."""

    def __init__(self, args: dict[str, Any]) -> None:
        keep_on_loopback()
        self._configured: list[dict[str, Any]] = []
        self._body_limit: int = args["body_limit"]
        self._entries: Mapping[str, Entry] = {}
        self._made_of: tuple[object, object] = (None, None)
        self._seen: Mapping[str, Deployed] = {}
        self._deployed = LastSeen(self._ask_serve, time.monotonic)
        self._hub = HubClient()
        self._statistics = Statistics(self._counted)
        self._grpc = GrpcRoutes(self._look, self._statistics, ask_model, limit_bytes=self._body_limit)
        FAST_PATH.open(self._grpc.hot(), _Uncounted(), body_limit=self._body_limit, streams=self._grpc.streams())

    def __serve_build_asgi_app__(self) -> Asgi:
        routes = GatewayRoutes(self._look, self._statistics, signatures_of)
        app = AsgiApp(routes.respond, FAST_PATH.bodies)
        return RejectGrpc(app, (*FAST_PATH.hot, *FAST_PATH.streams), FAST_PATH.bodies)

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        """A new catalogue, without a restart."""
        self._configured = user_config["models"]

    async def grpc(self, path: bytes, message: bytes, request_id: str) -> bytes | ModelyardError:
        """A message that a replica passes on, as it is for another model."""
        return await answered(self._grpc.models.ask(path, message, request_id), request_id)

    async def _look(self) -> Mapping[str, Entry]:
        deployed, configured = await self._deployed.get(), self._configured
        if self._made_of[0] is not deployed or self._made_of[1] is not configured:
            self._entries, self._made_of = catalogue(configured, deployed), (deployed, configured)
        return self._entries

    async def _ask_serve(self) -> Mapping[str, Deployed]:
        status = await asyncio.to_thread(serve.status)
        self._seen = {name: _deployed(name, said, self._seen) for name, said in status.applications.items()}
        return self._seen

    async def _counted(self, models: Sequence[str]) -> Counted:
        """See `statistics.AskHub`."""
        try:
            return await asyncio.to_thread(self._hub.counted, models)
        except (RayError, ValueError) as error:  # it is dead, or was never started
            raise ModelNotReady("the metrics' hub, which knows what models have done, does not answer") from error


class _Uncounted:
    """The lane's meter: there is one gateway, however much it has to do."""

    def arrived(self) -> None:
        """See `lane.table.Meter`."""


def _deployed(name: str, application: ApplicationStatusOverview, before: Mapping[str, Deployed]) -> Deployed:
    """What Serve says of an application; while it lists no deployments of it, with the replicas that were seen before."""
    deployments = application.deployments.values()
    states = {text_of(state): count for deployment in deployments for state, count in deployment.replica_states.items()}
    if is_unlisted(application.status.value, deployments) and name in before:
        states = dict(before[name].replica_states)
    messages = "\n".join(deployment.message for deployment in deployments)
    return Deployed(application.status.value, states, messages or application.message)
