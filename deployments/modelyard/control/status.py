"""An observation of Serve, and the state of every model in it. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from modelyard.config.url_paths import APPLICATION_PREFIX
from modelyard.control.serve_config import GATEWAY, POOL, ServeConfig, settings_of, versions_of
from modelyard.ray_serve.application_status import (
    WAITING_TO_LOAD,
    Deployed,
    State,
    is_unlisted,
    reason_of,
    state_of,
    text_of,
)


@dataclass(frozen=True, slots=True)
class Running:
    """What Serve runs, as of one observation."""

    applications: Mapping[str, dict[str, Any]]
    """Serve's ApplicationDetails by name; of a pooled model those that `pools.unfold` makes."""
    pools: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """Serve's ApplicationDetails of pools."""
    leaving: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """By model, the details of the place that serves it until its current place does; see `moves`."""

    @property
    def configs(self) -> dict[str, ServeConfig]:
        """The deployed config of each application by name, in the form of `applications.serve_config`."""
        return _configs(self.applications)

    @property
    def pool_configs(self) -> dict[str, ServeConfig]:
        """The deployed config of each pool by its application's name, without its models."""
        return _configs(self.pools)

    @property
    def leaving_configs(self) -> dict[str, ServeConfig]:
        """The deployed config of each place in `leaving` by model. A place that Serve is deleting has none."""
        return _configs(self.leaving)

    @property
    def with_replicas(self) -> dict[str, dict[str, Any]]:
        """Serve's own applications: models alone, pools and the gateway; not pooled models."""
        alone = {
            name: details
            for name, details in (*self.applications.items(), *self.leaving.items())
            if POOL not in (details.get("deployed_app_config") or {})
        }
        return {**alone, **self.pools}

    @property
    def building(self) -> list[str]:
        """The applications that Serve is deploying. It may list none of their deployments."""
        return [name for name, details in self.with_replicas.items() if text_of(details["status"]) == "DEPLOYING"]

    def after(self, before: "Running") -> "Running":
        """This observation, with the deployments of the one before for applications that Serve is building.

        While it rebuilds an application, and if it cannot, Serve lists none of its deployments, though their replicas keep
        serving.
        """
        return Running(
            {
                name: {**details, "deployments": before.applications[name]["deployments"]}
                if is_unlisted(text_of(details["status"]), details["deployments"]) and name in before.applications
                else details
                for name, details in self.applications.items()
            }
        )


def _configs(applications: Mapping[str, Mapping[str, Any]]) -> dict[str, ServeConfig]:
    return {
        name: details["deployed_app_config"]
        for name, details in applications.items()
        if details.get("deployed_app_config")
    }


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One row of `modelyard status`."""

    name: str
    state: State
    versions: tuple[str, ...]
    digest: str
    """The digest of the newest configured version."""
    runtime: str
    replicas: int
    """Replicas that run."""
    replicas_wanted: int
    url: str
    reason: str
    """Why it is not READY, what it waits for, or why its last change failed; "" if there is no problem."""
    changing: bool
    """Whether a change is under way, and no reason is known why it would not complete."""
    default: str = ""
    """The version that answers requests which name none."""
    pool: str = ""
    """The name of its pool; "" if the model has replicas of its own."""
    residency: str = ""
    """Of a pooled model: RESIDENT, COLD, LOADING or FAILED, in the replica where it is furthest."""
    resident_bytes: int = 0
    """Measured, in that replica."""

    @property
    def application(self) -> str:
        """The name of the Ray Serve application that serves it: its own or its pool's."""
        return f"{APPLICATION_PREFIX}{self.pool}" if self.pool else self.name

    @property
    def is_loaded(self) -> bool:
        """Whether a request to it loads nothing, as far as is known."""
        return not self.pool or self.residency == "RESIDENT"

    @property
    def default_first(self) -> tuple[str, ...]:
        """The versions, the default before the others."""
        return tuple(sorted(self.versions, key=lambda version: version != self.default))

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


KnownStatuses = dict[str, tuple[ModelStatus, object, object, str]]
"""Rows by model, and what each was made of: the model's details, those of its place of before, and why it was rejected."""


def model_statuses(
    running: Running,
    refused: Mapping[str, str],
    origin: str,
    waiting: Collection[str] = (),
    known: KnownStatuses | None = None,
) -> tuple[ModelStatus, ...]:
    """All models by name.

    `refused` are the reasons of rejected models, `origin` is the server's scheme, host and port, `waiting` are the models that
    Serve gets when others have loaded. `known` are the rows of the last call, which this one replaces; those of details that are
    the same objects are used again.
    """
    known = {} if known is None else known
    names = sorted({*running.applications, *refused, *waiting} - {GATEWAY})
    for name in known.keys() - names:
        del known[name]
    rows = []
    for name in names:
        details, leaving = running.applications.get(name), running.leaving.get(name)
        reason = refused.get(name, "")
        if details is None and name in waiting:
            rows.append(_waiting(name))
            continue
        last = known.get(name)
        if last is None or last[1] is not details or last[2] is not leaving or last[3] != reason:
            last = known[name] = (_status(name, details, reason, origin, leaving), details, leaving, reason)
        rows.append(last[0])
    return tuple(rows)


def _waiting(name: str) -> ModelStatus:
    return ModelStatus(name, "LOADING", (), "", "", 0, 0, "", WAITING_TO_LOAD, changing=True)


def deployed(details: Mapping[str, Any]) -> Deployed:
    """Serve's ApplicationDetails in the form that `application_status` reads."""
    deployments = details["deployments"].values()
    states = Counter(text_of(replica["state"]) for deployment in deployments for replica in deployment["replicas"])
    messages = [deployment["message"] for deployment in deployments if deployment["message"]]
    return Deployed(text_of(details["status"]), states, "\n".join(messages) or details["message"])


def _status(
    name: str,
    details: Mapping[str, Any] | None,
    refused: str,
    origin: str,
    leaving: Mapping[str, Any] | None,
) -> ModelStatus:
    if details is None:
        return ModelStatus(name, "UNAVAILABLE", (), "", "", 0, 0, "", refused, changing=False)
    seen = deployed(details)
    serving = seen
    if leaving and state_of(seen) != "READY" and state_of(before := deployed(leaving)) == "READY":
        serving = before  # it moves
    config = details.get("deployed_app_config") or {}
    versions = versions_of(config)
    route = (
        config.get("route_prefix") or details["route_prefix"]
    )  # Serve's own is absent until the application is built
    reason = reason_of(seen)
    return ModelStatus(
        name=name,
        state=state_of(serving),
        versions=tuple(str(number) for number, _ in versions),
        digest=versions[0][1] if versions else "",
        runtime=config.get("args", {}).get("runtime", ""),
        replicas=serving.replica_states.get("RUNNING", 0),
        replicas_wanted=sum(deployment["target_num_replicas"] for deployment in details["deployments"].values()),
        url=f"{origin}{route}/predict" if route else "",
        reason=refused or reason,
        default=str(settings_of(config).get("default", "")),
        changing=seen.status in ("DEPLOYING", "DELETING", "NOT_STARTED") and not reason,
        pool=config.get(POOL, "").removeprefix(APPLICATION_PREFIX),
        **details.get("residency", {}),
    )
