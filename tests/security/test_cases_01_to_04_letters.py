"""Attack cases 1 to 4 in a letter: told on their line when it is saved, 422 when it would be sent, nothing rendered."""

from __future__ import annotations

import pytest

from app.content import service
from app.content.service.versions import NotReady
from app.kernel.db import transaction
from tests.support import letters, make

ATTACKS = [
    "{{''.__class__.__mro__[1].__subclasses__()}}",
    "{{cycler.__init__.__globals__}}",
    "{{self}}",
    "{%include 'x'%}",
    "{%import 'x' as x%}",
    "{{ contact.email|attr('__class__') }}",
    "{{ contact.email.format(contact) }}",
    "{{ contact.fields.__class__ }}",
    "{% for i in range(10**9) %}x{% endfor %}",
    "{{ 'a' * 10**9 }}",
    "{{ config }}",
    "{{ nod.pixel }}",
    "{{ env.SECRET }}",
]
WAYS_OUT = "{{ links.unsubscribe }} {{ brand.postal_address }}\n"


@pytest.mark.parametrize("place", ["subject", "preheader", "source", "text"])
def test_an_attack_in_a_letter_is_told_on_its_line_and_never_sent(session, place):
    where = make.place()
    made = letters.letter(where.id)
    for attack in ATTACKS:
        is_refused(where, made, place, attack)


def is_refused(where, made, place, attack):
    draft = {"subject": "S", "preheader": "P", "source": letters.source(), "own_text": ""}
    draft |= {
        "subject": {"subject": f"Hi {attack}"},
        "preheader": {"preheader": f"Hi {attack}"},
        "source": {"source": letters.source(f"<mj-text>Hi {attack}</mj-text>")},
        "text": {"own_text": f"{WAYS_OUT}Hi {attack}"},
    }[place]
    own_text = draft.pop("own_text")
    with transaction():
        problems = service.save_draft(where.id, made.id, **draft, own_text=own_text)
    line = {"source": 8, "text": 2}.get(place, 1)
    assert next((one.place, one.line) for one in problems if one.severity == "error") == (place, line), attack
    with pytest.raises(NotReady) as refused:
        service.freeze_version(where.id, made.id)
    assert refused.value.status == 422
