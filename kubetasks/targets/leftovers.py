"""Volumes that outlive their claims: waiting until the cluster has removed them, and naming those that stay.

The claim and the namespace are gone at once; the volume goes when its provisioner gets to it. It stays where its
reclaim policy is Retain, where its provisioner is gone, and on a minikube that was restarted since: its provisioner
takes only volumes that it made itself, and gives the folder of the old one to the next claim of the same name.
"""

import time
from collections.abc import Callable
from typing import Final

from kubetasks.targets.base import Progress, Target, Volume

LIMIT: Final = 20.0  # seconds that a provisioner gets; local-path of kind takes about 5
POLL: Final = 0.5


def clear(
    target: Target,
    progress: Progress,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Volume]:
    """Wait until no volume of the namespace is left without its claim, and remove what the target can remove.

    Args:
        target: where; nothing to do where there is no cluster.
        progress: shown while this waits.
        clock: seconds, monotonic.
        sleep: waits between two looks.

    Returns:
        The volumes that stay, with their data.
    """
    if target.cluster is None:
        return []
    began = clock()
    left = _released(target)
    while any(not each.retained for each in left) and clock() - began < LIMIT:
        progress(f"waiting for {', '.join(each.shown for each in left if not each.retained)} to be removed")
        sleep(POLL)
        left = _released(target)
    ours = [each.erase for each in left if each.erase is not None]
    for erase in ours:
        erase()
    return _released(target) if ours else left


def _released(target: Target) -> list[Volume]:
    return [each for each in target.volumes() if each.released]
