"""Diagnosis: what is wrong with this machine or with a deployment, and the command that mends it."""
