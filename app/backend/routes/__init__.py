"""What is answered over HTTP: one file per noun, each with its `router`."""
