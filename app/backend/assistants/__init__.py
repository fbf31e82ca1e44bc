"""Two assistants behind one protocol: rules, and a language model."""

from app.backend.assistants.protocol import Assistant
from app.backend.settings import Settings


def choose(settings: Settings) -> tuple[Assistant, Assistant]:
    """Return who answers, and the rules, which carry on where a model's turn was left to them.

    The model's library is imported only where one is configured: that takes seconds, and as much memory again.
    """
    from app.backend.assistants.rules import Rules  # noqa: PLC0415 - whoever needs the protocol needs no assistant

    rules = Rules()
    if not settings.model_configured:
        return rules, rules
    from app.backend.assistants.model.assistant import make  # noqa: PLC0415

    model = make(
        settings.llm_base_url,
        settings.llm_model,
        settings.llm_api_key,
        rules,
        seconds=settings.llm_timeout_seconds,
        calls=settings.llm_max_tool_calls,
    )
    return model, rules
