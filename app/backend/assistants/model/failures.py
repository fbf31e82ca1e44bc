"""What can go wrong with a model's endpoint, in words that are safe to show and to log."""

import httpx2
import openai
from agents.exceptions import MaxTurnsExceeded


class Failure(Exception):
    """The model does not get this turn done; the message says why, and never what was sent or received.

    Attributes:
        kind: of the error behind it, for the log.
        down: whether the endpoint is out of order, and not only this answer: it could not be reached, was too slow, or
            said so (429, 5xx).
    """

    def __init__(self, why: str, kind: str = "", *, down: bool = False) -> None:
        super().__init__(why)
        self.kind = kind
        self.down = down


def failure(error: Exception) -> Failure:
    """Say what went wrong. Neither a key, nor a URL, nor anything the endpoint wrote goes into it."""
    down = True
    match error:
        case Failure():
            return error
        case openai.APIStatusError():
            why = f"it answered with status {error.status_code}"
            down = error.status_code in {408, 429} or error.status_code >= 500
        case openai.APITimeoutError():
            why = "it did not answer in time"
        case openai.APIConnectionError():
            why = "it cannot be reached"
        case httpx2.TransportError():
            why = "the connection broke off"
        case MaxTurnsExceeded():
            why, down = "it would not come to an end", False
        case _:
            why, down = "its answer made no sense", False
    return Failure(why, type(error).__name__, down=down)
