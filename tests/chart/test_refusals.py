"""A wrong value is refused before anything is installed, with words that say where and what instead."""

from __future__ import annotations

import pytest

from tests.chart.rendering import template

WRONG = {
    "a count of brokers that cannot vote": ("kafka.brokers=2", "at '/kafka/brokers': value must be one of 1, 3"),
    "a value that nobody knows": ("kafka.broker=3", "at '/kafka': additional properties 'broker' not allowed"),
    "a use case named as no use case can be": (
        "useCases[0].name=My_Case",
        "at '/useCases/0/name': 'My_Case' does not match",
    ),
    "more shards than there can be": ("useCases[0].shards=4", "at '/useCases/0/shards': value must be 1"),
    "no use case": ("useCases=null", "useCases: name at least one"),
    "an amount without a unit that is known": ("api.resources.limits.memory=1GB", "'1GB' does not match pattern"),
    "a source that is none": ("useCases[0].source=kafka", "value must be one of 'topics', 'producer'"),
    "an interval of nothing": ("trainer.checkpointInterval=0", "exclusiveMinimum: got 0, want 0"),
    "a URL without its scheme": ("s3.external.endpoint=s3.example.com", "'s3.example.com' does not match pattern"),
    "a digest that is none": ("images.core.digest=latest", "at '/images/core/digest': 'latest' does not match"),
    "an external Kafka that is nowhere": (
        "kafka.mode=external",
        "kafka.external.bootstrapServers: kafka.mode is external",
    ),
    "an external store without a key": (
        "s3.mode=external,s3.external.endpoint=https://s3.example.com",
        "s3.credentials.trainer: s3.mode is external, so name a Secret with the keys access-key and secret-key",
    ),
    "an external Redis without its address": ("redis.mode=external", "redis.existingSecret: redis.mode is external"),
    "a database that is nowhere": ("postgres.mode=external", "postgres.external.host and postgres.existingSecret"),
    "one use case twice": (
        "useCases[0].name=a,useCases[1].name=a",
        'useCases: "a" is there twice; each use case has one trainer',
    ),
    "a name that no Service can have": (
        f"fullnameOverride={'a' * 20},useCases[0].name={'b' * 35}",
        f"the name {'a' * 20}-trainer-{'b' * 35} has 64 characters, and Kubernetes takes 63",
    ),
    "a package without an image": ("useCases[0].name=a,useCases[0].package=mine", "name the image that carries it"),
    "a way of watching that is none": ("watching.mode=grafana", "value must be one of 'none', 'bundled', 'operator'"),
    "a time to keep figures without a unit": (
        "watching.prometheus.retention=7",
        "at '/watching/prometheus/retention': got number, want string",
    ),
    "a route to a receiver that is none": (
        "watching.alertmanager.config.route.receiver=a,watching.alertmanager.config.route.routes[0].receiver=b,"
        "watching.alertmanager.config.receivers[0].name=a",
        'a route names the receiver "b", and receivers has only ["a"]',
    ),
    "receivers without a route": (
        "watching.alertmanager.config.receivers[0].name=a",
        "watching.alertmanager.config.route.receiver: name the receiver of all that no other route takes",
    ),
    "two configurations of receivers": (
        "watching.alertmanager.config.route.receiver=a,watching.alertmanager.existingSecret=mine",
        'watching.alertmanager: both config and existingSecret "mine" are given',
    ),
    "a place of receivers without ports": (
        "watching.alertmanager.egress[0].cidr=10.0.0.0/8",
        "at '/watching/alertmanager/egress/0': missing property 'ports'",
    ),
    "an address of pages that is a path": ("watching.runbooks=docs", "at '/watching/runbooks': 'docs' does not match"),
    "a name that Alertmanager's pods cannot carry": (
        f"watching.mode=bundled,fullnameOverride={'a' * 40}",
        f"the name {'a' * 40}-alertmanager has 53 characters, and Kubernetes takes 52",
    ),
    "a Grafana exposed that is not there": (
        "watching.mode=bundled,ingress.enabled=true,watching.grafana.expose=true,watching.grafana.enabled=false",
        "watching.grafana.expose: there is no Grafana to serve; set watching.grafana.enabled, too",
    ),
    "a Grafana exposed by no ingress": (
        "watching.mode=bundled,watching.grafana.expose=true",
        "watching.grafana.expose: there is no ingress to serve it; set ingress.enabled, too",
    ),
    "fewer replicas at most than at least": (
        "api.autoscaling.maxReplicas=1",
        "minReplicas 2 is more than maxReplicas 1",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_value_is_refused_with_what_is_wrong(wrong: str) -> None:
    """`helm install` ends before it has changed anything, and the message names the value."""
    given, message = WRONG[wrong]
    done = template("--set", given)
    assert done.returncode != 0
    assert message in done.stderr
