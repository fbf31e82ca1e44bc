"""The todo assistant: a backend with tasks and a chat, and a frontend that serves the page and proxies /api."""
