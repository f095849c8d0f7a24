"""`server.yaml`, as a frozen spec: what belongs to the server and not to one model."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from modelyard.config.model_spec import Body, ModelDefaults, Name, Spec
from modelyard.config.rule_errors import rejected

Port = Annotated[int, Field(ge=1, le=65535)]
HOST = r"^[A-Za-z0-9._:-]+$"
RAY_ADDRESS = r"^(local|[A-Za-z0-9._-]+:[0-9]{1,5}|\[[0-9A-Fa-f:]+\]:[0-9]{1,5})$"
ORIGIN = r"^https?://([a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){0,8}|\[[0-9a-f:]{2,39}\])(:[1-9][0-9]{0,4})?$"
"""As a browser writes it (https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin): lower case, no path, no slash."""
COLLECTOR_URL = r"^https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._~/-]*)?$"
"""No user in it, who would be shown with the configuration."""
MAX_ORIGINS = 32
"""They stand on one line of HAProxy's, which takes 64 words."""
PATH = r"^[^\x00-\x1f\x7f]+$"


class Listen(Spec):
    """Where a protocol is spoken."""

    host: str = Field(
        default="127.0.0.1", pattern=HOST, description="Address to bind; 0.0.0.0 opens the server to other machines"
    )
    port: Port = Field(default=8000, description="TCP port")

    @property
    def local_address(self) -> str:
        """Host and port for a client on this machine."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared, not bound
        return f"{f'[{host}]' if ':' in host else host}:{self.port}"


def _as_browsers_send_it(origin: str) -> str:
    """Refuse what no page's origin will ever equal."""
    for scheme, port in (("http:", ":80"), ("https:", ":443")):
        if origin.startswith(scheme) and origin.endswith(port):
            raise rejected(
                f"browsers leave out {port} from an origin of {scheme}", f"write {origin.removesuffix(port)}"
            )
    return origin


Origin = Annotated[str, Field(pattern=ORIGIN), AfterValidator(_as_browsers_send_it)]


class HttpListen(Listen):
    """Where HTTP is spoken, and which pages in browsers may speak it."""

    cors: list[Origin] = Field(
        default=[],
        max_length=MAX_ORIGINS,
        description="Origins whose pages may read answers and open WebSockets, such as https://app.example",
    )


class GrpcListen(Listen):
    """Where gRPC is spoken."""

    port: Port = Field(default=8001, description="TCP port")


class MetricsSpec(Spec):
    """Where the server's numbers are read."""

    host: str = Field(
        default="127.0.0.1", pattern=HOST, description="Address to bind; 0.0.0.0 shows the numbers to other machines"
    )
    port: Port = Field(default=8002, description="TCP port of the models' and the server's own metrics, at /metrics")
    edge_port: Port = Field(default=8003, description="TCP port of HAProxy's metrics, at /metrics")
    ray_port: Port = Field(default=8004, description="TCP port of Ray's own metrics of this machine, at /metrics")

    @property
    def url(self) -> str:
        """Of the models' metrics, for a reader on this machine."""
        return f"http://{Listen(host=self.host, port=self.port).local_address}/metrics"

    @property
    def edge_url(self) -> str:
        """Of HAProxy's."""
        return f"http://{Listen(host=self.host, port=self.edge_port).local_address}/metrics"


class TlsSpec(Spec):
    """The server's identity; the files are read again when they change. Relative to the folder above serve_config."""

    certificate: str = Field(pattern=PATH, description="PEM file with the certificate and its chain")
    key: str = Field(pattern=PATH, description="PEM file with its private key, without a passphrase")
    client_ca: str | None = Field(
        default=None,
        pattern=PATH,
        description="PEM file with the authorities whose client certificates are asked for and required",
    )


