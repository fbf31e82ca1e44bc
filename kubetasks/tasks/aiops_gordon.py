"""Gordon: ``aiops.gordon``."""

from invoke.context import Context

from kubetasks.tasks._edge import command, edge, flags


@command(help=flags("target", "context", "offline", service="only this one"))
def gordon(c: Context, target: str = "", context: str = "", offline: bool = False, service: str = "") -> None:
    """Prepare a question for Gordon (docker ai) about the Dockerfiles; without Gordon, print suggestions."""
    import os

    from kubetasks import state
    from kubetasks.aiops import gordon as assistant
    from kubetasks.aiops.scan import dockerfiles
    from kubetasks.tasks._scan import image_scan, show
    from kubetasks.tasks.image import images_of

    found = edge(c, target=target, cluster_context=context, offline=offline)
    if found.dry:
        found.would("scan the Dockerfiles and the built images, and prepare a question for Gordon")
        return
    there = assistant.detect(found.runner)
    scan = image_scan(found, images_of(found, service), [])
    if not there.there:
        found.console.line(f"Gordon is not available: {there.why}; kubetasks suggests:", mark="note")
        show(found, scan, "never")
        return
    text = assistant.prompt(scan, dockerfiles.of(found.settings, found.root), found.redactor)
    file = state.claim(found.root) / "gordon-prompt.md"
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    found.console.line(text.rstrip())
    found.console.line("Gordon was not started: it changes files, so a person has to ask it. In this folder, type:")
    found.console.line(assistant.command(file))
