"""Every engine of the registry says what it needs."""

from smartlite.engines import registry
from smartlite.engines.requirements import REQUIREMENTS


def test_every_engine_of_the_registry_says_what_it_needs() -> None:
    assert set(REQUIREMENTS) == {name for engines in registry.ENGINES.values() for name in engines}


def test_every_package_and_program_has_the_command_that_installs_it() -> None:
    for requirements in REQUIREMENTS.values():
        assert bool(requirements.packages) == bool(requirements.install)
        assert all(program.install for program in requirements.programs)
