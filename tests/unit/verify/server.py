"""A small todo application over HTTP, in a thread, that can be told to misbehave; and its contract."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "opaque-token-0123456789"

CONTRACT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "notes", "version": "1"},
    "servers": [{"url": "/"}],
    "security": [{"bearer": []}],
    "paths": {
        "/health": {"get": {"operationId": "health", "x-internal": True, "responses": {"200": {"description": "ok"}}}},
        "/api/session": {
            "post": {
                "operationId": "login",
                "security": [],
                "responses": {
                    "201": {
                        "description": "ok",
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "required": ["token", "user_id"],
                                    "properties": {"token": {"type": "string"}, "user_id": {"type": "string"}},
                                }
                            }
                        },
                    }
                },
            }
        },
        "/api/{user_id}/notes/{note_id}": {
            "parameters": [
                {"$ref": "#/components/parameters/user"},
                {"name": "note_id", "in": "path", "required": True, "schema": {"type": "integer"}},
            ],
            "delete": {
                "operationId": "deleteNote",
                "responses": {
                    "204": {"description": "gone"},
                    "401": {"$ref": "#/components/responses/problem"},
                    "404": {"$ref": "#/components/responses/problem"},
                },
            },
            "get": {
                "operationId": "getNote",
                "responses": {
                    "200": {"$ref": "#/components/responses/note"},
                    "401": {"$ref": "#/components/responses/problem"},
                    "404": {"$ref": "#/components/responses/problem"},
                },
            },
            "put": {
                "operationId": "replaceNote",
                "requestBody": {"$ref": "#/components/requestBodies/note"},
                "responses": {
                    "200": {"$ref": "#/components/responses/note"},
                    "401": {"$ref": "#/components/responses/problem"},
                    "404": {"$ref": "#/components/responses/problem"},
                    "422": {"$ref": "#/components/responses/problem"},
                },
            },
        },
        "/api/{user_id}/notes": {
            "parameters": [{"$ref": "#/components/parameters/user"}],
            "get": {
                "operationId": "listNotes",
                "parameters": [{"name": "limit", "in": "query", "example": 5, "schema": {"type": "integer"}}],
                "responses": {
                    "200": {
                        "description": "all",
                        "content": {
                            "application/json": {
                                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Note"}}
                            }
                        },
                    },
                    "401": {"$ref": "#/components/responses/problem"},
                },
            },
            "post": {
                "operationId": "createNote",
                "requestBody": {"$ref": "#/components/requestBodies/note"},
                "responses": {
                    "201": {
                        "description": "made",
                        "headers": {"Location": {"required": True, "schema": {"type": "string"}}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Note"}}},
                        "links": {
                            name: {"operationId": name, "parameters": {"note_id": "$response.body#/id"}}
                            for name in ("getNote", "replaceNote", "deleteNote")
                        },
                    },
                    "401": {"$ref": "#/components/responses/problem"},
                    "422": {"$ref": "#/components/responses/problem"},
                },
            },
        },
    },
    "components": {
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        "parameters": {"user": {"name": "user_id", "in": "path", "required": True, "schema": {"type": "string"}}},
        "requestBodies": {
            "note": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}},
                        "examples": {"short": {"value": {"text": "milk"}}, "long": {"value": {"text": "milk " * 20}}},
                    }
                },
            }
        },
        "responses": {
            "note": {
                "description": "one",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Note"}}},
            },
            "problem": {
                "description": "why not",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["detail"],
                            "properties": {"detail": {"type": "string"}},
                        }
                    }
                },
            },
        },
        "schemas": {
            "Note": {
                "type": "object",
                "required": ["id", "text", "done"],
                "additionalProperties": False,
                "properties": {
                    "id": {"type": "integer"},
                    "text": {"type": "string"},
                    "done": {"type": "boolean"},
                },
            }
        },
    },
}


@dataclass
class App:
    """The application's state, what it was asked, and its faults.

    Faults by the name of what goes wrong: `list-500`, `list-html`, `note-shape`, `note-missing`, `no-auth`, `no-422`,
    `no-404`, `no-location`, `delete-500`, `login-500`, `login-shape`, `echo-token`, `done-stuck`,
    `created-200`, `all-500`.
    """

    faults: set[str] = field(default_factory=set)
    notes: dict[int, dict[str, Any]] = field(default_factory=dict)
    made: int = 0
    asked: list[tuple[str, int]] = field(default_factory=list)
    connections: int = 0
    hosts: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    app: App

    def setup(self) -> None:
        super().setup()
        self.app.connections += 1

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's own name)
        pass

    def answer(self, status: int, value: Any = None, *, media: str = "application/json", **headers: str) -> None:
        body = b"" if value is None else (value if isinstance(value, str) else json.dumps(value)).encode()
        self.app.asked.append((f"{self.command} {self.path}", status))
        self.send_response(status)
        if value is not None:
            self.send_header("Content-Type", f"{media}; charset=utf-8")
        for name, each in headers.items():
            self.send_header(name, each)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self) -> None:
        given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(given) if given else None
        path = self.path.partition("?")[0]
        self.app.hosts.append(self.headers.get("Host", ""))
        if "all-500" in self.app.faults:
            self.answer(500, "out of order", media="text/plain")
            return
        if path == "/":
            self.answer(200, "<html><form></form></html>", media="text/html")
        elif path == "/api/session":
            self.login()
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}" and "no-auth" not in self.app.faults:
            self.answer(401, {"detail": "no token"})
        elif path == "/api/me/notes":
            self.many(body)
        elif path.startswith("/api/me/notes/"):
            self.one(int(path.rpartition("/")[2]), body)
        else:
            self.answer(404, {"detail": "no such page"})

    do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815

    def login(self) -> None:
        if "login-late" in self.app.faults:
            self.app.faults.discard("login-late")
            self.answer(404, {"detail": "somebody else"})
        elif "login-500" in self.app.faults:
            self.answer(500, {"what": TOKEN, "token": TOKEN})
        elif "login-shape" in self.app.faults:
            self.answer(201, {"token": [TOKEN], "user_id": TOKEN})
        else:
            self.answer(201, {"token": TOKEN, "user_id": "me"})

    def shaped(self, note: dict[str, Any]) -> dict[str, Any]:
        if "note-shape" in self.app.faults:
            return {**note, "done": "no"}
        if "note-missing" in self.app.faults:
            return {key: value for key, value in note.items() if key != "done"}
        return note

    def many(self, body: Any) -> None:
        faults = self.app.faults
        if self.command == "GET" and "list-500" in faults:
            detail = f"Authorization: Bearer {TOKEN} was not liked" if "echo-token" in faults else "out of order"
            self.answer(500, {"detail": detail})
        elif self.command == "GET" and "list-html" in faults:
            self.answer(200, "<html/>", media="text/html")
        elif self.command == "GET":
            self.answer(200, [self.shaped(each) for each in self.app.notes.values()])
        elif not (body or {}).get("text") and "no-422" not in faults:
            self.answer(422, {"detail": "text is needed"})
        else:
            self.app.made += 1
            note = {"id": self.app.made, "text": (body or {}).get("text", ""), "done": False}
            self.app.notes[self.app.made] = note
            extra = {} if "no-location" in faults else {"Location": f"/api/me/notes/{self.app.made}"}
            self.answer(200 if "created-200" in faults else 201, self.shaped(note), **extra)

    def one(self, number: int, body: Any) -> None:
        note = self.app.notes.get(number)
        if note is None:
            if "no-404" in self.app.faults:
                self.answer(200, self.shaped({"id": number, "text": "", "done": False}))
            else:
                self.answer(404, {"detail": f"no note {number}"})
        elif self.command == "GET":
            self.answer(200, self.shaped(note))
        elif self.command == "PUT":
            if not (body or {}).get("text"):
                self.answer(422, {"detail": "text is needed"})
                return
            note["text"] = body["text"]
            note["done"] = bool(body.get("done")) and "done-stuck" not in self.app.faults
            self.answer(200, self.shaped(note))
        elif "delete-500" in self.app.faults:
            self.answer(500, {"detail": "it stays"})
        else:
            del self.app.notes[number]
            self.answer(204)


@contextmanager
def serving(app: App) -> Iterator[str]:
    """The application at a free loopback port; yields its base URL."""
    handler = type("Bound", (Handler,), {"app": app})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
