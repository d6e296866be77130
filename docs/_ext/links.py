"""Links that leave `docs/`, as they are written for readers of the checkout, made to lead somewhere on the site."""

import posixpath
import re

from sphinx.application import Sphinx

PAGES = {
    "README.md": "index.md",
    "THREAT_MODEL.md": "threat-model.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "tests/benchmarks/results/lfw-open/results.md": "results.md",
    "tests/benchmarks/strip.md": "results.md",
}
"""Files of the checkout that are a page of the site, too."""

_LINK = re.compile(r"\]\((?!\w+:)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
_TEXT = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<path>\.\./[^)\s]+)\)")


def rewrite(text: str, folder: str = "docs") -> str:
    """Return `text` of a file in `folder` with each link to a file of the checkout leading to its page.

    A link to a file that is no page, such as a module, becomes its path in the checkout.
    """

    def turned(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, match["path"]))
        anchor = match["anchor"] or ""
        if path in PAGES:
            return f"]({PAGES[path]})"
        return f"]({path.removeprefix('docs/')}{anchor})" if path.startswith("docs/") else f"](../{path})"

    def plain(match: re.Match[str]) -> str:
        return f"{match['text']} (`{match['path'].removeprefix('../')}`)"

    return _TEXT.sub(plain, _LINK.sub(turned, text))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""

    def read(_: Sphinx, docname: str, source: list[str]) -> None:  # noqa: ARG001 -- Sphinx's interface
        source[0] = rewrite(source[0])

    app.connect("source-read", read)

    # Text of another folder that a page includes: `include-read` knows where it comes from.
    def included(_: Sphinx, path: object, __: str, content: list[str]) -> None:
        if "docs" not in str(path).split("/"):
            content[0] = rewrite(content[0], "")

    app.connect("include-read", included)
    return {"parallel_read_safe": True}
