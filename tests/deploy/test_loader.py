"""What a child answers while releases change under load: every request, whatever the release is."""

import shutil
import time

import pytest
from uwsgi_node import GOOD, Load, Node

# What must be answered while a release comes, and after it has come.
REQUESTS = 800

BAD_RELEASES = {
    "does not import": (
        "import a_module_that_nobody_wrote",
        "ModuleNotFoundError: No module named",
    ),
    "has a wrong line": ("def application(:", "SyntaxError"),
    "leaves the interpreter": ("raise SystemExit(3)", "SystemExit: 3 (shop/wsgi.py, line 1)"),
    "has no application": ("app = 1", "AttributeError"),
    "kills its process": ("import os; os.kill(os.getpid(), 9)", "ended the process"),
    "answers the warm request 500": (
        GOOD.replace("200 OK", "500 Broken"),
        "the warm request GET / is answered 500 Broken",
    ),
    "raises in the warm request": (
        "def application(environ, start_response):\n    raise KeyError('colour')",
        "the warm request raises KeyError: 'colour' (shop/wsgi.py, line 2)",
    ),
}


@pytest.fixture
def node(tmp_path):
    """A running node with the good release 1."""
    if not shutil.which("uwsgi"):
        pytest.skip("uwsgi is not installed")
    node = Node(tmp_path / "n")
    node.make_release("1")
    node.switch("1")
    node.start()
    try:
        node.wait_for_release("1")
        yield node
    finally:
        node.stop()


@pytest.fixture
def load(node):
    load = Load(node)
    try:
        yield load
    finally:
        load.stop()


def test_a_good_release_loses_no_request(node, load):
    asked = []
    for release in ("2", "3"):
        node.make_release(release)
        load.wait_for_answers(REQUESTS // 4)
        began = time.monotonic()
        node.switch(release)
        node.wait_for_release(release, lambda: asked.append(ask_health(node)))
        print(f"release {release} served by all workers after {time.monotonic() - began:.1f} s")
        assert "X-Release: " + release in node.health()
    load.wait_for_answers(REQUESTS // 2)
    load.stop()
    # Name servers ask all the time, and are answered while the health workers are replaced, too.
    assert len(asked) > 10 and {status[:3] for status in asked} == {"200"}
    print(f"{load.answered} of {load.answered + len(load.failed)} requests answered")
    assert load.failed == [] and load.answered >= REQUESTS
    assert load.bodies == {"1", "2", "3"}


def ask_health(node):
    """The status, or why there is none within the time that a name server waits."""
    try:
        return node.health(timeout=2)
    except OSError as error:
        return str(error)


@pytest.mark.parametrize("kind", BAD_RELEASES)
def test_a_bad_release_loses_no_request(node, load, kind):
    wsgi, words = BAD_RELEASES[kind]
    node.make_release("2", wsgi)
    node.switch("2")
    node.wait_for_refusal("2")
    load.wait_for_answers(100)
    assert node.releases_served() == ["1"] * node.workers
    assert {words in r["refused"] for r in node.state.reports()} == {True}
    assert node.health().startswith("200") and "X-Release: 1" in node.health()
    # The cure is the next release: nothing of the refusal stays.
    node.make_release("3")
    node.switch("3")
    node.wait_for_release("3")
    load.wait_for_answers(100)
    load.stop()
    print(f"{kind}: {load.answered} of {load.answered + len(load.failed)} requests answered")
    assert load.failed == [] and load.bodies == {"1", "3"}


def test_a_release_that_hangs_is_refused(tmp_path, node, load):
    node.stop()
    node.env["TIOVIVO_LOAD_SECONDS"] = "2"
    load.stop()
    node.start()
    node.wait_for_release("1")
    node.make_release("2", "import time; time.sleep(3600)")
    node.switch("2")
    node.wait_for_refusal("2")
    assert node.releases_served() == ["1"] * node.workers
    assert "took over 2 s" in node.state.reports()[0]["refused"]


def test_a_release_that_served_before_may_fail_to_warm(node, load):
    """The database is away for a moment: the release stays."""
    wsgi = GOOD.replace(
        "    start", "    import os\n    if os.path.exists('/tmp/x'): raise OSError\n    start"
    )
    flag = node.folder / "database-is-away"
    node.make_release("2", wsgi.replace("/tmp/x", str(flag)))
    node.switch("2")
    node.wait_for_release("2")
    load.stop()
    flag.touch()
    node.stop()
    node.start()
    node.wait_for_release("2")
    # The process that answers it may just be replaced.
    node.wait_for(lambda: node.health().startswith("200"))
    flag.unlink()
    assert node.get()[1] == "2"


def test_the_first_release_is_waited_for_and_a_bad_one_is_told(node, load):
    load.stop()
    node.stop()
    (node.folder / "state" / "good" / "1").unlink()
    node.delete_release("1")
    node.start()
    node.wait_for(lambda: node.get()[0].startswith("503"))
    assert node.health().startswith("503")
    node.make_release("2", "import a_module_that_nobody_wrote")
    node.switch("2")
    node.wait_for(
        lambda: "ModuleNotFoundError" in str([r["refused"] for r in node.state.reports()])
    )
    assert node.get()[0].startswith("503")
    # Mended where it stands, it is taken without anybody's help: nothing better is there to serve.
    (node.app / "releases" / "2" / "src" / "shop" / "wsgi.py").write_text(GOOD)
    node.wait_for_release("2")
    # The process that answers it may just be replaced.
    node.wait_for(lambda: node.health().startswith("200"))


def test_a_canary_alone_tries_the_release(node, load):
    node.make_release("2")
    node.switch("2", link="canary/server-2", watched="canary/server-2.reload")
    node.wait_for_release("2")
    (node.app / "canary" / "server-2").unlink()
    node.touch("canary/server-2.reload")
    node.wait_for_release("1")
    node.switch("2", link="canary/server-3", watched="canary/server-3.reload")
    load.wait_for_answers(REQUESTS // 4)
    load.stop()
    assert node.releases_served() == ["1"] * node.workers and load.failed == []


def test_a_worker_never_mixes_two_releases(node, load):
    """A module that is imported late comes from the release of the worker, not from the new one."""
    wsgi = (
        "def application(environ, start_response):\n"
        "    from shop import late\n"
        "    start_response('200 OK', [])\n"
        "    return [b'{release} ' + late.NAME]\n"
    )
    for release in ("2", "3", "4"):
        node.make_release(release, wsgi, late=f"NAME = b'{release}'")
    for release in ("2", "3", "4"):
        node.switch(release)
        node.wait_for_release(release)
    load.stop()
    assert load.failed == []
    assert {body for body in load.bodies if len(set(body.split())) > 1} == set()


def test_health_is_answered_while_every_worker_hangs(node, load):
    load.stop()
    wsgi = (
        "import time\n"
        "def application(environ, start_response):\n"
        "    if environ['PATH_INFO'] == '/hang': time.sleep(3600)\n"
        "    start_response('200 OK', [])\n"
        "    return [b'{release}']\n"
    )
    node.make_release("2", wsgi)
    node.switch("2")
    node.wait_for_release("2")
    for _ in range(node.workers):
        with pytest.raises(TimeoutError):
            node.get("/hang", timeout=0.3)
    with pytest.raises(TimeoutError):
        node.get("/", timeout=0.5)
    assert node.health().startswith("200")
