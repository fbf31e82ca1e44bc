"""Secrets: where their values come from, and the Secret object that holds them."""
