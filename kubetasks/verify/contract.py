"""The layer that tries the HTTP contract: every operation as documented, then what it must refuse.

Whatever it made is deleted again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kubetasks.redact import Redactor, Sensitive
from kubetasks.settings import Login
from kubetasks.verify.client import Client, NoAnswer
from kubetasks.verify.conform import problems
from kubetasks.verify.exchange import Exchange, build, evaluate, unlike
from kubetasks.verify.openapi import Body, Document, Operation
from kubetasks.verify.pointer import MISSING, look
from kubetasks.verify.report import Layer

# What is tried first. Operations whose answers link on make what the others need, and deletions come last.
ORDER: Final = {"GET": 1, "HEAD": 1, "OPTIONS": 1, "PUT": 2, "PATCH": 2, "POST": 3, "TRACE": 3, "DELETE": 5}
MAKES: Final = frozenset({"POST", "PUT", "PATCH"})


@dataclass
class Contract:
    """One walk through a contract.

    Args:
        document: the contract.
        client: leads to the entry.
        layer: gets the checks.
        login: how to get a token.
        redactor: is told of the token.
    """

    document: Document
    client: Client
    layer: Layer
    login: Login
    redactor: Redactor
    _token: str = ""
    _known: dict[str, Any] = field(default_factory=dict)
    _linked: dict[str, dict[str, Any]] = field(default_factory=dict)
    _made: list[tuple[Operation, dict[str, Any]]] = field(default_factory=list)
    _gone: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _kept: dict[str, None] = field(default_factory=dict)

    def check(self) -> None:
        """Try every operation and every refusal, and delete what came of it, whatever happens."""
        if not self._sign_in():
            self.layer.skipped("all other operations", "there is no token: the login does not hold")
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
                self._operation(operation)
        finally:
            self._clean()
        if self.document.internal:
            self.layer.skipped("internal operations", f"not meant for the entry: {', '.join(self.document.internal)}")

    # Signing in

    def _sign_in(self) -> bool:
        if not self.login.operation:
            return True
        operation = self.document.find(self.login.operation)
        if operation is None:
            self.layer.failed(f"login {self.login.operation}", "the contract has no such operationId")
            return False
        body = operation.bodies[0] if operation.bodies else None
        exchange = self._ask(operation, operation.name, body, operation.successes)
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
        self._token = str(found.pop("the token"))
        self.redactor.add([Sensitive(self._token)])
        self._known.update(found)
        return True

    # Walking

    def _ordered(self) -> Iterator[Operation]:
        """The operations but for the login: what others wait for first, each once its parameters are known."""
        pending = [each for each in self.document.operations if each.id != self.login.operation]
        pending.sort(key=lambda each: 0 if each.method in MAKES and any(each.links()) else ORDER[each.method])
        while pending:
            awaited = {(link.operation, each.id) for each in pending for link in each.links()}
            ready = (
                each
                for each in pending
                if each.id in self._linked or all(wants != each.id or source == each.id for wants, source in awaited)
            )
            chosen = next(ready, pending[0])
            pending.remove(chosen)
            yield chosen

    def _operation(self, operation: Operation) -> None:
        if operation.secured and not self._token:
            self.layer.skipped(operation.name, "it needs a token, and `verify.login.operation` names no way to one")
            return
        for body in operation.bodies or (None,):
            label = f" ({body.label})" if body is not None and body.label else ""
            self._ask(operation, operation.name + label, body, operation.successes)

    def _ask(self, operation: Operation, name: str, body: Body | None, wanted: list[str]) -> Exchange | None:
        """Try an operation as documented and judge the answer; the exchange, if it holds."""
        values = self._values(operation)
        absent = [
            each.name for each in operation.parameters if each.required and values.get(each.name, MISSING) is MISSING
        ]
        if not wanted:
            self.layer.failed(name, "the contract documents no success")
        elif body is not None and body.value is MISSING:
            self.layer.failed(name, "the contract gives no example of its body")
        elif absent:
            self.layer.failed(
                name,
                f"nothing gives {', '.join(absent)}: no link that held, no example, no `verify.login.parameters`",
            )
        else:
            return self._judged(operation, name, values, body, wanted)
        return None

    def _judged(
        self, operation: Operation, name: str, values: Mapping[str, Any], body: Body | None, wanted: list[str]
    ) -> Exchange | None:
        exchange = self._send(operation, name, values, body, token=operation.secured)
        if exchange is None:
            return None
        quote = None if operation.id == self.login.operation else self.layer.excerpt
        wrong = problems(self.document, operation, exchange.response, wanted, quote=quote)
        shown = f"{exchange.response.status} {exchange.response.type}".strip()
        return exchange if self.layer.judged(name, wrong, shown) else None

    def _send(
        self, operation: Operation, name: str, values: Mapping[str, Any], body: Body | None, *, token: bool
    ) -> Exchange | None:
        """Send a request; note what it made or deleted. None, with the check failed, when no answer came."""
        request = build(operation, values, body, self.document.prefix, self._token if token else "")
        try:
            response = self.client.send(request)
        except NoAnswer as error:
            self.layer.failed(name, str(error))
            return None
        exchange = Exchange(operation, values, None if body is None else body.value, response)
        if response.status < 300:
            self._learn(exchange)
        return exchange

    # Values

    def _values(self, operation: Operation) -> dict[str, Any]:
        """What is known of an operation's parameters: a link before the login before an example."""
        linked = self._linked.get(operation.id, {})
        return {
            each.name: linked.get(each.name, self._known.get(each.name, each.example)) for each in operation.parameters
        }

    def _learn(self, exchange: Exchange) -> None:
        """Follow the links of a successful answer, and note what there now is to delete."""
        operation = exchange.operation
        if operation.method == "DELETE":
            self._gone.append((operation.id, dict(exchange.values)))
            return
        answer = operation.answer(exchange.response.status)
        deletable = False
        for link in answer.links if answer is not None else ():
            found = {key.rpartition(".")[2]: evaluate(value, exchange) for key, value in link.parameters.items()}
            if MISSING in found.values():
                continue
            self._linked.setdefault(link.operation, found)
            target = self.document.find(link.operation)
            if operation.method in MAKES and target is not None and target.method == "DELETE":
                self._made.append((target, {**self._values(target), **found}))
                deletable = True
        if exchange.response.status == 201 and not deletable and operation.id != self.login.operation:
            self._kept[operation.name] = None

    # Refusals

    def _refusals(self, operation: Operation) -> None:
        """No token, a body without what it needs, an id that nobody has: each documented refusal is tried."""
        if operation.secured and not self._token:
            return
        values = self._values(operation)
        body = next((each for each in operation.bodies if each.value is not MISSING), None)
        linked = [each for each in operation.parameters if each.place == "path" and each.name not in self._known]
        # Where a server does not refuse, nothing real must come to harm.
        unknown = {**values, **{each.name: unlike(each) for each in linked}}
        if operation.secured and "401" in operation.answers:
            self._refused(operation, "without a token", unknown, body, "401", token=False)
        refusal = next((status for status in ("422", "400") if status in operation.answers), None)
        if refusal and operation.needs:
            empty = Body("", operation.bodies[0].media, {})
            self._refused(operation, f"without {', '.join(operation.needs)}", values, empty, refusal, token=True)
        if linked and "404" in operation.answers:
            names = ", ".join(each.name for each in linked)
            self._refused(operation, f"unknown {names}", unknown, body, "404", token=True)

    def _refused(
        self, operation: Operation, what: str, values: Mapping[str, Any], body: Body | None, status: str, *, token: bool
    ) -> None:
        name = f"{operation.name}: {what} is {status}"
        if any(each.required and values.get(each.name, MISSING) is MISSING for each in operation.parameters):
            self.layer.skipped(name, "its parameters are not known")
            return
        exchange = self._send(operation, name, values, body, token=token and operation.secured)
        if exchange is not None:
            wrong = problems(self.document, operation, exchange.response, [status], quote=self.layer.excerpt)
            self.layer.judged(name, wrong, f"{exchange.response.status} {exchange.response.type}".strip())

    # Cleaning up

    def _clean(self) -> None:
        """Delete what was made and is still there."""
        left = [each for each in self._made if (each[0].id, each[1]) not in self._gone]
        wrong = []
        done: list[tuple[str, dict[str, Any]]] = []
        for operation, values in left:
            if (operation.id, values) in done:
                continue
            done.append((operation.id, values))
            token = self._token if operation.secured else ""
            try:
                answer = self.client.send(build(operation, values, None, self.document.prefix, token))
            except NoAnswer as error:
                wrong.append(f"{operation.name}: {error}")
                continue
            if answer.status >= 300 and answer.status not in {404, 410}:
                wrong.append(f"{operation.name}: {answer.status}")
        if self._made:
            made = [each for index, each in enumerate(self._made) if each not in self._made[:index]]
            self.layer.judged("what was made is deleted again", wrong, f"{len(made)} made, {len(made)} deleted")
        for name in self._kept:
            self.layer.skipped(f"{name}: what it made", "the contract links it to no DELETE operation, so it stays")
