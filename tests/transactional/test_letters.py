"""Letters of another purpose: what they must show, what they may name, and what cannot become of them."""

from __future__ import annotations

import pytest

from app.content import queries, service
from app.content.letters import Draft, Incomplete, write
from app.kernel.errors import Conflict
from tests.support import letters, make

FOOTER = '<mj-include path="footer-plain" />'


def written(inner: str, *, footer: str = FOOTER, data=None, subject: str = "Order", own_text: str = "", language="en"):
    draft = Draft(subject, "Preview", letters.source(inner, footer=footer), own_text, language, {"town": "text"}, data=data or {})
    return write(draft)


def errors(made) -> str:
    return " ".join(one.message for one in made.problems if one.severity == "error")


def test_it_needs_an_address_and_no_way_to_leave():
    assert errors(written("<mj-text>Hello {{ contact.fields.town }}</mj-text>")) == ""
    bare = written("<mj-text>Hello</mj-text>", footer="")
    assert "your postal address" in errors(bare)
    assert "footer-plain" in errors(bare)
    assert "unsubscribe" not in errors(bare)
    assert "postal address" in errors(written("<mj-text>Hello</mj-text>", own_text="Hello"))


@pytest.mark.parametrize("tag", ["links.unsubscribe", "links.web_view", "topic.name", "permission.date", "data.order.number"])
def test_names_that_are_not_declared_are_errors(tag):
    assert f"“{tag}” is not known here" in errors(written(f"<mj-text>{{{{ {tag} }}}}</mj-text>"))


def test_the_footer_of_newsletters_does_not_fit_and_the_plain_one_fits_no_newsletter():
    assert "not known here" in errors(written("<mj-text>Hello</mj-text>", footer='<mj-include path="footer" />'))
    newsletter = write(Draft("Subject", "Preview", letters.source(footer=FOOTER)))
    assert "link to unsubscribe" in errors(newsletter)


@pytest.mark.parametrize(("language", "says"), [("en", "Sent by"), ("de", "Gesendet von")])
def test_the_plain_footer_speaks_the_language_of_the_letter(language, says):
    assert says in written("<mj-text>Hello</mj-text>", language=language).html


def test_what_is_shown_without_a_default_is_wanted():
    inner = (
        '<mj-text>{{ data.a }} {{ data.b|default("x") }} {{ data.c|upper }} {{ data.d|upper|default("x") }}'
        "{% if data.e %}{{ data.f }}{% endif %}{% for one in data.g %}{{ one.h }}{% endfor %}</mj-text>"
        '<mj-button href="https://ostkai.example/o/{{ data.i }}">See</mj-button>'
    )
    data = dict.fromkeys("abcdefi", "x") | {"g[].h": "x"}
    made = written(inner, data=data, subject="Order {{ data.f|trim }}")
    assert errors(made) == ""
    assert made.needs["wanted"] == [f"data.{name}" for name in "acfgi"]


def test_an_address_may_be_told_and_text_may_not_be_one():
    inner = '<mj-button href="{{ data.url }}">See</mj-button>'
    assert errors(written(inner, data={"url": "https://ostkai.example/"})) == ""
    assert "no link" in errors(written(inner, data={"url": "OK-1"}))


def test_newsletters_keep_their_fingerprint_and_names_count_in_that_of_others():
    def of(data):
        return Draft("S", "P", "<mjml></mjml>", data=data).fingerprint

    assert of(None) == Draft("S", "P", "<mjml></mjml>").fingerprint
    assert len({of(None), of({}), of({"a": "1"}), of({"a": "2"})}) == 4


def test_a_version_of_one_purpose_is_not_sent_for_the_other(session):
    where = make.place()
    newsletter = letters.version(where.id)
    values = service.transactional_values(service.Reader(email="mara@example.org"), service_brand(where))
    with pytest.raises(Incomplete):
        service.render_transactional(newsletter, values, {})
    made = service.create_letter(where.id, "Receipt", source=letters.source(footer=FOOTER), is_transactional=True)
    service.save_draft(where.id, made.id, "Order", "Yours", letters.source(footer=FOOTER))
    version = service.freeze_version(where.id, made.id)
    with pytest.raises(Incomplete):
        service.render(version, letters.values(where.id))
    assert service.skeleton(version, letters.values(where.id)) is None
    copy = service.copy_letter(where.id, made.id, "Another")
    assert (copy.purpose, copy.data_samples) == ("transactional", [])
    with pytest.raises(Conflict):
        service.declare_data(where.id, queries.get_version(where.id, newsletter.id).letter_id, "a = 1")


def service_brand(where):
    from app.accounts import queries as accounts

    return accounts.brand(where.id)
