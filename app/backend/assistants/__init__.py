"""Two assistants behind one protocol: rules, and a language model."""
