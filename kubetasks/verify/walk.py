"""What one walk through a contract knows: the token, the values that answers gave, what there is to delete again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kubetasks.redact import Redactor, Sensitive
from kubetasks.verify.client import Client, NoAnswer
from kubetasks.verify.exchange import Exchange, build, evaluate
from kubetasks.verify.openapi import Body, Document, Operation
from kubetasks.verify.pointer import MISSING, look
from kubetasks.verify.results import Layer

MAKES: Final = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True)
class Linked:
    """What a link gives the operation that it leads to: parameters, a body (or `MISSING`), and its session's token."""

    values: dict[str, Any]
    body: Any = MISSING
    token: str = ""

    @property
    def bare(self) -> bool:
        """Whether it gives nothing: then it says no more than what comes next."""
        return not self.values and self.body is MISSING


@dataclass
class Made:
    """Something that is to be deleted again, and how."""

    operation: Operation
    values: dict[str, Any]
    token: str
    swept: bool = False


@dataclass
class Walk:
    """Sends the requests of a contract and learns from the answers.

    Args:
        document: the contract.
        client: leads to the entry.
        layer: gets the checks.
        login: the operationId that gives the token; empty for none.
        token: the bearer token, once there is one.
        known: parameters that the login gave, by name.
        pointer: where an answer holds a session's token, if it does; the operations that it links to, and what deletes
            what it made, belong to that session.
        redactor: gets such tokens.
    """

    document: Document
    client: Client
    layer: Layer
    login: str = ""
    token: str = ""
    known: dict[str, Any] = field(default_factory=dict)
    pointer: str = ""
    redactor: Redactor = field(default_factory=Redactor)
    linked: dict[str, Linked] = field(default_factory=dict)
    _made: list[Made] = field(default_factory=list)
    _gone: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _kept: dict[str, None] = field(default_factory=dict)
    _left: list[str] = field(default_factory=list)

    def values(self, operation: Operation) -> dict[str, Any]:
        """What is known of an operation's parameters: a link before the login before an example.

        An example does not stand in for a link that failed: what it names is not ours to change or delete.
        """
        linked = self.linked[operation.id].values if operation.id in self.linked else {}
        sources = self.document.sources(operation)
        return {
            each.name: linked.get(
                each.name, self.known.get(each.name, MISSING if each.name in sources else each.example)
            )
            for each in operation.parameters
        }

    def send(
        self, operation: Operation, name: str, values: Mapping[str, Any], body: Body | None, *, token: bool
    ) -> Exchange | None:
        """Send a request; note what it made or deleted. None, with the check failed, when no answer came."""
        own = self.linked[operation.id].token if operation.id in self.linked else ""
        request = build(operation, values, body, self.document.prefix, (own or self.token) if token else "")
        try:
            response = self.client.send(request)
        except NoAnswer as error:
            self.layer.failed(name, str(error))
            return None
        exchange = Exchange(operation, values, None if body is None else body.value, response)
        if response.status < 300:
            self._learn(exchange)
        return exchange

    def _learn(self, exchange: Exchange) -> None:
        """Follow the links of a successful answer, and note what there now is to delete."""
        operation = exchange.operation
        if operation.method == "DELETE":
            self._gone.append((operation.id, dict(exchange.values)))
            return
        answer = operation.answer(exchange.response.status)
        token = self._session(exchange)
        deletable = False
        # A success with another status than the documented one made something anyway.
        for link in (answer.links if answer is not None else ()) or operation.links():
            found = {key.rpartition(".")[2]: evaluate(value, exchange) for key, value in link.parameters.items()}
            body = MISSING if link.body is MISSING else evaluate(link.body, exchange)
            if MISSING in found.values() or (body is MISSING) != (link.body is MISSING):
                continue
            self.linked.setdefault(link.operation, Linked(found, body, token))
            target = self.document.find(link.operation)
            if operation.method in MAKES and target is not None and target.method == "DELETE":
                self._note(Made(target, {**self.values(target), **found}, token))
                deletable = True
        if exchange.response.status == 201 and not deletable and operation.id != self.login:
            self._kept[operation.name] = None

    def _session(self, exchange: Exchange) -> str:
        """The token of the session that an answer began; empty if it began none."""
        if not self.pointer:
            return ""
        try:
            token = look(exchange.response.json(), self.pointer)
        except ValueError:
            return ""
        if not isinstance(token, str) or not token:
            return ""
        self.redactor.add([Sensitive(token)])
        return token

    def _note(self, made: Made) -> None:
        """Note what is to be deleted, once; a newer session of the same user's takes an older one's place."""
        for each in self._made:
            if (each.operation, each.values) == (made.operation, made.values):
                each.token = made.token or each.token
                return
        self._made.append(made)

    def sweep(self, below: str = "") -> None:
        """Delete what was made and is still there: all of it, or what lies deeper than a path, which may hold it."""
        for each in sorted(self._made, key=lambda made: -made.operation.path.count("/")):
            operation = each.operation
            deeper = operation.path.count("/") > below.count("/")
            if each.swept or (operation.id, each.values) in self._gone or not deeper:
                continue
            each.swept = True
            token = (each.token or self.token) if operation.secured else ""
            try:
                answer = self.client.send(build(operation, each.values, None, self.document.prefix, token))
            except NoAnswer as error:
                self._left.append(f"{operation.name}: {error}")
                continue
            if answer.status >= 300 and answer.status not in {404, 410}:
                self._left.append(f"{operation.name}: {answer.status}")

    def clean(self) -> None:
        """Delete what was made and is still there, and tell of what cannot be deleted."""
        self.sweep()
        if self._made:
            count = len(self._made)
            self.layer.judged("created resources are deleted", self._left, f"{count} created, {count} deleted")
        for name in self._kept:
            self.layer.skipped(f"{name}: what it made", "the contract links it to no DELETE operation, so it stays")
