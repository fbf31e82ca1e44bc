"""The rules, one file for each family. Importing this package makes every check known."""

from kubetasks.diagnose import tables  # noqa: F401
from kubetasks.diagnose.rules import (  # noqa: F401
    admission,
    cluster,
    configuration,
    evictions,
    exits,
    helm,
    image,
    ingress,
    jobs,
    limits,
    probes,
    rollout,
    scaling,
    scheduling,
    services,
    start,
    storage,
    talking,
)
