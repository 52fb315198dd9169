// Shows what the form of a placement or a rule would come to, as it is filled in.

const WAIT_MILLISECONDS = 400;
const preview = document.querySelector(".shop-recs-preview");
let waiting;
let asked = 0;

async function show() {
  const number = ++asked;
  const place = preview.querySelector("[data-shown]");
  place.setAttribute("aria-busy", "true");
  try {
    const body = new FormData(preview.closest("form"));
    const response = await fetch(preview.dataset.url, { method: "POST", body });
    // An answer that another question overtook says nothing any more.
    if (number === asked && response.ok) place.innerHTML = await response.text();
  } catch {
    // The server is restarting or the network is away: the next change asks again.
  }
  if (number === asked) place.removeAttribute("aria-busy");
}

function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(show, WAIT_MILLISECONDS);
}

if (preview) {
  preview.closest("form").addEventListener("input", soon);
  preview.closest("form").addEventListener("change", soon);
  // Django's pickers of products change their field by jQuery, which tells no other listener.
  globalThis.django?.jQuery?.(preview.closest("form")).on("change", soon);
  show();
}
