"""`server.yaml`, as a frozen spec: what belongs to the server and not to one model."""

from typing import Annotated, Literal

from pydantic import Field

from deployments.spec.model import Spec

Port = Annotated[int, Field(ge=1, le=65535)]


class Listen(Spec):
    """Where a protocol is spoken."""

    host: str = Field(default="127.0.0.1", description="Address to bind; 0.0.0.0 opens the server to other machines")
    port: Port = 8000


class RepositorySpec(Spec):
    """Where models are kept."""

    path: str = Field(default="model_repository", description="The model repository; relative to the folder above serve_config")
    settle_s: float = Field(
        default=2, ge=0, description="Seconds a version's files must be unchanged before it is taken as complete"
    )


class RaySpec(Spec):
    """Where Ray is."""

    address: Literal["local"] | str = Field(default="local", description="local starts Ray here; else a cluster's host:port")
    cpus: float | None = Field(default=None, gt=0, description="Cores that replicas may reserve; default: the machine's")


class ServerSpec(Spec):
    """`serve_config/server.yaml`. Every key has a default; the file may be missing."""

    http: Listen = Listen()
    repository: RepositorySpec = RepositorySpec()
    ray: RaySpec = RaySpec()
    state: str = Field(default=".modelyard", description="Folder for logs, sockets and the token of the running server")
    drain_s: float = Field(default=5, ge=0, description="Seconds a replaced replica keeps answering while the edge forgets it")
    body: Annotated[int, Field(ge=1)] = Field(default=64 * 2**20, description="Largest request body that the edge lets in")
