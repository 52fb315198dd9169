// <shop-recs src="…">: fetches a list when it comes near the window and stands aside for it. One after the other, so
// that each list can leave out what those before it show. What fails leaves nothing behind.

const NEAR = "400px";

let last = Promise.resolve();

const shown = () =>
  [...document.querySelectorAll("[data-recommendation] [data-product]")].map((item) => item.dataset.product);

class ShopRecs extends HTMLElement {
  connectedCallback() {
    this.sight = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        this.sight.disconnect();
        last = last.then(() => this.load());
      },
      { rootMargin: NEAR },
    );
    this.sight.observe(this);
  }

  disconnectedCallback() {
    this.sight.disconnect();
  }

  async load() {
    this.setAttribute("aria-busy", "true");
    const list = document.createElement("template");
    try {
      const headers = { "Shop-Recs-Shown": shown().join() };
      const answer = await fetch(this.getAttribute("src"), { headers, redirect: "error" });
      if (answer.ok) list.innerHTML = await answer.text();
    } catch {
      // The network is away, or a login stands in between: nothing is put in its place.
    }
    this.replaceWith(list.content);
  }
}

customElements.define("shop-recs", ShopRecs);
