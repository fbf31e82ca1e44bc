"""The assistant that asks a language model; imported only where one is configured: it costs 2 s and 65 MiB."""
