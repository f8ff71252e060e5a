"""The pages on which people are asked whether a program may act for them. Must not know what follows from it.

No script, nothing from elsewhere, in no frame; every text that is not ours is escaped.
"""

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, RedirectResponse, Response

from smartlite.auth.oauth.authorization import Asked, Redirect
from smartlite.auth.oauth.redirect_uris import place_of

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem}"
    "label{display:block;margin:1rem 0 0}input{width:100%;box-sizing:border-box;padding:.5rem;font:inherit}"
    "button{margin:1.5rem .5rem 0 0;padding:.5rem 1.2rem;font:inherit}"
    "[role=alert]{border-left:4px solid #b00020;padding:.2rem .8rem}code{overflow-wrap:anywhere}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode("ascii")).digest()).decode("ascii")
_SEE_OTHER: Final = 303
"""RFC 9700, section 4.12: a 307 would send the password on."""


def consent_page(
    asked: Asked, sealed: str, path: str, status_code: int = 200, problem: str = "", email: str = ""
) -> Response:
    """Ask a user.

    Args:
        asked: What for.
        sealed: The request, to be sent back.
        path: Where the form goes.
        status_code: 200, or that of the problem.
        problem: What was wrong with the last try.
        email: That was typed then.
    """
    name, place = escape(asked.client.name), place_of(asked.redirect_uri)
    rights = "".join(f"<li><code>{escape(scope)}</code></li>" for scope in sorted(asked.scopes))
    alert = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    body = (
        f"<h1>{name} wants to act for you</h1>{alert}"
        f"<p>If you allow it, <strong>{name}</strong> may do this in your name, as far as you may yourself:</p>"
        f"<ul>{rights}</ul><p>You are then sent to <code>{escape(place)}</code>.</p>"
        f'<form method="post" action="{escape(path)}">'
        f'<input type="hidden" name="request" value="{escape(sealed)}">'
        '<label>E-mail address<input name="email" type="email" autocomplete="username" maxlength="254" '
        f'value="{escape(email)}"></label>'
        '<label>Password<input name="password" type="password" autocomplete="current-password" maxlength="4096">'
        "</label>"
        '<button name="decision" value="allow">Sign in and allow</button>'
        '<button name="decision" value="deny">Deny</button></form>'
    )
    return _page("Allow access", body, status_code, f"'self' {_form_target(asked.redirect_uri)}")


def error_page(message: str, status_code: int, headers: Mapping[str, str] | None = None) -> Response:
    """Say what was wrong where nobody may be sent anywhere."""
    body = f'<h1>This does not work</h1><p role="alert">{escape(message)}</p>'
    return _page("This does not work", body, status_code, "'none'", headers)


def redirect(answer: Redirect) -> Response:
    """Send the browser to the client."""
    headers = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
    response = RedirectResponse(answer.location, _SEE_OTHER, headers)
    response.headers["location"] = answer.location  # as it is: Starlette would quote it once more
    return response


def _page(
    title: str, body: str, status_code: int, form_action: str, headers: Mapping[str, str] | None = None
) -> Response:
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {form_action}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>{body}</body></html>'
    )
    own = {
        "cache-control": "no-store",
        "content-security-policy": policy,
        # Not no-referrer: browsers would then send the form with the origin null, which is refused.
        "referrer-policy": "same-origin",
        "x-frame-options": "DENY",
    }
    return HTMLResponse(html, status_code, {**(headers or {}), **own})


def _form_target(redirect_uri: str) -> str:
    """Browsers apply ``form-action`` to where the answer to a form leads; none knows addresses of IPv6 there."""
    place = place_of(redirect_uri)
    return f"{urlsplit(redirect_uri).scheme}:" if "[" in place else place
