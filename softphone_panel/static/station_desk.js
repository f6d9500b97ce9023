// A station's page: the keys 1, 2 and 3 are its buttons; accepting lifts the page's own telephone.
"use strict";
(() => {
  const MARGIN = "input, textarea, select, [contenteditable], dialog[open]";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.target.closest?.(MARGIN)) return;
    const buttons = document.querySelectorAll(`#offers [data-key="${CSS.escape(event.key)}"]`);
    if (buttons.length !== 1) return;      // with two offers on the page, the one that is meant is clicked
    event.preventDefault();
    buttons[0].click();
  });
  document.addEventListener("submit", (event) => {
    if (event.target.querySelector('[data-key="1"]')) document.querySelector('#telephone [data-act="answer"]:not([hidden])')?.click();
  }, true);
})();
