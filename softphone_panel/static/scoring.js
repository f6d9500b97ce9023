// Scoring by keyboard while the recording plays: a number answers the criterion that has the focus and goes to the next.
"use strict";
(() => {
  const sheet = () => document.querySelector("[data-scoring]");
  const criteria = () => [...(sheet()?.querySelectorAll("form.criterion") || [])];
  const typing = (target) => target.matches("input:not([type=radio]), textarea, select, audio");
  const here = () => document.activeElement?.closest?.("form.criterion");
  const open = (form) => !form.querySelector("input:checked");
  function go(form) {
    const radio = form?.querySelector("input:checked") || form?.querySelector("input[type=radio]");
    if (!radio) return;
    radio.focus({ preventScroll: true });
    form.scrollIntoView({ block: "nearest" });
  }
  document.addEventListener("keydown", (event) => {
    if (typing(event.target) || event.ctrlKey || event.altKey || event.metaKey) return;
    const all = criteria();
    if (!all.length) return;
    const at = all.indexOf(here());
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      go(all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + (event.key === "ArrowDown" ? 1 : -1)))]);
    }
    if (!/^[0-9]$/.test(event.key)) return;
    const form = at < 0 ? all.find(open) || all[0] : all[at];
    const radio = form.querySelector(`input[data-key="${event.key}"]`);
    if (!radio) return;
    event.preventDefault();
    if (!radio.checked) {
      radio.checked = true;
      radio.dispatchEvent(new Event("change", { bubbles: true }));
    }
    go(all[all.indexOf(form) + 1] || form);
  });
  document.addEventListener("submit", (event) => {   // what is missing is shown here: another page would end the sound
    if (!event.target.matches(".finish")) return;
    const missing = [...event.target.closest("[data-scoring]").querySelectorAll("form.criterion")].filter(open);
    if (!missing.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    missing.forEach((form) => form.classList.add("missing"));
    go(missing[0]);
  }, true);
  document.addEventListener("change", (event) => event.target.closest?.("form.criterion")?.classList.remove("missing"));
  document.addEventListener("htmx:responseError", (event) => {   // what was not saved does not look saved
    const form = event.target.closest?.("form.criterion");
    form?.querySelectorAll("input:checked").forEach((radio) => { radio.checked = radio.defaultChecked; });
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest?.("form.criterion");
    if (form && event.detail.successful) form.querySelectorAll("input[type=radio]").forEach((radio) => { radio.defaultChecked = radio.checked; });
  });
})();
