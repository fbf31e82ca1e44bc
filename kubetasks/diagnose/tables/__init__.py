"""The tables of log classes. Their order is the order in which a log is searched: the most telling class first."""

# isort: off
from kubetasks.diagnose.tables import variables  # noqa: F401
from kubetasks.diagnose.tables import databases  # noqa: F401
from kubetasks.diagnose.tables import apis  # noqa: F401
from kubetasks.diagnose.tables import programs  # noqa: F401
from kubetasks.diagnose.tables import files  # noqa: F401
from kubetasks.diagnose.tables import languages  # noqa: F401
from kubetasks.diagnose.tables import network  # noqa: F401
from kubetasks.diagnose.tables import resources  # noqa: F401
from kubetasks.diagnose.tables import general  # noqa: F401
