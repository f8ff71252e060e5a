"""What goes wrong with programs that act for somebody, and with other providers. Must not know who raises or renders.

The codes of the first half are OAuth's own words (RFC 6749, sections 4.1.2.1 and 5.2).
"""

from smartlite.errors.base import SmartLiteError
from smartlite.errors.client import InvalidRequest, PermissionDenied, Unauthorized
from smartlite.errors.server import Unavailable


class InvalidClient(Unauthorized):
    """There is no such client, or it did not show that it is the one; which of them nobody is told."""

    code = "invalid_client"


class UnauthorizedClient(InvalidRequest):
    """The client may not get tokens in this way."""

    code = "unauthorized_client"


class UnsupportedGrantType(InvalidRequest):
    """Nobody gets tokens in this way."""

    code = "unsupported_grant_type"


class UnsupportedResponseType(InvalidRequest):
    """Only codes are given to browsers."""

    code = "unsupported_response_type"


class InvalidScope(InvalidRequest):
    """The client asks for what it may not be given."""

    code = "invalid_scope"


class AccessDenied(InvalidRequest):
    """The user, or the platform for them, said no."""

    code = "access_denied"


class ExternalSignInFailed(InvalidRequest):
    """Signing in at another provider was not finished: too late, in another browser, or refused there. Begin again."""

    code = "external_sign_in_failed"


class ExternalSignInRefused(PermissionDenied):
    """The other provider knows this account, and the platform lets it not in."""

    code = "external_sign_in_refused"


class ProviderFailed(SmartLiteError):
    """Another provider answered something that cannot be right."""

    status_code = 502
    code = "identity_provider_failed"


class ProviderUnavailable(Unavailable):
    """Another provider cannot be reached for now, or takes too long."""

    code = "identity_provider_unavailable"
    retry_after_s = 10
