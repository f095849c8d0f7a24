"""One pool's YAML file as a frozen spec. Field names are the YAML's keys; descriptions are the editor's hover text."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from modelyard.config.model_spec import Name, Replicas
from modelyard.config.size import MemoryBytes
from modelyard.config.spec_base import Spec, rejected
from modelyard.config.url_paths import APPLICATION_PREFIX

_NO_REPLICA = "a pool keeps at least one replica"


class PoolReplicas(Replicas):
    """The bounds of autoscaling, and its target. Only for the JSON Schema: a spec has `Replicas`."""

    min: int = Field(default=1, ge=1, le=10_000, description="Minimum number of replicas")


def _fixed_replicas(value: object) -> object:
    if type(value) is not int:
        return value
    if value < 1:
        raise rejected(_NO_REPLICA)
    return {"min": value, "max": value}


class PoolResources(Spec):
    """The resources that one replica of a pool reserves."""

    cpus: float = Field(
        default=1.0,  # the models of a replica share the core
        gt=0,
        le=10_000,
        description="CPU cores per replica, for all its models. Rounded up, this is also the number of threads of each model",
    )


class PoolSpec(Spec):
    """A pool's file in `serve_config/pools/`. `name` and `memory` are required.

    `memory` has no default: too small a budget evicts models that are in use, too large a one exhausts the machine, and the right
    number depends on both.
    """

    name: Name = Field(description="Name of the pool. A model joins it with `pool: <name>`")
    replicas: Annotated[
        Replicas,
        BeforeValidator(_fixed_replicas, json_schema_input_type=Annotated[int, Field(ge=1, le=10_000)] | PoolReplicas),
    ] = Field(default=Replicas(), description="Number of replicas, or the bounds and target of autoscaling")
    resources: PoolResources = Field(default=PoolResources(), description="Resources that one replica reserves")
    memory: MemoryBytes = Field(description="Memory budget for the models that are loaded in one replica, such as 2GiB")
    load: Literal["eager", "lazy"] = Field(
        default="eager",
        description="When models are loaded: eager, at the start, while they fit; lazy, at the first request",
    )

    @field_validator("replicas")
    @classmethod
    def _keeps_a_replica(cls, replicas: Replicas) -> Replicas:
        if replicas.min < 1:
            raise rejected(_NO_REPLICA, at=("min",))
        return replicas

    @property
    def application(self) -> str:
        """The name of the pool's Ray Serve application. No model's application has this name."""
        return f"{APPLICATION_PREFIX}{self.name}"
