"""Words whose full stop may not end a sentence, in lower case and without their last stop.

Must not know who splits text.
"""

# ruff: noqa: SIM905 - ninety words are read as text, not as a list of literals
from typing import Final

NEVER_END: Final = frozenset(
    "adm approx ca capt cf col dr drs e.g eg esp fr gen gov hon hr i.e ie lt mlle mme mmes mr mrs ms mx messrs mt "
    "nr pres prof pvt rep rev sen sgt sig sr sra srta st ste viz vs "
    "bzgl bzw d.h ggf inkl usf z.b "
    "dra ud uds".split()
)
"""A name, a number or an explanation follows."""

BEFORE_NUMBER: Final = frozenset(
    "art ch eq eqs fig figs no nos p para pp sec tel vol vols jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
"""Abbreviations where a number follows, else ordinary ends."""

MAY_END: Final = frozenset("al ave blvd bros co corp dept dist est etc inc jr ltd usw".split())
"""These, and all with stops inside (``p.m.``, ``U.S.``), end a sentence where the next word is one of STARTERS."""

STARTERS: Final = frozenset(
    "A After Also An And Another As At Before Both But By Can Could Did Do Does During Each For From Had Has Have He "
    "Her Here His How However I If In Is It Its Let Many May Maybe More Most My No Not Now On One Or Other Our Perhaps "
    "She Should Since So Some Such Thank Thanks That The Their Then There These They This Those To Under Was We Were "
    "What When Where Which While Who Why Will With Would Yes You Your".split()
)
"""English words that, capitalised, begin a sentence far more often than they are part of a name."""
