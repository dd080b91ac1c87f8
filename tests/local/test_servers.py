"""PostgreSQL and Redis under our supervisor: real servers, killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
import redis

from app.local import memory, places, programs, servers
from app.local.places import LocalError, Place, place_for
from app.local.postgres import Postgres
from app.local.processes import is_alive
from app.local.programs import find_postgres, find_redis
from app.local.redis_server import RedisServer
from app.local.servers import find_servers, start_servers, throwaway_servers
from app.local.state import State
from app.local.supervised import ServerError, free_port
from tests.local.conftest import ROOT, eventually

HOLD = """
import sys, time
from pathlib import Path
from app.local.servers import throwaway_servers
with throwaway_servers(Path(sys.argv[1])) as servers:
    print(servers.postgres.pid, servers.redis.pid, servers.database_url, flush=True)
    time.sleep(1000)
"""


@pytest.fixture
def own(root):
    with throwaway_servers(root / "servers") as running:
        yield running


def test_throwaway_servers_find_another_port_where_theirs_is_taken_meanwhile(root, monkeypatch):
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        taken = stranger.getsockname()[1]
        chosen = iter([taken, taken])
        monkeypatch.setattr(servers, "free_port", lambda: next(chosen, None) or free_port())
        with throwaway_servers(root / "servers") as running:
            assert running.redis.port != taken
            assert running.postgres.port != taken
            with psycopg.connect(running.database_url) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            assert redis.Redis.from_url(running.redis_url).ping()


def test_a_killed_server_starts_again_with_its_data_on_its_port(own):
    client = redis.Redis.from_url(own.redis_url)
    with psycopg.connect(own.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    client.set("kept", "7")
    urls = (own.database_url, own.redis_url)
    for server in own.own:
        first = server.pid
        server.kill()
        assert not is_alive(first)
        server.start()
        assert server.pid != first
    assert (own.database_url, own.redis_url) == urls
    with psycopg.connect(own.database_url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    assert client.get("kept") == b"7"
    client.close()


def test_text_is_sorted_by_code_point_and_the_roles_are_as_promised(own):
    with psycopg.connect(own.database_url) as connection:
        row = connection.execute(
            "SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database WHERE datname = 'nod'"
        ).fetchone()
        assert row == ("UTF8", "C")
        connection.execute("CREATE EXTENSION pg_trgm")
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = 'nod'").fetchone() == (
            False,
        )
        connection.execute("SET ROLE nod_app")


def test_both_servers_want_their_password_and_listen_on_loopback_only(own):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(own.database_url.replace(own.postgres.password, "wrong"))
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=own.redis.port).ping()
    listening = subprocess.run(
        ["cat", "/proc/net/tcp", "/proc/net/tcp6"], capture_output=True, text=True
    ).stdout
    for server in own.own:
        addresses = [line.split()[1] for line in listening.splitlines() if f":{server.port:04X} " in line]
        assert {address.split(":")[0] for address in addresses} <= {"0100007F"}


def test_redis_is_kept_on_disk_and_throws_nothing_away(root):
    place = place_for(root / "kept")
    server = RedisServer(place, free_port(), "secret")
    server.start()
    try:
        found = redis.Redis.from_url(server.url).config_get("maxmemory-policy", "appendonly", "appendfsync")
        assert found == {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "everysec"}
    finally:
        server.stop()


def test_servers_end_with_the_process_that_started_them_even_by_kill_9(root):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root / "held")], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert holder.stdout is not None
    postgres_pid, redis_pid, _ = holder.stdout.readline().split()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    eventually(lambda: not is_alive(int(postgres_pid)) and not is_alive(int(redis_pid)))


def test_a_server_that_an_earlier_run_left_behind_is_ended_not_joined(root):
    place = place_for(root / "left")
    first = Postgres(place, free_port(), "secret", is_throwaway=True)
    first.start()
    second = Postgres(place, first.port, "secret", is_throwaway=True)
    left_behind = first.pid
    try:
        second.start()
        assert not is_alive(left_behind)
    finally:
        second.stop()
        first.stop()


def test_a_number_that_belongs_to_another_program_now_is_left_alone(root):
    place = place_for(root / "reused")
    server = Postgres(place, free_port(), "secret", is_throwaway=True)
    server.start()
    server.kill()
    stranger = subprocess.Popen(["sleep", "1000"])
    pid_file = server.folder / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
    try:
        server.start()
        assert is_alive(stranger.pid)
    finally:
        server.stop()
        stranger.kill()
        stranger.wait()


def test_an_interrupted_first_start_is_done_again(root):
    place = place_for(root / "half")
    half = place.private_folder("postgres") / "data.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("15\n")
    server = Postgres(place, free_port(), "secret", is_throwaway=True)
    server.start()
    server.stop()


def test_postgresql_takes_an_eighth_of_the_memory_there_is(root, monkeypatch):
    limit = root / "memory.max"
    limit.write_text(f"{4096 * memory.MEGABYTE}\n")
    monkeypatch.setattr(memory, "_LIMITS", (root / "none", limit))
    monkeypatch.setattr(memory.os, "sysconf", lambda name: 1 if name == "SC_PAGE_SIZE" else 2**40)
    server = Postgres(place_for(root / "sized"), free_port(), "secret")
    server.start()
    try:
        with psycopg.connect(server.admin_url) as connection:
            assert connection.execute("SHOW shared_buffers").fetchone() == ("512MB",)
            assert connection.execute("SHOW effective_cache_size").fetchone() == ("2GB",)
    finally:
        server.stop()


@pytest.mark.parametrize(("megabytes", "buffers"), [(512, "128MB"), (2048, "256MB"), (65536, "2048MB")])
def test_it_takes_neither_too_little_nor_all(megabytes, buffers):
    assert memory.settings_for(megabytes * memory.MEGABYTE)["shared_buffers"] == buffers


def test_a_container_without_a_limit_has_the_machine(root, monkeypatch):
    limit = root / "memory.max"
    limit.write_text("max\n")
    monkeypatch.setattr(memory, "_LIMITS", (limit,))
    assert memory.machine_bytes() == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_a_strangers_port_is_named_for_one_server_and_avoided_for_a_run(root):
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        server = RedisServer(place_for(root / "taken"), port, "secret")
        with pytest.raises(ServerError, match=f"port {port} is taken by another program"):
            server.start()
        state = State(root / "state.json")
        state._keep("Redis port", lambda: port)
        servers = find_servers(root / "run", state, {"DATABASE_URL": "postgresql://elsewhere/nod"})
        start_servers(servers, state, lambda text: None)
        try:
            assert servers.redis.port != port
            assert State(root / "state.json").port("Redis") == servers.redis.port
        finally:
            servers.stop()


def test_a_server_that_does_not_start_shows_the_end_and_the_path_of_its_log(root):
    place = place_for(root / "broken")
    server = Postgres(place, free_port(), "secret", is_throwaway=True)
    server.start()
    server.stop()
    (server.folder / "postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(ServerError) as caught:
        server.start()
    assert "PostgreSQL did not start." in str(caught.value)
    assert 'unrecognized configuration parameter "nonsense"' in str(caught.value)
    assert str(server.log_path) in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("FATAL: could not write lock file: No space left on device", "is full: free some space"),
        ("could not bind: Address already in use", "is taken by another program"),
    ],
)
def test_common_causes_are_told_in_plain_words(root, line, words):
    place = place_for(root / "cause")
    server = RedisServer(place, free_port(), "secret")
    server.log_path.write_text(f"{line}\n")
    assert words in server.explain("Redis did not start.")


def test_data_of_another_version_is_refused_with_a_remedy(root):
    place = place_for(root / "old")
    with pytest.raises(LocalError, match="No PostgreSQL 11 was found"):
        find_postgres(place, major=11)


def test_without_any_server_program_one_line_says_what_to_install(root, monkeypatch):
    monkeypatch.setattr(programs, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(programs, "_system_postgres_folders", lambda: iter(()))
    monkeypatch.setattr(programs, "_package_folder", lambda name: None)
    place = place_for(root / "nothing")
    with pytest.raises(LocalError, match="apt install redis-server"):
        find_redis(place)
    with pytest.raises(LocalError, match="apt install postgresql"):
        find_postgres(place)


def test_the_packages_own_programs_serve_where_the_system_has_none(root, monkeypatch):
    monkeypatch.setattr(programs, "_system_postgres_folders", lambda: iter(()))
    monkeypatch.setattr(programs, "SYSTEM_FOLDERS", ())
    with throwaway_servers(root / "packaged") as running:
        with psycopg.connect(running.database_url) as connection:
            connection.execute("CREATE EXTENSION pg_trgm")
        assert "site-packages" in str(running.postgres.programs.folder) or os.geteuid() == 0
        assert redis.Redis.from_url(running.redis_url).ping()


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@needs_root
def test_root_runs_servers_as_another_user_in_a_folder_that_user_may_enter(monkeypatch):
    """A checkout in a closed home: data and programs stand outside it, and no permission is changed."""
    monkeypatch.setattr(programs, "_system_postgres_folders", lambda: iter(()))
    monkeypatch.setattr(programs, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(Place, "may_run", lambda self, program: "/programs/" in str(program))
    with tempfile.TemporaryDirectory() as home:
        closed = Path(home)
        assert closed.stat().st_mode & 0o777 == 0o700
        with throwaway_servers(closed / "nod") as running:
            place = running.postgres.place
            assert place.folder.is_relative_to(places.SHARED_ROOT)
            assert running.postgres.programs.folder.is_relative_to(place.folder / "programs")
            for server in running.own:
                assert Path(f"/proc/{server.pid}").stat().st_uid == place.account.uid != 0
            assert running.postgres.folder.stat().st_mode & 0o077 == 0
            assert (place.folder / "redis" / "redis.conf").stat().st_mode & 0o077 == 0
        assert not place.folder.exists()
        assert closed.stat().st_mode & 0o777 == 0o700


@needs_root
def test_what_a_killed_test_run_left_in_the_shared_folder_is_deleted_by_the_next(monkeypatch, root):
    monkeypatch.setattr(places, "SHARED_ROOT", root)
    gone = subprocess.Popen(["true"])
    gone.wait()
    for name, pid in (("nod-dead", gone.pid), ("nod-alive", os.getpid())):
        (root / name).mkdir()
        (root / name / places.THROWAWAY).write_text(str(pid))
    (root / "nod-checkout").mkdir()
    with throwaway_servers(root / "mine"):
        assert sorted(path.name for path in root.glob("nod-*")) == ["nod-alive", "nod-checkout"]


@needs_root
def test_a_folder_that_someone_else_prepared_is_refused(monkeypatch, root):
    monkeypatch.setattr(places, "SHARED_ROOT", root)
    with tempfile.TemporaryDirectory() as home:
        path = places._shared_folder(Path(home))
        os.chown(path, 65534, 65534)
        with pytest.raises(LocalError, match="belongs to another user"):
            places._shared_folder(Path(home))


@needs_root
def test_another_user_runs_the_servers_as_itself(root):
    import pwd

    nobody = pwd.getpwnam("nobody")
    place = Place(root, places.Account("nobody", nobody.pw_uid, nobody.pw_gid))
    if not place.may_run(Path(sys.executable)) or not place.may_enter(ROOT):
        pytest.skip(
            "the user nobody may not run this Python or not enter this checkout; make test-setup covers it"
        )
    os.chown(root, nobody.pw_uid, nobody.pw_gid)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root / "held")],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, user="nobody", group=nobody.pw_gid, extra_groups=[],
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        postgres_pid, _, url = holder.stdout.readline().split()
        assert Path(f"/proc/{postgres_pid}").stat().st_uid == nobody.pw_uid
        psycopg.connect(url).close()
    finally:
        holder.send_signal(signal.SIGINT)
        holder.wait(30)
        holder.stdout.close()
