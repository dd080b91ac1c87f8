"""Made-up people. Addresses stand at domains that are reserved for examples, so no mail can reach anybody."""

from __future__ import annotations

from typing import Final

FIRST: Final = (
    "Ada", "Alma", "Amara", "Anouk", "Arjun", "Astrid", "Benedek", "Bilal", "Carlo", "Chiara", "Dagny", "Daria",
    "Edda", "Elif", "Emre", "Enzo", "Fatima", "Femke", "Finn", "Freya", "Giulia", "Greta", "Hanna", "Hugo", "Ida",
    "Idris", "Ines", "Ivo", "Jana", "Jonas", "Kaja", "Kenji", "Lale", "Leander", "Lina", "Lucía", "Łukasz", "Maeve",
    "Malik", "Marek", "Mina", "Nadia", "Nils", "Noor", "Oskar", "Paula", "Priya", "Quentin", "Rafael", "Renée",
    "Rosa", "Saoirse", "Selma", "Sofía", "Tariq", "Tilda", "Uwe", "Vera", "Wanda", "Yusuf", "Zoë",
)  # fmt: skip
LAST: Final = (
    "Abernathy", "Achterberg", "Aldana", "Ambrose", "Balogh", "Barrow", "Bergström", "Birkett", "Brandauer", "Caldwell",
    "Castellan", "Corvin", "Dalgaard", "Demirci", "Dunmore", "Eastwick", "Eklund", "Ferreyra", "Fjeldsted", "Gallowglass",
    "Grünwald", "Halloran", "Harrowgate", "Hazelwood", "Ibarra", "Ivanek", "Janssens", "Kaminsky", "Karlsen", "Kettering",
    "Lindqvist", "Lockhart", "Marchetti", "Mbeki", "Montclair", "Nakagawa", "Norling", "Novak", "Oakley", "Okonjo",
    "Øvergaard", "Pemberton", "Petrosyan", "Quill", "Rasmussen", "Ravenscroft", "Rosenthal", "Saarinen", "Santangelo",
    "Sedgwick", "Takeda", "Thackeray", "Ullmann", "Varga", "Vasquez", "Whitcombe", "Wójcik", "Yıldız", "Zeller",
)  # fmt: skip
DOMAINS: Final = (
    "postbox.example", "letters.example", "mail.example.org", "people.example.net", "inbox.example.com",
    "harbour.example", "example.org", "example.net",
)  # fmt: skip
TOWNS: Final = (
    "Bristol",
    "Bath",
    "Cardiff",
    "Exeter",
    "Gloucester",
    "Kiel",
    "Bremen",
    "Graz",
    "Leeds",
    "Cork",
)
AGENTS: Final = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/138.0 Safari/537.36",
)
NETWORKS: Final = ("192.0.2", "198.51.100", "203.0.113")
"""The blocks that RFC 5737 sets aside for documentation."""
