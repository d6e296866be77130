"""Settings of Sphinx: `docs/build.sh` builds the pages."""

import sys
from importlib import metadata
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "cloak"
author = "The cloak authors"
project_copyright = "the cloak authors, Apache-2.0"
release = metadata.version("photo-cloak")
version = release
language = "en-GB"
smartquotes = False  # would make one dash of the two in `--json`

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "links",  # the two below are in `_ext/`
    "results",
]
exclude_patterns = ["_build", "requirements.txt"]

myst_enable_extensions = ["colon_fence", "attrs_block"]
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]  # output of a terminal is not always `console`

# Types in signatures are mostly of other projects, whose pages cannot be asked when there is no network.
nitpick_ignore_regex = [("py:(class|obj|data)", ".*")]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Source", "notes"), ("Convention", "notes")]

copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

html_theme = "furo"
html_title = "cloak"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5d52", "color-brand-content": "#0b5d52"},
    "dark_css_variables": {"color-brand-primary": "#7fd1c3", "color-brand-content": "#7fd1c3"},
}


def setup(app: Sphinx) -> None:
    """Register with Sphinx."""

    def literal_bars(_: Sphinx, *about: object) -> None:
        """Take |x| in a docstring for what it is in a formula, not for a substitution."""
        lines = about[-1]
        if isinstance(lines, list):
            lines[:] = [line.replace("|", r"\|") for line in lines]

    app.connect("autodoc-process-docstring", literal_bars, priority=1)
