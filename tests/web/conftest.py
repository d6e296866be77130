"""What tests of the page share."""

from .browser import chromium, page_server

__all__ = ["chromium", "page_server"]
