// The pages' own script: live fragments, the stream and its fall-back, clocks, one click = one command.
"use strict";
(() => {
  const COALESCE_MS = 250;      // at most 4 readings a second
  const POLL_MS = 2000;         // while the stream or Redis is away
  const TOGETHER_MS = 15;
  const AFTER_CARD_MS = 250;
  const soon = { first: 0, timer: 0, own: new Set() };
  const HANDS = "select, input"; // where somebody is at work: their part is drawn anew when they have left it
  const SOON_MS = 500;          // while a command waits for its result
  const SILENCE_MS = 25000;     // a ping comes every 10 s
  const seen = new Map();
  let last = "", source = null, heard = Date.now(), isLive = false, backOff = 500, again = 0;

  const csrf = () => document.querySelector("meta[name=csrf-token]")?.content || "";
  const SLOW_MS = 400;
  const fragments = () => [...document.querySelectorAll("[data-live-from]")];

  // --- fragments: fetched by htmx, 204 when nothing changed -------------------------------------------
  const busy = new Set();
  const stale = new Set();
  const refused = new Set();
  function read(part) {
    if (busy.has(part.id)) { stale.add(part.id); return; }
    if (part.contains(document.activeElement) && document.activeElement.matches(part.dataset.liveHands || HANDS)) {
      stale.add(part.id);       // never under somebody's hands
      return;
    }
    const playing = [...part.querySelectorAll("audio")].find((audio) => !audio.paused);
    if (playing) {              // nor under somebody's ears
      playing.addEventListener("pause", () => read(part), { once: true });
      return;
    }
    busy.add(part.id);
    const url = part.dataset.liveFrom + "?seen=" + (seen.get(part.id) || "");
    htmx.ajax("GET", url, { target: part, swap: "innerHTML", source: part })
      .catch(() => {})
      .finally(() => {
        busy.delete(part.id);
        if (stale.delete(part.id)) setTimeout(() => read(part), COALESCE_MS);
      });
  }
  let due = 0, lastRead = 0;
  const wanted = new Set();
  function readAll(parts = fragments()) {
    parts.forEach((part) => wanted.add(part));
    if (due) return;
    due = setTimeout(() => {
      due = 0;
      lastRead = Date.now();
      const now = [...wanted].filter((part) => part.isConnected);
      wanted.clear();
      now.forEach(read);
    }, Math.max(0, COALESCE_MS - (Date.now() - lastRead)));
  }
  document.addEventListener("1022-asked", () => readAll());
  document.addEventListener("focusout", (event) => {
    const part = event.target.closest("[data-live-from]");
    if (part && stale.delete(part.id)) setTimeout(() => read(part), 50);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const { xhr, target } = event.detail;
    const digest = xhr?.getResponseHeader?.("X-Seen");
    if (digest && target?.id && target !== pressed && !refused.delete(target.id)) seen.set(target.id, digest);
  });
  let pressed = null;           // nor under somebody's finger: a click needs its button from down to up
  document.addEventListener("pointerdown", (event) => { pressed = event.target.closest?.("[data-live-from]") || null; });
  for (const over of ["pointerup", "pointercancel"]) {
    document.addEventListener(over, () => setTimeout(() => {
      const part = pressed;
      pressed = null;
      if (part && stale.delete(part.id)) read(part);
    }));
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!pressed || event.detail.target !== pressed || event.detail.requestConfig?.verb !== "get") return;
    event.detail.shouldSwap = false;
    stale.add(pressed.id);
  });
  // What somebody typed, chose or opened and has not sent yet stays when its part is drawn anew. Ids name the thing
  // (a recall, a call), and a form's address and call say for whom it was: nothing moves to another person's row.
  const typed = new Map(), picked = new Map(), opened = new Set();
  const UNSENT = ["select[id]", "textarea[id]", "input[id]:not([type=hidden], [type=radio], [type=file])"]
    .map((one) => "form[data-once] " + one).join();
  const forWhom = ({ form }) => form.action + " " + (form.elements.call_id?.value || "");
  function touched(field) {
    if (field.matches("select")) {
      return field.value !== ([...field.options].find((option) => option.defaultSelected) || field.options[0])?.value;
    }
    return field.type === "checkbox" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, requestConfig } = event.detail;
    typed.clear();
    opened.clear();
    if (requestConfig?.verb !== "get") picked.clear();
    if (requestConfig?.verb !== "get" || !event.detail.shouldSwap || !target?.querySelectorAll) return;
    const hand = document.activeElement;
    if (busy.has(target.id) && target.contains(hand) && hand.matches(target.dataset.liveHands || HANDS)) {
      event.detail.shouldSwap = false;      // they began to type while this reading was on its way
      refused.add(target.id);
      stale.add(target.id);
      return;
    }
    for (const field of target.querySelectorAll(UNSENT)) {
      if (touched(field)) typed.set(field.id, [forWhom(field), field.type === "checkbox" ? field.checked : field.value]);
    }
    for (const radio of target.querySelectorAll("form[data-once] input[type=radio]:checked")) {
      if (!radio.defaultChecked) picked.set(radio.name, [forWhom(radio), radio.value]);
    }
    for (const { id } of target.querySelectorAll("details[open] > summary[id]")) opened.add(id);
  });
  document.addEventListener("htmx:afterRequest", ({ target }) => {
    [target, ...(target?.querySelectorAll?.("[aria-busy=true]") || [])].forEach((one) => one?.removeAttribute?.("aria-busy"));
  });
  document.addEventListener("htmx:afterSwap", () => {
    let searches = false;
    for (const [id, [whom, value]] of typed) {
      const field = document.getElementById(id);
      if (!field?.form || forWhom(field) !== whom) continue;
      searches ||= field.matches("[hx-get]");
      if (field.type === "checkbox") field.checked = value;
      else if (!field.matches("select") || [...field.options].some((option) => option.value === value && !option.disabled)) field.value = value;
    }
    for (const id of opened) document.getElementById(id)?.parentElement.setAttribute("open", "");
    for (const [name, [whom, value]] of picked) {
      for (const radio of document.querySelectorAll(`form[data-once] input[type=radio][name="${name}"]`)) {
        if (radio.value === value && forWhom(radio) === whom) radio.checked = true;
      }
    }
    for (const id of searches ? typed.keys() : []) {
      const field = document.getElementById(id);
      if (field?.matches("[hx-get]")) htmx.trigger(field, "input");   // its list is found again
    }
    if (!searches) picked.clear();
    tick();
    freshClicks();
  });

  // --- faults: the server's sentence, shown and read out ----------------------------------------------
  const faults = () => document.getElementById("faults");
  let clearing = 0;
  function tell(text) {
    faults().textContent = text;
    clearTimeout(clearing);
    clearing = setTimeout(() => { faults().textContent = ""; }, 12000);
  }
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr, requestConfig } = event.detail;
    if (xhr.status === 401) { location.assign(xhr.getResponseHeader("HX-Redirect") || "/"); return; }
    if (requestConfig?.verb === "get" && xhr.status >= 500) return;   // the next reading will do
    const box = document.createElement("div");
    box.innerHTML = xhr.responseText.slice(0, 2000);
    tell(box.textContent.trim());
    document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
  });

  // --- the stream --------------------------------------------------------------------------------------
  const stateSign = () => document.getElementById("stream-state");
  function show(live) {
    isLive = live;
    const sign = stateSign();
    if (!sign) return;
    const text = live ? "● " + sign.dataset.on : "○ " + sign.dataset.off;
    if (sign.textContent !== text) sign.textContent = text;
    sign.classList.toggle("off", !live);
  }
  function open() {
    clearTimeout(again);
    source?.close();
    const desk = document.querySelector("[data-stream-operator]");
    const asked = new URLSearchParams();
    if (last) asked.set("after", last);
    if (desk) {                 // a desk's page hears of its own operator and calls only
      const calls = [...document.querySelectorAll("[data-call]")].map((one) => one.dataset.call);
      asked.set("operator", desk.dataset.streamOperator);
      asked.set("about", [...new Set(calls), document.querySelector("#work > [data-ticket]")?.dataset.ticket].filter(Boolean).join(" "));
    }
    const url = document.body.dataset.stream + (asked.size ? "?" + asked : "");
    source = new EventSource(url, { withCredentials: true });
    heard = Date.now();
    const on = (name, act) => source.addEventListener(name, (event) => {
      heard = Date.now();
      if (event.lastEventId) last = event.lastEventId;
      act(event);
    });
    on("hello", () => { backOff = 500; show(true); readAll(); });
    on("change", (event) => { backOff = 500; show(true); changed(JSON.parse(event.data)); });
    on("reset", () => { backOff = 500; show(true); readAll(); });
    on("back", () => { show(true); readAll(); });
    on("away", () => show(false));
    on("ping", () => {});
    on("line", (event) => document.dispatchEvent(new CustomEvent("1022-line", { detail: JSON.parse(event.data) })));
    on("ended", () => {
      source.close();
      if (document.dispatchEvent(new Event("1022-session-over", { cancelable: true }))) location.reload();
    });
    source.onopen = () => { heard = Date.now(); if (last) { show(true); readAll(); } };
    source.onerror = () => {
      show(false);
      if (source.readyState === EventSource.CLOSED) reopen();   // e.g. a 502: the browser gives up, we do not
    };
  }
  function reopen() {
    clearTimeout(again);
    again = setTimeout(open, backOff);
    backOff = Math.min(backOff * 2, 8000);
  }
  // A part that names an operator, a call or a ticket is read again only when it is about them.
  function concerns(part, about) {
    if (part.dataset.liveOn) return part.dataset.liveOn.split(" ").includes(about.event);
    const { liveAbout, liveOperator } = part.dataset;
    if (!liveAbout && !liveOperator) return true;
    if (liveOperator && liveOperator === String(about.operator_id)) return true;
    const ids = (liveAbout || "").split(" ");
    const shown = "liveFollowed" in part.dataset ? [...part.querySelectorAll("[data-call]")] : [];
    return [about.call_id, about.ticket_id].some((id) => id && (
      ids.includes(id) || shown.some(({ dataset }) => id === dataset.call || id === dataset.ticket)));
  }
  function readOwn() {
    clearTimeout(soon.timer);
    soon.timer = 0;
    const now = [...soon.own];
    soon.own.clear();
    now.forEach(read);
  }
  document.addEventListener("htmx:afterSwap", (event) => {
    const { target } = event.detail;
    if (soon.timer && "liveFirst" in (target?.dataset || {}) && !target.querySelector("[data-state=ringing]")) readOwn();
  });
  function changed(about) {
    document.dispatchEvent(new CustomEvent("1022-change", { detail: about }));
    const parts = fragments().filter((part) => concerns(part, about));
    const first = parts.filter((part) => "liveFirst" in part.dataset);
    if (first.length && !soon.first) {      // a ringing phone's two facts come together; nothing else is waited for
      soon.first = setTimeout(() => { soon.first = 0; first.forEach(read); }, TOGETHER_MS);
    }
    const own = parts.filter((part) => part.dataset.liveOperator && !first.includes(part));
    own.forEach((part) => soon.own.add(part));
    if (own.length && !soon.timer) {        // a RED call rings everywhere: the card goes before all else
      soon.timer = setTimeout(readOwn, AFTER_CARD_MS * (1 + 3 * Math.random()));
    }
    const rest = parts.filter((part) => !first.includes(part) && !own.includes(part));
    if (rest.length) readAll(rest);
  }
  if (document.body.dataset.stream && fragments().length) {
    open();
    setInterval(() => {
      if (Date.now() - heard > SILENCE_MS) { show(false); heard = Date.now(); open(); }
      if (!isLive) readAll();
    }, POLL_MS);
    setInterval(() => {
      const waits = document.querySelector("[data-soon]");
      if (waits) read(waits.closest("[data-live-from]"));
    }, SOON_MS);
    for (const part of fragments().filter((one) => one.dataset.liveEvery)) {
      setInterval(() => { if (!document.hidden) read(part); }, Number(part.dataset.liveEvery) * (900 + 200 * Math.random()));
    }
    document.addEventListener("visibilitychange", () => { if (!document.hidden) readAll(); });
  } else if (stateSign()) {
    stateSign().hidden = true;
  }

  // --- clocks ------------------------------------------------------------------------------------------
  function tick() {
    const now = Date.now();
    for (const time of document.querySelectorAll("time[data-since]")) {
      const seconds = Math.max(0, Math.floor((now - Number(time.dataset.since)) / 1000));
      const hours = Math.floor(seconds / 3600);
      const text = (hours ? hours + ":" + String(Math.floor(seconds / 60) % 60).padStart(2, "0")
        : String(Math.floor(seconds / 60))) + ":" + String(seconds % 60).padStart(2, "0");
      if (time.textContent !== text) time.textContent = text;
      const target = Number(time.dataset.target || 0);
      time.classList.toggle("over", target > 0 && seconds > target);
    }
  }
  setInterval(tick, 500);
  tick();

  // --- forms: the token for htmx, one click = one sending ------------------------------------------------
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = csrf();
  });
  function freshClicks() {
    for (const field of document.querySelectorAll("input[data-fresh-click]")) {
      if (!field.value) field.value = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
    }
  }
  freshClicks();
  // A form refused far down a long page: what is wrong is brought before the eyes.
  document.querySelector(".invalid-feedback[role=alert]")?.scrollIntoView({ block: "center" });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!("once" in form.dataset)) return;
    if (form.dataset.sent) { event.preventDefault(); event.stopImmediatePropagation(); return; }
    form.dataset.sent = "1";
    setTimeout(() => delete form.dataset.sent, 3000);
    const button = event.submitter;   // a slow answer is shown as such; the page or the part is drawn anew with it
    setTimeout(() => {
      if (!button?.isConnected || !form.dataset.sent || (event.defaultPrevented && !form.matches("[hx-post]"))) return;
      button.setAttribute("aria-busy", "true");
      setTimeout(() => button.removeAttribute("aria-busy"), 10000);
    }, SLOW_MS);
  }, true);
})();
