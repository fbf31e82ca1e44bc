"""An OpenAPI document as the contract layer needs it: operations with examples, links and documented answers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubetasks.verify.pointer import MISSING


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation.

    Args:
        name: its name.
        place: `path`, `query`, `header` or `cookie`.
        required: whether it must be sent.
        example: a value for it; `MISSING` where the document gives none.
        schema: its JSON schema.
    """

    name: str
    place: str
    required: bool
    example: Any
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Link:
    """What an answer says about a next operation.

    Args:
        operation: its operationId.
        parameters: parameter names to runtime expressions.
        body: its body, with runtime expressions in it; `MISSING` where the link says nothing of one.
    """

    operation: str
    parameters: Mapping[str, Any]
    body: Any = MISSING


@dataclass(frozen=True)
class Answer:
    """A documented answer: schema by media type (None for any body), the headers it must have, its links."""

    content: Mapping[str, Mapping[str, Any] | None]
    headers: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Body:
    """A request's body to try.

    Args:
        label: the example's name; empty for the only one.
        media: its media type.
        value: the value; `MISSING` where the document gives no example.
    """

    label: str
    media: str
    value: Any


@dataclass(frozen=True)
class Operation:
    """One operation of the contract.

    Args:
        id: its operationId.
        needs: the fields without which its body is rejected.
        unique: the fields of its body marked `x-unique: true`: what they hold is in use nowhere else.
        secured: whether it wants a token.
    """

    id: str
    method: str
    path: str
    parameters: tuple[Parameter, ...] = ()
    bodies: tuple[Body, ...] = ()
    needs: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    answers: Mapping[str, Answer] = field(default_factory=dict)
    secured: bool = False

    @property
    def name(self) -> str:
        """`METHOD /path`."""
        return f"{self.method} {self.path}"

    @property
    def successes(self) -> list[str]:
        """The documented statuses of success."""
        return [status for status in self.answers if status.startswith("2")]

    def answer(self, status: int) -> Answer | None:
        """What is documented for a status: itself, else its class (`4XX`), else `default`."""
        for key in (str(status), f"{status // 100}XX", "default"):
            if key in self.answers:
                return self.answers[key]
        return None

    def links(self) -> Iterator[Link]:
        """The links of its successful answers."""
        for status in self.successes:
            yield from self.answers[status].links


@dataclass(frozen=True)
class Document:
    """A contract: its operations, what is left out, and the text that schemas refer to.

    Args:
        operations: what is reachable through the entry, in the document's order.
        internal: the names of the operations marked `x-internal: true`.
        raw: the whole document.
        prefix: the path of the first server's URL.
    """

    operations: tuple[Operation, ...]
    internal: tuple[str, ...]
    raw: Mapping[str, Any]
    prefix: str = ""

    def before(self, operation: Operation) -> Operation | None:
        """The operation whose answer has to be there first: its link gives a body, or no more than the order."""
        return next(
            (
                each
                for each in self.operations
                for link in each.links()
                if link.operation == operation.id and (link.body is not MISSING or not link.parameters)
            ),
            None,
        )

    def find(self, operation: str) -> Operation | None:
        """The operation of that `operationId`."""
        return next((each for each in self.operations if each.id == operation), None)

    def sources(self, operation: Operation) -> dict[str, Operation]:
        """The parameters of an operation that links give, each with the (last) operation whose answer has the link."""
        return {
            name.rpartition(".")[2]: each
            for each in self.operations
            for link in each.links()
            if link.operation == operation.id
            for name in link.parameters
        }

    def whole(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """A schema with the rest of the document around it, so that its `#/components/…` references resolve."""
        # No key of an OpenAPI document is a keyword of JSON schema, so that neither changes what the other means.
        return {**self.raw, **schema}
