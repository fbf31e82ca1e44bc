"""Messages that are shown once, on the page after a form. The browser carries a code; the words are here."""

from dataclasses import dataclass

SECONDS = 60


@dataclass(frozen=True)
class Flash:
    """One thing to say, and whether to offer to revert what was done last."""

    code: str
    text: str
    undo: bool = False


_FLASHES = {
    each.code: each
    for each in (
        Flash("task-added", "Added.", undo=True),
        Flash("task-changed", "Saved.", undo=True),
        Flash("task-unchanged", "Nothing was changed."),
        Flash("task-completed", "Done.", undo=True),
        Flash("task-reopened", "Reopened.", undo=True),
        Flash("task-deleted", "Deleted.", undo=True),
        Flash("task-gone", "That task no longer exists."),
        Flash("undone", "Taken back."),
        Flash("nothing-undone", "There was nothing to take back."),
        Flash("conversation-deleted", "The conversation is deleted."),
        Flash("welcome", "Welcome! This browser remembers you."),
        Flash("welcome-back", "Welcome back."),
        Flash("account-made", "Your account is made, and your list is in it."),
        Flash("logged-out", "You are logged out."),
        Flash("logged-out-here", "You are logged out here. The server could not be reached: other sessions continue."),
        Flash("account-deleted", "Everything is deleted."),
        Flash("session-ended", "Your session has ended. Please log in again."),
    )
}


def find(code: str) -> Flash | None:
    """Return what a cookie's code stands for, None if it stands for nothing."""
    return _FLASHES.get(code)
