"""What one walk through a contract knows: the token, the values that answers gave, what there is to delete again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kubetasks.verify.client import Client, NoAnswer
from kubetasks.verify.exchange import Exchange, build, evaluate
from kubetasks.verify.openapi import Body, Document, Operation
from kubetasks.verify.pointer import MISSING
from kubetasks.verify.report import Layer

MAKES: Final = frozenset({"POST", "PUT", "PATCH"})


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
    """

    document: Document
    client: Client
    layer: Layer
    login: str = ""
    token: str = ""
    known: dict[str, Any] = field(default_factory=dict)
    linked: dict[str, dict[str, Any]] = field(default_factory=dict)
    _made: list[tuple[Operation, dict[str, Any]]] = field(default_factory=list)
    _gone: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _kept: dict[str, None] = field(default_factory=dict)

    def values(self, operation: Operation) -> dict[str, Any]:
        """What is known of an operation's parameters: a link before the login before an example.

        An example does not stand in for a link that failed: what it names is not ours to change or delete.
        """
        linked, sources = self.linked.get(operation.id, {}), self.document.sources(operation)
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
        request = build(operation, values, body, self.document.prefix, self.token if token else "")
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
        deletable = False
        # A success with another status than the documented one made something all the same.
        for link in (answer.links if answer is not None else ()) or operation.links():
            found = {key.rpartition(".")[2]: evaluate(value, exchange) for key, value in link.parameters.items()}
            if MISSING in found.values():
                continue
            self.linked.setdefault(link.operation, found)
            target = self.document.find(link.operation)
            if operation.method in MAKES and target is not None and target.method == "DELETE":
                made = (target, {**self.values(target), **found})
                if made not in self._made:
                    self._made.append(made)
                deletable = True
        if exchange.response.status == 201 and not deletable and operation.id != self.login:
            self._kept[operation.name] = None

    def clean(self) -> None:
        """Delete what was made and is still there, and tell of what cannot be deleted."""
        wrong = []
        for operation, values in self._made:
            if (operation.id, values) in self._gone:
                continue
            token = self.token if operation.secured else ""
            try:
                answer = self.client.send(build(operation, values, None, self.document.prefix, token))
            except NoAnswer as error:
                wrong.append(f"{operation.name}: {error}")
                continue
            if answer.status >= 300 and answer.status not in {404, 410}:
                wrong.append(f"{operation.name}: {answer.status}")
        if self._made:
            count = len(self._made)
            self.layer.judged("what was made is deleted again", wrong, f"{count} made, {count} deleted")
        for name in self._kept:
            self.layer.skipped(f"{name}: what it made", "the contract links it to no DELETE operation, so it stays")
