"""Every route of the API and what it has to declare. Must not know any test."""

from fastapi.routing import APIRoute

from smartlite.api.app import ROUTERS, ROUTERS_OF
from smartlite.api.permissions import NeedsPrincipal, Public
from smartlite.auth.scopes import Scope

BY_PREFIX = [item for each in (ROUTERS, *ROUTERS_OF.values()) for item in each.items()]
EVERY_ROUTE = [
    (method, prefix + route.path, route)
    for prefix, routers in BY_PREFIX
    if prefix
    for router in routers
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods)
]
"""Also those that are only there where there are users."""
ROUTES = [each for each in EVERY_ROUTE if any(each[2] in router.routes for router in ROUTERS["/v1"])]
NEEDED = {
    "POST /v1/audio/speech": Scope.TTS_SYNTHESIZE,
    "POST /v1/audio/transcriptions": Scope.ASR_TRANSCRIBE,
    "POST /v1/audio/translations": Scope.ASR_TRANSLATE,
    "GET /v1/audio/voices": Scope.MODELS_READ,
    "POST /v1/audio/voices": Scope.MODELS_READ,
    "DELETE /v1/audio/voices/{voice_id}": Scope.MODELS_READ,
    "GET /v1/audio/voice_consents": Scope.MODELS_READ,
    "POST /v1/audio/voice_consents": Scope.MODELS_READ,
    "GET /v1/audio/voice_consents/{consent_id}": Scope.MODELS_READ,
    "POST /v1/audio/voice_consents/{consent_id}": Scope.MODELS_READ,
    "DELETE /v1/audio/voice_consents/{consent_id}": Scope.MODELS_READ,
    "POST /v1/chat/completions": Scope.LLM_CHAT,
    "POST /v1/embeddings": Scope.LLM_EMBED,
    "GET /v1/models": Scope.MODELS_READ,
    "GET /v1/models/{model:path}": Scope.MODELS_READ,
    "POST /v1/responses": Scope.LLM_CHAT,
    "GET /v1/responses/{response_id}": Scope.LLM_CHAT,
    "DELETE /v1/responses/{response_id}": Scope.LLM_CHAT,
    "POST /v1/responses/{response_id}/cancel": Scope.LLM_CHAT,
    "GET /v1/responses/{response_id}/input_items": Scope.LLM_CHAT,
    "POST /v1/voice/turns": Scope.VOICE_TURN,
}
NEEDED_WITH_USERS: dict[str, Scope | type[NeedsPrincipal] | type[Public]] = {
    "GET /v1/users": Scope.USERS_READ,
    "POST /v1/users": Scope.USERS_WRITE,
    "GET /v1/users/{user_id}": Scope.USERS_READ,
    "PATCH /v1/users/{user_id}": Scope.USERS_WRITE,
    "GET /v1/roles": Scope.USERS_READ,
    "POST /v1/roles": Scope.ROLES_WRITE,
    "DELETE /v1/roles/{role_id}": Scope.ROLES_WRITE,
    "GET /v1/api-keys": Scope.KEYS_READ,
    "POST /v1/api-keys": Scope.KEYS_WRITE,
    "DELETE /v1/api-keys/{key_id}": Scope.KEYS_WRITE,
    "POST /v1/api-keys/{key_id}/rotate": Scope.KEYS_WRITE,
    "GET /v1/organizations": NeedsPrincipal,
    "POST /v1/organizations": Scope.ORGS_WRITE,
    "GET /v1/organizations/{organization_id}": NeedsPrincipal,
    "PATCH /v1/organizations/{organization_id}": NeedsPrincipal,
    "DELETE /v1/organizations/{organization_id}": NeedsPrincipal,
    "GET /v1/organizations/{organization_id}/members": NeedsPrincipal,
    "POST /v1/organizations/{organization_id}/members": NeedsPrincipal,
    "PATCH /v1/organizations/{organization_id}/members/{user_id}": NeedsPrincipal,
    "DELETE /v1/organizations/{organization_id}/members/{user_id}": NeedsPrincipal,
    "GET /v1/shares": NeedsPrincipal,
    "PUT /v1/shares": NeedsPrincipal,
    "DELETE /v1/shares": NeedsPrincipal,
    "GET /v1/audit": Scope.AUDIT_READ,
    "GET /v1/pipelines": Scope.PIPELINES_READ,
    "POST /v1/pipelines": Scope.PIPELINES_WRITE,
    "GET /v1/pipelines/schema": Scope.PIPELINES_READ,
    "GET /v1/pipelines/{pipeline}": Scope.PIPELINES_READ,
    "PUT /v1/pipelines/{pipeline}": Scope.PIPELINES_WRITE,
    "DELETE /v1/pipelines/{pipeline}": Scope.PIPELINES_WRITE,
    "POST /v1/pipelines/{pipeline}/latest": Scope.PIPELINES_WRITE,
    "GET /v1/pipelines/{pipeline}/versions": Scope.PIPELINES_READ,
    "GET /v1/pipelines/{pipeline}/versions/{version}": Scope.PIPELINES_READ,
    "GET /v1/pipelines/{pipeline}/diff": Scope.PIPELINES_READ,
    "GET /v1/pipelines/{pipeline}/graph": Scope.PIPELINES_READ,
    "POST /v1/pipelines/{pipeline}/runs": Scope.PIPELINES_RUN,
    "GET /v1/runs": Scope.PIPELINES_READ,
    "GET /v1/runs/{run_id}": Scope.PIPELINES_READ,
    "GET /v1/runs/{run_id}/steps": Scope.PIPELINES_READ,
    "GET /v1/runs/{run_id}/events": Scope.PIPELINES_READ,
    "GET /v1/runs/{run_id}/timeline.svg": Scope.PIPELINES_READ,
    "GET /v1/runs/{run_id}/media/{key:path}": Scope.PIPELINES_READ,
    "GET /v1/runs/{run_id}/result": Scope.PIPELINES_READ,
    "DELETE /v1/runs/{run_id}": Scope.PIPELINES_RUN,
    "POST /v1/runs/{run_id}/cancel": Scope.PIPELINES_RUN,
    "POST /v1/runs/{run_id}/replay": Scope.PIPELINES_RUN,
    "GET /v1/limits": NeedsPrincipal,
    "GET /v1/quotas": Scope.QUOTAS_READ,
    "POST /v1/quotas": Scope.QUOTAS_WRITE,
    "DELETE /v1/quotas/{quota_id}": Scope.QUOTAS_WRITE,
    "GET /v1/usage": NeedsPrincipal,
    "GET /v1/requests": NeedsPrincipal,
    "GET /v1/requests/{record_id}": NeedsPrincipal,
    "GET /v1/requests/{record_id}/content": NeedsPrincipal,
    "DELETE /v1/requests/{record_id}/content": NeedsPrincipal,
    "GET /v1/metering": Scope.USAGE_READ,
    "POST /v1/auth/login": Public,
    "POST /v1/auth/refresh": Public,
    "POST /v1/auth/logout": NeedsPrincipal,
    "GET /v1/auth/me": NeedsPrincipal,
    "GET /v1/auth/sessions": NeedsPrincipal,
    "DELETE /v1/auth/sessions/{session_id}": NeedsPrincipal,
    "POST /v1/auth/password": NeedsPrincipal,
    "GET /v1/auth/grants": NeedsPrincipal,
    "DELETE /v1/auth/grants/{grant_id}": NeedsPrincipal,
    "GET /v1/auth/oidc": Public,
    "GET /v1/auth/oidc/{provider_id}/login": Public,
    "GET /v1/auth/oidc/{provider_id}/callback": Public,
    "GET /v1/oauth/authorize": Public,
    "POST /v1/oauth/authorize": Public,
    "POST /v1/oauth/token": Public,
    "POST /v1/oauth/revoke": Public,
    "POST /v1/oauth/introspect": Public,
    "GET /v1/oauth/clients": Scope.OAUTH_READ,
    "POST /v1/oauth/clients": Scope.OAUTH_WRITE,
    "GET /v1/oauth/clients/{client_id}": Scope.OAUTH_READ,
    "DELETE /v1/oauth/clients/{client_id}": Scope.OAUTH_WRITE,
    "POST /v1/oauth/clients/{client_id}/secret": Scope.OAUTH_WRITE,
}
