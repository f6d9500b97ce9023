// The telephone of the page: buttons and keys on one side, the line on the other; one state at a time.
import { Line } from "./line.js";
import * as microphone from "./microphone.js";
import * as quality from "./quality.js";
import * as ring from "./ring.js";

const root = document.getElementById("telephone");
const part = (id) => document.getElementById(id);
const words = JSON.parse(root.dataset.words);
const csrf = () => document.querySelector("meta[name=csrf-token]").content;
const hex = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
const page = sessionStorage.getItem("phone-page") || hex();
sessionStorage.setItem("phone-page", page);
const AGAIN_MS = 2000;
const KEYS = { F2: "answer", F4: "reject", F6: "mute", F8: "hold", F9: "hangup" };
const NOT_LIVE = ["off", "starting", "elsewhere", "moved", "refused", "missing", "busy_mic", "insecure", "left"];

let state = "off", about = null, muted = false, held = false, stream = null, stopMeter = null, stopQuality = null, wanted = false;

function show(to) {
  state = to;
  root.dataset.state = to;
  part("phone-state").textContent = words[to] + (muted && about ? " · " + words.muted : "");
  part("phone-who").textContent = (about?.who || "").replace(/^\+84/, "0");
  for (const button of root.querySelectorAll("[data-act]")) {
    button.hidden = Boolean(button.dataset.in) && !button.dataset.in.split(" ").includes(to);
  }
  press("mute", muted);
  press("hold", held);
  if (!["talking"].includes(to)) fold("pad", true);
  part("phone-level").hidden = !stream;
  if (part("phone-dial")) part("phone-dial").hidden = to !== "ready";
}
const press = (act, on) => root.querySelector(`[data-act=${act}]`).setAttribute("aria-pressed", String(on));
function fold(act, closed = !part(`phone-${act}`).hidden) {
  part(`phone-${act}`).hidden = closed;
  root.querySelector(`[data-act=${act}]`).setAttribute("aria-expanded", String(!closed));
}
// Which contact the phone is for now, and whether they are on hold, is what the exchange says: it goes from one to another without a new call.
const contacts = () => [...document.querySelectorAll("#contacts [data-call]")];
const active = () => contacts().find((one) => "active" in one.dataset);
function followContact() {
  const now = active();
  if (!now || !about || !["talking", "held"].includes(state)) return;
  about.who = now.dataset.number;
  held = now.dataset.state === "held";
  show(held ? "held" : "talking");
}
document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target?.id === "contacts") followContact(); });
const rest = () => show(!line.isRegistered && wanted ? "away" : wanted ? "ready" : "off");

// --- the line's news ---------------------------------------------------------------------------------
const line = new Line((what, detail) => {
  ({ registered, refused, away, incoming, accepted, ended, track })[what](detail);
}, () => stream);

function registered() {
  if (!about) show("ready");
  else if (state === "away") show(held ? "held" : "talking");
  if (!about) tell("phone_ready");
  resolveStart?.();
  whenReady?.();
  whenReady = null;
}
// Asterisk began anew, or another page took over; a talk that goes on is left alone.
function refused() {
  if (wanted) setTimeout(() => { if (about) refused(); else if (wanted) begin(false, true).catch(failed); }, AGAIN_MS);
}
function away() { if (wanted && state !== "ringing") show("away"); }
function incoming(detail) {
  about = detail;
  muted = held = false;
  if (detail.returns) { show("answering"); line.answer(); return; }
  show("ringing");
  ring.start(words.incoming, part("phone-who").textContent);
}
function accepted() {
  ring.stop();
  show("talking");
  followContact();
  stopQuality = quality.follow(line.session.connection, (now) => {
    const sign = part("phone-quality"), how = quality.grade(now);
    sign.hidden = false;
    sign.dataset.grade = how;
    sign.dataset.energy = now.energy;
    sign.textContent = words[how];
    sign.title = `${words.jitter} ${now.jitter_ms} ms, ${words.loss} ${now.loss_percent} %`;
  });
}
function ended() {
  ring.stop();
  stopQuality?.();
  stopQuality = null;
  part("phone-quality").hidden = true;
  part("phone-voice").srcObject = null;
  about = null;
  if (muted) { muted = false; stream?.getAudioTracks().forEach((one) => { one.enabled = true; }); }
  held = false;
  if (losing) leave();
  else rest();
  followDuty();
  if (toldLate) whose();
  if (sessionIsOver) location.reload();
}
function track(voice) {
  const audio = part("phone-voice");
  audio.srcObject = voice;
  audio.play().catch(() => {});
  microphone.speakThrough(audio);
}

