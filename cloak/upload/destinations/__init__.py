"""Places to upload to, one a file; others are found by the entry point group ``cloak.destinations``."""
