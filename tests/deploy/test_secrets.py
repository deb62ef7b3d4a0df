"""Secrets are made once, and only their owner may read them."""

import stat

import pytest

from tiovivo_deploy.inventory import UsageError
from tiovivo_deploy.secrets import KINDS, Secrets


def test_each_is_made_once_with_mode_600(tmp_path):
    folder = tmp_path / "secrets"
    made = {name: Secrets(folder).get(name) for name in KINDS}
    assert {name: Secrets(folder).get(name) for name in KINDS} == made
    assert len(set(made.values())) == len(KINDS)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_dry_run_keeps_none(tmp_path):
    secrets = Secrets(tmp_path / "secrets", keep=False)
    assert secrets.get("cookie-secret") == secrets.get("cookie-secret")
    assert not (tmp_path / "secrets").exists()


def test_one_that_others_may_read_is_refused(tmp_path):
    (tmp_path / "token").write_text("a" * 32)
    (tmp_path / "token").chmod(0o644)
    with pytest.raises(UsageError, match="others may read it"):
        Secrets(tmp_path).get("token")


@pytest.mark.parametrize("content", ["", "two words", "x" * 5000, "control\x07"])
def test_one_that_is_no_word_is_refused(tmp_path, content):
    (tmp_path / "token").write_text(content)
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(UsageError, match="not one word"):
        Secrets(tmp_path).get("token")


def test_an_unknown_name_is_a_fault(tmp_path):
    with pytest.raises(KeyError):
        Secrets(tmp_path).get("../token")
