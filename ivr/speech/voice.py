"""Text into sound ahead of every call: each prompt from the best provider there is, all equally loud."""

import fcntl
import hashlib
import json
import os
import tempfile
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

import structlog

from ivr.speech import english, music, recorded_voice, sound, vietnamese
from ivr.speech.engines import (
    Breaker,
    Engine,
    EngineRests,
    Espeak,
    Gtts,
    Program,
    SpeechFailed,
    telephone_samples,
)
from ivr.speech.prompts import SHARED, Prompt
from ivr.speech.recorded_voice import MASTERING, Published

MANIFEST: Final = "manifest.json"
RECORDED: Final = "recorded"
"""The provider's name of a person's voice in the manifest."""

_log = structlog.get_logger(__name__)
_SPOKEN: Final[Mapping[str, Callable[[str], str]]] = {"vi": vietnamese.spoken, "en": english.spoken}


@dataclass(frozen=True)
class VoiceSettings:
    """Where sound comes from: people's recordings first, then gTTS when it is used, then espeak-ng."""

    sox: Program
    espeak: Program
    recorded: Path
    """The folder of `recorded_voice`."""
    cache: Path
    """Finished sounds by digest of engine, voice and words; may be deleted at any time."""
    use_gtts: bool = True
    gtts_timeout_s: float = 5.0
    gtts_deadline_s: float = 15.0
    gtts_rest_s: float = 60.0
    parallel: int = 2
    """Prompts rendered at the same time."""

    def engines(self) -> list[Engine]:
        """The engines to ask, best first; each call makes new ones, so a rest lasts for one rendering."""
        gtts = Gtts(self.gtts_timeout_s, self.gtts_deadline_s, Breaker(self.gtts_rest_s))
        return [*([gtts] if self.use_gtts else []), Espeak(self.espeak)]


@dataclass(frozen=True)
class Rendered:
    """One prompt as it lies in the folder: a row of the manifest."""

    text: str
    digest: str
    """Of language, words to say and mastering: another digest means another sound."""
    provider: str
    seconds: float
    recording: str = ""
    """The published recording's file, also when its text is not this one: then `outdated`."""
    outdated: bool = False


@dataclass(frozen=True)
class Fault:
    """Something wrong with one prompt, and what mends it."""

    key: str
    """The prompt: language/scope/id."""
    message: str
    fix: str

    def __str__(self) -> str:
        return f"Prompt {self.key}: {self.message} {self.fix}"


@dataclass(frozen=True)
class RenderReport:
    """What one rendering did."""

    rendered: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    by_provider: Mapping[str, int] = field(default_factory=dict)
    """Provider → prompts in the folder that it made."""
    seconds: float = 0.0
    """How long the rendering took."""
    speech_s: float = 0.0
    """How long all prompts together last."""


def render(
    prompts: Iterable[Prompt], settings: VoiceSettings, folder: Path, *, improve: bool = False
) -> RenderReport:
    """Bring `folder` up to date with `prompts`; only what is new or changed is made again.

    `improve` asks better engines again for what a lesser one made, e.g. once the internet is back.
    A prompt that no provider can say keeps its old sound and is named in the faults. Prompts no longer asked
    for stay: a call in progress may still need them.
    """
    began = time.monotonic()
    wanted = {prompt.key: prompt for prompt in prompts}
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one(folder), ThreadPoolExecutor(settings.parallel) as pool:
        manifest = read_manifest(folder)
        engines, recorded = settings.engines(), recorded_voice.published(settings.recorded)

        def one(prompt: Prompt) -> tuple[Prompt, Rendered | None, list[Fault]]:
            before = manifest.get(prompt.key)
            try:
                return (
                    prompt,
                    *_render_one(prompt, settings, engines, folder, before, recorded, improve=improve),
                )
            except OSError as failure:
                fix = f"Make room and allow writing in {folder}, then render again."
                return prompt, before, [Fault(prompt.key, f"could not be written: {failure.strerror}.", fix)]

        music.write_music(folder)
        for language in sorted({prompt.language for prompt in wanted.values()}):
            music.write_tones(folder / language / SHARED)
        outcomes = list(pool.map(one, wanted.values()))
        new = {prompt.key: row for prompt, row, _ in outcomes if row is not None}
        changed = tuple(key for key, row in new.items() if manifest.get(key) != row)
        if changed:
            _write_manifest(folder, {**manifest, **new})
    counts: dict[str, int] = {}
    for row in new.values():
        counts[row.provider] = counts.get(row.provider, 0) + 1
    report = RenderReport(
        rendered=changed,
        unchanged=tuple(key for key in new if key not in set(changed)),
        faults=tuple(fault for _, _, faults in outcomes for fault in faults),
        by_provider=counts,
        seconds=round(time.monotonic() - began, 3),
        speech_s=round(sum(row.seconds for row in new.values()), 1),
    )
    _log.info(
        "prompts rendered",
        rendered=len(changed),
        unchanged=len(report.unchanged),
        faults=len(report.faults),
        seconds=report.seconds,
    )
    return report


