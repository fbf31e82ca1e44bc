"""For all tests."""

import signal

# A shell that starts this in the background has it ignore Ctrl-C, and every child inherits that; here children are sent
# it on purpose. A handler of our own becomes the default in them.
signal.signal(signal.SIGINT, signal.default_int_handler)
