"""Rolling updates, deleted pods and a drain drop no request: six clients with kept connections, in the cluster."""

import json

from bench.rollouts import measured
from tests.checkout import Checkout
from tests.e2e.conftest import Cluster

REQUESTS = 10_000


def test_no_request_is_dropped_while_pods_are_replaced(cluster: Cluster, checkout: Checkout) -> None:
    unlimited = {"KUBETASKS_CONFIG_RATE_LIMIT": "off", "KUBETASKS_CONFIG_CHAT_RATE_LIMIT": "off"}
    checkout.inv("deploy", "--no-verify", env=unlimited)

    def kubectl(*words: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess has it
        return cluster.kubectl("--namespace", checkout.namespace, *words, input=input)

    found = measured(kubectl, requests=REQUESTS, rollouts=3, kills=2, seconds=900)
    with checkout.log.open("a") as log:
        log.write(json.dumps(found) + "\n")
    assert found["failures"] == []
    assert found["requests"] >= REQUESTS - 6
    assert set(found["statuses"]) <= {"200", "201", "404"}, found["statuses"]
    assert found["closed"] >= 6  # ending pods announced it
