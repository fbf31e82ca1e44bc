"""``python -m app.backend``."""

from app.backend.main import main

main()