class RequestLogSpec(Spec):
    """Which requests get a line in the log of their model."""

    requests: Literal["off", "sampled", "all"] = Field(
        default="off", description="off, sampled or all; a request that fails or is slow is always written"
    )
    sample: float = Field(default=0.01, gt=0, le=1, description="With sampled: the share of requests that is written")

    slow_s: float = Field(
        default=1.0,
        gt=0,
        le=86_400,
        description="Seconds from which on a request is slow: it is written however it ended",
    )

    @property
    def sample_rate(self) -> float:
        """Of the requests that do not fail."""
        return {"off": 0.0, "sampled": self.sample, "all": 1.0}[self.requests]


class TracingSpec(Spec):
    """Where traces of requests go, and which."""

    endpoint: str = Field(
        pattern=COLLECTOR_URL,
        description="URL of a collector that takes OTLP over HTTP, without /v1/traces",
    )
    sample: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="The share that is traced of the requests whose client does not decide it with a traceparent header",
    )


class RepositorySpec(Spec):
    """Where models are kept."""

    path: str = Field(
        default="model_repository",
        pattern=PATH,
        description="The model repository; relative to the folder above serve_config",
    )
    settle_s: float = Field(
        default=2.0,
        ge=0,
        le=3600,
        description="Seconds a version's files must be unchanged before it is taken as complete",
    )


class RaySpec(Spec):
    """Where Ray is."""

    address: str = Field(
        default="local", pattern=RAY_ADDRESS, description="local starts Ray here; else a cluster's host:port"
    )
    cpus: float | None = Field(
        default=None, gt=0, le=10_000, description="Cores that replicas may reserve; default: the machine's"
    )


class ServerSpec(Spec):
    """`serve_config/server.yaml`. Every key has a default; the file may be missing."""

    http: HttpListen = Field(default=HttpListen(), description="Where clients speak HTTP")
    grpc: GrpcListen = Field(default=GrpcListen(), description="Where clients speak gRPC")
    tls: TlsSpec | None = Field(default=None, description="Speak TLS on the HTTP and gRPC ports")
    connections: int = Field(
        default=4000,
        ge=1,
        le=1_000_000,
        description="Client connections on each port, as far as open files allow (`ulimit -Hn`); more wait until one ends",
    )
    metrics: MetricsSpec = Field(default=MetricsSpec(), description="Where Prometheus reads metrics")
    request_log: RequestLogSpec = Field(
        default=RequestLogSpec(), description="Which requests are written to requests/<model>.jsonl in the state folder"
    )
    tracing: TracingSpec | None = Field(
        default=None,
        description="Send OpenTelemetry traces of requests; needs the extra: pip install 'modelyard[tracing]'",
    )
    repository: RepositorySpec = Field(default=RepositorySpec(), description="Where models are kept")
    ray: RaySpec = Field(default=RaySpec(), description="Where Ray is")
    state: str = Field(
        default=".modelyard",
        pattern=PATH,
        description="Folder for the server's logs, sockets and token; relative to the folder above serve_config",
    )
    watch: bool = Field(
        default=True,
        description="Apply changed files at once; false: show what would change, and wait for `modelyard apply`",
    )
    drain_s: float = Field(
        default=5.0,
        ge=0,
        le=3600,
        description="Seconds a replaced replica, and at SIGTERM the server, keeps answering while others forget it",
    )
    body: Body = Field(default=64 * 2**20, description="Largest request body that the edge lets in")
    default_model: Name | None = Field(
        default=None, description="The model that answers /invocations and /ping, as SageMaker asks its containers"
    )
    defaults: ModelDefaults = Field(default=ModelDefaults(), description="For every model; a model's own keys win")

    @property
    def local_url(self) -> str:
        """Scheme, host and port of the HTTP frontend for a client on this machine."""
        return f"{'https' if self.tls else 'http'}://{self.http.local_address}"

    @property
    def listeners(self) -> tuple[tuple[tuple[str, str], str, int], ...]:
        """Every port that is bound for clients and for Prometheus: its key, the host, the port. On a cluster there are two."""
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
