"""kagent: which line is installed or possible, our agent's objects, and installing, asking and removing it."""
