// Reports a view of each product that the page marks with `data-shop-recs-view`, once the page was visible for a
// second. Stores nothing in the browser; the server decides whether the visitor may be remembered.

const DWELL = 1000;
const WAITS = [2000, 8000, 30000];

const pause = (time) => new Promise((wake) => setTimeout(wake, time));

// crypto.randomUUID is missing on plain HTTP.
const newId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

// The id is made once, so that an attempt whose answer got lost is counted once.
async function report(url, products) {
  const body = JSON.stringify(products.map((product) => ({ id: newId(), kind: "view", product })));
  const headers = { "Content-Type": "application/json" };
  for (const wait of [...WAITS, 0]) {
    const answer = await fetch(url, { method: "POST", body, headers, keepalive: true }).catch(() => null);
    if (answer && answer.status !== 429 && answer.status < 500) return;
    await pause(wait);
  }
}

function reportAll() {
  const byUrl = new Map();
  for (const mark of document.querySelectorAll("[data-shop-recs-view]")) {
    const url = mark.dataset.shopRecsView;
    byUrl.set(url, (byUrl.get(url) ?? new Set()).add(mark.value));
  }
  for (const [url, products] of byUrl) report(url, [...products]);
}

let timer;

function watch() {
  clearTimeout(timer);
  if (document.visibilityState !== "visible" || document.prerendering) return;
  timer = setTimeout(() => {
    document.removeEventListener("visibilitychange", watch);
    reportAll();
  }, DWELL);
}

if (!navigator.globalPrivacyControl) {
  document.addEventListener("visibilitychange", watch);
  document.addEventListener("prerenderingchange", watch, { once: true });
  watch();
}
