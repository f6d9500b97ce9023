"""What callers hear, sentence by sentence: listen, send a recording, hear it as a caller would, publish it, take it back."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, send_file, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import documents, prompt_documents
from hotline.database import reading, transaction
from hotline.documents import Content, Version
from hotline.installation import Hotline
from hotline.prompt_documents import PROMPT
from hotline.settings import settings
from ivr.speech import prompt_set, recorded_voice, sentences, sound, voice
from ivr.speech.engines import SpeechFailed
from ivr.speech.prompts import LANGUAGES, SHARED, Prompt, sound_path
from ivr.speech.recorded_voice import Finding, NotASound
from ivr.speech.sentences import Sentence
from ivr.speech.voice import Rendered
from softphone_panel import desk, shown, sounds, words
from softphone_panel.faults import InputFault
from softphone_panel.words import either, say

room = Blueprint("prompts", __name__, url_prefix="/prompts")
LARGEST_FORM_BYTES: Final = recorded_voice.LARGEST_BYTES + 64 * 1024
KEPT: Final = re.compile(rf"[0-9a-f]{{64}}\.({'|'.join(recorded_voice.KINDS)})")
PLAYABLE: Final[Mapping[str, str]] = {
    "wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg", "opus": "audio/ogg", "flac": "audio/flac"
}  # fmt: skip
"""What browsers play themselves."""


@dataclass(frozen=True)
class Wanted:
    hotline: str
    language: str
    made: str
    text: str


# -- the list --


@room.get("")
def index() -> str:
    asked = _wanted()
    found = sentences.sentences(settings(), desk.province(), asked.hotline, asked.language)
    with reading() as session:
        drafts = prompt_documents.drafts(session)
    rows = [one for one in found if _fits(one, asked, drafts)]
    sections = [
        {"key": key, "name": shown.PROMPT_SECTIONS[key], "rows": own}
        for key in sentences.SECTIONS
        if (own := [row for row in rows if row.section == key])
    ]
    return render_template(
        "prompts.html",
        wanted=asked,
        sections=sections,
        drafts=drafts,
        total=len(found),
        recorded=sum(one.is_recorded for one in found),
        outdated=sum(bool(one.earlier) for one in found),
        seconds=sum(one.made.seconds for one in found if one.made),
        languages=words.LANGUAGES,
        filters=shown.PROMPT_FILTERS,
        how=_how,
    )


def _wanted() -> Wanted:
    known = [h.key for h in desk.province().hotlines]
    hotline, spoken, made = (request.args.get(name, "") for name in ("hotline", "language", "made"))
    return Wanted(
        hotline if hotline in known else known[0],
        spoken if spoken in LANGUAGES else LANGUAGES[0],
        made if made in shown.PROMPT_FILTERS else "",
        request.args.get("text", "").strip()[:100],
    )


def _fits(one: Sentence, asked: Wanted, drafts: set[str]) -> bool:
    if asked.text and asked.text.casefold() not in f"{one.prompt.text} {one.prompt.id}".casefold():
        return False
    return {
        "": True,
        "recorded": one.is_recorded,
        "machine": not one.is_recorded,
        "draft": one.prompt.key in drafts,
        "outdated": bool(one.earlier),
    }[asked.made]


def _how(made: Rendered | None) -> str:
    """Who says it."""
    if made is None:
        return say("Chưa có âm thanh")
    if made.provider == voice.RECORDED:
        return say("Người thu")
    name = "gTTS" if made.provider.startswith("gtts") else "espeak-ng"
    return say("Giọng máy ({name})", name=name)


# -- one sentence --


@room.get("/<path:key>")
def one(key: str) -> str:
    prompt, made = _sentence(key)
    with reading() as session:
        return _page(session, prompt, made)


def _sentence(key: str) -> tuple[Prompt, Rendered | None]:
    """The prompt of an address, and what lies in the folder; 404 for none of ours."""
    if key.count("/") != 2:
        abort(404)
    try:
        return sentences.sentence(settings(), desk.province(), key)
    except (KeyError, LookupError, ValueError):
        abort(404)


def _page(session: Session, prompt: Prompt, made: Rendered | None, **more: Any) -> str:
    recorded = recorded_voice.published(settings().recorded)
    begun = documents.draft(session, PROMPT, prompt.key)
    outdated = ""
    own = recorded.get(prompt.key)
    if own is not None and own.file and not voice.says_the_same(prompt, own.text):
        outdated = own.text
    values = {
        "prompt": prompt,
        "made": made,
        "heard_key": prompt.key,
        "outdated": outdated,
        "scope_word": _scope_word(prompt),
        "others": _others(prompt),
        "draft": _draft(prompt, begun) if begun is not None else None,
        "history": _history(session, prompt),
        "seen": documents.seen(session, PROMPT, prompt.key),
        "languages": words.LANGUAGES,
        "how": _how,
        "faults": {},
        "longest_s": int(recorded_voice.LONGEST_S),
        "largest_mb": recorded_voice.LARGEST_BYTES // 1_000_000,
        **more,
    }
    return render_template("prompt.html", **values)


def _scope_word(prompt: Prompt) -> str:
    return _hotline(prompt.hotline).name if prompt.hotline else say("Mọi tổng đài")


def _hotline(key: str) -> Hotline:
    return desk.province().hotline(key)


def _others(prompt: Prompt) -> list[dict[str, str]]:
    """The same sentence where another recording of it may speak: one hotline's own, or that of all."""
    try:
        sentences.sentence(settings(), desk.province(), f"{prompt.language}/{SHARED}/{prompt.id}")
    except LookupError:
        return []  # its words name the province: each hotline has its own anyway
    scopes = [(SHARED, say("Mọi tổng đài")), *((h.key, h.name) for h in desk.province().hotlines)]
    return [
        {"key": f"{prompt.language}/{scope}/{prompt.id}", "name": name}
        for scope, name in scopes
        if scope != prompt.scope
    ]


