"""``/cache``, our own: somebody removes the results that are kept to be given again to them. Must not know how."""

from fastapi import APIRouter

from smartlite.api.permissions import needs_principal
from smartlite.api.principal import PrincipalDep
from smartlite.api.schemas.caching import ClearedCache
from smartlite.api.services import ResultsDep

router = APIRouter(tags=["Usage"])


@router.delete("/cache", summary="Remove your cached results", dependencies=[needs_principal()])
async def clear_cache(results: ResultsDep, principal: PrincipalDep) -> ClearedCache:
    """Every transcript and every speech that is kept for you because a request asked for it with `cache`."""
    return ClearedCache(removed=await results.clear(principal.user_id or ""))
