"""The HTTP server: uvicorn, with limits on what a client may send, and an end that drops no request.

Both services have this folder, the same but for the package's name: their images share no code. A test compares them.
"""

from app.frontend.serving.server import drains, run

__all__ = ["drains", "run"]
