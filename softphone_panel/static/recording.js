// A recording by keyboard: space, arrows, a click on a mark; the comment's second follows the sound.
"use strict";
(() => {
  const audio = () => document.querySelector("#recording audio");
  const clock = (s) => Math.floor(s / 60) + ":" + String(Math.floor(s % 60)).padStart(2, "0");
  const typing = (target) => target.matches("input:not([type=radio]), textarea, select, button, audio, a, summary");
  const at = (s) => {
    for (const field of [document.getElementById("at"), document.getElementById("note-at")]) {
      if (field && document.activeElement !== field) field.value = clock(s);
    }
  };
  document.addEventListener("click", (event) => {
    const mark = event.target.closest("[data-seek]");
    if (!mark) return;
    at(Number(mark.dataset.seek));
    if (audio()) { audio().currentTime = Number(mark.dataset.seek); audio().play().catch(() => {}); }
  });
  document.addEventListener("keydown", (event) => {
    if (!audio() || typing(event.target) || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === " ") { event.preventDefault(); if (audio().paused) audio().play(); else audio().pause(); }
    const step = { ArrowLeft: -5, ArrowRight: 5 }[event.key];
    if (step) { event.preventDefault(); audio().currentTime += step; }
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt;
    if (event.detail.successful && form.matches("[data-comment]")) form.querySelector("[name=text]").value = "";
  });
  const speed = () => { if (audio()) audio().playbackRate = Number(document.getElementById("speed").value); };
  document.getElementById("speed").addEventListener("change", speed);
  document.addEventListener("htmx:afterSwap", () => {
    if (!audio() || audio().dataset.wired) return;
    audio().dataset.wired = "1";
    speed();
    audio().addEventListener("timeupdate", () => {
      at(audio().currentTime);
    });
  });
})();
