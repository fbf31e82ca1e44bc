"""The tasks of this project: kubetasks' own, for the services that invoke.yaml describes."""

from kubetasks import collection

namespace = collection
