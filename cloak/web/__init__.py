"""The local page and the HTTP API: `cloak serve`."""
