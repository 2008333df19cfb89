"""The parts a platform on one machine is made of, and what each is told."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from millrace.domain.errors import SettingsError
from millrace.runtime.embedded.part import Part
from millrace.runtime.settings import Connections
from millrace.runtime.supervision.probe import ask

HOST = "127.0.0.1"
API_PORT, DASHBOARD_PORT, MLFLOW_PORT, PROMETHEUS_PORT = 8000, 3000, 5000, 9090
PREFIX = "MILLRACE_"
DASHBOARD_HEALTH = "dashboard_health"
"""What the pages' second port goes by."""

FIRST_TO_STOP, THEN, AFTERWARDS = 0, 1, 2
"""Producers, then trainers (they leave a last checkpoint in a store that still answers), then API and pages."""


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform is to be made of. An address stands for a service that is there already.

    A use case is given by its name or by the path of its file; `files` has the names of the latter. Those in `not_sent`
    have no producer: somebody else writes their topics.
    """

    home: Path
    use_cases: list[str]
    files: Mapping[str, str] = {}
    not_sent: frozenset[str] = frozenset()
    kafka: str = ""
    s3: str = ""
    redis: str = ""
    mlflow: str = ""
    speed: float = 3600.0
    dashboard: bool = True
    feed: bool = True
    producer: bool = True
    prometheus: bool = False
    ports: Mapping[str, int] = {}

    def usual_ports(self) -> dict[str, int]:
        """Return what needs a port, with the one it likes best; 0 for any. The pages have a second one for their health."""
        inner = {name: 0 for name in ("s3", "redis") if not getattr(self, name)}
        registry = {} if self.mlflow else {"mlflow": MLFLOW_PORT}
        services = {name: 0 for use_case in self.use_cases for name in self.services_of(use_case)}
        feed = {"feed": 0} if self.feed else {}
        pages = {"dashboard": DASHBOARD_PORT, DASHBOARD_HEALTH: 0} if self.dashboard else {}
        watcher = {"prometheus": PROMETHEUS_PORT} if self.prometheus else {}
        return {**inner, **registry, "api": API_PORT, **feed, **pages, **services, **watcher}

    def names(self) -> list[str]:
        """Return the use cases' names."""
        return [self.files.get(use_case, use_case) for use_case in self.use_cases]

    def services_of(self, use_case: str) -> dict[str, str]:
        """Return the parts that one use case has for itself, with what `millrace run` calls them."""
        ending = f"-{self.files.get(use_case, use_case)}" if len(self.use_cases) > 1 else ""
        sends = self.producer and use_case not in self.not_sent
        kinds = ("trainer", "producer") if sends else ("trainer",)
        return {f"{kind}{ending}": kind for kind in kinds}


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """Parts, and what all of them are told."""

    parts: list[Part]
    environment: dict[str, str]
    api: str
    dashboard: str
    prometheus: str


def platform(wishes: Wishes, ports: Mapping[str, int]) -> Platform:
    """Return the platform that was wished for, on given ports."""
    connections = _connections(wishes, ports)
    inner = _inner(wishes, connections)
    kafka = next((inner[name].address for name in ("log", "kafka") if name in inner), wishes.kafka)
    environment = {**_environment(connections.model_copy(update={"kafka": kafka})), **_learnt(wishes)}
    api = f"http://{HOST}:{ports['api']}"
    reader = {**environment, **_reader(connections)}
    parts = [
        *inner.values(),
        *_services(wishes, {"trainer": environment, "producer": reader}, ports),
        _part("api", "api", {**reader, **_api(wishes, ports)}, api, stops=AFTERWARDS),
    ]
    if wishes.feed:
        parts.append(_feed(reader, ports["feed"]))
    if wishes.dashboard:
        parts.append(_dashboard(environment, api, ports))
    if wishes.prometheus:
        parts.append(_prometheus(wishes, ports))
    return Platform(
        parts=parts,
        environment=environment,
        api=api,
        dashboard=f"http://{HOST}:{ports['dashboard']}" if wishes.dashboard else "",
        prometheus=f"http://{HOST}:{ports['prometheus']}" if wishes.prometheus else "",
    )


def measured(wishes: Wishes, ports: Mapping[str, int]) -> dict[str, list[str]]:
    """Return HOST:PORT of everything that has metrics of ours, by part."""
    found: dict[str, list[str]] = {}
    services = [it for use_case in wishes.use_cases for it in wishes.services_of(use_case).items()]
    shared = [("api", "api"), ("feed", "feed"), (DASHBOARD_HEALTH, "dashboard")]
    for name, kind in [*services, *(it for it in shared if it[0] in ports)]:
        found.setdefault(kind, []).append(f"{HOST}:{ports[name]}")
    return found


def _prometheus(wishes: Wishes, ports: Mapping[str, int]) -> Part:
    from millrace.runtime.embedded import prometheus

    return prometheus.part(wishes.home, ports["prometheus"], measured(wishes, ports))


def _connections(wishes: Wishes, ports: Mapping[str, int]) -> Connections:
    """Return where everything is; what is not wished for otherwise comes from the environment (credentials do)."""
    return Connections(
        home=wishes.home.absolute(),
        kafka=wishes.kafka,
        embedded_log=not wishes.kafka,
        s3_endpoint=wishes.s3 or f"http://{HOST}:{ports['s3']}",
        redis=wishes.redis or f"redis://{HOST}:{ports['redis']}/0",
        mlflow=wishes.mlflow or f"http://{HOST}:{ports['mlflow']}",
    )


