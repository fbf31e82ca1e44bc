"""What is said once, on the page after a form. The browser carries a code; the words are here."""

import re
from dataclasses import dataclass

SECONDS = 60


@dataclass(frozen=True)
class Flash:
    """One thing to say, and whether it can be taken back."""

    code: str
    text: str
    undo: bool = False
    call: int | None = None
    """The tool call to take back; None is the last one that can be."""


_FLASHES = {
    each.code: each
    for each in (
        Flash("task-added", "Added.", undo=True),
        Flash("task-changed", "Saved.", undo=True),
        Flash("task-completed", "Done.", undo=True),
        Flash("task-reopened", "Reopened.", undo=True),
        Flash("task-deleted", "Deleted.", undo=True),
        Flash("task-gone", "That task is not there any more."),
        Flash("undone", "Taken back."),
        Flash("nothing-undone", "There was nothing to take back."),
        Flash("conversation-deleted", "The conversation is deleted."),
        Flash("welcome", "Welcome! This browser remembers you."),
        Flash("welcome-back", "Welcome back."),
        Flash("account-made", "Your account is made, and your list is in it."),
        Flash("logged-out", "You are logged out."),
        Flash("logged-out-here", "You are logged out here. The server could not be told: sessions elsewhere go on."),
        Flash("account-deleted", "Everything is deleted."),
        Flash("session-ended", "Your session has ended. Please log in again."),
    )
}
_CODE = re.compile(r"([a-z-]{1,40})(?:\.([0-9]{1,10}))?")


def find(given: str) -> Flash | None:
    """Return what a cookie's code stands for, None where it stands for nothing."""
    match = _CODE.fullmatch(given)
    found = _FLASHES.get(match[1]) if match else None
    if found and match and match[2]:
        return Flash(found.code, found.text, found.undo, int(match[2]))
    return found


def code(name: str, call: int | None = None) -> str:
    """Return the cookie's value for a flash."""
    return f"{name}.{call}" if call else name
