"""Settings, secrets and the installation file: what is wrong is said in sentences, all at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from hotline import station_files
from hotline.installation import InstallationFaults, read
from hotline.secrets import secret
from hotline.settings import PROJECT, SettingsFault, settings

GOOD = (PROJECT / "installation" / "example.toml").read_text(encoding="utf-8")


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_SIP_PORT", "many")
    monkeypatch.setenv("HOTLINE_NODE", "Node 1")
    monkeypatch.setenv("HOTLINE_BOOK_WITHIN_S", "-1")
    settings.cache_clear()
    with pytest.raises(SettingsFault) as told:
        settings()
    for name in ("HOTLINE_SIP_PORT", "HOTLINE_NODE", "HOTLINE_BOOK_WITHIN_S"):
        assert name in str(told.value)


def test_a_secret_is_the_same_at_every_run_and_differs_by_name_and_installation(tmp_path: Path) -> None:
    here, there = tmp_path / "a", tmp_path / "b"
    assert secret(here, "ari") == secret(here, "ari")
    assert len({secret(here, "ari"), secret(here, "ami"), secret(there, "ari")}) == 3
    assert len(secret(here, "ari")) == 32
    assert (here / "secret.key").stat().st_mode & 0o777 == 0o600


def test_first_runs_at_once_end_with_one_key(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from hotline.secrets import master_key; print(master_key(Path(sys.argv[1])))"
    words = [sys.executable, "-c", code, str(tmp_path / "var")]
    runs = [subprocess.Popen(words, stdout=subprocess.PIPE, cwd=PROJECT) for _ in range(4)]
    keys = {run.communicate(timeout=30)[0] for run in runs}
    assert len(keys) == 1
    assert len(list((tmp_path / "var").iterdir())) == 1


@pytest.mark.parametrize("name", ["demo", "example"])
def test_the_shipped_installations_are_good(name: str) -> None:
    assert read(PROJECT / "installation" / f"{name}.toml").hotlines


@pytest.mark.parametrize("name", ["demo", "example"])
def test_the_stations_of_a_shipped_installation_are_its_own_hotlines(name: str) -> None:
    house = read(PROJECT / "installation" / f"{name}.toml")
    hotlines, phones = {hotline.key for hotline in house.hotlines}, {phone.name for phone in house.phones}
    assert len(station_files.read(house.stations, hotlines, phones)) > 2


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('hotline = "binhphuoc"', 'hotline = "nowhere"', "there is no hotline 'nowhere'"),
        ("channels = 30", 'channels = "30"', "channels must be int"),
        ("port = 5060", "port = 70000", "port must be 1-65535"),
        ("wrap_up_s = 30", "wrap_up_seconds = 30", "unknown field wrap_up_seconds"),
        ('number = "02713888001"', 'number = "none"', "has no number to dial"),
        ('name = "Tổng đài 1022 Bình Phước"', "", "[hotline.binhphuoc] has no name"),
        ('outbound = "vnpt"', 'outbound = "viettel"', "there is no trunk 'viettel'"),
        ("[trunk.vnpt]", "[trunk.vnpt", "is not TOML"),
    ],
)
def test_a_broken_installation_file_is_told_in_a_sentence(
    was: str, becomes: str, said: str, tmp_path: Path
) -> None:
    assert was in GOOD
    path = tmp_path / "installation.toml"
    path.write_text(GOOD.replace(was, becomes, 1), encoding="utf-8")
    with pytest.raises(InstallationFaults) as told:
        read(path)
    assert any(said in fault for fault in told.value.faults), told.value.faults


def test_an_absent_installation_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InstallationFaults, match="cannot be read: No such file"):
        read(tmp_path / "absent.toml")


def test_all_faults_of_an_installation_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "installation.toml"
    path.write_text(GOOD.replace('hotline = "binhphuoc"', 'hotline = "x"').replace("port = 5060", "port = 0"))
    with pytest.raises(InstallationFaults) as told:
        read(path)
    assert len(told.value.faults) == 2
