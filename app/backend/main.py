"""What a server loads: ``python -m uvicorn app.backend.main:app``."""

import sys

from app.backend import logs, settings
from app.backend.application import create_app

try:
    _settings = settings.from_environment()
    logs.set_up(_settings.log_level)
    app = create_app(_settings)
except (settings.SettingsError, ValueError) as error:
    sys.exit(f"backend: {error}")
