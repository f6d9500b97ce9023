// How an operator notices a call: a ring made by the browser itself, and a notification when the page is not looked at.

let context = null, timer = 0, shown = null;

function burst() {
  const from = context.currentTime;
  for (const [hz, at] of [[440, 0], [480, 0], [440, 0.5], [480, 0.5]]) {
    const tone = context.createOscillator(), level = context.createGain();
    tone.frequency.value = hz;
    level.gain.setValueAtTime(0, from + at);
    level.gain.linearRampToValueAtTime(0.12, from + at + 0.02);
    level.gain.setValueAtTime(0.12, from + at + 0.35);
    level.gain.linearRampToValueAtTime(0, from + at + 0.4);
    tone.connect(level).connect(context.destination);
    tone.start(from + at);
    tone.stop(from + at + 0.45);
  }
}

export function start(title, body) {
  stop();
  context ||= new AudioContext();
  context.resume().catch(() => {});
  burst();
  timer = setInterval(burst, 2000);
  if (document.hidden && window.Notification?.permission === "granted") {
    shown = new Notification(title, { body, tag: "1022-call", requireInteraction: true });
    shown.onclick = () => { window.focus(); shown?.close(); };
  }
}

export function stop() {
  clearInterval(timer);
  shown?.close();
  shown = null;
}

export const allow = () => window.Notification?.requestPermission();
