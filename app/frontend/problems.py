"""What went wrong, in a visitor's words."""

from typing import Any

from app.frontend.upstream import Unreachable
from app.frontend.visit import Refused

STALE = "This page was open for too long. Please send it again."

_TOLD = {
    401: "Your session has ended.",
    403: "That is not allowed.",
    404: "That no longer exists.",
    413: "That is too long.",
}


def status_of(error: Refused | Unreachable) -> int:
    """Return the status to answer with."""
    return error.status if 400 <= error.status < 600 else 502


def message_of(error: Refused | Unreachable) -> str:
    """Say what went wrong and what to do now."""
    if isinstance(error, Unreachable):
        return f"{error.detail} Nothing is lost: try again in a moment."
    wait = f"in {error.retry_after} seconds" if error.retry_after and error.retry_after > 1 else "in a moment"
    match error.status:
        case 503:
            return f"The server is asleep or starting. Nothing is lost: try again {wait}."
        case 429:
            return f"That was a lot at once. Try again {wait}."
        case 409 if error.retry_after:
            return f"This is still being worked on. Try again {wait}."
        case status if status >= 500:
            return "Something went wrong on the server. Nothing is lost: try again in a moment."
        case status:
            return _detail(error.detail) or _TOLD.get(status, "That did not work.")


def clash(now: dict[str, str]) -> str:
    """Say that fields were changed elsewhere, too, and what they have now."""
    shown = ", ".join(f"{name.replace('_', ' ')} {value or 'none'}" for name, value in now.items())
    return f"This task was changed elsewhere in the meantime. It now has: {shown}. Save again to replace that."


def _detail(detail: Any) -> str:
    """Return the backend's own words: a sentence, or what is wrong with which value."""
    if isinstance(detail, str):
        return detail
    if not isinstance(detail, list):
        return ""
    lines = []
    for each in detail:
        if isinstance(each, dict) and isinstance(each.get("msg"), str):
            location = each.get("loc") or [""]
            field = str(location[-1]).replace("_", " ") if isinstance(location, list) else ""
            message = each["msg"].removeprefix("Value error, ")
            lines.append(f"{field.capitalize()}: {message}" if field and field != "body" else message)
    return "; ".join(lines)
