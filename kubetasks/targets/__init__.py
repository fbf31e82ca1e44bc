"""Targets: the places that run workloads."""
