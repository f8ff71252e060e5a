"""What Alembic runs for each command: the tables it compares with, and the connection that it was given.

``smartlite.storage.schema`` gives one. A developer who makes a revision gives none, and gets the one of the settings:
``alembic revision --autogenerate -m "..."``.
"""

import asyncio

from alembic import context
from sqlalchemy import Connection

from smartlite.config import load_settings
from smartlite.storage import (  # noqa: F401 - whoever is imported is compared
    conversations_tables,
    encryption_tables,
    idempotency_tables,
    metering_tables,
    oauth_tables,
    organizations_tables,
    pipelines_tables,
    prompts_tables,
    quotas_tables,
    results_tables,
    runs_tables,
    step_outputs_tables,
    webhooks_tables,
)
from smartlite.storage.engine import open_engine, parse_url
from smartlite.storage.tables import Table


def run(connection: Connection) -> None:
    """Run the command over a connection."""
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        render_as_batch=True,  # SQLite changes a table by making it anew
        transactional_ddl=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_alone() -> None:
    """Run the command over the database of the settings."""
    engine = open_engine(parse_url(load_settings().sql_url), for_migrations=True)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(run)
            await connection.commit()
    finally:
        await engine.dispose()


given = context.config.attributes.get("connection")
if given is None:
    asyncio.run(run_alone())
else:
    run(given)
