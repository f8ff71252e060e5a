"""An authorization server of OAuth 2.0 (RFC 6749) as RFC 9700 wants it. Must not know HTTP.

Programs get tokens of the platform's own by an authorization code with PKCE, by a refresh token, or for themselves.
"""
