"""Attack cases 1 to 4: a merge tag never reaches Python, secrets, or the end of the worker."""

import time

import pytest

from app.content.merge import MergeRefused, MergeStopped, Target, check, prepare
from app.content.variables import NEWSLETTER, SYSTEM

PLACES: tuple[Target, ...] = ("header", "html", "text")


@pytest.mark.parametrize("target", PLACES)
@pytest.mark.parametrize(
    "attack",
    [
        "{{''.__class__.__mro__[1].__subclasses__()}}",
        "{{cycler.__init__.__globals__}}",
        "{{self}}",
        "{%include 'x'%}",
        "{%import 'x' as x%}",
    ],
)
def test_case_01_server_side_template_injection_is_refused_with_its_place(
    attack: str, target: Target
) -> None:
    with pytest.raises(MergeRefused) as refused:
        prepare(f"Hello\n  {attack}", target, NEWSLETTER)
    assert refused.value.status == 422
    assert (refused.value.errors[0].line, refused.value.errors[0].column) >= (2, 3)


@pytest.mark.parametrize(
    "attack",
    [
        "{{ contact.email|attr('__class__') }}",
        "{{ contact.email.format(contact) }}",
        "{{ '{0.__class__}'|format(contact) }}",
        "{{ contact.email|map(attribute='__class__') }}",
        "{% set f = contact.email.format %}{{ f() }}",
    ],
)
def test_case_02_indirect_ways_to_attributes_are_refused(attack: str) -> None:
    assert check(attack, NEWSLETTER)


@pytest.mark.parametrize(
    "attack",
    [
        "{% for i in range(10**9) %}x{% endfor %}",
        "{% for a in digest.letters %}" * 5 + "x" + "{% endfor %}" * 5,
        "{{ 'a' * 10**9 }}",
        "{{ 'a'|center(1000000000) }}",
    ],
)
def test_case_03_a_template_that_would_run_away_is_refused(attack: str) -> None:
    began = time.monotonic()
    assert check(attack, SYSTEM)
    assert time.monotonic() - began < 1


def test_case_03_a_template_that_runs_away_with_its_values_is_stopped() -> None:
    template = prepare("{% for a in digest.letters %}{{ a.title }}{% endfor %}", "html", SYSTEM)
    began = time.monotonic()
    with pytest.raises(MergeStopped) as stopped:
        template.render({"digest": {"letters": [{"title": "x" * 10_000}] * 1_000}})
    assert stopped.value.status == 422
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("name", ["config", "env", "request", "session", "g", "os", "settings", "app"])
def test_case_04_names_of_the_application_are_unknown(name: str) -> None:
    for source in (
        f"{{{{ {name} }}}}",
        f"{{{{ {name}.SECRET_KEY }}}}",
        f"{{% for x in {name} %}}{{% endfor %}}",
    ):
        errors = check(source, NEWSLETTER)
        assert errors
        assert name in errors[0].message
