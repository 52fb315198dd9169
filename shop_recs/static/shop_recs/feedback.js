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

document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-shop-recs-feedback]");
  if (!button) return;
  const { name: kind, value: product } = button;
  const url = button.dataset.shopRecsFeedback;
  const hidden = button.hasAttribute("data-hidden");
  turn(button, !hidden);
  const request = hidden
    ? fetch(`${url}${encodeURIComponent(product)}/`, { method: "DELETE" })
    : fetch(url, { method: "POST", headers, body: JSON.stringify({ kind, product }), keepalive: true });
  const answer = await request.catch(() => null);
  if (!answer?.ok) turn(button, hidden);
});
