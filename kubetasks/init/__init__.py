"""Reading an application that kubetasks has never seen, and writing its configuration (``kubetasks init``)."""
