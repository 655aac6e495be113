"""Renders pages as HTML and sets the browser's permissions.

Everything that is shown may come from outside (a memo, a refused request's words), so every value is escaped by the templates
and the Content-Security-Policy lets a page run this origin's scripts and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fastapi.responses import FileResponse, HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException

from projections.dashboard import wording

FOLDER: Final = Path(__file__).parent
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
ASSETS: Final = {
    "dashboard.css": "text/css",
    "dashboard.js": "text/javascript",
    "deciding.js": "text/javascript",
    "digests.js": "text/javascript",
    "keys.js": "text/javascript",
    "mark.svg": "image/svg+xml",
}
"""The pages' own files, with their media types."""

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= wording.FILTERS


def page(template: str, **values: Any) -> HTMLResponse:
    """Return a page made from a template."""
    return HTMLResponse(_TEMPLATES.get_template(template).render(values), values.get("status", 200), HEADERS)


def problem(found: HTTPException) -> HTMLResponse:
    """Return a page that explains an error."""
    return page("problem.html", status=found.status_code, detail=found.detail)


def asset(name: str) -> FileResponse:
    """Return one of `ASSETS`."""
    return FileResponse(FOLDER / "assets" / name, media_type=ASSETS[name], headers=HEADERS)
