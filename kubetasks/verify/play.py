"""The layer that takes journeys, step by step."""

import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from kubetasks.redact import Redactor, Sensitive
from kubetasks.verify import declared, expect
from kubetasks.verify.client import Client, NoAnswer, Request, Response, plain, segment
from kubetasks.verify.journeys import UNIQUE, VARIABLE, Journey, Step, fill, variables
from kubetasks.verify.pointer import MISSING, look
from kubetasks.verify.results import Layer

PRIVATE: Final = re.compile(r"(?i)token|secret|password|key|session|cookie")


@dataclass
class Play:
    """One journey under way.

    Args:
        journey: what to do.
        client: leads to the entry.
        layer: gets one check per step.
        redactor: learns every bearer token, and of what is saved under a name like one.
        secrets: gives the values of declared secrets by name.
    """

    journey: Journey
    client: Client
    layer: Layer
    redactor: Redactor
    secrets: Callable[[set[str]], Mapping[str, str]] = field(default=lambda _: {})
    _known: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Run the steps until one fails; then clean up in any case."""
        self._known[UNIQUE] = secrets.token_hex(4)
        try:
            failed = ""
            for step in self.journey.steps:
                name = f"{self.journey.name}: {step.name}"
                if failed:
                    self.layer.skipped(name, f"`{failed}` failed")
                elif not self._step(name, step):
                    failed = step.name
        finally:
            for step in self.journey.cleanup:
                name = f"{self.journey.name}: cleanup: {step.name}"
                absent = {each for each in variables(step) - set(self._known) if not each.startswith(declared.PREFIX)}
                if absent:
                    self.layer.skipped(name, f"there is no {', '.join(sorted(absent))}, so nothing to clean up")
                else:
                    self._step(name, step)

    def _step(self, name: str, step: Step) -> bool:
        try:
            found = self.secrets(declared.names(step))
            self._known |= {f"{declared.PREFIX}{each}": value for each, value in found.items()}
            response = self.client.send(self._request(step))
        except (NoAnswer, declared.NoValue) as error:
            self.layer.failed(name, str(error))
            return False
        document = _document(response)
        # What is saved is known before anything is judged: a failed step may have made what the cleanup deletes.
        absent = []
        for variable, pointer in step.save.items():
            value = look(document, pointer)
            if value is MISSING:
                absent.append(f"body{pointer} is missing")
                continue
            self._known[variable] = value
            if PRIVATE.search(variable):
                self.redactor.add([Sensitive(plain(value))])
        wrong = list(self._wrong(step, response, document)) or absent
        return self.layer.judged(name, wrong, f"{response.status} {response.type}".strip())

    def _request(self, step: Step) -> Request:
        asked = step.request
        # A variable is one segment of the path, whatever is in it.
        path = VARIABLE.sub(lambda found: segment(self._known[found[1]]), asked.path)
        headers = {name: plain(value) for name, value in fill(asked.headers, self._known).items()}
        query = {name: plain(value) for name, value in fill(asked.query, self._known).items()}
        if asked.bearer:
            token = plain(fill(asked.bearer, self._known))
            self.redactor.add([Sensitive(token)])
            headers["Authorization"] = f"Bearer {token}"
        body: bytes | None = None
        if asked.json is not msgspec.UNSET:
            headers.setdefault("Content-Type", "application/json")
            body = json.dumps(fill(asked.json, self._known)).encode()
        elif asked.form is not None:
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
            body = urlencode({name: plain(value) for name, value in fill(asked.form, self._known).items()}).encode()
        return Request(asked.method, path, query, headers, body)

    def _wrong(self, step: Step, response: Response, document: Any) -> Iterator[str]:
        wanted = step.expect
        if response.status not in wanted.statuses:
            # The answer of a step that gives a token is not quoted, whatever it is.
            quiet = response.status < 400 or not response.body or any(map(PRIVATE.search, step.save))
            quoted = "" if quiet else f": {self.layer.excerpt(response.text)}"
            yield f"expected {' or '.join(map(str, wanted.statuses))}, found {response.status}{quoted}"
            return
        if wanted.type and response.type != wanted.type:
            yield f"content type: expected {wanted.type}, found {response.type or 'none'}"
        headers: Mapping[str, Any] = fill(wanted.headers, self._known)
        for name, each in headers.items():
            yield from expect.unlike(each, response.headers.get(name.lower(), MISSING), f"header {name}")
        if wanted.text is not msgspec.UNSET:
            yield from expect.unlike(fill(wanted.text, self._known), response.text, "text")
        if wanted.body and document is MISSING:
            yield "the body is not JSON"
        elif wanted.body:
            yield from expect.unmet(fill(wanted.body, self._known), document)


def _document(response: Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return MISSING
