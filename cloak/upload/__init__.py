"""Uploads that are private by default and gone when you said."""
