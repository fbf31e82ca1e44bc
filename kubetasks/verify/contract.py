"""The layer that tries the HTTP contract: every operation as documented, then what it must refuse.

Whatever it made is deleted again.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from kubetasks.redact import Redactor, Sensitive
from kubetasks.settings import Login
from kubetasks.verify.client import Client
from kubetasks.verify.conform import problems
from kubetasks.verify.exchange import Exchange, unique, unlike
from kubetasks.verify.openapi import Body, Document, Operation
from kubetasks.verify.pointer import MISSING, look
from kubetasks.verify.results import Layer
from kubetasks.verify.walk import MAKES, Walk

# What is tried first. Operations whose answers link on make what the others need, and deletions come last.
ORDER: Final = {"GET": 1, "HEAD": 1, "OPTIONS": 1, "PUT": 2, "PATCH": 2, "POST": 3, "TRACE": 3, "DELETE": 5}


@dataclass
class Contract:
    """Tries one contract.

    Args:
        document: the contract.
        client: leads to the entry.
        layer: gets the checks.
        login: how to get a token.
        redactor: gets the token.
        patience: how many seconds an error in answer to the login is tried again. A new pod counts as an endpoint a
            moment before every node's kube-proxy sends to it; what asks behind the entry in between gets anything.
    """

    document: Document
    client: Client
    layer: Layer
    login: Login
    redactor: Redactor
    patience: float = 0.0
    walk: Walk = field(init=False)
    _held: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        pointer = self.login.token if self.login.operation else ""
        self.walk = Walk(
            self.document, self.client, self.layer, self.login.operation, pointer=pointer, redactor=self.redactor
        )

    def check(self) -> None:
        """Try every operation and every refusal, and delete what came of it, whatever happens."""
        if not self._sign_in():
            self.layer.skipped("all other operations", "there is no token: the login failed")
            return
        try:
            deletions: list[Operation] = []
            for operation in self._ordered():
                if operation.method == "DELETE":
                    deletions.append(operation)
                else:
                    self._operation(operation)
            for operation in self.document.operations:
                self._refusals(operation)
            # What lies deeper first: an item before the list that holds it.
            for operation in sorted(deletions, key=lambda each: -each.path.count("/")):
                self.walk.sweep(operation.path)
                self._operation(operation)
        finally:
            self.walk.clean()
        if self.document.internal:
            self.layer.skipped("internal operations", f"not meant for the entry: {', '.join(self.document.internal)}")

    def _sign_in(self) -> bool:
        if not self.login.operation:
            return True
        operation = self.document.find(self.login.operation)
        if operation is None:
            self.layer.failed(f"login {self.login.operation}", "the contract has no such operationId")
            return False
        exchange = self._ask(operation, operation.name, operation.bodies[0] if operation.bodies else None)
        if exchange is None:
            return False
        try:
            answered = exchange.response.json()
        except ValueError:
            answered = None
        wanted = {"the token": self.login.token, **self.login.parameters}
        found = {name: look(answered, pointer) for name, pointer in wanted.items()}
        absent = [f"{name} at {wanted[name]}" for name, value in found.items() if value is MISSING]
        if absent:
            self.layer.failed(f"login {self.login.operation}", f"the answer lacks {', '.join(absent)}")
            return False
        self.walk.token = str(found.pop("the token"))
        self.redactor.add([Sensitive(self.walk.token)])
        self.walk.known.update(found)
        return True

    def _ordered(self) -> Iterator[Operation]:
        """The operations but for the login: what others wait for first, each once its parameters are known."""
        pending = [each for each in self.document.operations if each.id != self.login.operation]
        pending.sort(key=lambda each: 0 if each.method in MAKES and any(each.links()) else ORDER[each.method])
        while pending:
            awaited = {(link.operation, each.id) for each in pending for link in each.links()}
            ready = [
                each
                for each in pending
                if each.id in self.walk.linked
                or all(wants != each.id or source == each.id for wants, source in awaited)
            ]
            # A link that gives nothing says when: at once. What it leads to may end a session that others renew.
            at_once = (each for each in ready if each.id in self.walk.linked and self.walk.linked[each.id].bare)
            chosen = next(at_once, (ready or pending)[0])
            pending.remove(chosen)
            yield chosen

    def _operation(self, operation: Operation) -> None:
        if operation.secured and not self.walk.token:
            self.layer.skipped(operation.name, "it needs a token, and `verify.login.operation` is not set")
            return
        linked = self.walk.linked.get(operation.id)
        before = self.document.before(operation)
        if before is not None and linked is None:
            held = before.id in self._held
            because = "whose link does not resolve" if held else "which failed"
            (self.layer.failed if held else self.layer.skipped)(operation.name, f"it follows {before.name}, {because}")
            return
        if linked is not None and linked.body is not MISSING and operation.bodies:
            self._ask(operation, operation.name, replace(operation.bodies[0], label="", value=linked.body))
            return
        for body in operation.bodies or (None,):
            label = f" ({body.label})" if body is not None and body.label else ""
            self._ask(operation, operation.name + label, body and unique(operation, body))

    def _ask(self, operation: Operation, name: str, body: Body | None) -> Exchange | None:
        """Try an operation as documented and judge the answer; the exchange, if it holds."""
        values = self.walk.values(operation)
        absent = [
            each.name for each in operation.parameters if each.required and values.get(each.name, MISSING) is MISSING
        ]
        if not operation.successes:
            self.layer.failed(name, "the contract documents no success")
        elif body is not None and body.value is MISSING:
            self.layer.skipped(name, "the contract gives no example of its body")
        elif absent:
            self._unknown(operation, name, absent)
        else:
            return self._judged(operation, name, values, body)
        return None

    def _unknown(self, operation: Operation, name: str, absent: list[str]) -> None:
        """Parameters have no value: skipped if their source failed, which is reported there."""
        sources = self.document.sources(operation)
        broken = {sources[each].name for each in absent if each in sources and sources[each].id not in self._held}
        names = ", ".join(absent)
        if broken:
            self.layer.skipped(name, f"{names} comes from {', '.join(sorted(broken))}, which failed")
        elif any(each in sources for each in absent):
            self.layer.failed(name, f"the link that provides {names} does not resolve")
        else:
            self.layer.skipped(name, f"nothing gives {names}: no link, no example, no `verify.login.parameters`")

    def _judged(self, operation: Operation, name: str, values: Mapping[str, Any], body: Body | None) -> Exchange | None:
        until = time.monotonic() + (self.patience if operation.id == self.login.operation else 0)
        exchange = self.walk.send(operation, name, values, body, token=operation.secured)
        while exchange is not None and exchange.response.status >= 400 and time.monotonic() < until:
            time.sleep(0.2)
            exchange = self.walk.send(operation, name, values, body, token=operation.secured)
        if exchange is None:
            return None
        # The answer of the login is not quoted, whatever it is.
        quote = None if operation.id == self.login.operation else self.layer.excerpt
        wrong = problems(self.document, operation, exchange.response, operation.successes, quote=quote)
        shown = f"{exchange.response.status} {exchange.response.type}".strip()
        if not self.layer.judged(name, wrong, shown):
            return None
        self._held.add(operation.id)
        return exchange

    def _refusals(self, operation: Operation) -> None:
        """No token, a body without what it needs, an id that no one has: each documented refusal is tried."""
        if operation.secured and not self.walk.token:
            return
        values = self.walk.values(operation)
        body = next((each for each in operation.bodies if each.value is not MISSING), None)
        own = [each for each in operation.parameters if each.place == "path" and each.name not in self.walk.known]
        # Where a server does not refuse, nothing real must come to harm.
        unknown = {**values, **{each.name: unlike(each) for each in own}}
        if operation.secured and "401" in operation.answers:
            self._refused(operation, "without a token", unknown, body, "401", token=False)
        refusal = next((status for status in ("422", "400") if status in operation.answers), None)
        if refusal and operation.needs:
            empty = Body("", operation.bodies[0].media, {})
            self._refused(operation, f"without {', '.join(operation.needs)}", values, empty, refusal, token=True)
        if own and "404" in operation.answers:
            names = ", ".join(each.name for each in own)
            self._refused(operation, f"unknown {names}", unknown, body, "404", token=True)

    def _refused(
        self, operation: Operation, what: str, values: Mapping[str, Any], body: Body | None, status: str, *, token: bool
    ) -> None:
        name = f"{operation.name}: {what} is {status}"
        if any(each.required and values.get(each.name, MISSING) is MISSING for each in operation.parameters):
            self.layer.skipped(name, "its parameters are not known")
            return
        exchange = self.walk.send(operation, name, values, body, token=token and operation.secured)
        if exchange is not None:
            wrong = problems(self.document, operation, exchange.response, [status], quote=self.layer.excerpt)
            self.layer.judged(name, wrong, f"{exchange.response.status} {exchange.response.type}".strip())
