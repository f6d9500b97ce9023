// Looking up answers: Alt+B opens the search and goes to it, but never takes the keyboard from whoever is typing: then a second Alt+B does.
"use strict";
(() => {
  const TYPED = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]";
  let asked = null, from = null;          // the field in which Alt+B was pressed once; where Escape goes back to
  const words = () => document.getElementById("knowledge-words");
  document.addEventListener("keydown", (event) => {
    const field = words();
    if (!field) return;
    if (event.altKey && !event.ctrlKey && !event.metaKey && event.code === "KeyB") {
      event.preventDefault();
      const opens = field.closest("details");
      if (opens) opens.open = true;
      const at = document.activeElement;
      if (at !== field && at?.matches(TYPED) && asked !== at) { asked = at; return; }
      asked = null;
      if (at !== field) from = at;
      field.focus();
      field.select();
    } else if (event.key === "Escape" && document.activeElement?.closest(".knowledge")) {
      event.preventDefault();
      const opens = field.closest("details"), back = from?.isConnected ? from : opens.querySelector("summary");
      from = null;
      opens.open = false;
      back.focus();
    } else if (event.target.closest?.(".articles summary, #knowledge-words") && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      const all = [field, ...document.querySelectorAll("#knowledge-found summary")];
      const next = all[all.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) { event.preventDefault(); next.focus(); }
    } else if (event.target === field && event.key === "Enter" && field.closest(".knowledge")) {
      event.preventDefault();
      const first = document.querySelector("#knowledge-found summary");
      if (first) { first.focus(); first.parentElement.open = true; }
    } else if (!event.altKey && asked && event.target === asked) {
      asked = null;                       // they type on
    }
  });
  document.addEventListener("focusout", () => { if (document.activeElement !== asked) asked = null; });
  // A talk is over and its form waits below: the search makes room for it, once, unless somebody types in it.
  let made = "";
  document.addEventListener("htmx:afterSwap", (event) => {
    const field = words(), result = document.getElementById("wrap-disposition");
    const opens = field?.closest(".knowledge details"), call = result?.form.elements.call_id.value;
    if (event.detail.target?.id !== "wrap-up" || !result || !opens?.open || made === call) return;
    made = call;
    if (document.activeElement === field) return;
    if (opens.contains(document.activeElement)) result.focus();
    opens.open = false;
  });
  // The desk's search is about whoever is at the desk now.
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.target !== words() || !event.target.closest(".knowledge")) return;
    const ticket = document.querySelector("#work > [data-ticket]")?.dataset.ticket;
    if (ticket) event.detail.parameters.ticket = ticket;
  });
})();
