"""Turns: someone says something, an assistant answers and acts; nothing is lost, nothing is done twice."""
