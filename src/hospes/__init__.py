"""hospes: host and guest."""