def check(prompts: Iterable[Prompt], folder: Path) -> list[Fault]:
    """A fault for every prompt that is missing, damaged or says an earlier text; empty when all is well."""
    fix = "Run `./app.py prompts render`."
    manifest = read_manifest(folder)
    faults: list[Fault] = []
    languages: set[str] = set()
    for prompt in prompts:
        languages.add(prompt.language)
        row = manifest.get(prompt.key)
        path = folder / prompt.key
        if row is None or not (
            path.with_name(f"{prompt.id}.wav").exists() and path.with_name(f"{prompt.id}.alaw").exists()
        ):
            faults.append(Fault(prompt.key, "has no sound.", fix))
        elif row.digest != _digest(prompt):
            faults.append(Fault(prompt.key, "still says an earlier text.", fix))
        elif not _whole(path, row):
            faults.append(Fault(prompt.key, "has a damaged sound.", fix))
        elif row.outdated:
            faults.append(_outdated(prompt))
    tones = [
        f"{language}/{SHARED}/{tone}"
        for language in sorted(languages)
        for tone in ("beep", "pause", "ringback")
    ]
    missing = [key for key in [*tones, "moh/default"] if not (folder / f"{key}.alaw").exists()]
    return faults + [Fault(key, "has no sound.", fix) for key in missing]


def length_s(path: Path) -> float:
    """How long the sound at `path` (no extension, as Asterisk plays it) lasts; FileNotFoundError without one.

    A-law has no header and a byte a sample, so this costs one look at the file's size.
    """
    return os.stat(f"{path}.alaw").st_size / sound.RATE_HZ  # noqa: PTH116 - before each prompt of each call


