// <shop-recs src="…">: fetches a list when it comes near the window and stands aside for it. One after the other, the
// first of the page first, so that each can leave out what the others show. What fails leaves nothing behind.

const NEAR = "400px";

const waiting = new Set();
let busy = false;

// The last 200: the server looks at no more, and a header has room for no more.
const shown = () =>
  [...document.querySelectorAll("[data-recommendation] [data-product]")].map((item) => item.dataset.product).slice(-200);

const first = (one, other) => (one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_PRECEDING ? other : one);

async function load(element) {
  const list = document.createElement("template");
  try {
    const headers = { "Shop-Recs-Shown": shown().join() };
    const answer = await fetch(element.getAttribute("src"), { headers, redirect: "error" });
    if (answer.ok) list.innerHTML = await answer.text();
  } catch {
    // The network is away, or a login stands in between: nothing is put in its place.
  }
  element.replaceWith(list.content);
}

async function loadAll() {
  if (busy) return;
  busy = true;
  while (waiting.size) {
    const next = [...waiting].reduce(first);
    waiting.delete(next);
    await load(next);
  }
  busy = false;
}

const sight = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      sight.unobserve(target);
      target.setAttribute("aria-busy", "true");
      waiting.add(target);
    }
    loadAll();
  },
  { rootMargin: NEAR },
);

class ShopRecs extends HTMLElement {
  connectedCallback() {
    sight.observe(this);
  }

  disconnectedCallback() {
    sight.unobserve(this);
    waiting.delete(this);
  }
}

customElements.define("shop-recs", ShopRecs);
