"""Signing in through another provider of OpenID Connect. Must not know HTTP as we serve it.

A provider is believed in what it signed for us, this once, and in nothing else: it may be away, slow, wrong or hostile.
"""