def read_manifest(folder: Path) -> dict[str, Rendered]:
    """Prompt key → what lies there; empty when nothing was rendered or the manifest is damaged."""
    try:
        rows = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {key: Rendered(**row) for key, row in rows.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as failure:
        _log.warning("prompt manifest damaged", folder=str(folder), reason=str(failure))
        return {}


def recording_for(prompt: Prompt, recorded: Mapping[str, Published]) -> tuple[Published | None, bool]:
    """The recording that speaks for `prompt`, its hotline's own or the one of all; and whether one says another text."""
    outdated = False
    for scope in dict.fromkeys((prompt.scope, SHARED)):
        found = recorded.get(f"{prompt.language}/{scope}/{prompt.id}")
        if found is None or not found.file:
            continue
        if says_the_same(prompt, found.text):
            return found, outdated
        outdated = True
    return None, outdated


def says_the_same(prompt: Prompt, text: str) -> bool:
    """Whether a recording of `text` says what the prompt does; another spelling of the same words is no change."""
    return words_of(prompt.language, text) == words_of(prompt.language, prompt.text)


def _render_one(
    prompt: Prompt,
    settings: VoiceSettings,
    engines: list[Engine],
    folder: Path,
    before: Rendered | None,
    recorded: Mapping[str, Published],
    *,
    improve: bool,
) -> tuple[Rendered | None, list[Fault]]:
    """The prompt's row after bringing it up to date (None when it has no sound) and what went wrong."""
    digest, path, faults = _digest(prompt), folder / prompt.key, list[Fault]()
    current = before if before and before.digest == digest and _whole(path, before) else None
    recording, outdated = recording_for(prompt, recorded)
    if outdated and recording is None:
        faults.append(_outdated(prompt))
    if recording is not None:
        if current and current.provider == RECORDED and current.recording == recording.file:
            return current, faults
        try:
            original = recorded_voice.original(settings.recorded, recording.file)
            samples = recorded_voice.mastered(settings.sox, original, settings.cache)
            seconds = sound.write_pair(path, samples)
            return Rendered(prompt.text, digest, RECORDED, seconds, recording.file), faults
        except (SpeechFailed, sound.NoSound) as failure:
            unusable = f"the recording {recording.file} cannot be used: {failure}"
            faults.append(Fault(prompt.key, unusable, "Publish another one on the page of prompts."))
    row = _synthesised(prompt, settings, engines, path, current, improve=improve)
    if row is None:
        fix = "Publish a recording, or run `./run doctor` to see what espeak-ng or sox lacks."
        return before, [*faults, Fault(prompt.key, "no engine could say it.", fix)]
    return replace(row, outdated=outdated), faults


def _outdated(prompt: Prompt) -> Fault:
    said = "the published recording says an earlier text, so it is not used."
    return Fault(prompt.key, said, "Publish a new recording on the page of prompts.")


def _synthesised(
    prompt: Prompt,
    settings: VoiceSettings,
    engines: list[Engine],
    path: Path,
    current: Rendered | None,
    *,
    improve: bool,
) -> Rendered | None:
    """The row of the best engine that can say it; `current` when none is better; None when none can."""
    if current and current.provider != RECORDED:
        names = [engine.name for engine in engines]
        if not improve or current.provider not in names:
            return current
        engines = engines[: names.index(current.provider)]
    elif not improve:
        # Somebody waits for a recording to be taken back: what a machine said before is here at once.
        engines = sorted(engines, key=lambda engine: not _is_cached(prompt, settings, engine))
    for engine in engines:
        try:
            samples = _said(prompt, settings, engine)
        except EngineRests:
            continue
        except (SpeechFailed, sound.NoSound) as failure:
            _log.warning("prompt engine failed", prompt=prompt.key, engine=engine.name, reason=str(failure))
            continue
        return Rendered(prompt.text, _digest(prompt), engine.name, sound.write_pair(path, samples))
    return current if current and current.provider != RECORDED else None


def machine_voice(prompt: Prompt, settings: VoiceSettings) -> "array[int]":
    """How the machine says it: what lies in the cache, the best engine's first, else espeak-ng now.

    Raises SpeechFailed or NoSound.
    """
    for engine in settings.engines():
        kept = _cached(prompt, settings, engine)
        try:
            return sound.read_wav(kept.with_name(f"{kept.name}.wav"))
        except (FileNotFoundError, ValueError, EOFError):
            continue  # not in the cache, or cut short
    return _said(prompt, settings, Espeak(settings.espeak))


def _is_cached(prompt: Prompt, settings: VoiceSettings, engine: Engine) -> bool:
    kept = _cached(prompt, settings, engine)
    return kept.with_name(f"{kept.name}.wav").exists()


def _cached(prompt: Prompt, settings: VoiceSettings, engine: Engine) -> Path:
    """Where this engine's sound of these words is kept."""
    spoken = words_of(prompt.language, prompt.text)
    name = hashlib.sha256("\n".join((engine.name, prompt.language, MASTERING, spoken)).encode()).hexdigest()
    return settings.cache / name[:2] / name


def _said(prompt: Prompt, settings: VoiceSettings, engine: Engine) -> "array[int]":
    """The mastered samples, from the cache when this engine said the same words before."""
    kept = _cached(prompt, settings, engine)
    try:
        return sound.read_wav(kept.with_name(f"{kept.name}.wav"))
    except (FileNotFoundError, ValueError, EOFError):
        pass  # not in the cache, or cut short: said anew
    words = words_of(prompt.language, prompt.text)
    with tempfile.TemporaryDirectory(prefix="voice-") as scratch:
        said = engine.say(words, prompt.language, Path(scratch))
        samples = sound.mastered(telephone_samples(settings.sox, said))
    sound.write_pair(kept, samples)
    return samples


def words_of(language: str, text: str) -> str:
    """`text` written out as it is spoken."""
    return _SPOKEN.get(language, str)(text)


def _digest(prompt: Prompt) -> str:
    spoken = words_of(prompt.language, prompt.text)
    return hashlib.sha256("\n".join((prompt.language, MASTERING, spoken)).encode()).hexdigest()


def _whole(path: Path, row: Rendered) -> bool:
    """True when both files have the length that the manifest says."""
    samples = round(row.seconds * sound.RATE_HZ)
    try:
        sizes = [path.with_name(f"{path.name}.{suffix}").stat().st_size for suffix in ("wav", "alaw")]
    except FileNotFoundError:
        return False
    return sizes == [44 + 2 * samples, samples]


def _write_manifest(folder: Path, rows: Mapping[str, Rendered]) -> None:
    text = json.dumps({key: asdict(rows[key]) for key in sorted(rows)}, ensure_ascii=False, indent=1)
    part = folder / f".{MANIFEST}.part"
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(folder / MANIFEST)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """One rendering of a folder at a time; a second one waits."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
