"""Measure protection: protocols, victims, baselines, and a face-search engine in a box.

Needs the extra `eval`: ``pip install "photo-cloak[eval]"``.
"""
