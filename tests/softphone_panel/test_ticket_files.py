"""Files of a ticket: looked into, cleaned, kept with their hash, and shown to whom they are for, each look written down."""

from __future__ import annotations

import hashlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from hotline import attachments, ledger
from hotline.attachments import LARGEST_BYTES, Attachment, NotKept, cleaned, named
from hotline.database import reading
from hotline.events import now
from hotline.ledger import LedgerEntry
from hotline.settings import settings
from softphone_panel import ticket_files
from tests.softphone_panel.conftest import Client, SignedIn
from tests.softphone_panel.test_tickets import entries, ticket

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
CLICKS = iter(f"{n:032x}" for n in range(2 * 10**6, 3 * 10**6))


def send(client: Client, ticket_id: str, content: bytes, name: str, status: int = 303) -> str:
    data = {"click_id": next(CLICKS), "file": (BytesIO(content), name)}
    page = {"Referer": f"http://localhost/tickets/{ticket_id}"}
    answer = client.post(
        f"/tickets/{ticket_id}/files", data=data, content_type="multipart/form-data", headers=page
    )
    assert answer.status_code == status, answer.text
    return answer.text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"MZ\x90\x00 a program", "unknown"),
        (b"<svg onload='alert(1)'/>", "unknown"),
        (b"<html>%PDF-1.4 %%EOF", "unknown"),
        (b"%PDF-1.4 cut off", "broken"),
        (b"\xff\xd8\xff\xe0 cut off", "broken"),
        (PDF.replace(b"/Type/Catalog", b"/OpenAction<</S/JavaScript/JS(x)>>"), "active"),
        (PDF + b" " * LARGEST_BYTES, "too_large"),
    ],
)
def test_what_is_no_picture_and_no_plain_pdf_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(NotKept) as refused:
        cleaned(content)
    assert refused.value.why == why


@given(name=st.text(max_size=200), kind=st.sampled_from(sorted(attachments.TYPES)))
def test_a_files_name_is_never_a_path(name: str, kind: str) -> None:
    found = named(name, kind)
    assert "/" not in found and "\\" not in found and "\n" not in found and '"' not in found
    assert 5 <= len(found) <= attachments.NAME_CHARACTERS and not found.startswith(".")


def jpeg() -> bytes:
    """A small picture's frame with where it was taken, as a camera writes it."""
    place = b"Exif\x00\x00MM\x00*GPS 11.53 106.88"
    segments = (
        b"\xff\xe1" + (len(place) + 2).to_bytes(2) + place,
        b"\xff\xfe\x00\x08secret",
        b"\xff\xc0\x00\x0b\x08\x00\x01\x00\x01\x01\x01\x11\x00",
        b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x00",
    )
    return b"\xff\xd8" + b"".join(segments) + b"\xff\xd9"


def test_a_file_is_kept_without_its_place_with_its_hash_in_entry_and_ledger(signed_in: SignedIn) -> None:
    client, one = signed_in("lan"), ticket(1)  # a talk of hers
    send(client, one.id, jpeg(), "../../etc/Ảnh nhà sập.PNG")
    send(client, one.id, PDF, "don.pdf")
    with reading() as session:
        photo, paper = session.scalars(select(Attachment).order_by(Attachment.id))
        lines = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == attachments.ADDED)).all()
    assert (photo.kind, photo.name, paper.name) == ("jpeg", "Ảnh nhà sập.jpg", "don.pdf")
    stored = (settings().recordings / photo.path).read_bytes()
    assert b"GPS" not in stored and b"secret" not in stored
    assert hashlib.sha256(stored).hexdigest() == photo.sha256
    assert [line.body["sha256"] for line in lines] == [photo.sha256, paper.sha256]
    assert [e.body["sha256"] for e in entries(one.id, attachments.ADDED)] == [photo.sha256, paper.sha256]
    page = client.get(f"/tickets/{one.id}").text
    assert "Ảnh nhà sập.jpg" in page and photo.sha256[:8] in page
    answer = client.get(f"/tickets/{one.id}/files/{photo.id}")
    assert (answer.data, answer.mimetype) == (stored, "image/jpeg")
    answer = client.get(f"/tickets/{one.id}/files/{paper.id}")
    assert answer.headers["Content-Disposition"].startswith("attachment") and answer.data == PDF
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    viewed = entries(one.id, attachments.VIEWED)
    assert [(e.actor, e.body["attachment"]) for e in viewed] == [("lan", photo.id), ("lan", paper.id)]


def test_only_who_talked_or_supervises_sees_files_and_only_at_their_ticket(signed_in: SignedIn) -> None:
    lan, minh, chief, one = signed_in("lan"), signed_in("minh"), signed_in("truongca"), ticket(1)
    send(lan, one.id, PDF, "don.pdf")
    with reading() as session:
        (row,) = session.scalars(select(Attachment))
    assert minh.get(f"/tickets/{one.id}/files/{row.id}").status_code == 403
    send(minh, one.id, PDF, "x.pdf", 403)
    page = minh.get(f"/tickets/{one.id}").text
    assert "don.pdf" in page and f"/files/{row.id}" not in page
    assert chief.get(f"/tickets/{one.id}/files/{row.id}").status_code == 200
    assert chief.get(f"/tickets/{ticket(2).id}/files/{row.id}").status_code == 404
    assert [e.actor for e in entries(one.id, attachments.VIEWED)] == ["truongca"]


def test_what_is_refused_leaves_nothing_and_what_was_altered_is_told(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (attachments, ticket_files):
        monkeypatch.setattr(module, "LARGEST_BYTES", 1000)
    client, one = signed_in("truongca"), ticket(1)
    refused = send(client, one.id, b"MZ program", "anh.jpg", 422)
    assert "không phải ảnh" in refused
    assert f'<a href="/tickets/{one.id}">Về trang trước' in refused
    assert "quá lớn" in send(client, one.id, PDF + b" " * 1000, "to.pdf", 413)
    assert "Chưa chọn tệp" in send(client, one.id, b"", "", 422)
    with reading() as session:
        assert session.scalars(select(Attachment)).all() == []
    assert not (settings().recordings / "attachments").exists()
    send(client, one.id, PDF, "don.pdf")
    with reading() as session:
        (row,) = session.scalars(select(Attachment))
        told = [f for f in ledger.verify(session, settings().recordings, now()) if "file a-" in f]
    assert told == []
    (settings().recordings / row.path).write_bytes(PDF + b"more")
    assert client.get(f"/tickets/{one.id}/files/{row.id}").status_code == 410
    with reading() as session:
        told = [f for f in ledger.verify(session, settings().recordings, now()) if "file a-" in f]
    assert len(told) == 1 and "was altered" in told[0]
