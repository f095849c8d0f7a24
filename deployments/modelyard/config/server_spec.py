"""`server.yaml` as a frozen spec. Field names are the YAML's keys; descriptions are the editor's hover text."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from modelyard.config.model_spec import ModelDefaults, Name
from modelyard.config.size import BodyBytes
from modelyard.config.spec_base import MAX_TIMEOUT_S, Spec, rejected

Port = Annotated[int, Field(ge=1, le=65535)]
HOST = r"^[A-Za-z0-9._:-]+$"
RAY_ADDRESS = r"^(local|[A-Za-z0-9._-]+:[0-9]{1,5}|\[[0-9A-Fa-f:]+\]:[0-9]{1,5})$"
ORIGIN = r"^https?://([a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){0,8}|\[[0-9a-f:]{2,39}\])(:[1-9][0-9]{0,4})?$"
"""As a browser writes it (https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin): lower case, no path, no slash."""
COLLECTOR_URL = r"^https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._~/-]*)?$"
"""Without user information, which `config show` would print."""
MAX_ORIGINS = 32
"""All origins are on one line of HAProxy's configuration, which has at most 64 words."""
PATH = r"^[^\x00-\x1f\x7f]+$"


class Listen(Spec):
    """Address and port of a listener."""

    host: str = Field(
        default="127.0.0.1",
        pattern=HOST,
        description="Address to bind. 0.0.0.0 makes the server reachable from other machines",
    )
    port: Port = Field(default=8000, description="TCP port")

    @property
    def local_address(self) -> str:
        """Host and port for a client on the same machine."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared, not bound
        return f"{f'[{host}]' if ':' in host else host}:{self.port}"


def _as_browsers_send_it(origin: str) -> str:
    """Reject an origin that no browser sends."""
    for scheme, port in (("http:", ":80"), ("https:", ":443")):
        if origin.startswith(scheme) and origin.endswith(port):
            raise rejected(f"browsers omit {port} from an {scheme} origin", f"write {origin.removesuffix(port)}")
    return origin


Origin = Annotated[str, Field(pattern=ORIGIN), AfterValidator(_as_browsers_send_it)]


class HttpListen(Listen):
    """Address and port of HTTP, and the browser pages that may use it."""

    cors: list[Origin] = Field(
        default=[],
        max_length=MAX_ORIGINS,
        description="CORS: origins whose pages may read responses and open WebSockets, such as https://app.example",
    )


class GrpcListen(Listen):
    """Address and port of gRPC."""

    port: Port = Field(default=8001, description="TCP port")


class MetricsSpec(Spec):
    """Addresses and ports of Prometheus metrics."""

    host: str = Field(
        default="127.0.0.1",
        pattern=HOST,
        description="Address to bind. 0.0.0.0 makes the metrics reachable from other machines",
    )
    port: Port = Field(
        default=8002, description="TCP port of modelyard's metrics of the server and its models, at /metrics"
    )
    edge_port: Port = Field(default=8003, description="TCP port of HAProxy's metrics, at /metrics")
    ray_port: Port = Field(default=8004, description="TCP port of Ray's metrics of this machine, at /metrics")

    @property
    def url(self) -> str:
        """URL of modelyard's metrics for a client on the same machine."""
        return f"http://{Listen(host=self.host, port=self.port).local_address}/metrics"

    @property
    def edge_url(self) -> str:
        """URL of HAProxy's metrics for a client on the same machine."""
        return f"http://{Listen(host=self.host, port=self.edge_port).local_address}/metrics"


class TlsSpec(Spec):
    """Certificates of the server. The files are reloaded when they change. Relative paths start at the parent of serve_config."""

    certificate: str = Field(pattern=PATH, description="PEM file with the server certificate and its chain")
    key: str = Field(pattern=PATH, description="PEM file with the private key, without a passphrase")
    client_ca: str | None = Field(
        default=None,
        pattern=PATH,
        description="PEM file with CA certificates. If set, clients must present a certificate that one of them signed (mTLS)",
    )