// --- switched on and off -----------------------------------------------------------------------------
let resolveStart = null, begun = 0;
/** Microphone, password, registration; throws {why} with a word of `words`. */
async function begin(take = false, again = false) {
  stream?.getAudioTracks()[0]?.readyState === "live" || await openMicrophone();
  begun += 1;
  const body = new URLSearchParams({ page, take: take ? "1" : "", again: again ? "1" : "" });
  let answer;
  try {
    answer = await fetch(root.dataset.login, { method: "POST", body, headers: { "X-CSRFToken": csrf(), "HX-Request": "true" } });
  } catch { throw { why: "no_exchange" }; }
  if (answer.status === 401) { location.assign("/"); return; }
  if (answer.status === 409) { wanted = false; line.stop(); throw { why: (await answer.json()).why }; }
  if (!answer.ok) throw { why: "no_exchange" };
  wanted = true;
  const account = await answer.json();
  if (line.session) return;   // the old line rang meanwhile: to begin anew would hang up on its caller
  line.start(account);
  await new Promise((resolve, reject) => {
    resolveStart = resolve;
    setTimeout(() => reject({ why: "no_exchange" }), 6000);
  });
}
function closeMicrophone() {
  stopMeter?.();
  stopMeter = null;
  stream?.getTracks().forEach((one) => one.stop());
  stream = null;
}
async function openMicrophone() {
  closeMicrophone();
  stream = await microphone.open({ plain: root.dataset.sounds === "plain" });
  stopMeter = microphone.meter(stream, (level) => { part("phone-level").value = level; });
  stream.getAudioTracks()[0].addEventListener("ended", () => { if (wanted) changeMicrophone(); });   // unplugged
}
async function changeMicrophone() {
  try {
    await openMicrophone();
    await line.replaceMicrophone(stream);
  } catch (fault) { if (!about) failed(fault); }
}
function failed(fault) {
  if (!fault?.why) fault = { why: "no_exchange" };
  if (fault.why === "no_exchange") { wanted = true; show("away"); setTimeout(() => { if (wanted && !line.isRegistered) begin().catch(failed); }, AGAIN_MS); return; }   // it may only have been late
  wanted = false;
  whenReady = null;
  letGo?.();
  letGo = null;
  line.stop();
  closeMicrophone();
  show(fault.why in words ? fault.why : "no_exchange");
}
let letGo = null, whenReady = null;
/** One tab holds the telephone; the lock goes with the tab, however it ends. */
const theOnlyTab = (steal) => new Promise((resolve, reject) => {
  if (letGo) { resolve(); return; }
  navigator.locks.request("1022-telephone", steal ? { steal: true } : { ifAvailable: true }, (lock) => {
    if (!lock) { reject({ why: "elsewhere" }); return null; }
    resolve();
    return new Promise((over) => { letGo = over; });
  }).catch(() => { letGo = null; lose(); });   // stolen by another tab
});
async function start(take = false) {
  show("starting");
  try {
    if (!navigator.mediaDevices) throw { why: "insecure" };
    await theOnlyTab(take);
    await begin(take);
  } catch (fault) {
    failed(fault);
    if (fault?.why && fault.why !== "no_exchange") throw fault;
    await new Promise((resolve) => { whenReady = resolve; });   // it is tried again by itself, and then who went on duty is
  }
}
let losing = false;
/** Another page is the telephone now. What is talked about goes over to it: to stop the line meanwhile would hang the citizen up. */
function lose() {
  wanted = false;
  letGo?.();
  letGo = null;
  losing = true;
  if (!about) leave();
}
/** Nobody is to hear the room at a page that is no telephone. */
function leave() {
  losing = false;
  line.stop();
  closeMicrophone();
  show("moved");
}
let onDuty = root.dataset.onDuty === "true";
/** Off duty this telephone is no more: its password is revoked, and nobody is to hear the room. A talk comes to its end first. */
function followDuty() {
  const bar = document.querySelector("#bar .bar");
  if (!bar || about) return;
  const now = bar.dataset.phone === "page";
  const left = onDuty && !now && wanted;
  onDuty = now;
  if (left) failed({ why: "left" });
}
document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target?.id === "bar") followDuty(); });
let toldLate = false;
/** Another page may have taken the telephone over; in a talk, or while it rings, that is looked at afterwards. */
async function whose() {
  toldLate = Boolean(about);
  if (!wanted || about) return;
  const asked = begun;
  const answer = await fetch(`${root.dataset.whose}?page=${page}`).catch(() => null);
  const isLost = answer?.ok && !(await answer.json()).mine;
  if (isLost && wanted && asked === begun) lose();   // a slow answer says nothing of what has been taken back meanwhile
}

