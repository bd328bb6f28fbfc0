"""What the server counts of itself, in the text format of Prometheus."""

from __future__ import annotations

import time
from typing import final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..collection import SearchResults
from .middleware import App, Guard, Message, Receive, Send
from .served import ServedCollections
from .workers import WorkerPool

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@final
class Meters:
    """The meters of one server; labels are routes and collections, never what a client writes."""

    def __init__(self, shelves: ServedCollections, slots: WorkerPool) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "crossbit_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "crossbit_request_seconds",
            "Time from a request to its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.stages = Histogram(
            "crossbit_stage_seconds",
            "Time of each stage of a search.",
            ("collection", "stage"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        for name, about, read in (
            ("crossbit_working", "Requests that hold a slot.", lambda: slots.working),
            ("crossbit_waiting", "Requests that wait for a slot.", lambda: slots.waiting),
        ):
            Gauge(name, about, registry=self.registry).set_function(read)
        sizes = Gauge("crossbit_items", "Items of a collection.", ("collection",), registry=self.registry)
        for shelf in shelves:
            sizes.labels(shelf.name).set_function(shelf.collection.__len__)

    def watch(self, guard: Guard) -> None:
        """Count what the guard refuses."""
        self.registry.register(_Refused(guard))

    def searched(self, collection: str, found: SearchResults) -> None:
        """Count the stages of a search."""
        for stage in found.stages:
            self.stages.labels(collection, stage.name).observe(stage.seconds)

    def text(self) -> bytes:
        """Return all of them as text."""
        return generate_latest(self.registry)


@final
class Metered:
    """Counts and times every request that the guard lets through."""

    def __init__(self, app: App, meters: Meters) -> None:
        self.app, self.meters = app, meters

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.app(scope, receive, sent)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if route != "none" else "any"
            self.meters.requests.labels(method, route, status).inc()
            self.meters.seconds.labels(route).observe(time.perf_counter() - start)


@final
class _Refused(Collector):
    def __init__(self, guard: Guard) -> None:
        self.guard = guard

    def collect(self) -> list[GaugeMetricFamily]:
        """Return how many requests were refused before they were looked at, by kind."""
        family = GaugeMetricFamily("crossbit_refused", "Requests refused at the door since the start.", labels=["kind"])
        for kind, count in self.guard.refused.items():
            family.add_metric([kind], count)
        return [family]
