// The list of tickets: mark all, mark a stretch with Shift, and tell how many are marked.
"use strict";
document.addEventListener("keydown", (event) => {      // Alt+Shift+1 to 9: the saved filters
  if (!event.altKey || !event.shiftKey) return;
  const there = document.querySelector(`[data-key="${event.code}"]`);
  if (there) { event.preventDefault(); there.click(); }
});
(() => {
  const form = document.getElementById("many");
  if (!form) return;
  const all = form.querySelector("#many-all"), told = form.querySelector("#many-count"), go = form.querySelector("#many-go");
  const marks = [...form.querySelectorAll("input[name=ticket]")];
  let last = -1;
  function tell() {
    const count = marks.filter((mark) => mark.checked).length;
    told.textContent = told.dataset.words.replace("{count}", count);
    all.checked = count === marks.length && count > 0;
    all.indeterminate = count > 0 && count < marks.length;
    go.disabled = count === 0;
  }
  all.addEventListener("change", () => { for (const mark of marks) mark.checked = all.checked; tell(); });
  marks.forEach((mark, at) => mark.addEventListener("click", (event) => {
    if (event.shiftKey && last >= 0) {
      for (let n = Math.min(at, last); n <= Math.max(at, last); n += 1) marks[n].checked = mark.checked;
    }
    last = at;
    tell();
  }));
  window.addEventListener("pageshow", tell);
  tell();
})();
