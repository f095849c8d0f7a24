"""The Ray Serve deployment of the gateway."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ray import serve
from ray.serve import Application
from ray.serve.schema import ApplicationStatusOverview

from modelyard.errors import ModelNotReady, ModelyardError
from modelyard.gateway.catalogue import ModelEntry, build_catalogue
from modelyard.gateway.grpc.routes import GrpcRoutes
from modelyard.gateway.model_statistics import ModelStatistics
from modelyard.gateway.refreshing_cache import RefreshingCache
from modelyard.gateway.replica_signatures import fetch_signatures
from modelyard.gateway.repository_api import RepositoryApi
from modelyard.gateway.routes import GatewayRoutes
from modelyard.http.asgi import Asgi, AsgiApp
from modelyard.http.fast_path import FAST_PATH
from modelyard.protocols.grpc.asgi import RejectGrpc
from modelyard.ray_serve.application import GATEWAY_DEPLOYMENT, CatalogueEntry, GatewayArgs
from modelyard.ray_serve.application_status import Deployed, is_unlisted, text_of
from modelyard.ray_serve.handle import GATEWAY, call_model, change_residency, result_or_error
from modelyard.ray_serve.hub import HubClient
from modelyard.ray_serve.loopback import keep_on_loopback
from modelyard.ray_serve.pool_report import ModelReport, PoolReports
from modelyard.ray_serve.settings_follower import SettingsFollower
from modelyard.telemetry.metrics.aggregator import ModelTotals
from modelyard.telemetry.metrics.recent_reports import RecentReports


def build(args: dict[str, Any]) -> Application:
    """Serve's application builder."""
    return serve.deployment(name=GATEWAY_DEPLOYMENT)(serve.ingress()(Gateway)).bind(args)


class Gateway:
    """Serves the gateway's paths. The hub has the configured models, Serve and the hub their status."""

    async def __init__(self, args: dict[str, Any]) -> None:  # type: ignore[misc] # Serve awaits constructors
        keep_on_loopback()
        self._configured: dict[str, tuple[Mapping[str, Any], CatalogueEntry]] = {}
        """By name, with the plain values of the entry."""
        self._body_limit = GatewayArgs.from_plain(args).body_limit
        self._entries: Mapping[str, ModelEntry] = {}
        self._entries_from: tuple[object, object] = (None, None)
        self._last_deployed: Mapping[str, Deployed] = {}
        self._reports: RecentReports[Mapping[str, ModelReport]] = RecentReports()
        self._observed = RefreshingCache(self._observe, time.monotonic)
        self._hub = HubClient()
        self._statistics = ModelStatistics(self._model_totals)
        self._repository = RepositoryApi(self._get_entries, change_residency)
        self._grpc = GrpcRoutes(
            self._get_entries, self._statistics, call_model, self._repository, limit_bytes=self._body_limit
        )
        self._catalogue = SettingsFollower(GATEWAY, self._hub, self._configure)
        await self._catalogue.start()
        FAST_PATH.open(self._grpc.endpoints(), _NoMeter(), body_limit=self._body_limit, streams=self._grpc.streams())

    def __serve_build_asgi_app__(self) -> Asgi:
        routes = GatewayRoutes(self._get_entries, self._statistics, fetch_signatures, self._repository)
        app = AsgiApp(routes.respond, FAST_PATH.body_budget)
        return RejectGrpc(app, (*FAST_PATH.endpoints, *FAST_PATH.streams), FAST_PATH.body_budget)

    async def grpc(self, path: bytes, message: bytes, request_id: str) -> bytes | ModelyardError:
        """The response to a message that a replica forwards because it is for another model."""
        return await result_or_error(self._grpc.forwarder.forward(path, message, request_id), request_id)

    async def _configure(self, catalogue: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace the configured models."""
        before = self._configured
        self._configured = {
            name: before[name]
            if name in before and before[name][0] is values
            else (values, CatalogueEntry.from_plain(values))
            for name, values in catalogue.items()
        }

    async def _get_entries(self) -> Mapping[str, ModelEntry]:
        observed, configured = await self._observed.get(), self._configured
        if self._entries_from[0] is not observed or self._entries_from[1] is not configured:
            entries = [entry for _, entry in configured.values()]
            self._entries, self._entries_from = build_catalogue(entries, *observed), (observed, configured)
        return self._entries

    async def _observe(self) -> tuple[Mapping[str, Deployed], PoolReports]:
        """The status of Serve's applications, and what the replicas of pools report."""
        status = await asyncio.to_thread(serve.status)
        if any(entry.served and entry.served.fingerprint for _, entry in self._configured.values()):
            with suppress(ConnectionError):  # the hub is being started again
                for replica, models in (await asyncio.to_thread(self._hub.pool_reports)).items():
                    self._reports.add(replica, models)
        self._last_deployed = {
            name: _deployed(name, application, self._last_deployed) for name, application in status.applications.items()
        }
        return self._last_deployed, self._reports.current()

    async def _model_totals(self, models: Sequence[str]) -> ModelTotals:
        """See `model_statistics.GetModelTotals`."""
        try:
            return await asyncio.to_thread(self._hub.model_totals, models)
        except ConnectionError as error:  # it died, or was not started
            raise ModelNotReady("model statistics are unavailable: the metrics hub does not respond") from error


class _NoMeter:
    """The load meter of the fast path. The gateway does not scale, so it does nothing."""

    def arrived(self) -> None:
        """See `http.fast_path.Meter`."""


def _deployed(name: str, application: ApplicationStatusOverview, before: Mapping[str, Deployed]) -> Deployed:
    """The status of an application. While Serve lists none of its deployments, the replica states are those of the last status."""
    deployments = application.deployments.values()
    states = {text_of(state): count for deployment in deployments for state, count in deployment.replica_states.items()}
    if is_unlisted(application.status.value, deployments) and name in before:
        states = dict(before[name].replica_states)
    messages = "\n".join(deployment.message for deployment in deployments)
    return Deployed(application.status.value, states, messages or application.message)
