"""Builds the application: kernel first, then every module of the registry."""

from __future__ import annotations

import time
from pathlib import Path

from flask import Flask, Response, current_app, g, request
from sqlalchemy import event
from werkzeug.middleware.proxy_fix import ProxyFix

from app import registry
from app.config import Settings
from app.kernel import assets, clock, i18n, jobs, log, metrics, module, own, redis, tokens
from app.kernel.bell import RedisBell
from app.kernel.db import db, refuse_ended
from app.kernel.http import csrf, guards, headers, problems
from app.kernel.http.actor import Actor

MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_FORM_FIELDS = 500
ROOT = Path(__file__).parent.parent


def create_app(settings: Settings, *, for_workers: bool = False) -> Flask:
    """An application for these settings, ready to answer.

    Args:
        settings: of this installation.
        for_workers: without pages, commands and ``flask db``, which take a fifth of a worker's memory.

    Raises:
        RuntimeError: a route without a guard, or two jobs of one name.
    """
    app = Flask(__name__)
    app.config.update(
        NOD=settings,
        SQLALCHEMY_DATABASE_URI=settings.sqlalchemy_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(settings),
        TRUSTED_HOSTS=[settings.host.rpartition(":")[0] or settings.host, *settings.trusted_hosts],
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        MAX_FORM_PARTS=MAX_FORM_FIELDS,
    )
    log.configure(settings.log_level, as_json=settings.is_production)
    tokens.configure(settings.secret_key, settings.secret_key_fallbacks)
    clock.set_shift(settings.clock_shift_seconds)
    redis.configure(settings.redis_url)
    jobs.install_bell(RedisBell(settings.redis_url))
    db.init_app(app)
    with app.app_context():
        event.listen(db.engine, "checkout", refuse_ended)
    if not for_workers:
        _migrations(app)
    _edge(app)
    module.install(app, (own.MODULE, *registry.modules()), with_pages=not for_workers)
    if hops := settings.trusted_proxies:
        # Before everything, also before what a module puts before Flask.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]
    app.view_functions["static"] = guards.untouched(app.view_functions["static"])
    guards.refuse_unguarded(app)
    return app


def _migrations(app: Flask) -> None:
    from flask_migrate import Migrate

    Migrate(app, db, directory=str(ROOT / "migrations"))


def _engine_options(settings: Settings) -> dict[str, object]:
    # The role is part of the connection: no statement of ours can forget it.
    # To compile a statement (jit) costs more than it gives: ours take seconds at most.
    options = f"-c role={settings.app_role} -c timezone=UTC -c statement_timeout=30000 -c jit=off"
    connect_args = {"options": options, "connect_timeout": 5, "application_name": "nod"}
    return {
        "pool_size": 10,
        "max_overflow": 10,
        "pool_timeout": 5,
        "connect_args": connect_args,
    }


def _edge(app: Flask) -> None:
    problems.install(app)
    app.before_request(_begin)
    app.after_request(headers.add)
    app.after_request(csrf.remember_visitor)
    app.after_request(_count)
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(i18n.gettext, i18n.ngettext, newstyle=True)  # type: ignore[attr-defined]
    app.jinja_env.globals.update(
        asset=assets.asset, csrf_field=csrf.field, csrf_token=csrf.token, csp_nonce=headers.nonce
    )
    app.jinja_env.filters.update(day=i18n.day, minute=i18n.minute, instant=i18n.instant, ago=i18n.ago)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.context_processor(_shell)


def _begin() -> None:
    g.began = time.monotonic()
    i18n.use(i18n.DEFAULT)


def _count(response: Response) -> Response:
    metrics.answered(response.status_code, time.monotonic() - g.began if "began" in g else None)
    return response


def _shell() -> dict[str, object]:
    """What the shell of every page needs."""
    actor: Actor | None = g.get("actor")
    items = [
        item for found in module.installed() for item in found.menu if actor and actor.may(item.permission)
    ]
    return {
        "actor": actor,
        "nav_items": sorted(items, key=lambda item: item.order),
        "here": request.endpoint,
        "nod": app_settings(),
    }


def app_settings() -> dict[str, object]:
    """The few settings that pages show."""
    settings: Settings = current_app.config["NOD"]
    return {
        "url": settings.url,
        "is_production": settings.is_production,
        "has_mailbox": bool(settings.mailbox_dir),
    }
