"""The assistant that asks a language model; imported only where one is configured: it costs 2.5 s and 100 MiB."""
