"""kubetasks: Invoke tasks that take an application from source to a verified deployment on Kubernetes."""

from typing import TYPE_CHECKING, Any

__version__ = "1.0.0rc1"
__all__ = ["__version__", "collection"]

if TYPE_CHECKING:
    from invoke.collection import Collection

    collection: Collection


def __getattr__(name: str) -> Any:
    """``collection`` is made when someone asks for it, so that importing a helper does not load every task."""
    if name == "collection":
        from kubetasks.tasks import collection  # noqa: PLC0415

        return collection
    raise AttributeError(name)
