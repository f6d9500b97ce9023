"""A stand-in for the internet behind gTTS: an HTTPS proxy that ends the TLS itself and answers instead."""

import base64
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from pathlib import Path

import pytest


class FakeGtts(socketserver.ThreadingTCPServer):
    """Listens on loopback; `mode` is how it answers, `requests` counts what was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, folder: Path, sound: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.mode = "ok"
        self.sound = sound
        self.requests: list[str] = []
        self.closing = threading.Event()
        self.tls = _certificate(folder)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gives up mid-answer is what some modes are for."""


class _Answer(socketserver.BaseRequestHandler):
    server: FakeGtts

    def handle(self) -> None:
        _read_head(self.request)
        self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with self.server.tls.wrap_socket(self.request, server_side=True) as client:
            head, body = _read_head(client)
            length = int(
                next(line for line in head.split("\r\n") if line.lower().startswith("content-length"))[15:]
            )
            while len(body) < length:
                body += client.recv(65536)
            self.server.requests.append(body.decode())
            self.answer(client)

    def answer(self, client: ssl.SSLSocket) -> None:
        mode = self.server.mode
        encoded = base64.b64encode(self.server.sound).decode()
        line = f'[["wrb.fr","jQ1olc","[\\"{encoded}\\"]",null,null,null,"generic"]]\n'.encode()
        match mode:
            case "ok":
                _send(client, "200 OK", line)
            case "429":
                _send(client, "429 Too Many Requests", b"slow down")
            case "empty":
                _send(client, "200 OK", b"")
            case "no sound":
                _send(client, "200 OK", b'[["wrb.fr","jQ1olc",null]]\n')
            case "cut":
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + line[: len(line) // 2])
            case "hang":
                self.server.closing.wait(30)
            case "drip":
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")
                while not self.server.closing.wait(0.1):
                    client.sendall(b"x")


def _send(client: socket.socket, status: str, body: bytes) -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    client.sendall(head.encode() + body)


def _read_head(client: socket.socket) -> tuple[str, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        more = client.recv(65536)
        if not more:
            raise ConnectionError("the client left")
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    return head.decode(), body


def _certificate(folder: Path) -> ssl.SSLContext:
    """A key and certificate for this test run; gTTS does not verify it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is missing: it makes the fake server's certificate")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
