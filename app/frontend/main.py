"""What runs: ``python -m app.frontend``; or ``app`` here for another ASGI server."""

import sys
from dataclasses import replace

from app.frontend import logs, serving, settings
from app.frontend.application import create_app

try:
    _settings = settings.from_environment()
    _settings = replace(_settings, drain_seconds=serving.drains(_settings.host, _settings.drain_seconds))
    logs.set_up(_settings.log_level)
except (settings.SettingsError, ValueError) as error:
    sys.exit(f"frontend: {error}")

app = create_app(_settings)


def main() -> None:
    """Serve until a signal ends that."""
    serving.run(
        app,
        host=_settings.host,
        port=_settings.port,
        drain_seconds=_settings.drain_seconds,
        shutdown_seconds=_settings.shutdown_seconds,
        access_log=False,  # `edge` writes its own line for each request
    )