def _inner(wishes: Wishes, connections: Connections) -> dict[str, Part]:
    """Return the embedded services that are wished for."""
    log = {"": "log", "local": "kafka"}.get(wishes.kafka)
    others = [name for name in ("s3", "redis", "mlflow") if not getattr(wishes, name)]
    return {name: embedded(name, connections) for name in ([log] if log else []) + others}


def embedded(name: str, connections: Connections) -> Part:
    """Return an embedded service as a part, on the port that the connections say it has."""
    module = import_module(f"millrace.runtime.embedded.{name}")
    if name in ("log", "kafka"):
        return _is_part(module.part(connections))
    url = {"s3": connections.s3_endpoint, "redis": connections.redis, "mlflow": connections.mlflow}[name]
    where = urlsplit(url)
    if where.hostname not in ("127.0.0.1", "localhost") or where.port is None:
        raise SettingsError(f"the embedded {name} answers on 127.0.0.1 only, on a port; it cannot be at {url}")
    return _is_part(module.part(connections, where.port))


def _is_part(found: object) -> Part:
    assert isinstance(found, Part)
    return found


def _environment(connections: Connections) -> dict[str, str]:
    """Return what every part is told. Credentials are inherited, not repeated."""
    names = ("home", "kafka", "s3_endpoint", "redis", "mlflow")
    where_told = tuple(name for name in ("topic_prefix", "schema_registry") if getattr(connections, name))
    told = {f"{PREFIX}{name.upper()}": str(getattr(connections, name)) for name in (*names, *where_told)}
    return {**told, f"{PREFIX}EMBEDDED_LOG": str(connections.embedded_log).lower()}


def _learnt(wishes: Wishes) -> dict[str, str]:
    """Return what says which use cases there are; those of files by path, for every part and command to find."""
    return {f"{PREFIX}USE_CASES": ",".join(wishes.use_cases)}


def _reader(connections: Connections) -> dict[str, str]:
    """Return what a part that only reads is told of the store, where it has a key of its own."""
    key, secret = connections.s3_reader_access_key, connections.s3_reader_secret_key.get_secret_value()
    if bool(key) != bool(secret):
        raise SettingsError("MILLRACE_S3_READER_ACCESS_KEY and MILLRACE_S3_READER_SECRET_KEY go together: one is empty")
    return {f"{PREFIX}S3_ACCESS_KEY": key, f"{PREFIX}S3_SECRET_KEY": secret} if key else {}


def _services(wishes: Wishes, environments: Mapping[str, Mapping[str, str]], ports: Mapping[str, int]) -> list[Part]:
    """Return each use case's own parts; `environments` says what a kind of them is told."""
    parts = []
    for use_case in wishes.use_cases:
        for name, kind in wishes.services_of(use_case).items():
            told = {"USE_CASE": use_case, f"{kind.upper()}_PORT": str(ports[name])}
            told |= {"SPEED": str(wishes.speed)} if kind == "producer" else {}
            env = {**environments[kind], **{f"{PREFIX}{key}": value for key, value in told.items()}}
            stops = FIRST_TO_STOP if kind == "producer" else THEN
            parts.append(_part(name, kind, env, f"http://{HOST}:{ports[name]}", stops=stops))
    return parts


def _api(wishes: Wishes, ports: Mapping[str, int]) -> dict[str, str]:
    trainers = ",".join(f"http://{it}" for it in measured(wishes, ports)["trainer"])
    return {f"{PREFIX}API_PORT": str(ports["api"]), f"{PREFIX}MEASURED": trainers}


def _feed(environment: Mapping[str, str], port: int) -> Part:
    told = {f"{PREFIX}FEED_PORT": str(port)}
    return _part("feed", "feed", {**environment, **told}, f"http://{HOST}:{port}", stops=AFTERWARDS)


def _part(name: str, kind: str, env: dict[str, str], address: str, *, stops: int) -> Part:
    """Return a service of ours as a part."""
    return Part(
        name=name,
        argv=[sys.executable, "-m", "millrace.cli", "run", kind],
        # With the hash seed it wants, a learner need not start itself a second time.
        env={**env, "PYTHONHASHSEED": "0"},
        address=address,
        ready=lambda: ask(f"{address}/readyz")[0] == 200,
        order=1,
        stops=stops,
        health=address,
    )


def _dashboard(environment: Mapping[str, str], api: str, ports: Mapping[str, int]) -> Part:
    health = f"http://{HOST}:{ports[DASHBOARD_HEALTH]}"
    told = {"API": api, "DASHBOARD_PORT": ports["dashboard"], "DASHBOARD_HEALTH_PORT": ports[DASHBOARD_HEALTH]}
    return Part(
        name="dashboard",
        argv=[sys.executable, "-m", "millrace.cli", "run", "dashboard"],
        env={**environment, **{f"{PREFIX}{key}": str(value) for key, value in told.items()}},
        address=f"http://{HOST}:{ports['dashboard']}",
        ready=lambda: ask(f"{health}/readyz")[0] == 200,
        order=1,
        stops=AFTERWARDS,
        health=health,
    )
