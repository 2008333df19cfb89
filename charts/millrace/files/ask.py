"""Asks for a prediction of each use case, and reads which state gave it. Ends with 1 when one does not answer."""

import json
import os
import time
import urllib.error
import urllib.request

API = os.environ["MILLRACE_API"]
PATIENCE = float(os.environ.get("PATIENCE", "120"))


def asked(path: str, body: bytes | None = None) -> dict:
    """Return what the API answers."""
    request = urllib.request.Request(API + path, body, {"content-type": "application/json"})  # noqa: S310 - the chart gives the address
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the chart gives the address
        return json.load(answer)


def answered(name: str) -> dict:
    """Return the answer to a use case's example."""
    event = asked(f"/v1/use-cases/{name}/example")
    return asked(f"/v1/use-cases/{name}/predict", json.dumps(event).encode())


def patiently(do, *given):
    """Do it again until it works or patience ends."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return do(*given)
        except (OSError, urllib.error.HTTPError) as error:
            if time.monotonic() > until:
                raise SystemExit(f"no answer within {PATIENCE:g} s: {error}") from error
            time.sleep(2)


for case in patiently(asked, "/v1/use-cases")["use_cases"]:
    answer = patiently(answered, case["name"])
    print(f"{case['name']}: {answer.get('value')} {answer.get('unit', '')} by state {answer['state_id']}")  # noqa: T201 - what the test says