def _draft(prompt: Prompt, begun: Version) -> dict[str, Any]:
    content = begun.content
    found = [_said(one["code"], one["refuses"], one["values"]) for one in content["findings"]]
    says_other = not voice.says_the_same(prompt, content["text"])
    return {
        **{name: content[name] for name in ("file", "name", "seconds")},
        "by": begun.by,
        "at": begun.at,
        "note": begun.note,
        "findings": found,
        "says_other": says_other,
        "may_publish": not says_other and not any(one["refuses"] for one in found),
        "is_playable": content["file"].rpartition(".")[2] in PLAYABLE,
    }


def _history(session: Session, prompt: Prompt) -> list[dict[str, Any]]:
    """What has spoken, newest first; the last line is the machine, before anything was sent."""
    rows = documents.history(session, PROMPT, prompt.key)
    past = [_past(prompt, row, is_current=place == 0) for place, row in enumerate(rows)]
    machine = {"number": 0, "at": None, "by": "", "note": "", "file": "", "name": "", "says_other": False}
    return [*past, {**machine, "is_current": not rows}]


def _past(prompt: Prompt, row: Version, *, is_current: bool) -> dict[str, Any]:
    content = row.content
    return {
        "number": row.number,
        "at": row.published_at,
        "by": row.published_by,
        "note": row.note,
        "file": content.get("file", ""),
        "name": content.get("name", ""),
        "says_other": bool(content.get("file")) and not voice.says_the_same(prompt, content["text"]),
        "is_current": is_current,
    }


def _said(code: str, refuses: bool, values: Mapping[str, float | str]) -> dict[str, Any]:
    """A finding as a sentence."""
    plain = {name: one if isinstance(one, str) else f"{one:.1f}" for name, one in values.items()}
    return {"refuses": refuses, "sentence": say(shown.PROMPT_FINDINGS[code], **plain)}


# -- what a person does --


@room.post("/<path:key>/send")
def send(key: str) -> AnyResponse | tuple[str, int]:
    """Keep the file, judge it, and make it the draft."""
    prompt, made = _sentence(key)
    sent = request.files.get("recording")
    try:
        if sent is None or not sent.filename:
            raise InputFault("recording", say("Ô “Tệp ghi âm”: hãy chọn một tệp."))
        content = _judged(prompt, sent.read(recorded_voice.LARGEST_BYTES + 1), sent.filename)
    except NotASound as refused:
        fault = _said(refused.finding.code, True, refused.finding.values)["sentence"]
        with reading() as session:
            return _page(session, prompt, made, faults={"recording": fault}), 422
    except InputFault as fault:
        with reading() as session:
            return _page(session, prompt, made, faults={fault.field: str(fault)}), fault.status
    with _documents() as session:
        documents.save(
            session, _house(session), PROMPT, prompt.key, content,
            by=current_user.username, seen=request.form.get("seen", ""),
        )  # fmt: skip
    flash(say("Đã giữ làm bản nháp: hãy nghe thử, rồi cho người gọi nghe."))
    return redirect(url_for("prompts.one", key=prompt.key), 303)


def _judged(prompt: Prompt, sent: bytes, name: str) -> Content:
    """The draft's content. Raises NotASound when the file is no recording that can be heard."""
    given, voices = settings(), prompt_set.voices(settings())
    kept = recorded_voice.keep(given.recorded, sent)
    try:
        machine_s = len(voice.machine_voice(prompt, voices)) / sound.RATE_HZ
    except (SpeechFailed, sound.NoSound):
        machine_s = 0.0
    judged = recorded_voice.judge(voices.sox, recorded_voice.original(given.recorded, kept), machine_s)
    return {
        "file": kept, "text": prompt.text, "name": _plain(name), "seconds": judged.seconds,
        "level_dbfs": judged.level_dbfs, "clipped": judged.clipped,
        "findings": [_stored(one) for one in judged.findings],
    }  # fmt: skip


