// The line: one registration and at most one talk, over JsSIP; it heals itself and says what happens.
import JsSIP from "../vendor/jssip.min.js";

const WATCH_MS = 5000;        // a half-open socket looks registered for more than a minute; looked at in a talk
const IDLE_WATCHES = 4;       // and this much less often between talks
const ANSWER_WITHIN_MS = 3000;
const CANDIDATES_WITHIN_MS = 20;

/** Tells `on(what, detail)`: registered, refused, away, incoming, accepted, ended, track. */
export class Line {
  constructor(on, microphone) {
    this.on = on;
    this.microphone = microphone;   // () => MediaStream
    this.session = null;
    this.ua = null;
  }

  start({ name, password }) {
    this.stop();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(`${scheme}://${location.host}/ws`)],
      uri: `sip:${name}@desk.invalid`, authorization_user: name, password,
      register_expires: 120, session_timers: false,
      connection_recovery_min_interval: 1, connection_recovery_max_interval: 4,
    });
    const ua = this.ua;
    let fresh = true;
    ua.on("registered", () => {
      if (this.ua !== ua) return;
      if (fresh) { this.heal(); this.on("registered"); }
      fresh = false;
    });
    ua.on("registrationFailed", ({ response }) => { if (this.ua === ua) this.on(response ? "refused" : "away"); });
    ua.on("disconnected", () => { fresh = true; if (this.ua === ua) this.on("away"); });
    ua.on("newRTCSession", ({ session, originator, request }) => {
      if (originator === "remote") this.arrived(session, request);
    });
    ua.start();
    let watches = 0;
    this.watch = setInterval(() => {
      watches += 1;
      if (this.session || watches % IDLE_WATCHES === 0) this.ping(ua);
    }, WATCH_MS);
  }

  stop() {
    clearInterval(this.watch);
    this.ua?.stop();
    this.ua = null;
  }

  get isRegistered() { return Boolean(this.ua?.isRegistered()); }

  arrived(session, request) {
    if (this.session) { session.terminate({ status_code: 486 }); return; }
    this.session = session;
    const about = {
      callId: request.getHeader("X-Call-Id") || "",
      returns: Boolean(request.getHeader("X-Return")),
      who: request.from.display_name || request.from.uri.user || "",
    };
    let waits = 0;
    session.on("icecandidate", ({ ready }) => { waits ||= setTimeout(ready, CANDIDATES_WITHIN_MS); });
    session.on("peerconnection", ({ peerconnection }) => this.follow(session, peerconnection));
    session.on("accepted", () => this.on("accepted", about));
    const over = ({ cause, originator }) => {
      if (this.session !== session) return;
      this.session = null;
      this.on("ended", { ...about, cause, by: originator });
    };
    session.on("ended", over);
    session.on("failed", over);
    this.on("incoming", about);
  }

  follow(session, connection) {
    connection.addEventListener("track", ({ track, streams }) => this.on("track", streams[0] || new MediaStream([track])));
    // JsSIP itself waits for iceConnectionState, which stays "disconnected" for ever.
    connection.addEventListener("connectionstatechange", () => {
      if (connection.connectionState === "failed" && this.session === session) session.terminate();
    });
  }

  answer() { this.session?.answer({ mediaStream: this.microphone(), pcConfig: { iceServers: [] } }); }
  reject() { this.session?.terminate({ status_code: 603 }); }
  hangUp() { this.session?.terminate(); }
  digit(key) { this.session?.sendDTMF(key, { transportType: "RFC2833" }); }

  mute(quiet) {
    if (quiet) this.session?.mute({ audio: true });
    else this.session?.unmute({ audio: true });
  }

  async replaceMicrophone(stream) {
    const sender = this.session?.connection?.getSenders().find((one) => one.track?.kind === "audio");
    await sender?.replaceTrack(stream.getAudioTracks()[0]);
  }

  // After a new socket Asterisk's dialog still points to the dead one: a re-INVITE tells it the way here.
  heal() {
    if (this.session?.isEstablished()) this.session.renegotiate();
  }

  ping(ua) {
    if (!ua.isConnected()) return;
    let answered = false;
    const heard = () => { answered = true; };
    ua.sendOptions(ua.configuration.uri.toString(), null, { eventHandlers: { succeeded: heard, failed: ({ originator }) => { answered ||= originator === "remote"; } } });
    setTimeout(() => {
      if (answered || this.ua !== ua || !ua.isConnected()) return;
      ua._transport.disconnect();   // no public way; the version is pinned
      ua._transport.connect();
    }, ANSWER_WITHIN_MS);
  }
}
