// The contacts of the desk by keyboard: F6 the microphone of a desk phone, F7 the next one, F8 hold or speak on, F9 hang up, Alt+M who waits. The page's telephone has F6, F8 and F9 while it talks.
"use strict";
(() => {
  const list = () => [...document.querySelectorAll("#contacts [data-call]")];
  const button = (contact, act) => contact?.querySelector(`[data-contact-act=${act}]`);
  const pageTalks = () => ["answering", "talking", "held", "ringing", "away"].includes(document.getElementById("telephone")?.dataset.state);
  function next() {
    const all = list(), from = all.findIndex((one) => "active" in one.dataset);
    const others = [...all.slice(from + 1), ...all.slice(0, Math.max(from, 0))];
    button(others.find((one) => one.dataset.state === "held"), "retrieve")?.click();
  }
  const active = () => list().find((one) => "active" in one.dataset);
  const KEYS = {
    F6: () => { if (!pageTalks()) (button(active(), "mute") || button(active(), "unmute"))?.click(); },
    F7: next,
    F8: () => { if (!pageTalks()) (button(active(), "hold") || button(active(), "retrieve"))?.click(); },
    F9: () => { if (!pageTalks()) button(active(), "hang_up")?.click(); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.altKey && event.code === "KeyM" && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      if (!event.repeat) document.querySelector("#take-next:not([hidden]) #contact-take-next")?.click();
      return;
    }
    const act = event.ctrlKey || event.altKey || event.metaKey ? null : KEYS[event.key];
    if (!act || !list().length) return;
    event.preventDefault();
    if (!event.repeat) act();
  });
  // Who waits is pushed with its numbers: nothing is fetched for it, however many desks look on.
  document.addEventListener("1022-line", ({ detail }) => {
    const form = document.getElementById("take-next");
    if (!form) return;
    const mine = form.dataset.hotlines.split(" ").filter(Boolean);
    const served = Object.entries(detail).filter(([hotline]) => !mine.length || mine.includes(hotline));
    let all = 0;
    for (const tally of form.querySelectorAll("[data-waiting]")) {
      const count = served.reduce((sum, [, levels]) => sum + (levels[tally.dataset.waiting] || 0), 0);
      tally.querySelector(".count").textContent = count;
      tally.hidden = !count;
      all += count;
      if (tally.dataset.waiting === "RED") form.classList.toggle("RED", count > 0);
    }
    form.hidden = !all;
  });
  // The operator's own wish to go to another contact: the page may show that one's ticket at once.
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-contact-act]")) document.dispatchEvent(new Event("1022-turning"));
  });
})();