def _stored(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "values": dict(finding.values)}


def _plain(name: str) -> str:
    """A file's name as somebody's computer has it, without its folders and without what no name has."""
    last = re.split(r"[\\/]", name)[-1]
    return "".join(one for one in last if one.isprintable())[-100:]


@room.post("/<path:key>/publish")
def publish(key: str) -> AnyResponse:
    """From the next playing on callers hear the draft."""
    prompt, _ = _sentence(key)
    with _documents() as session:
        begun = documents.draft(session, PROMPT, prompt.key)
        if begun is not None and not voice.says_the_same(prompt, begun.content["text"]):
            raise InputFault(
                "draft", say("Lời của câu đã đổi từ khi gửi bản này: hãy thu lại theo lời mới."), 409
            )
        documents.publish(
            session, _house(session), PROMPT, prompt.key,
            by=current_user.username, seen=request.form.get("seen", ""), note=request.form.get("note", ""),
        )  # fmt: skip
    return _heard(prompt)


@room.post("/<path:key>/discard")
def discard(key: str) -> AnyResponse:
    prompt, _ = _sentence(key)
    with _documents() as session:
        documents.discard(session, PROMPT, prompt.key, seen=request.form.get("seen", ""))
    flash(say("Đã bỏ bản nháp."))
    return redirect(url_for("prompts.one", key=prompt.key), 303)


@room.post("/<path:key>/back")
def back(key: str) -> AnyResponse:
    """An earlier recording, or with 0 the machine, speaks again."""
    prompt, _ = _sentence(key)
    number = request.form.get("number", "")
    if not number.isdecimal() or len(number) > 9:
        raise InputFault("number", say("Không có bản này: hãy tải lại trang."), 404)
    with _documents() as session:
        documents.undo(
            session, _house(session), PROMPT, prompt.key, int(number),
            by=current_user.username, seen=request.form.get("seen", ""),
        )  # fmt: skip
    return _heard(prompt)


def _house(session: Session) -> documents.House:
    return documents.house(session, settings().installation)


@contextmanager
def _documents() -> Iterator[Session]:
    """A transaction; what the documents refuse is said in the reader's language."""
    try:
        with transaction() as session:
            yield session
    except documents.Refused as refused:
        raise InputFault("seen", either(refused), refused.status) from refused


def _heard(prompt: Prompt) -> AnyResponse:
    """Lay the sound where the next playing finds it, and say so."""
    with reading() as session:
        report = prompt_set.follow(settings(), session, [(prompt.language, prompt.id)])
    if report.faults:
        raise InputFault("sound", " ".join(str(fault) for fault in report.faults), 500)
    flash(say("Xong: lần phát tới người gọi nghe giọng này."))
    return redirect(url_for("prompts.one", key=prompt.key), 303)


# -- sounds --


@room.get("/<path:key>/now.wav")
def now(key: str) -> Response:
    """What callers hear at this moment."""
    prompt, _ = _sentence(key)
    try:
        path = sound_path(settings().prompts, prompt.id, prompt.language, prompt.hotline)
        return _wav(path.with_name(f"{path.name}.alaw").read_bytes())
    except (LookupError, OSError):
        abort(404)


@room.get("/<path:key>/machine.wav")
def machine(key: str) -> Response:
    """How the machine says it."""
    prompt, _ = _sentence(key)
    try:
        return _wav(sound.to_alaw(voice.machine_voice(prompt, prompt_set.voices(settings()))))
    except (SpeechFailed, sound.NoSound):
        abort(404)


@room.get("/<path:key>/kept/<name>.wav")
def kept(key: str, name: str) -> Response:
    """A recording as callers would hear it."""
    path = _kept(name)
    voices = prompt_set.voices(settings())
    try:
        return _wav(sound.to_alaw(recorded_voice.mastered(voices.sox, path, voices.cache)))
    except (SpeechFailed, sound.NoSound):
        abort(404)


@room.get("/<path:key>/sent/<name>")
def original(key: str, name: str) -> Response:
    """A recording as it was sent."""
    path = _kept(name)
    kind = PLAYABLE.get(name.rpartition(".")[2])
    return send_file(
        path, mimetype=kind or "application/octet-stream", as_attachment=kind is None, conditional=True
    )


def _kept(name: str) -> Any:
    if not KEPT.fullmatch(name):
        abort(404)
    path = recorded_voice.original(settings().recorded, name)
    if not path.is_file():
        abort(404)
    return path


def _wav(alaw: bytes) -> Response:
    """A-law as a WAV that browsers play, any range of it."""
    made = io.BytesIO(sounds.header(len(alaw), channels=1) + alaw)
    answer = send_file(made, mimetype="audio/wav", conditional=True, max_age=0)
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer
