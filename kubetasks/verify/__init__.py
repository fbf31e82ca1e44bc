"""Verification: layered checks that a deployed application works."""