class RequestLogSpec(Spec):
    """Which requests are written to the request log."""

    requests: Literal["off", "sampled", "all"] = Field(
        default="off",
        description="Successful requests to log: off, sampled or all. Failed and slow requests are always logged",
    )
    sample: float = Field(
        default=0.01, gt=0, le=1, description="With `requests: sampled`: fraction of the requests that are logged"
    )

    slow_s: float = Field(
        default=1.0,
        gt=0,
        le=MAX_TIMEOUT_S,
        description="Seconds from which a request counts as slow and is always logged",
    )

    @property
    def sample_rate(self) -> float:
        """The fraction of successful requests that are logged."""
        return {"off": 0.0, "sampled": self.sample, "all": 1.0}[self.requests]


class TracingSpec(Spec):
    """Where traces are sent, and which requests are traced."""

    endpoint: str = Field(
        pattern=COLLECTOR_URL,
        description="URL of a collector for OTLP over HTTP, without /v1/traces",
    )
    sample: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Fraction of the requests without a traceparent header that are traced. With the header, the client decides",
    )


class RepositorySpec(Spec):
    """The model repository."""

    path: str = Field(
        default="model_repository",
        pattern=PATH,
        description="Path of the model repository. A relative path starts at the parent of serve_config",
    )
    settle_s: float = Field(
        default=2.0,
        ge=0,
        le=3600,
        description="Seconds that a version's files must be unchanged before the version counts as complete",
    )


class RaySpec(Spec):
    """Embedded Ray, or a cluster."""

    address: str = Field(
        default="local",
        pattern=RAY_ADDRESS,
        description="local starts Ray on this machine; otherwise host:port of a cluster",
    )
    cpus: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        description="CPU cores that replicas may reserve in total. Default: the cores of the machine",
    )


class ServerSpec(Spec):
    """`serve_config/server.yaml`. Every key has a default, and the file may be missing."""

    http: HttpListen = Field(default=HttpListen(), description="HTTP listener")
    grpc: GrpcListen = Field(default=GrpcListen(), description="gRPC listener")
    tls: TlsSpec | None = Field(default=None, description="TLS for the HTTP and gRPC ports")
    connections: int = Field(
        default=4000,
        ge=1,
        le=1_000_000,
        description="Maximum client connections per port, limited by open files (`ulimit -Hn`). Further connections wait",
    )
    metrics: MetricsSpec = Field(default=MetricsSpec(), description="Prometheus metrics")
    request_log: RequestLogSpec = Field(
        default=RequestLogSpec(), description="Request log: requests/<model>.jsonl in the state folder"
    )
    tracing: TracingSpec | None = Field(
        default=None,
        description="OpenTelemetry traces of requests. Requires: pip install 'modelyard[tracing]'",
    )
    repository: RepositorySpec = Field(default=RepositorySpec(), description="Model repository")
    ray: RaySpec = Field(default=RaySpec(), description="Embedded Ray, or a cluster")
    state: str = Field(
        default=".modelyard",
        pattern=PATH,
        description="Folder for the server's logs, sockets and token. A relative path starts at the parent of serve_config",
    )
    watch: bool = Field(
        default=True,
        description="Apply changed files immediately. false: show the plan, and wait for `modelyard apply`",
    )
    drain_s: float = Field(
        default=5.0,
        ge=0,
        le=3600,
        description="Seconds that a replaced replica, and the server after SIGTERM, continues to serve while traffic moves away",
    )
    body: BodyBytes = Field(
        default=64 * 2**20, description="Maximum size of a request body at the edge, for all models"
    )
    default_model: Name | None = Field(default=None, description="Model for SageMaker's paths /invocations and /ping")
    defaults: ModelDefaults = Field(
        default=ModelDefaults(), description="Defaults for all models. A model's own keys take precedence"
    )

    @property
    def local_url(self) -> str:
        """Scheme, host and port of HTTP for a client on the same machine."""
        return f"{'https' if self.tls else 'http'}://{self.http.local_address}"

    @property
    def listeners(self) -> tuple[tuple[tuple[str, str], str, int], ...]:
        """Key, host and port of every listener for clients and for Prometheus. On a cluster there are two."""
        http = (("http", "port"), self.http.host, self.http.port)
        metrics = (("metrics", "port"), self.metrics.host, self.metrics.port)
        if self.ray.address != "local":
            return http, metrics
        return (
            http,
            (("grpc", "port"), self.grpc.host, self.grpc.port),
            metrics,
            (("metrics", "edge_port"), self.metrics.host, self.metrics.edge_port),
            (("metrics", "ray_port"), "127.0.0.1", self.metrics.ray_port),
        )
