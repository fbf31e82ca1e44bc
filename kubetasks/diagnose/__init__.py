"""Diagnosis: a snapshot of a namespace in, the root causes of what is wrong in it out.

``diagnose(snapshot)`` is pure. ``collect.take`` makes a snapshot, ``snapshot.read`` reads one from a file.
"""

from kubetasks.diagnose.engine import diagnose
from kubetasks.diagnose.finding import Finding, Fix
from kubetasks.diagnose.snapshot import Snapshot

__all__ = ["Finding", "Fix", "Snapshot", "diagnose"]
