// An alarm that is new on the page is heard as well as read: three short falling tones, once; where a room listens, again.
"use strict";
(() => {
  const REPEAT_MS = 15000;
  const known = new Set(JSON.parse(sessionStorage.getItem("1022-alarms") || "[]"));
  let context = null;

  function sound() {
    context ||= new AudioContext();
    context.resume().catch(() => {});
    const from = context.currentTime;
    for (const [hz, at] of [[880, 0], [660, 0.18], [880, 0.5], [660, 0.68], [880, 1], [660, 1.18]]) {
      const tone = context.createOscillator(), level = context.createGain();
      tone.frequency.value = hz;
      level.gain.setValueAtTime(0, from + at);
      level.gain.linearRampToValueAtTime(0.15, from + at + 0.02);
      level.gain.setValueAtTime(0.15, from + at + 0.13);
      level.gain.linearRampToValueAtTime(0, from + at + 0.16);
      tone.connect(level).connect(context.destination);
      tone.start(from + at);
      tone.stop(from + at + 0.18);
    }
    document.documentElement.dataset.alarmsSounded = String(Number(document.documentElement.dataset.alarmsSounded || 0) + 1);
  }
  function look() {
    const here = [...document.querySelectorAll("[data-alarm]")].flatMap((one) => one.dataset.alarm.split(" ")).filter(Boolean);
    const fresh = here.filter((key) => !known.has(key));
    known.clear();
    here.forEach((key) => known.add(key));
    try { sessionStorage.setItem("1022-alarms", JSON.stringify(here)); } catch { /* then it sounds again on the next page */ }
    if (fresh.length) sound();
  }
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.matches?.("#recall-alarms, #wall, #orders, #command")) look();
  });
  setInterval(() => { if (document.querySelector("[data-alarm-repeats]:not([data-alarm=''])")) sound(); }, REPEAT_MS);
  if (document.querySelector("[data-alarm]")) look();
})();
