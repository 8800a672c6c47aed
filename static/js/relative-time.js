// Keeps "5 min ago" true while a page stays open. What is older than a day keeps the server's words.
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;
const REFRESH_MS = 30_000;

function words(seconds) {
  if (seconds < MINUTE) return "just now";
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ago`;
  return `${Math.floor(seconds / HOUR)} h ago`;
}

function refresh() {
  if (!document.documentElement.lang.startsWith("en")) return;
  for (const time of document.querySelectorAll("time[datetime]")) {
    if (!/(ago|just now)$/.test(time.textContent)) continue;
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    if (seconds >= 0 && seconds < DAY) time.textContent = words(seconds);
  }
}

refresh();
setInterval(refresh, REFRESH_MS);
