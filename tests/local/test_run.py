"""`make run` on real processes: one address, no orphan, back after a kill."""

import json
import os
import signal
import socket
import time
import urllib.request
from pathlib import Path

import psycopg
import redis

from app.local.processes import is_alive, parent_of, runs_in
from app.local.servers import find_servers
from app.local.state import State
from app.local.supervised import free_port
from tests.local.conftest import FAMILY, WEB, eventually


def _web_port(run) -> int:
    return json.loads((run.folder / "state.json").read_text())["web port"]


def test_a_run_prints_one_address_once_the_page_answers(demo):
    run = demo(web=WEB)
    run.wait_until_ready()
    address = f"http://127.0.0.1:{_web_port(run)}"
    assert f"Nod is ready: {address}\n" in run.output
    assert urllib.request.urlopen(address).status == 200


def test_ctrl_c_and_sigterm_leave_no_orphan_and_end_well(demo):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        run = demo(web=WEB, family=FAMILY)
        run.wait_until_ready()
        eventually(lambda run=run: len(run.members()) >= 6)
        assert run.end(number) == 0, run.output
        assert run.members() == []


def test_kill_9_of_the_manager_leaves_no_orphan_servers_included(demo):
    run = demo(servers=True, web=WEB, family=FAMILY)
    run.wait_until_ready()
    assert len(run.members()) >= 8
    run.end(signal.SIGKILL)
    eventually(lambda: run.members() == [])


def test_data_ports_and_secrets_survive_a_kill_of_everything(demo, root):
    run = demo(servers=True, web=WEB)
    run.wait_until_ready()
    servers = find_servers(run.folder, State(run.folder / "state.json"), {})
    with psycopg.connect(servers.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    redis.Redis.from_url(servers.redis_url).set("kept", "7")
    time.sleep(1.2)  # Redis writes its file once a second
    secrets = (run.folder / "secrets.env").read_text()
    port = _web_port(run)
    for pid in run.members():
        if pid != run.process.pid:
            os.kill(pid, signal.SIGKILL)
    run.end(signal.SIGKILL)

    again = demo(servers=True, web=WEB)
    again.wait_until_ready()
    assert _web_port(again) == port
    assert (run.folder / "secrets.env").read_text() == secrets
    assert (run.folder / "secrets.env").stat().st_mode & 0o777 == 0o600
    assert (run.folder / "state.json").stat().st_mode & 0o777 == 0o600
    with psycopg.connect(servers.database_url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    assert redis.Redis.from_url(servers.redis_url).get("kept") == b"7"


def test_a_killed_process_is_started_again_and_its_children_do_not_stay(demo):
    run = demo(web=WEB, family=FAMILY)
    run.wait_until_ready()

    def parents() -> list[int]:
        return [pid for pid in run.members() if _command(pid).startswith(b"sh\0-c\0sleep 1000")]

    (parent,) = eventually(parents)
    children = [pid for pid in run.members() if _command(pid).startswith(b"sleep\0")]
    os.kill(parent, signal.SIGKILL)
    eventually(lambda: not any(is_alive(pid) for pid in children))
    eventually(lambda: parents() not in ([], [parent]))
    assert "family was ended by SIGKILL; starting it again" in run.output


def test_killed_servers_are_started_again_on_their_ports(demo):
    run = demo(servers=True, web=WEB)
    run.wait_until_ready()
    servers = find_servers(run.folder, State(run.folder / "state.json"), {})
    for server in servers.own:
        (pid,) = [
            pid for pid in run.members() if runs_in(pid, server.folder) and parent_of(pid) == run.process.pid
        ]
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: all(server._answers() for server in servers.own))
    assert run.end(signal.SIGTERM) == 0
    assert run.members() == []


def test_a_process_that_cannot_stay_alive_ends_the_run_with_its_reason(demo):
    run = demo(web=WEB, broken='sh -c "echo no such thing; exit 3"')
    assert run.process.wait(60) == 1
    assert "no such thing" in run.output
    assert "broken ended with status 3" in run.output
    assert run.members() == []


def test_a_second_run_in_the_same_checkout_is_refused(demo):
    demo(web=WEB).wait_until_ready()
    second = demo(web=WEB)
    assert second.process.wait(60) == 1
    assert "runs already" in second.output


def test_a_taken_web_port_is_named_and_never_changed_silently(demo):
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        run = demo(web=WEB, environment={"NOD_PORT": str(port)})
        assert run.process.wait(60) == 1
        assert f"Port {port} is taken by another program" in run.output
        assert "Traceback" not in run.output


def test_another_port_can_be_chosen_and_is_remembered(demo):
    port = free_port()
    run = demo(web=WEB, environment={"NOD_PORT": str(port)})
    run.wait_until_ready()
    run.end(signal.SIGTERM)
    again = demo(web=WEB)
    again.wait_until_ready()
    assert f"Nod is ready: http://127.0.0.1:{port}" in again.output


def test_what_outlived_a_kill_of_everything_else_is_ended_by_the_next_run(demo):
    run = demo(web=WEB, family=FAMILY)
    run.wait_until_ready()
    forks = [pid for pid in run.members() if b"demo_run" in _command(pid) and pid != run.process.pid]
    sleepers = [pid for pid in run.members() if _command(pid).startswith(b"sleep\0")]
    for pid in (*forks, run.process.pid):  # what watches dies first, so nobody is told to end
        os.kill(pid, signal.SIGKILL)
    run.process.wait()
    assert all(is_alive(pid) for pid in sleepers) or not any(is_alive(pid) for pid in sleepers)

    again = demo(web=WEB)
    again.wait_until_ready()
    assert not any(is_alive(pid) for pid in sleepers)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
