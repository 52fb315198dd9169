// Keeps the progress of trainings up to date; without it the pages show the progress of when they were loaded.

const EVERY_MILLISECONDS = 2000;
const marker = document.getElementById("shop-recs-running");
let newestKnown;

function show({ id, percent, text }) {
  const bar = document.querySelector(`progress[data-version="${id}"]`);
  const words = document.querySelector(`[data-progress-of="${id}"]`);
  if (bar) bar.value = percent;
  if (words) words.textContent = text;
}

// A training began or ended: what the page says beside the bars is out of date, so it is loaded anew.
function isOutOfDate(running) {
  const known = marker.dataset.running.split(" ").filter(Boolean);
  const now = running.map(({ id }) => String(id));
  if ("only" in marker.dataset) return known.some((id) => !now.includes(id));
  return known.length !== now.length || known.some((id) => !now.includes(id));
}

async function poll() {
  if (document.hidden) return;
  try {
    const response = await fetch(marker.dataset.poll, { headers: { Accept: "application/json" } });
    if (!response.ok) return;
    const { running, newest } = await response.json();
    running.forEach(show);
    // A short training begins and ends between two polls: only its version tells.
    if (isOutOfDate(running) || newest !== (newestKnown ?? newest)) location.reload();
    newestKnown = newest;
  } catch {
    // The server is restarting or the network is away: the next poll tells.
  }
}

if (marker) {
  poll();
  setInterval(poll, EVERY_MILLISECONDS);
}
