"""One-time codes: how a person at the terminal agrees to a change that a client asks for.

A client that cannot ask its user (elicitation) gets no change on its own word: the code is shown at the terminal of the
server, never in an answer, and the client can only have it from the person who reads it there.
"""

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without what is read for another: 0 O, 1 I L
LENGTH: Final = 8
LIFE: Final = 300.0  # seconds
TRIES: Final = 3


@dataclass
class _Pending:
    code: str
    until: float
    tries: int = 0


@dataclass
class Codes:
    """The codes that are waited for, one for each call.

    Args:
        show: shows a line at the user's terminal; False if there is none.
        clock: monotonic seconds.
    """

    show: Callable[[str], bool]
    clock: Callable[[], float] = time.monotonic
    _pending: dict[str, _Pending] = field(default_factory=dict)

    def ask(self, call: str) -> bool:
        """Show a new code for a call, instead of an earlier one; False if there is no terminal.

        Args:
            call: what is asked for, with all that matters: another call needs another code.
        """
        code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        self._pending[call] = _Pending(code, self.clock() + LIFE)
        if self.show(f"an MCP client asks for: {call}. To allow it once, give the client this code: {code}"):
            return True
        del self._pending[call]
        return False

    def accept(self, call: str, given: str) -> bool:
        """Whether this is the code that was shown for this call; it is used up by that, and by three wrong ones."""
        pending = self._pending.get(call)
        if pending is None:
            return False
        if self.clock() > pending.until:
            del self._pending[call]
            return False
        right = hmac.compare_digest(pending.code.encode(), given.strip().upper().encode(errors="replace"))
        pending.tries += 1
        if right or pending.tries >= TRIES:
            del self._pending[call]
        return right
