"""The keys of the benchmark are good ones, each of a user of its own."""

from pathlib import Path

from benchmarks.many_keys import add_keys
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.identity import Identity
from smartlite.config import Settings
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate


async def test_every_key_lets_another_user_in(tmp_path: Path) -> None:
    url = Settings(data_dir=tmp_path).sql_url
    database = Database(url)
    await migrate(database)
    texts = await add_keys(url, 3)
    authenticator = Authenticator(Identity(database).find_key)
    found = [await authenticator.authenticate(f"Bearer {text}") for text in texts]
    await database.close()
    assert len({principal.user_id for principal in found}) == 3
    assert all(principal.roles == ("user",) for principal in found)
