"""The front's certificate: the installation's own, or one that a local authority made at the first run signs."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from front_door.faults import Fault
from hotline.settings import Settings

AUTHORITY_DAYS = 3650
LEAF_DAYS = 397
"""Browsers refuse longer ones from authorities that they trust."""
RENEW_DAYS = 30
EARLIER = timedelta(hours=1)
"""A desk's clock may be behind the server's."""
ADDRESS = re.compile(r"\|-- (\d+\.\d+\.\d+\.\d+)\n\s+/32 host LOCAL")


@dataclass(frozen=True)
class Certificate:
    """What nginx is given."""

    chain: Path
    key: Path


def provide(given: Settings) -> Certificate:
    """The certificate to serve, made or renewed where needed. Raises Fault when the two settings do not fit."""
    if given.certificate or given.certificate_key:
        return _own(given)
    folder = given.tls
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificate(folder / "front.pem", folder / "front.key")
    names = names_of_this_machine()
    if not _is_good(made, folder / "ca.pem", names):
        _sign(*_authority(folder), made, names)
    return made


def has_own_authority(given: Settings) -> bool:
    """Whether browsers must be told to trust our authority."""
    return not given.certificate


def _own(given: Settings) -> Certificate:
    if not (given.certificate and given.certificate_key):
        raise Fault("HOTLINE_CERTIFICATE and HOTLINE_CERTIFICATE_KEY belong together; set both or neither.")
    try:
        chain = x509.load_pem_x509_certificates(given.certificate.read_bytes())
        key = serialization.load_pem_private_key(given.certificate_key.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise Fault(
            f"The certificate {given.certificate} or its key {given.certificate_key} cannot be read "
            f"({error}); both must be PEM files that this user may read, the key without a password."
        ) from None
    if chain[0].public_key() != key.public_key():
        raise Fault(
            f"{given.certificate_key} is not the key of {given.certificate}; name the two that belong together."
        )
    if chain[0].not_valid_after_utc < datetime.now(UTC):
        raise Fault(f"The certificate {given.certificate} has expired; renew it.")
    return Certificate(given.certificate.absolute(), given.certificate_key.absolute())


def names_of_this_machine() -> list[str]:
    """Names and addresses under which desks may call the front, the machine's own first."""
    host = socket.gethostname()
    found = ["localhost", "127.0.0.1", "::1", host]
    with suppress(OSError):
        found += sorted(set(ADDRESS.findall(Path("/proc/net/fib_trie").read_text())))
    return list(dict.fromkeys(name for name in found if name))


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _is_good(made: Certificate, authority: Path, names: list[str]) -> bool:
    """Whether the leaf that lies there is signed by this authority, names all, and lasts."""
    try:
        leaf = x509.load_pem_x509_certificate(made.chain.read_bytes())
        leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.read_bytes()))
        named = set(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        serialization.load_pem_private_key(made.key.read_bytes(), None)
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound, InvalidSignature):
        return False
    lasts = leaf.not_valid_after_utc - datetime.now(UTC) > timedelta(days=RENEW_DAYS)
    return lasts and {_general(name) for name in names} <= named


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """The local authority, made at the first run; its key never leaves this folder."""
    certificate, key_file = folder / "ca.pem", folder / "ca.key"
    if certificate.exists() and key_file.exists():
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return x509.load_pem_x509_certificate(certificate.read_bytes()), key
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"1022 {socket.gethostname()[:50]}")])
    made = (
        _builder(name, name, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(key_file, _pem(key), 0o600)
    _write(certificate, made.public_bytes(serialization.Encoding.PEM), 0o644)
    return made, key


def _sign(
    authority: x509.Certificate, key: ec.EllipticCurvePrivateKey, made: Certificate, names: list[str]
) -> None:
    own = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    leaf = (
        _builder(subject, authority.subject, own.public_key(), LEAF_DAYS)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(made.key, _pem(own), 0o600)
    chain = [one.public_bytes(serialization.Encoding.PEM) for one in (leaf, authority)]
    _write(made.chain, b"".join(chain), 0o644)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    began = datetime.now(UTC) - EARLIER
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=days))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=signs, crl_sign=signs, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.replace(path)
