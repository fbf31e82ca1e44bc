"""What schemathesis is told of this application: who asks, and that a user's path is the user's own.

Loaded by `schemathesis run` (SCHEMATHESIS_HOOKS), not by pytest. Without this nearly every request would be a 403.
"""

import json
import os
import urllib.request
import uuid
from typing import Any

import schemathesis
from schemathesis.core.parameters import ParameterLocation

ENDS_SESSIONS = {"deleteUser", "logout", "createAccount"}

_current: dict[str, Any] = {}


def current() -> dict[str, Any]:
    """Return the session of the user who asks; begin one where there is none."""
    if not _current:
        request = urllib.request.Request(f"{os.environ['TODO_URL']}/api/session", method="POST")
        with urllib.request.urlopen(request, timeout=20) as answer:
            _current.update(json.load(answer))
    return _current


@schemathesis.auth(refresh_interval=None)
class Session:
    """Has requests made by the user of the session, on the user's own paths."""

    def get(self, _case: schemathesis.Case[Any], _context: schemathesis.AuthContext) -> dict[str, Any]:
        """Return the session."""
        return dict(current())

    def set(self, case: schemathesis.Case[Any], data: dict[str, Any], _context: schemathesis.AuthContext) -> None:
        """Put the token into the header, and the user into the path, unless the path is meant to be wrong."""
        case.headers["Authorization"] = f"Bearer {data['token']}"
        wrong = case.meta is not None and case.meta.is_negative_at(ParameterLocation.PATH)
        if case.path_parameters and "user_id" in case.path_parameters and not wrong:
            case.path_parameters["user_id"] = data["user_id"]
        # One key is one message: the same one with another is refused, as it should be.
        if "Idempotency-Key" in case.headers and not (case.meta and case.meta.is_negative_at(ParameterLocation.HEADER)):
            case.headers["Idempotency-Key"] = uuid.uuid4().hex


@schemathesis.hook
def after_call(
    _context: schemathesis.HookContext, case: schemathesis.Case[Any], response: schemathesis.Response
) -> None:
    """Begin another session when the last one has ended."""
    name = case.operation.definition.raw.get("operationId")
    if response.status_code == 401 or (name in ENDS_SESSIONS and response.status_code < 300):
        _current.clear()
