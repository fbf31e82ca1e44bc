"""Scans of images, Dockerfiles and rendered objects: every scanner's remarks as findings of one shape."""