// --- what the operator does --------------------------------------------------------------------------
function ask(kind, more = {}) {
  const body = new FormData();
  for (const [name, value] of Object.entries({ csrf_token: csrf(), kind, click_id: hex(), call_id: active()?.dataset.call || about?.callId || "", ...more })) body.set(name, value);
  return body;
}
async function tell(kind, more) {
  const answer = await fetch(root.dataset.command, { method: "POST", body: ask(kind, more) }).catch(() => null);
  document.dispatchEvent(new Event("1022-asked"));   // the bar shows what became of it
  return answer;
}
const hold = () => tell(held ? "retrieve" : "hold");
function hangUp() {
  if (contacts().length > 1) tell("hang_up");   // the phone is for the next contact then
  else line.hangUp();
}
const ACTS = {
  start: () => start(["elsewhere", "moved"].includes(state)).catch(() => {}),
  answer: () => { ring.stop(); show("answering"); line.answer(); },
  reject: () => line.reject(),
  hangup: hangUp,
  mute: () => { muted = !muted; line.mute(muted); show(state); },
  hold,
  pad: () => fold("pad"),
  devices: async () => { fold("devices"); await listDevices(); },
  notify: () => ring.allow(),
  keys: () => part("phone-keys").showModal(),
};
const can = (act) => { const button = root.querySelector(`[data-act=${act}]`); return button && !button.hidden; };
root.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.act && can(button.dataset.act)) ACTS[button.dataset.act]();
  if (button?.dataset.digit) line.digit(button.dataset.digit);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key === "?" && !typing) { event.preventDefault(); ACTS.keys(); }
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  if (!event.repeat && can(act)) ACTS[act]();
});
part("phone-dial")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const number = part("phone-number");
  if ((await tell("dial", { number: number.value }))?.ok) number.value = "";
});
async function listDevices() {
  for (const [kind, id] of [["audioinput", "phone-input"], ["audiooutput", "phone-output"]]) {
    const found = await microphone.devices(kind);
    part(id).replaceChildren(...[{ id: "", name: words.default_device }, ...found].map((one) => new Option(one.name || one.id, one.id, one.on, one.on)));
  }
}
part("phone-input").addEventListener("change", (event) => { microphone.choose("audioinput", event.target.value); changeMicrophone(); });
part("phone-output").addEventListener("change", (event) => { microphone.choose("audiooutput", event.target.value); microphone.speakThrough(part("phone-voice")); });
navigator.mediaDevices?.addEventListener("devicechange", () => { if (!part("phone-devices").hidden) listDevices(); });

// Going on duty with this page's telephone waits until it rings: a missing microphone is found out now, not at a citizen's call.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const chosen = form.querySelector("select[name=phone]");
  if (chosen?.value === "web" && state !== "ready") {
    event.preventDefault();
    event.stopImmediatePropagation();
    start().then(() => {
      const now = form.isConnected ? form : document.getElementById("act-sign_in")?.form;   // the bar may have been drawn anew
      if (!now) return;
      delete now.dataset.sent;
      now.requestSubmit();
    }, () => root.querySelector("[data-act=start]").focus());
    return;
  }
  if (!NOT_LIVE.includes(state) && !form.hasAttribute("hx-post") && form.closest("main")) form.target = "1022-work";
}, true);
// A page load would end the talk, and most pages have no telephone: while it is on, they open beside this one.
const homes = JSON.parse(root.dataset.homes);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (link && !about && homes.includes(link.pathname)) return;
  if (link && !NOT_LIVE.includes(state) && link.origin === location.origin && !link.hash) link.target = "1022-work";
}, true);
window.addEventListener("beforeunload", (event) => { if (about && state !== "ringing") event.preventDefault(); });
window.addEventListener("pagehide", () => { if (wanted) navigator.sendBeacon(root.dataset.command, ask("phone_gone")); });
let sessionIsOver = false;
document.addEventListener("1022-session-over", (event) => {
  if (!about) return;
  sessionIsOver = true;    // the citizen is not to lose their operator to a clock
  event.preventDefault();
});
document.addEventListener("1022-change", (event) => {
  if (event.detail.event === "PhoneMoved" && String(event.detail.operator_id) === root.dataset.me) whose();
});

show("off");
if (root.dataset.onDuty === "true") start().catch(() => {});
