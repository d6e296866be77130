"""Protect what appears in a folder: `loop.watch` finds what is complete, a `work.Work` does it."""
