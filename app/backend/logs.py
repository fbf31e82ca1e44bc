"""Logs: to standard output, one line per event, the server's own included."""

import logging
import sys
import time

PROBES = ("/health", "/ready")


class OneLine(logging.Formatter):
    """``2026-01-31T12:00:00Z INFO name: message``; a traceback is folded into the same line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Format a record and fold its line ends."""
        return " | ".join(line.strip() for line in super().format(record).splitlines() if line.strip())


class QuietProbes(logging.Filter):
    """Drops the access lines of probes that went well: there is one every few seconds forever."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to keep a record of uvicorn's access log: (client, method, path, HTTP version, status)."""
        match record.args:
            case (_, _, str(path), _, int(status)):
                return path not in PROBES or status >= 400
            case _:
                return True


def set_up(level: str = "INFO") -> None:
    """Send every logger's records to standard output.

    Raises:
        ValueError: For an unknown level.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(OneLine())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # uvicorn gave them handlers of their own before this
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("uvicorn.access").addFilter(QuietProbes())
    logging.getLogger("httpx").setLevel(logging.WARNING)
