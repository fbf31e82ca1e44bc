"""The settings: one frozen, typed object, made once from flags, the environment and ``invoke.yaml``."""

from kubetasks.settings.loading import check, from_environment, load
from kubetasks.settings.refusing import ENVIRONMENT_PREFIX
from kubetasks.settings.sections import HttpCheck, Login, Secret, Service, ServiceLocal, Settings, Verify
from kubetasks.settings.walk import keys, public_words, schema

__all__ = [
    "ENVIRONMENT_PREFIX",
    "HttpCheck",
    "Login",
    "Secret",
    "Service",
    "ServiceLocal",
    "Settings",
    "Verify",
    "check",
    "from_environment",
    "keys",
    "load",
    "public_words",
    "schema",
]
