"""Training of networks that ship with the package."""
