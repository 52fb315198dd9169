// Reports what a visitor sees: each product that the page marks with `data-shop-recs-view`, once the page was visible
// for a second, and of each list marked with `data-shop-recs-list` the products that were half in sight for a second.
// Stores nothing in the browser; the server decides whether the visitor may be remembered.

const DWELL = 1000;
const HALF = 0.5;
const WAITS = [2000, 8000, 30000];

const looked = () => document.visibilityState === "visible" && !document.prerendering;
const pause = (time) => new Promise((wake) => setTimeout(wake, time));

// crypto.randomUUID is missing on plain HTTP.
const newId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

// The ids are made once, so that an attempt whose answer got lost is counted once.
async function send(url, entries) {
  const body = JSON.stringify(entries);
  const headers = { "Content-Type": "application/json" };
  for (const wait of [...WAITS, 0]) {
    const answer = await fetch(url, { method: "POST", body, headers, keepalive: true }).catch(() => null);
    if (answer && answer.status !== 429 && answer.status < 500) return;
    await pause(wait);
  }
}

// One after the other: the answer to a new visitor's first report brings the cookie that the next one carries. Where
// none is under way it leaves at once, since a page that is being left waits for no promise.
let last;

function report(url, entries) {
  const own = last ? last.then(() => send(url, entries)) : send(url, entries);
  last = own;
  own.then(() => (last = last === own ? undefined : last));
}

function reportViews() {
  const byUrl = new Map();
  for (const mark of document.querySelectorAll("[data-shop-recs-view]")) {
    const url = mark.dataset.shopRecsView;
    byUrl.set(url, (byUrl.get(url) ?? new Set()).add(mark.value));
  }
  for (const [url, products] of byUrl) {
    report(url, Array.from(products, (product) => ({ id: newId(), kind: "view", product })));
  }
}

let timer;

function watchPage() {
  clearTimeout(timer);
  if (!looked()) return;
  timer = setTimeout(() => {
    document.removeEventListener("visibilitychange", watchPage);
    reportViews();
  }, DWELL);
}

const items = new WeakMap();
const seen = new Map();
let due;

const sight = new IntersectionObserver(
  (entries) => {
    for (const { target, intersectionRatio } of entries) {
      const item = items.get(target);
      clearTimeout(item.timer);
      if (intersectionRatio >= HALF) item.timer = setTimeout(see, DWELL, target, item);
    }
  },
  { threshold: HALF },
);

function see(target, { mark, rank }) {
  sight.unobserve(target);
  // Observed anew, it is told of once the page is painted again.
  if (!looked()) return sight.observe(target);
  if (!seen.has(mark)) {
    const { placement } = mark.dataset;
    seen.set(mark, { id: newId(), recommendation_id: mark.value, placement, products: {} });
  }
  seen.get(mark).products[target.dataset.product] = rank;
  due ??= setTimeout(reportSeen, DWELL);
}

function reportSeen() {
  clearTimeout(due);
  due = undefined;
  const [mark] = seen.keys();
  if (mark) report(mark.dataset.shopRecsList, [...seen.values()]);
  seen.clear();
}

// Lists that come into the page later count as well.
function watchLists() {
  for (const mark of document.querySelectorAll("[data-shop-recs-list]")) {
    const list = document.querySelector(`[data-recommendation="${mark.value}"]`);
    list?.querySelectorAll("[data-product]").forEach((target, place) => {
      if (items.has(target)) return;
      items.set(target, { mark, rank: place + 1 });
      sight.observe(target);
    });
  }
}

if (!navigator.globalPrivacyControl) {
  document.addEventListener("visibilitychange", watchPage);
  document.addEventListener("prerenderingchange", watchPage, { once: true });
  document.addEventListener("visibilitychange", () => looked() || reportSeen());
  watchPage();
  new MutationObserver(watchLists).observe(document.body, { childList: true, subtree: true });
  watchLists();
}
