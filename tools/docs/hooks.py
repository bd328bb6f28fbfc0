"""Hooks of MkDocs: pages that lie outside docs/ join the site, and links to them lead there."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
#: Where a file of the repository stands in the site.
JOINED = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
    "examples/README.md": "examples.md",
}
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List every decision below their index."""
    sections = {title: pages for entry in config.nav or () for title, pages in entry.items()}
    decisions = next(entry["Decisions"] for entry in sections["Project"] if "Decisions" in entry)
    decisions += [f"decisions/{path.name}" for path in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository to those of docs/; that of the examples shows their source."""
    for source, place in JOINED.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        if source == "examples/README.md":
            shown = (path.read_text(encoding="utf-8") for path in SCRIPTS)
            text += "".join(
                f"\n## {path.name}\n\n```python\n{code}```\n" for path, code in zip(SCRIPTS, shown, strict=True)
            )
        files.append(File.generated(config, place, content=relinked(text, source, place)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the links of a page in docs/ to the pages that joined the site; keep a deviation beside its mean."""
    place = page.file.src_uri
    markdown = markdown.replace(" ±", "\N{NO-BREAK SPACE}±")
    return markdown if place in JOINED.values() else relinked(markdown, f"docs/{place}", place)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Refuse a page that would load something from another host."""
    if remote := re.search(r'<(?:script|img|link|iframe|source)\b[^>]*(?:src|href)="(?:https?:)?//[^>]*>', output):
        raise PluginError(f"{page.file.src_uri} would load {remote[0]}; the site is read without network")
    return output


def relinked(markdown: str, source: str, place: str) -> str:
    """Return a page as the site has it: links to files of the repository lead to pages, or become plain text.

    >>> relinked("[changes](../CHANGELOG.md#020)", "docs/index.md", "index.md")
    '[changes](changelog.md#020)'
    >>> relinked("[training](docs/guide/train.md), [licence](LICENSE)", "CONTRIBUTING.md", "contributing.md")
    '[training](guide/train.md), licence'
    """

    def lead(match: re.Match[str]) -> str:
        text, target, anchor = match.groups()
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        page = _page_of(((ROOT / source).parent / target).resolve())
        return f"[{text}]({'../' * place.count('/')}{page}{anchor})" if page else text

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s#]*)([^)\s]*)\)", lead, markdown)


def _page_of(path: Path) -> str:
    """Return the page of the site that shows a file of the repository, or nothing."""
    if path in SCRIPTS:
        return f"examples.md#{path.name.replace('.', '')}"
    if path == ROOT / "docs" / "decisions":
        return "decisions/README.md"
    if not path.is_relative_to(ROOT):
        return ""
    there = path.relative_to(ROOT).as_posix()
    return JOINED.get(there, there.removeprefix("docs/") if there.startswith("docs/") else "")
