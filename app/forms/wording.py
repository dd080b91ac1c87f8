"""The words a new form begins with, written in each language; the owner may change all of them."""

from __future__ import annotations

from uuid import UUID

from app.forms.rules import Asked, Definition, Use

_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "News from {brand}",
        "intro": "Pick what you care about. We write about that and nothing else.",
        "consent": "Yes, {brand} may email me about what I ticked above.",
        "consent_hint": "You can stop with one click in every mail.",
        "tracking": "{brand} may see which mails I open and which links I follow.",
        "tracking_hint": "So we send you less that does not interest you. Leave it empty and we see nothing of that. "
        "The mails are the same.",
        "notice": "We keep your address until you leave, and proof of your permission for as long as the law of your "
        "country may ask for it, ten years at most. We give it to nobody.",
    },
    "de": {
        "title": "Neues von {brand}",
        "intro": "Wählen Sie, was Sie interessiert. Nur darüber schreiben wir.",
        "consent": "Ja, {brand} darf mir E-Mails zu den oben gewählten Themen schicken.",
        "consent_hint": "Ein Klick in jeder E-Mail genügt, um das zu beenden.",
        "tracking": "{brand} darf sehen, welche E-Mails ich öffne und welchen Links ich folge.",
        "tracking_hint": "Damit Sie weniger bekommen, was Sie nicht interessiert. Ohne Haken sehen wir davon nichts. "
        "Die E-Mails bleiben gleich.",
        "notice": "Ihre Adresse bewahren wir auf, bis Sie gehen, den Nachweis Ihrer Einwilligung so lange, wie das "
        "Recht Ihres Landes ihn verlangen kann, höchstens zehn Jahre. Wir geben sie niemandem weiter.",
    },
    "fr": {
        "title": "Des nouvelles de {brand}",
        "intro": "Choisissez ce qui vous intéresse. Nous écrivons sur cela, et sur rien d’autre.",
        "consent": "Oui, {brand} peut m’écrire par e-mail sur ce que j’ai coché ci-dessus.",
        "consent_hint": "Un clic dans chaque e-mail suffit pour arrêter.",
        "tracking": "{brand} peut voir quels e-mails j’ouvre et quels liens je suis.",
        "tracking_hint": "Ainsi, nous vous envoyons moins de ce qui ne vous intéresse pas. Sans coche, nous n’en voyons "
        "rien. Les e-mails sont les mêmes.",
        "notice": "Nous gardons votre adresse jusqu’à votre départ, et la preuve de votre accord tant que le droit de "
        "votre pays peut la demander, dix ans au plus. Nous ne les donnons à personne.",
    },
    "es": {
        "title": "Novedades de {brand}",
        "intro": "Elija lo que le interesa. Escribimos sobre eso y nada más.",
        "consent": "Sí, {brand} puede escribirme por correo sobre lo que he marcado arriba.",
        "consent_hint": "Puede pararlo con un clic en cada correo.",
        "tracking": "{brand} puede ver qué correos abro y qué enlaces sigo.",
        "tracking_hint": "Así le enviamos menos de lo que no le interesa. Sin marca no vemos nada de eso. Los correos "
        "son los mismos.",
        "notice": "Guardamos su dirección hasta que se vaya, y la prueba de su permiso mientras la ley de su país "
        "pueda pedirla, diez años como máximo. No se las damos a nadie.",
    },
    "it": {
        "title": "Novità da {brand}",
        "intro": "Scelga ciò che Le interessa. Scriviamo di questo e di nient’altro.",
        "consent": "Sì, {brand} può scrivermi per e-mail su ciò che ho scelto sopra.",
        "consent_hint": "Basta un clic in ogni e-mail per smettere.",
        "tracking": "{brand} può vedere quali e-mail apro e quali link seguo.",
        "tracking_hint": "Così Le mandiamo meno di ciò che non Le interessa. Senza spunta non ne vediamo nulla. Le "
        "e-mail sono le stesse.",
        "notice": "Conserviamo il Suo indirizzo finché non se ne va, e la prova del Suo consenso finché la legge del "
        "Suo Paese può chiederla, al massimo dieci anni. Non li diamo a nessuno.",
    },
    "nl": {
        "title": "Nieuws van {brand}",
        "intro": "Kies wat u interesseert. Daarover schrijven we, en over niets anders.",
        "consent": "Ja, {brand} mag mij e-mails sturen over wat ik hierboven heb aangevinkt.",
        "consent_hint": "Eén klik in elke e-mail is genoeg om te stoppen.",
        "tracking": "{brand} mag zien welke e-mails ik open en welke links ik volg.",
        "tracking_hint": "Zo sturen we u minder van wat u niet interesseert. Zonder vinkje zien we daar niets van. De "
        "e-mails zijn dezelfde.",
        "notice": "We bewaren uw adres tot u vertrekt, en het bewijs van uw toestemming zolang het recht van uw land "
        "erom kan vragen, hoogstens tien jaar. We geven het aan niemand.",
    },
    "pt": {
        "title": "Novidades de {brand}",
        "intro": "Escolha o que lhe interessa. Escrevemos sobre isso e nada mais.",
        "consent": "Sim, {brand} pode escrever-me por e-mail sobre o que assinalei acima.",
        "consent_hint": "Basta um clique em cada e-mail para parar.",
        "tracking": "{brand} pode ver que e-mails abro e que ligações sigo.",
        "tracking_hint": "Assim enviamos-lhe menos do que não lhe interessa. Sem visto não vemos nada disso. Os e-mails "
        "são os mesmos.",
        "notice": "Guardamos o seu endereço até sair, e a prova da sua autorização enquanto a lei do seu país a puder "
        "pedir, dez anos no máximo. Não os damos a ninguém.",
    },
}
_ONE_TOPIC = {
    "en": {
        "intro": "One mail now and then, and nothing else.",
        "consent": "Yes, {brand} may email me its news.",
    },
    "de": {
        "intro": "Ab und zu eine E-Mail, sonst nichts.",
        "consent": "Ja, {brand} darf mir Neuigkeiten per E-Mail schicken.",
    },
    "fr": {
        "intro": "Un e-mail de temps en temps, et rien d’autre.",
        "consent": "Oui, {brand} peut m’envoyer ses nouvelles par e-mail.",
    },
    "es": {
        "intro": "Un correo de vez en cuando, y nada más.",
        "consent": "Sí, {brand} puede enviarme sus novedades por correo.",
    },
    "it": {
        "intro": "Un’e-mail di tanto in tanto, e nient’altro.",
        "consent": "Sì, {brand} può mandarmi le sue novità per e-mail.",
    },
    "nl": {
        "intro": "Nu en dan een e-mail, en verder niets.",
        "consent": "Ja, {brand} mag mij zijn nieuws per e-mail sturen.",
    },
    "pt": {
        "intro": "Um e-mail de vez em quando, e nada mais.",
        "consent": "Sim, {brand} pode enviar-me as suas novidades por e-mail.",
    },
}


def first_words(brand: str, language: str, interests: tuple[UUID, ...]) -> Definition:
    """A definition that can go online as it is; an unknown language begins in English."""
    known = language if language in _WORDS else "en"
    words = dict(_WORDS[known])
    if len(interests) < 2:
        words |= _ONE_TOPIC[known]
    filled = {name: text.format(brand=brand) for name, text in words.items()}
    return Definition(**filled, asked=(Asked("first_name", Use.OPTIONAL),), interests=interests)
