"""What a server loads: ``python -m uvicorn app.frontend.main:app``."""

import sys

from app.frontend import logs, settings
from app.frontend.application import create_app

try:
    _settings = settings.from_environment()
    logs.set_up(_settings.log_level)
except (settings.SettingsError, ValueError) as error:
    sys.exit(f"frontend: {error}")

app = create_app(_settings)
