"""``/v1/limits``: which limits somebody is under and where they stand. Must not know who counts."""

from fastapi import APIRouter

from smartlite.api.permissions import needs_principal
from smartlite.api.principal import PrincipalDep
from smartlite.api.schemas.limits import LimitList, LimitObject
from smartlite.api.services import LimitsDep

router = APIRouter(tags=["Usage"])


@router.get("/limits", summary="List your limits", dependencies=[needs_principal()])
async def list_limits(limits: LimitsDep, principal: PrincipalDep) -> LimitList:
    """Those of the key that asks, of its user and its organisation; looking takes nothing of them but one request."""
    found = await limits.look(principal)
    pairs = zip(found.rules, found.answer.standings, strict=True)
    return LimitList(data=[LimitObject.of(rule, standing) for rule, standing in pairs])
