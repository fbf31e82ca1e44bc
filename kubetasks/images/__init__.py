"""Images: their digests, builds and deliveries."""
