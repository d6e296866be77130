"""The directive `results`: a table of the committed benchmarks, made when the pages are built."""

from cells import BENCHMARKS
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from tables import PICTURED, TABLES


class Results(SphinxDirective):
    """Put in the table that the argument names; see `tables.TABLES`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table's nodes."""
        name = self.arguments[0]
        if name not in TABLES:
            raise self.error(f"no table is called {name!r}: it is one of {', '.join(TABLES)}")
        for path in [PICTURED, *BENCHMARKS.rglob("*.json")]:
            self.env.note_dependency(str(path))
        return self.parse_text_to_nodes(TABLES[name]())


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("results", Results)
    return {"parallel_read_safe": True}
