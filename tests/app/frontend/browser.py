"""A browser without scripts: it keeps cookies, reads forms and sends them as they are."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@dataclass
class Form:
    """A form of a page."""

    action: str
    name: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class Document(HTMLParser):
    """What is on a page: its forms, its text, and its elements with an id. `<template>`s are not on it."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.texts: list[str] = []
        self.by_id: dict[str, dict[str, str]] = {}
        self.elements: list[tuple[str, dict[str, str]]] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self._inner: dict[str, list[str]] = {}
        self._select = ""
        self._area = ""
        self._hidden = 0
        self.feed(html)
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag not in self.VOID:
            self._open.append((tag, values))
        if tag == "template":
            self._hidden += 1
        if self._hidden:
            return
        self.elements.append((tag, values))
        if "id" in values:
            assert values["id"] not in self.by_id, f"twice: {values['id']}"
            self.by_id[values["id"]] = values
        self._form_part(tag, values)

    def _form_part(self, tag: str, values: dict[str, str]) -> None:
        name = values.get("name", "")
        if tag == "form":
            self.forms.append(Form(values["action"], values["data-form"]))
        elif tag == "input" and values.get("type") != "checkbox":
            self.forms[-1].fields[name] = values.get("value", "")
        elif tag == "textarea":
            self._area = name
            self.forms[-1].fields[name] = ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and "selected" in values:
            self.forms[-1].fields[self._select] = values["value"]
        elif tag == "button" and name:
            self.forms[-1].buttons.append((name, values.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        opened, _ = self._open.pop()
        assert opened == tag, f"<{opened}> ends as </{tag}>"
        if tag == "template":
            self._hidden -= 1
        self._area = "" if tag == "textarea" else self._area

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        if self._area:
            # A line end right after <textarea> is no part of it.
            before = self.forms[-1].fields[self._area]
            self.forms[-1].fields[self._area] = before + data if before else data.removeprefix("\n")
        text = " ".join(data.split())
        if text:
            self.texts.append(text)
            for _, values in self._open:
                if "id" in values:
                    self._inner.setdefault(values["id"], []).append(text)

    @property
    def text(self) -> str:
        """All text."""
        return " ".join(self.texts)

    def inside(self, element: str) -> str:
        """The text of the element with this id."""
        assert element in self.by_id, f"there is no #{element}"
        return " ".join(self._inner.get(element, []))

    def named(self, name: str) -> list[Form]:
        """The forms with this name."""
        return [form for form in self.forms if form.name == name]

    def all(self, **wanted: str) -> list[dict[str, str]]:
        """The elements with these attributes, `_` for `-`."""
        names = {name.replace("_", "-"): value for name, value in wanted.items()}
        return [each for _, each in self.elements if names.items() <= each.items()]


class Browser:
    """Somebody at a browser without scripts."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.answer: httpx.Response = httpx.Response(200)
        self.page = Document("")

    def see(self, answer: httpx.Response) -> Document:
        """Follow an answer to the page that it leads to."""
        while answer.status_code == 303:
            answer = self.client.get(answer.headers["location"].partition("#")[0], headers=HTML)
        self.answer, self.page = answer, Document(answer.text)
        return self.page

    def open(self, path: str = "/") -> Document:
        """Go to a page."""
        return self.see(self.client.get(path, headers=HTML))

    def send(self, form: Form, values: dict[str, str]) -> httpx.Response:
        """Send a form, and go nowhere yet."""
        origin = str(self.client.base_url).rstrip("/")
        data = {**form.fields, **values}
        return self.client.post(form.action, data=data, headers={**HTML, "Origin": origin})

    def submit(self, name: str, index: int = 0, /, **values: Any) -> Document:
        """Fill in a form of the page and send it."""
        form = self.page.named(name)[index]
        for field_name in values:
            known = {*form.fields, *(button for button, _ in form.buttons), "confirm"}
            assert field_name in known, f"{name} has no {field_name}"
        return self.see(self.send(form, values))

    def guest(self) -> Document:
        """Become a guest."""
        self.open()
        return self.submit("guest")

    @property
    def tasks(self) -> list[str]:
        """The titles on the page."""
        return [self.page.by_id[f"title-{number}"]["value"] for number in self.numbers]

    @property
    def numbers(self) -> list[str]:
        """The numbers of the tasks on the page."""
        return [each["data-task"] for _, each in self.page.elements if "data-task" in each]

    @property
    def messages(self) -> list[str]:
        """What has been said, without who said it."""
        found = [each["id"] for _, each in self.page.elements if "data-message" in each]
        return [self.page.inside(each).split(": ", 1)[1] for each in found]
