"""The settings: one frozen, typed object, made once from flags, the environment and ``invoke.yaml``."""

from kubetasks.settings.loading import ENVIRONMENT_PREFIX, from_environment, load
from kubetasks.settings.sections import Login, Secret, Service, Settings, Verify
from kubetasks.settings.walk import keys, schema

__all__ = [
    "ENVIRONMENT_PREFIX",
    "Login",
    "Secret",
    "Service",
    "Settings",
    "Verify",
    "from_environment",
    "keys",
    "load",
    "schema",
]
