// The microphone and the loudspeaker: asked for once, changed in a talk, measured for the level meter.

const CHOSEN = { audioinput: "phone-input", audiooutput: "phone-output" };
const chosen = (kind) => localStorage.getItem(CHOSEN[kind]) || "";
export const choose = (kind, id) => localStorage.setItem(CHOSEN[kind], id);

/** Opens the chosen microphone, or the machine's own. Throws {why}: refused, missing, busy_mic, insecure. */
export async function open({ plain = false } = {}) {
  if (!navigator.mediaDevices) throw { why: "insecure" };
  const clean = { echoCancellation: !plain, noiseSuppression: !plain, autoGainControl: !plain, channelCount: 1 };
  const id = chosen("audioinput");
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: id ? { ...clean, deviceId: { ideal: id } } : clean });
  } catch (error) {
    throw { why: { NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "missing" }[error.name] || "busy_mic" };
  }
}

export async function devices(kind) {
  const all = await navigator.mediaDevices.enumerateDevices();
  return all.filter((one) => one.kind === kind).map((one) => ({ id: one.deviceId, name: one.label, on: one.deviceId === chosen(kind) }));
}

/** The voice comes out of the chosen loudspeaker; of the machine's own where the browser cannot choose. */
export async function speakThrough(audio) {
  const id = chosen("audiooutput");
  if (audio.setSinkId) await audio.setSinkId(id).catch(() => audio.setSinkId(""));
}

/** Calls `show(0…1)` with the microphone's level about ten times a second; returns what stops it. */
export function meter(stream, show) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const mean = samples.reduce((sum, one) => sum + one * one, 0) / samples.length;
    show(Math.min(1, Math.sqrt(mean) * 3));
  }, 100);
  return () => { clearInterval(timer); context.close(); };
}
