// The operator's own page: fields saved as typed, the work that follows the call at the desk, and its keys.
"use strict";
(() => {
  const TYPING_MS = 400;        // after the last key
  const AGAIN_MS = 1000;        // after a save that reached nobody; doubled up to 8 s
  const FROM_OTHERS_MS = 150;
  const PAUSE_MS = 3000;        // so long after the last key nobody is in the middle of a word
  const TURNING_MS = 5000;
  const work = () => document.querySelector("#work > [data-ticket]");
  const ticket = () => work()?.dataset.ticket || "";
  const csrf = () => document.querySelector("meta[name=csrf-token]")?.content || "";
  const fields = () => [...document.querySelectorAll("#work .field")];
  // A field belongs to the ticket it was shown with, also when the page shows another one meanwhile.
  const home = (field) => field.closest("[data-save]").dataset;
  const states = new WeakMap(); // field → {saved, timer, sending, again, clash}
  const draftOf = (field) => `1022:${home(field).ticket}:${field.dataset.field}`;

  // --- a field's value ---------------------------------------------------------------------------------
  function valueOf(field) {
    if (field.classList.contains("pills")) return field.querySelector("input:checked")?.value || "";
    if (field.classList.contains("unit")) return field.dataset.value || "";
    return field.querySelector("input, select, textarea").value;
  }
  function show(field, value) {
    if (field.classList.contains("pills")) {
      for (const radio of field.querySelectorAll("input")) radio.checked = radio.value === value;
    } else if (field.classList.contains("unit")) {
      field.dataset.value = value;
    } else {
      field.querySelector("input, select, textarea").value = value;
    }
  }
  const typed = (field) => Boolean(field.querySelector("input:not([type=radio]):not([type=search]), textarea"));
  function stateOf(field) {
    if (!states.has(field)) states.set(field, { saved: valueOf(field), timer: 0, sending: false, wait: AGAIN_MS, clash: null });
    return states.get(field);
  }
  const isDirty = (field) => valueOf(field) !== stateOf(field).saved;

  // --- saving --------------------------------------------------------------------------------------------
  function say(field, text, kind) {
    const sign = field.querySelector(".saved");
    sign.textContent = text;
    field.classList.toggle("is-saving", kind === "saving");
    field.classList.toggle("is-waiting", kind === "waiting");
    const all = document.querySelector("#work .all-saved");
    if (!all || !field.isConnected) return;
    const waiting = fields().filter((one) => one.classList.contains("is-waiting")).length;
    all.textContent = waiting ? work().dataset.waits : kind === "saved" ? `${work().dataset.kept} ${text.replace("✓ ", "")}` : all.textContent;
  }
  function complain(field, sentence) {
    const line = field.querySelector(".clash");
    if (line.textContent !== sentence) line.textContent = sentence;
    for (const input of field.querySelectorAll("input, select, textarea")) input.setAttribute("aria-invalid", sentence ? "true" : "false");
  }
  function keepDraft(field) {
    try {
      const value = valueOf(field);
      if (value === stateOf(field).saved) sessionStorage.removeItem(draftOf(field));
      else sessionStorage.setItem(draftOf(field), JSON.stringify({ value, version: field.dataset.version }));
    } catch { /* a browser without storage saves a little later only */ }
  }
  function soon(field) {
    const state = stateOf(field);
    clearTimeout(state.timer);
    state.timer = setTimeout(() => send(field, false), TYPING_MS);
  }
  async function send(field, finished, leaving = false) {
    const state = stateOf(field);
    clearTimeout(state.timer);
    if (state.clash) return;                       // Enter or Escape decides
    state.finished = state.finished || finished;
    if (state.sending && !leaving) { state.more = true; return; }
    const value = valueOf(field);
    if (value === state.saved && !(state.finished && state.unentered)) { state.finished = false; return; }
    const last = state.finished;
    state.finished = false;
    state.sending = true;
    say(field, home(field).saving, "saving");
    const body = new URLSearchParams({ name: field.dataset.field, value, seen: field.dataset.version, finished: last ? "1" : "0" });
    let answer = null, told = {};
    try {
      answer = await fetch(home(field).save, {
        method: "POST", body, keepalive: leaving, headers: { "X-CSRFToken": csrf(), "HX-Request": "true" },
      });
      told = await answer.json();
    } catch { /* nobody answered, or with no JSON: told below */ }
    state.sending = false;
    if (answer?.ok) {
      state.saved = value;
      state.unentered = !last;
      state.wait = AGAIN_MS;
      field.dataset.version = told.version;
      complain(field, "");
      keepDraft(field);
      say(field, "✓ " + told.at, "saved");
      if (field.isConnected) judge(told.state);
      if (last && told.value !== value && !isDirty(field)) { show(field, told.value); state.saved = told.value; }
    } else if (answer?.status === 409 && told.sentence) {
      state.clash = told;                          // of a ticket that is not shown: the draft tells it when it is again
      say(field, "≠", "waiting");
      complain(field, told.sentence);
      return;
    } else if (answer && answer.status < 500 && told.sentence) {
      say(field, "✕", "");
      complain(field, told.sentence);
      return;
    } else if (answer?.status === 401) {
      location.assign("/sign-in?next=/my-desk");
      return;
    } else {
      say(field, "…", "waiting");
      state.timer = setTimeout(() => send(field, last), state.wait);
      state.wait = Math.min(state.wait * 2, 8000);
      return;
    }
    if (state.more || isDirty(field)) { state.more = false; send(field, state.finished); }
  }
  function settle(field, mine) {
    const state = stateOf(field), other = state.clash;
    if (!other) return false;
    state.clash = null;
    field.dataset.version = other.version;
    state.saved = other.value;
    complain(field, "");
    if (!mine) { show(field, other.value); keepDraft(field); say(field, "", ""); return true; }
    send(field, true);
    return true;
  }

  // --- what the answers come to ---------------------------------------------------------------------------
  function judge(html) {
    const box = document.getElementById("script-state");
    if (!box || html === undefined || box.dataset.html === html) { mark(); return; }
    box.dataset.html = html;
    box.innerHTML = html;
    mark();
  }
  function mark() {
    const lines = document.querySelector("#script-state .state-lines");
    if (!lines) return;
    const all = work();
    if (all) all.dataset.branch = lines.dataset.branch;
    const words = (name) => new Set((lines.dataset[name] || "").split(" ").filter(Boolean));
    const asked = words("asked"), answered = words("answered");
    const typingIn = document.activeElement?.closest?.("#work .question");
    const hits = Object.fromEntries([...words("hits")].reverse().map((hit) => hit.split(":")));
    for (const part of document.querySelectorAll("#work .question")) {
      const name = part.dataset.question;
      part.hidden = !asked.has(name);
      part.classList.toggle("answered", answered.has(name));
      part.classList.toggle("next", name === lines.dataset.next);
      part.classList.remove("RED", "ORANGE", "YELLOW");
      if (hits[name]) part.classList.add(hits[name]);
    }
    // The answer has led to other questions: whoever works by keyboard is taken there.
    if (typingIn?.hidden) go(document.querySelector(`#q-${lines.dataset.next || "none"}`));
  }

  // --- another tab, another person --------------------------------------------------------------------------
  let reading = 0;
  function readSoon() {
    clearTimeout(reading);
    reading = setTimeout(readFields, FROM_OTHERS_MS);
  }
  async function readFields() {
    const from = work()?.dataset.fields, of = ticket();
    if (!from) return;
    let told = null;
    try { told = await (await fetch(from, { headers: { "HX-Request": "true" } })).json(); } catch { return; }
    if (ticket() !== of || !told.fields) return;
    for (const field of fields()) {
      const now = told.fields[field.dataset.field], state = stateOf(field);
      if (!now || state.sending || state.clash || Number(field.dataset.version) >= now.version) continue;
      if (isDirty(field)) continue;                // its own saving will tell
      field.dataset.version = now.version;
      state.saved = now.value;
      show(field, now.value);
      state.saved = valueOf(field);
    }
    judge(told.state);
  }
  document.addEventListener("1022-change", (event) => {
    if (event.detail.ticket_id && event.detail.ticket_id === ticket()) readSoon();
  });

  // --- typing ------------------------------------------------------------------------------------------------
  const at = (event) => event.target.closest?.("#work .field");
  document.addEventListener("input", (event) => {
    const field = at(event);
    if (!field || !typed(field) || event.target.type === "search") return;
    stateOf(field).unentered = true;
    keepDraft(field);
    soon(field);
  });
  document.addEventListener("change", (event) => {
    const field = at(event);
    if (!field || event.target.type === "search") return;
    if (field.classList.contains("unit")) {
      if (event.target.name !== "unit_code") return;
      field.dataset.value = event.target.value;
      field.querySelector(".chosen").textContent = event.target.parentElement.textContent.trim();
    }
    keepDraft(field);
    send(field, true);
  });
  document.addEventListener("focusout", (event) => {
    const field = at(event);
    if (field && typed(field)) send(field, true);
  });
  function leave() {
    for (const field of fields()) if (isDirty(field) && !stateOf(field).clash) send(field, true, true);
  }
  addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => { if (document.hidden) leave(); });

  // --- keys ----------------------------------------------------------------------------------------------------
  function go(to) {
    const field = to?.matches?.(".field") ? to : to?.querySelector(".field");
    const input = field?.querySelector("input:checked") || field?.querySelector("input, select, textarea") || to;
    input?.focus();
    if (input?.matches?.("input:not([type=radio]), textarea")) input.setSelectionRange?.(input.value.length, input.value.length);
    (to?.closest?.(".question") || to)?.scrollIntoView({ block: "nearest" });
  }
  function onward(field) {
    const all = fields().filter((one) => !one.closest("[hidden]"));
    go(all[all.indexOf(field) + 1]);
  }
  const ALT = {
    KeyN: () => go(document.querySelector(`#q-${document.querySelector("#script-state .state-lines")?.dataset.next || "none"}`)),
    KeyK: () => document.getElementById("wrap-disposition")?.focus(),
    KeyT: () => {
      const opens = document.getElementById("transfer-open");
      if (opens) opens.closest("details").open = true;
      (document.getElementById("station-wanted") || document.querySelector("#transfer .wishes button:not([disabled])"))?.focus();
    },
    KeyV: () => document.querySelector("#tasks button")?.focus() || document.getElementById("tasks-title")?.focus(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.altKey && !event.ctrlKey && !event.metaKey && ALT[event.code]) {
      event.preventDefault();
      ALT[event.code]();
      return;
    }
    const field = at(event);
    if (!field || event.ctrlKey || event.altKey || event.metaKey) return;
    if ((event.key === "Enter" || event.key === "Escape") && settle(field, event.key === "Enter")) {
      event.preventDefault();
    } else if (field.classList.contains("pills")) {
      const options = [...field.querySelectorAll("input")];
      const chosen = options[Number(event.key) - 1];
      if (/^[1-9]$/.test(event.key) && chosen) {
        event.preventDefault();
        chosen.checked = true;
        keepDraft(field);
        send(field, true);
        onward(field);
      } else if (event.key === "Delete" || event.key === "Backspace") {
        event.preventDefault();
        for (const radio of options) radio.checked = false;
        keepDraft(field);
        send(field, true);
      } else if (event.key === "Enter") {
        event.preventDefault();
        onward(field);
      }
    } else if (event.key === "Enter" && field.classList.contains("unit")) {
      event.preventDefault();
      const first = event.target.type === "search" ? field.querySelector("#unit-found input") : event.target;
      if (!first) return;
      if (!first.checked) first.click();
      onward(field);
    } else if (event.key === "Enter" && event.target.matches("input:not([type=search])")) {
      event.preventDefault();
      send(field, true);
      onward(field);
    }
  });
  document.addEventListener("click", (event) => {
    const to = event.target.closest?.("[data-go]");
    if (!to) return;
    event.preventDefault();
    go(document.querySelector(to.getAttribute("href")));
  });

  // --- the call at the desk --------------------------------------------------------------------------------------
  let loading = "", waits = 0, turning = 0, lastKey = 0;
  document.addEventListener("1022-turning", () => { turning = Date.now(); });
  document.addEventListener("keydown", () => { lastKey = Date.now(); }, true);
  const isTyping = () => Boolean(document.activeElement?.closest("#work .field")) && Date.now() - lastKey < PAUSE_MS;
  function follow() {
    const card = document.querySelector("#caller [data-ticket]");
    const wanted = card?.dataset.ticket;
    document.getElementById("work").classList.toggle("is-other", Boolean(wanted && ticket() && wanted !== ticket()));
    // A RED call rings at every free desk: the script comes to the one who answers.
    if (!wanted || card.dataset.state === "ringing" || wanted === ticket() || wanted === loading) return;
    // A contact who hung up must not take the words out of the operator's hands.
    clearTimeout(waits);
    if (ticket() && Date.now() - turning > TURNING_MS && isTyping()) { waits = setTimeout(follow, 500); return; }
    leave();
    turning = 0;
    loading = wanted;
    htmx.ajax("GET", document.getElementById("work").dataset.from + encodeURIComponent(wanted), { target: "#work", swap: "innerHTML" })
      .catch(() => {}).finally(() => { loading = ""; });
  }
  function begin() {
    for (const field of fields()) {
      if (states.has(field)) continue;
      const state = stateOf(field);
      let draft = null;
      try { draft = JSON.parse(sessionStorage.getItem(draftOf(field)) || "null"); } catch { /* none */ }
      if (!draft || draft.value === state.saved) { if (draft) keepDraft(field); continue; }
      const present = state.saved;
      show(field, draft.value);
      if (draft.version === field.dataset.version) send(field, true);
      else {
        state.clash = { value: present, version: field.dataset.version };
        complain(field, work().dataset.clash.replace("{value}", present));
      }
    }
    mark();
  }
  let handingOver = document.querySelector("#transfer .goes-on") !== null;
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id === "caller") follow();
    if (event.detail.target?.id === "work") { begin(); follow(); }
    if (event.detail.target?.id === "transfer") {   // who began below the script goes on at the script: the hand-over stays in sight
      const goesOn = event.detail.target.querySelector(".goes-on") !== null;
      if (goesOn && !handingOver && matchMedia("(min-width: 1101px)").matches) document.getElementById("work").scrollIntoView();
      handingOver = goesOn;
    }
    if (event.detail.target?.id === "unit-found") {   // nothing is chosen before somebody chooses
      for (const radio of event.detail.target.querySelectorAll("input")) radio.checked = false;
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target.id !== "wrap-disposition") return;
    const closes = document.getElementById("wrap-closes"), later = document.getElementById("wrap-follow");
    const chosen = event.target.selectedOptions[0];
    closes.checked = chosen?.dataset.closes === "1";
    if (closes.checked) later.value = "";
  });
  follow();
  begin();
})();
