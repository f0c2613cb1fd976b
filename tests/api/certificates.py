"""Certificates of a made-up authority."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Files:
    """Where a certificate and its key are."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates, and writes them to a directory."""

    def __init__(self, directory: Path, name: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        builder = _builder(self._name, self._name, self._key, datetime.now(UTC) + _DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.certificate = directory / f"{name}.pem"
        self.certificate.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))

    def server(self, name: str = "server") -> Files:
        """Return a certificate for 127.0.0.1."""
        return self._signed(name, ExtendedKeyUsageOID.SERVER_AUTH)

    def client(self, name: str, *, until: datetime | None = None) -> Files:
        """Return a certificate for a client."""
        return self._signed(name, ExtendedKeyUsageOID.CLIENT_AUTH, until=until)

    def _signed(self, name: str, use: x509.ObjectIdentifier, *, until: datetime | None = None) -> Files:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_named(name), self._name, key, until or datetime.now(UTC) + _DAY)
        address = x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        files = Files(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        files.certificate.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))
        write_key(files.key, key)
        return files


def write_key(path: Path, key: ec.EllipticCurvePrivateKey, passphrase: bytes | None = None) -> None:
    protection = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - 3 * _DAY)
        .not_valid_after(until)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
