"""Metrics of the server, in the text format of Prometheus."""

from __future__ import annotations

import time
from typing import final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..collection import SearchResults
from .middleware import App, LimitsMiddleware, Message, Receive, Send
from .served import ServedCollections
from .workers import WorkerPool

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@final
class ServerMetrics:
    """The metrics of one server; labels are routes and collections, never input of clients."""

    def __init__(self, collections: ServedCollections, pool: WorkerPool) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "crossbit_requests", "Requests with a response.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "crossbit_request_seconds",
            "Time from request to response.",
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
            ("crossbit_working", "Requests being processed.", lambda: pool.working),
            ("crossbit_waiting", "Requests waiting for a worker.", lambda: pool.waiting),
        ):
            Gauge(name, about, registry=self.registry).set_function(read)
        sizes = Gauge("crossbit_items", "Items of a collection.", ("collection",), registry=self.registry)
        for served in collections:
            sizes.labels(served.name).set_function(served.collection.__len__)

    def watch(self, limits: LimitsMiddleware) -> None:
        """Report the requests that the middleware refuses."""
        self.registry.register(_RefusalCollector(limits))

    def searched(self, collection: str, found: SearchResults) -> None:
        """Record the stages of a search."""
        for stage in found.stages:
            self.stages.labels(collection, stage.name).observe(stage.seconds)

    def text(self) -> bytes:
        """Return all metrics as text."""
        return generate_latest(self.registry)


@final
class MetricsMiddleware:
    """Counts and times every request that passes the limits."""

    def __init__(self, app: App, metrics: ServerMetrics) -> None:
        self.app, self.metrics = app, metrics

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
            self.metrics.requests.labels(method, route, status).inc()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - start)


@final
class _RefusalCollector(Collector):
    def __init__(self, limits: LimitsMiddleware) -> None:
        self.limits = limits

    def collect(self) -> list[GaugeMetricFamily]:
        """Return the number of requests refused by the limits, by kind."""
        family = GaugeMetricFamily(
            "crossbit_refused", "Requests refused by the limits since the start.", labels=["kind"]
        )
        for kind, count in self.limits.refused.items():
            family.add_metric([kind], count)
        return [family]
