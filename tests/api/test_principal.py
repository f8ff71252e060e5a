"""For whom a task works is known where requests wait for each other."""

from contextvars import copy_context

import pytest
from starlette.types import Scope

from smartlite.api.principal import keep_principal
from smartlite.domain.principal import Principal
from smartlite.domain.tenant import working_for


@pytest.mark.parametrize(
    ("user", "organization", "tenant"),
    [("user_1", None, "user_1"), ("user_1", "org_1", "org_1"), (None, None, "")],
)
def test_a_task_works_for_the_organisation_or_the_user(user: str | None, organization: str | None, tenant: str) -> None:
    def tell() -> str:
        scope: Scope = {}
        keep_principal(scope, Principal(user, None, (), frozenset(), "name", organization_id=organization))
        return working_for.get()

    assert copy_context().run(tell) == tenant
