// Draws a recording's waveform from peaks that the server computed; the sound comes by range requests.
"use strict";
(() => {
  function draw(player) {
    if (player.dataset.drawn) return;
    player.dataset.drawn = "1";
    const wave = player.querySelector(".wave");
    const audio = player.querySelector("audio");
    const isDark = document.documentElement.dataset.bsTheme === "dark";
    WaveSurfer.create({
      container: wave,
      cspNonce: document.querySelector("[data-style-nonce]")?.dataset.styleNonce,
      media: audio,
      peaks: JSON.parse(player.dataset.peaks),
      duration: Number(player.dataset.length),
      height: 44,
      barHeight: 2, // telephone speech is quiet
      cursorColor: isDark ? "#e8e9ec" : "#1b1b1f",
      splitChannels: [
        { waveColor: isDark ? "#4c6a94" : "#7a9cc6", progressColor: isDark ? "#a9c8f5" : "#123f7a" },
        { waveColor: isDark ? "#46725a" : "#8fbf9f", progressColor: isDark ? "#8fdcae" : "#1c5f36" },
      ],
    });
    if (player.dataset.start) {
      const begin = () => { audio.currentTime = Number(player.dataset.start); };
      if (audio.readyState) begin();
      else audio.addEventListener("loadedmetadata", begin, { once: true });
    }
    audio.play().catch(() => {});
  }
  document.addEventListener("htmx:afterSwap", () => document.querySelectorAll(".player").forEach(draw));
})();
