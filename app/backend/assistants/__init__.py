"""Two assistants behind one protocol: rules, and a language model."""

from app.backend.assistants.protocol import Assistant
from app.backend.settings import Settings, SettingsError


def choose(settings: Settings, rules: Assistant) -> Assistant:
    """Return who answers: a language model where one is configured, which leaves it to the rules where it fails.

    The model's package is imported here, and not otherwise: in a thread it would take the event loop's time just when
    the first users come.

    Raises:
        SettingsError: A model is configured, and its package is not installed.
    """
    if not settings.model_configured:
        return rules
    try:
        from app.backend.assistants.model.assistant import make  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"agents", "openai"}:
            raise
        raise SettingsError(
            "LLM_BASE_URL and LLM_MODEL are set, and openai-agents is not installed; "
            "use the image built with EXTRA=model, or unset them"
        ) from None
    return make(
        settings.llm_base_url,
        settings.llm_model,
        settings.llm_api_key,
        rules,
        seconds=settings.llm_timeout_seconds,
        calls=settings.llm_max_tool_calls,
    )
