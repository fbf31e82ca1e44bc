"""The real programs: kagent's runtime, holmesgpt and kubernetes-mcp-server. Run with ``nox -s aiops``."""
