"""URLs of databases: which are taken, and that none is ever repeated to anybody."""

import pickle
import traceback

import pytest
from pydantic import ValidationError

from smartlite.config import Settings, load_settings
from smartlite.database_url import normal_database_url
from smartlite.errors import ConfigurationError


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("sqlite:///x.db", "sqlite+aiosqlite:///x.db"),
        ("sqlite:////var/lib/x.db", "sqlite+aiosqlite:////var/lib/x.db"),
        ("sqlite+aiosqlite:////var/lib/x.db", "sqlite+aiosqlite:////var/lib/x.db"),
        ("mysql://u:p@h/d", "mysql+asyncmy://u:p@h/d"),
        ("mariadb://u:p%2F%40@h:3307/d", "mysql+asyncmy://u:p%2F%40@h:3307/d"),
        ("mysql+asyncmy://u@[::1]:3306/d-1", "mysql+asyncmy://u@[::1]:3306/d-1"),
        ("mysql://u:p@h/d?ssl_ca=/etc/ca.pem", "mysql+asyncmy://u:p@h/d?ssl_ca=/etc/ca.pem"),
        ("mysql://u:p@/d?unix_socket=/run/s", "mysql+asyncmy://u:p@/d?unix_socket=/run/s"),
    ],
)
def test_a_url_is_written_as_the_drivers_want_it(given: str, taken: str) -> None:
    assert normal_database_url(given) == taken
    assert normal_database_url(taken) == taken


WRONG = [
    "s3cret",
    "/var/lib/s3cret.db",
    "postgresql://u:s3cret@h/d",
    "mysql:u:s3cret@h/d",
    "sqlite://",
    "sqlite:///:memory:",
    "sqlite:///file:s3cret?mode=memory&uri=true",
    "sqlite:///s3cret.db?timeout=1",
    "mysql://u:s3cret@h",
    "mysql://u:s3cret@h/",
    "mysql://u:s3cret@h/d/e",
    "mysql://h/s3cret",
    "mysql://u:s3/cret@h/d",
    "mysql://u:12/s3cret@h/d",
    "mysql://u:s3@cret@h/d",
    "mysql://u:s3cret@h:99999/d",
    "mysql://u:s3cret@[::1/d",
    "mysql://u:s3cret@h/d#x",
    "mysql://u:s3cret@h/d?local_infile=1",
    "mysql://u:s3cret@h/d?s3cret",
]


@pytest.mark.parametrize("url", WRONG)
def test_a_wrong_url_is_refused_and_nothing_of_it_is_told(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("SMARTLITE_DATABASE_URL", url)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    whole = "".join(traceback.format_exception(caught.value))
    assert "SMARTLITE_DATABASE_URL: m" in caught.value.message
    for part in ("s3cret", "cret", "s3/", "s3@"):
        assert part not in whole


def test_the_setting_does_not_show_its_password() -> None:
    settings = Settings(database_url="mysql://u:s3cret@h/d")  # type: ignore[arg-type]
    assert "s3cret" not in repr(settings) + str(settings) + repr(settings.model_dump())
    assert pickle.loads(pickle.dumps(settings)).sql_url == "mysql+asyncmy://u:s3cret@h/d"  # noqa: S301


def test_without_a_url_the_database_is_a_file_in_the_data_folder(settings: Settings) -> None:
    assert settings.sql_url == f"sqlite+aiosqlite:///{settings.data_dir}/smartlite.db"


def test_other_settings_still_say_what_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTLITE_PORT", "0")
    with pytest.raises(ConfigurationError, match="SMARTLITE_PORT='0'"):
        load_settings()
    with pytest.raises(ValidationError):
        Settings(port=0)
