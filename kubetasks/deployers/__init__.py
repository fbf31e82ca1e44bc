"""Deployers: how rendered objects reach a target, and how they leave it again."""
