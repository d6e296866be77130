"""A face-search engine in a box: what a scraper would keep of local folders, and what one photo finds in it.

It stands for what face-search companies do with public profiles; it works on local folders only and has no scraper.
"""

from cloak.evaluation.engine.eyes import Eyes, Probe
from cloak.evaluation.engine.gallery import Hit
from cloak.evaluation.engine.index import Index, Indexed, Taken
from cloak.evaluation.engine.profiles import Published, published

__all__ = ["Eyes", "Hit", "Index", "Indexed", "Probe", "Published", "Taken", "published"]
