// Buttons with `data-shop-recs-feedback`: the card beside the button goes at once, and comes back by the same button.
// What the server does not accept is undone.

const headers = { "Content-Type": "application/json" };

function turn(button, hidden) {
  for (const part of button.parentElement.children) if (part !== button) part.hidden = hidden;
  button.dataset.hides ??= button.textContent;
  button.textContent = hidden ? button.dataset.undo : button.dataset.hides;
  button.ariaLabel = hidden ? null : button.title;
  button.toggleAttribute("data-hidden", hidden);
}

async function send(url, product, body) {
  const request = body
    ? fetch(url, { method: "POST", headers, body, keepalive: true })
    : fetch(`${url}${encodeURIComponent(product)}/`, { method: "DELETE" });
  const answer = await request.catch(() => null);
  return answer?.ok;
}

// Of each button, what it sent last: taking back must not overtake what it takes back.
const sent = new WeakMap();

document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-shop-recs-feedback]");
  if (!button) return;
  const { name: kind, value: product } = button;
  const url = button.dataset.shopRecsFeedback;
  const hidden = button.hasAttribute("data-hidden");
  turn(button, !hidden);
  const body = hidden ? null : JSON.stringify({ kind, product });
  const sending = Promise.resolve(sent.get(button)).then(() => send(url, product, body));
  sent.set(button, sending);
  if (!(await sending)) turn(button, hidden);
});
