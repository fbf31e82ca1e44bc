"""The frontend: a server-rendered page, and a proxy that keeps the browser on one origin."""
