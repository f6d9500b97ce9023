"""The front's certificate: made once, renewed when it must be, the installation's own when there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import DNSName, SubjectAlternativeName

from front_door import certificates
from front_door.faults import Fault
from hotline.settings import Settings


def given(folder: Path, **more: Path) -> Settings:
    return Settings(var=folder, **more)  # type: ignore[arg-type] # pydantic takes the fields' own types


def leaf(made: certificates.Certificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(made.chain.read_bytes())


def test_the_first_run_makes_an_authority_and_what_it_signs_names_this_machine(tmp_path: Path) -> None:
    made = certificates.provide(given(tmp_path))
    authority = x509.load_pem_x509_certificate((tmp_path / "tls" / "ca.pem").read_bytes())
    leaf(made).verify_directly_issued_by(authority)
    named = leaf(made).extensions.get_extension_for_class(SubjectAlternativeName).value
    assert "localhost" in named.get_values_for_type(DNSName)
    for name in ("ca.key", "front.key"):
        assert (tmp_path / "tls" / name).stat().st_mode & 0o777 == 0o600


def test_the_second_run_changes_nothing(tmp_path: Path) -> None:
    before = leaf(certificates.provide(given(tmp_path))).serial_number
    assert leaf(certificates.provide(given(tmp_path))).serial_number == before


def test_a_new_address_gets_a_new_certificate_of_the_same_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = leaf(certificates.provide(given(tmp_path)))
    authority = (tmp_path / "tls" / "ca.pem").read_bytes()
    monkeypatch.setattr(certificates, "names_of_this_machine", lambda: ["localhost", "192.0.2.77"])
    after = leaf(certificates.provide(given(tmp_path)))
    assert after.serial_number != before.serial_number
    assert (tmp_path / "tls" / "ca.pem").read_bytes() == authority


@pytest.mark.parametrize("name", ["front.pem", "front.key", "ca.pem"])
def test_a_damaged_file_is_made_again(tmp_path: Path, name: str) -> None:
    certificates.provide(given(tmp_path))
    path = tmp_path / "tls" / name
    os.truncate(path, 0)
    if name == "ca.pem":
        path.unlink()
    made = certificates.provide(given(tmp_path))
    authority = x509.load_pem_x509_certificate((tmp_path / "tls" / "ca.pem").read_bytes())
    leaf(made).verify_directly_issued_by(authority)


def test_the_installation_s_own_certificate_is_used_and_no_authority_is_made(tmp_path: Path) -> None:
    other = certificates.provide(given(tmp_path / "other"))
    made = certificates.provide(given(tmp_path, certificate=other.chain, certificate_key=other.key))
    assert (made.chain, made.key) == (other.chain, other.key)
    assert not (tmp_path / "tls").exists()


def test_a_key_of_another_certificate_is_refused_in_a_sentence(tmp_path: Path) -> None:
    one, other = (certificates.provide(given(tmp_path / name)) for name in ("one", "other"))
    with pytest.raises(Fault, match="is not the key of"):
        certificates.provide(given(tmp_path, certificate=one.chain, certificate_key=other.key))


def test_half_of_the_two_settings_is_refused(tmp_path: Path) -> None:
    one = certificates.provide(given(tmp_path / "one"))
    with pytest.raises(Fault, match="belong together"):
        certificates.provide(given(tmp_path, certificate=one.chain))


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("hello")
    with pytest.raises(Fault, match=r"wrong\.pem"):
        certificates.provide(given(tmp_path, certificate=wrong, certificate_key=wrong))
