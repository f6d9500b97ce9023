// The network's quality as the browser measures it: jitter and loss of what arrives, every two seconds.

const EVERY_MS = 2000;
const GRADES = [[30, 1, "good"], [60, 4, "fair"]];   // jitter ms, loss %, from below

export const grade = ({ jitter_ms, loss_percent }) =>
  GRADES.find(([jitter, loss]) => jitter_ms <= jitter && loss_percent <= loss)?.[2] || "poor";

/** Calls `show({jitter_ms, loss_percent, energy})` until the returned function is called. */
export function follow(connection, show) {
  let before = { lost: 0, received: 0 };
  const timer = setInterval(async () => {
    for (const report of (await connection.getStats()).values()) {
      if (report.type !== "inbound-rtp" || report.kind !== "audio") continue;
      const lost = report.packetsLost - before.lost, received = report.packetsReceived - before.received;
      before = { lost: report.packetsLost, received: report.packetsReceived };
      show({
        jitter_ms: Math.round(report.jitter * 1000),
        loss_percent: lost + received > 0 ? Math.max(0, Math.round(1000 * lost / (lost + received)) / 10) : 0,
        energy: report.totalAudioEnergy || 0,
      });
    }
  }, EVERY_MS);
  return () => clearInterval(timer);
}
