"""Every word of the product is translated, in every language; and of the sandbox's checkout page."""

import pytest

from adapters.i18n import CATALOGUES, spoken
from messages import DOMAINS, Domain, check_domain


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.catalogues.parent.name)
def test_catalogues_are_complete_and_in_step_with_the_code(domain: Domain) -> None:
    """No message is missing, empty, fuzzy or unused, and none differs in its placeholders; see `nox -s messages`."""
    assert check_domain(domain) == []


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.catalogues.parent.name)
def test_there_are_catalogues_to_check(domain: Domain) -> None:
    """The test above looks where the words are."""
    assert [path.stem for path in sorted(domain.catalogues.glob("*.po"))] == ["ru"]


def test_languages_of_the_product_are_those_that_are_checked() -> None:
    """What is spoken is what the first test has read, and English."""
    assert CATALOGUES in [domain.catalogues for domain in DOMAINS]
    assert set(spoken()) == {"en", *(path.stem for path in CATALOGUES.glob("*.po"))}
