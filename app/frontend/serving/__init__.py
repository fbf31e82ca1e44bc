"""The HTTP server: uvicorn, with limits on what a client may send, and an end that drops no request.

Both services have this folder, byte for byte: their images share no code, and a test compares the two.
"""

from .server import drains, run

__all__ = ["drains", "run"]
