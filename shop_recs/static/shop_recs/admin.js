// Keeps the progress of trainings up to date; without it the pages show the progress of when they were loaded.

const EVERY_MILLISECONDS = 2000;
const marker = document.getElementById("shop-recs-running");

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
    const { running } = await response.json();
    running.forEach(show);
    if (isOutOfDate(running)) location.reload();
  } catch {
    // The server is restarting or the network is away: the next poll tells.
  }
}

if (marker) setInterval(poll, EVERY_MILLISECONDS);
