"""``cache``, the field by which a request asks to be given a result again. Must not know what a result is."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

MOST_TTL_S = 30 * 86_400


class CacheOptions(BaseModel):
    """``cache`` as an object."""

    ttl_s: Annotated[int, Field(ge=1, le=MOST_TTL_S)] = Field(description="Seconds that the result is kept.")


class ClearedCache(BaseModel):
    """What was removed."""

    object: Literal["cache.cleared"] = "cache.cleared"
    removed: int = Field(description="Results that were there.")


Cache = Annotated[
    bool | CacheOptions | None,
    Field(
        description="Extension: `true`, or `{ttl_s: 3600}`: where you had the same done before, its result is given "
        "again, and otherwise it is kept. The answer's header `x-smartlite-cache` says `hit` or `miss`; a hit uses "
        "nothing of the model. `false`: neither, also where the operator has results kept by default.",
    ),
]
