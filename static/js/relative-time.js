// Keeps "5 minutes ago" true while a page stays open, in the server's own words (`When::ago`).
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];
const DAYS_MAX = 30;
const REFRESH_MS = 30_000;

function words(seconds) {
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? [];
  if (!unit) return "just now";
  const count = Math.floor(seconds / size);
  return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
}

function refresh() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    if (!/( ago|just now)$/.test(time.textContent)) continue;
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    if (seconds >= 0 && seconds < DAYS_MAX * 86_400) time.textContent = words(seconds);
  }
}

refresh();
setInterval(refresh, REFRESH_MS);
