"""``python -m app.frontend``."""

from app.frontend.main import main

main()
