"""What happens elsewhere and matters here."""

from __future__ import annotations

from app.accounts.events import SenderNamed
from app.delivery import service as delivery


def name_sender(event: SenderNamed) -> None:
    """Somebody has done the first run from the shell: the sender is part of it."""
    delivery.set_sender(event.workspace_id, event.name, event.address)
