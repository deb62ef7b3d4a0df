"""The parts of a release that need no node: sources, requirements, what nodes say."""

import io
import tarfile
from pathlib import Path

import pytest

from tiovivo_deploy import environment, inventory
from tiovivo_deploy.inventory import UsageError
from tiovivo_deploy.release import pip_for, rollback, source, wheels
from tiovivo_deploy.release.nodes import NodeReport

TARGET = wheels.Target("3.11.2", "x86_64", "2.36", "bookworm")


def cluster(folder: Path, **application):
    keys = {"source": {"folder": str(folder)}, "settings": "a.settings", "wsgi": "a.wsgi"}
    return inventory.Cluster(
        config=str(folder / "config.yaml"),
        folder=str(folder),
        files=[],
        nodes=[],
        ssh=inventory.Ssh(),
        application=inventory.Application(**(keys | application)),
    )


def names(folder, **application):
    return [name for _, name in source.files_of(source.open_source(cluster(folder, **application)))]


def test_secrets_and_junk_are_no_part_of_a_release(tmp_path):
    for name in ("a.py", "secrets/token", ".env", "venv/x", ".git/x", "pages/a.html", "db.sqlite3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "own.env").write_text("KEY=1")
    env_file = str(tmp_path / "own.env")
    assert names(tmp_path, env_file=env_file) == ["a.py", "pages/a.html"]


def test_two_names_of_one_file_are_two_files(tmp_path):
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        source.add_to(archive, source.open_source(cluster(tmp_path)))
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive:
        assert {member.name: member.isfile() for member in archive} == {
            "src/a": True,
            "src/b": True,
        }


def test_a_missing_source_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"nothing: no such folder \(deploy.application.source\)"):
        source.open_source(cluster(tmp_path, source={"folder": str(tmp_path / "nothing")}))


def test_a_source_of_git_is_one_commit(tmp_path):
    repository = tmp_path / "r"
    repository.mkdir()
    (repository / "a.py").write_text("x")
    source.git(repository / ".git", f"--work-tree={repository}", "init", "-q", "-b", "main")
    config = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    at = (repository / ".git", f"--work-tree={repository}")
    source.git(*at, "add", "a.py")
    source.git(*at, *config, "commit", "-q", "-m", "One")
    found = source.open_source(cluster(tmp_path, source={"git": str(repository), "ref": "main"}))
    assert [name for _, name in source.files_of(found)] == ["a.py"]
    with pytest.raises(UsageError, match="git fetch: "):
        source.open_source(cluster(tmp_path, source={"git": str(repository), "ref": "nothing"}))


def test_the_environment_has_the_name_of_all_included_requirements(tmp_path):
    (tmp_path / "requirements.txt").write_text("-r base.txt\nDjango\n")
    (tmp_path / "base.txt").write_text("mysqlclient\n")
    first = wheels.read_requirements(cluster(tmp_path), tmp_path)
    assert first.extra == []
    (tmp_path / "base.txt").write_text("pillow\n")
    second = wheels.read_requirements(cluster(tmp_path, celery="a"), tmp_path)
    assert second.extra == [wheels.DRIVER, *wheels.BROKER]
    assert first.key(TARGET) != second.key(TARGET)


def test_requirements_of_pyproject_are_read(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["Django", "PyMySQL"]\n')
    found = wheels.read_requirements(cluster(tmp_path), tmp_path)
    assert found.text == "Django\nPyMySQL" and found.extra == []
    (tmp_path / "pyproject.toml").write_text("[tool.poetry]\n")
    with pytest.raises(UsageError, match="no \\[project\\] dependencies"):
        wheels.read_requirements(cluster(tmp_path), tmp_path)


def test_the_project_itself_is_not_installed():
    text = "-e .\n.\n./\n.[extra]\n--editable .\n./libs/own\nDjango"
    assert wheels._without_itself(text) == "./libs/own\nDjango\n"


def test_conditions_are_decided_for_the_nodes_python():
    decided = pip_for.environment("3.11.2", "aarch64")
    assert (decided["python_full_version"], decided["python_version"]) == ("3.11.2", "3.11")


def test_wheels_of_newer_libraries_than_the_nodes_are_not_taken():
    platforms = TARGET.platforms()
    assert platforms[0] == "manylinux_2_36_x86_64" and "manylinux_2_37_x86_64" not in platforms
    assert "manylinux2014_x86_64" in platforms


def test_what_a_node_says():
    worker = {"worker": "1", "release": "1", "wanted": "2", "refused": "it does not import"}
    report = NodeReport(inventory.Node("a", "child", [], []), True, [worker])
    assert not report.serves("2") and report.refusal("2") == "it does not import"
    assert report.refusal("1") is None
    unit = {"worker": "celery-unit", "release": "3", "finishing": ["1", "2"]}
    assert NodeReport(report.node, True, [unit]).runs() == {"1", "2", "3"}
    assert not NodeReport(report.node, True, []).serves("2")


def test_the_release_to_go_back_to():
    assert rollback.choose(["1", "2", "9", "10"], "10", None) == "9"
    assert rollback.choose(["1", "2"], "2", "1") == "1"
    for wanted, current in (("7", "2"), (None, "1"), (None, None)):
        with pytest.raises(UsageError):
            rollback.choose(["1", "2"], current, wanted)


def test_an_environment_comes_back_as_it_was(tmp_path):
    from tiovivo_app import environment as on_node

    pairs = {"A": 'quote " and \\ back', "B": "", "C": "a $HOME #b 'c'", "D": "ñ"}
    path = tmp_path / "env"
    path.write_text(environment.format_environment(pairs))
    assert on_node.read(path) == pairs


def test_all_faults_of_an_env_file_are_told(tmp_path):
    path = tmp_path / "app.env"
    path.write_text('# own\nA="1 2"\nexport B=3\nno\nTIOVIVO_NODE=x\nA=2\n')
    path.chmod(0o600)
    with pytest.raises(UsageError) as fault:
        environment.read_env_file(path)
    lines = str(fault.value).splitlines()
    assert [line.split(":")[1] for line in lines] == ["4", "5", "6"]
    path.write_text('A="1 2"\nexport B=3\n')
    assert environment.read_env_file(path) == {"A": "1 2", "B": "3"}
    path.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        environment.read_env_file(path)
