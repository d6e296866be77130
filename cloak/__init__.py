"""Make photos safe to post."""
