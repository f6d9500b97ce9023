// One player for the list of sentences; a file that the server cannot read is turned into WAV here, if this browser can.
"use strict";
(() => {
  const bar = document.querySelector("[data-prompt-player]");
  if (bar) {
    const audio = bar.querySelector("audio");
    const now = bar.querySelector(".now");
    const unmark = () => document.querySelectorAll("tr.playing").forEach((row) => row.classList.remove("playing"));
    document.addEventListener("click", (event) => {
      const link = event.target.closest("[data-listen]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      const row = link.closest("tr");
      if (row.classList.contains("playing") && !audio.paused) { audio.pause(); return; }
      unmark();
      row.classList.add("playing");
      now.textContent = row.querySelector("th a").textContent;
      bar.hidden = false;
      audio.src = link.href;
      audio.play().catch(() => {});
    });
  }

  // --- M4A, 3GP and WebM, as telephones record: decoded by the browser, sent as WAV -------------------------
  const READ_THERE = ["RIFF", "fLaC", "OggS", "FORM", "#!AM", "ID3"];
  async function isReadThere(file) {
    const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
    const text = String.fromCharCode(...head);
    return READ_THERE.some((magic) => text.startsWith(magic)) || (head[0] === 0xff && (head[1] & 0xe0) === 0xe0);
  }
  function wavOf(sound) {
    const sides = [...Array(sound.numberOfChannels).keys()].map((n) => sound.getChannelData(n));
    const data = new DataView(new ArrayBuffer(44 + sound.length * 2));
    const word = (at, text) => [...text].forEach((letter, n) => data.setUint8(at + n, letter.charCodeAt(0)));
    word(0, "RIFF"); data.setUint32(4, 36 + sound.length * 2, true); word(8, "WAVEfmt ");
    data.setUint32(16, 16, true); data.setUint16(20, 1, true); data.setUint16(22, 1, true);
    data.setUint32(24, sound.sampleRate, true); data.setUint32(28, sound.sampleRate * 2, true);
    data.setUint16(32, 2, true); data.setUint16(34, 16, true);
    word(36, "data"); data.setUint32(40, sound.length * 2, true);
    for (let n = 0; n < sound.length; n += 1) {
      const sample = sides.reduce((sum, side) => sum + side[n], 0) / sides.length;
      data.setInt16(44 + n * 2, Math.max(-1, Math.min(1, sample)) * 32767, true);
    }
    return data.buffer;
  }
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-prompt-send]");
    const field = form?.querySelector("input[type=file]");
    const file = field?.files[0];
    if (!file) return;
    if (form.dataset.stage === "ready") { form.dataset.stage = "sent"; return; }
    event.preventDefault();
    if (form.dataset.stage) return;  // a second click
    form.dataset.stage = "reading";
    try {
      if (!(await isReadThere(file))) {
        const sound = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(await file.arrayBuffer());
        const given = new DataTransfer();
        given.items.add(new File([wavOf(sound)], `${file.name}.wav`, { type: "audio/wav" }));
        field.files = given.files;
      }
    } catch {
      // This browser cannot either: the server says which kinds it reads.
    }
    form.dataset.stage = "ready";
    form.requestSubmit(event.submitter);
  });
  // --- recorded here: a microphone without the improvements that are made for talks ---------------------------
  const AT_MOST_MS = 65000;
  const button = document.querySelector("[data-prompt-record]");
  if (button && navigator.mediaDevices?.getUserMedia && window.MediaRecorder) {
    const form = button.closest("form");
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
    let recorder = null;
    button.hidden = false;
    button.addEventListener("click", async () => {
      if (recorder) { recorder.stop(); return; }
      const refused = form.querySelector("[data-prompt-refused]");
      refused.textContent = "";
      try {
        const stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
        const parts = [];
        recorder = new MediaRecorder(stream);
        recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
        recorder.addEventListener("stop", () => {
          stream.getTracks().forEach((track) => track.stop());
          const given = new DataTransfer();
          const at = new Date().toTimeString().slice(0, 5).replace(":", "h");
          given.items.add(new File(parts, `micro ${at}.webm`, { type: recorder.mimeType }));
          form.querySelector("input[type=file]").files = given.files;
          recorder = null;
          button.textContent = button.dataset.begin;
          delete form.dataset.stage;
          form.requestSubmit();
        });
        recorder.start();
        button.textContent = button.dataset.end;
        setTimeout(() => { if (recorder?.state === "recording") recorder.stop(); }, AT_MOST_MS);
      } catch {
        recorder = null;
        refused.textContent = button.dataset.refused;
      }
    });
  }
  document.addEventListener("change", (event) => {
    const form = event.target.closest("[data-prompt-send]");
    if (form) delete form.dataset.stage;
  });
})();
