"""``python -m kubetasks``: what ``./inv`` starts.

Ctrl-C may come at any moment, also while modules are imported, before our code could catch it. So the first thing
of all is a handler that ends the process in one line. ``./inv`` blocks the signal until then: Python itself would
answer with a traceback.
"""

import os
import signal

INTERRUPTED = b"error: interrupted: nothing was started yet\n"


def stop(*_: object) -> None:
    """End at once: nothing is begun yet."""
    try:
        os.write(2, INTERRUPTED)
    except OSError:
        pass
    finally:
        os._exit(130)


if __name__ == "__main__":
    # Where it is ignored (a background job of a shell), it stays so.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, stop)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    from kubetasks.main import main

    main()
