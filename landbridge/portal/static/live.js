// Shows how the migration stands without a reload. The page works as well without it.
"use strict";

const live = document.getElementById("live");
let looking = false;
let timer;

async function look() {
  const focused = document.activeElement;
  const signal = AbortSignal.timeout(30_000);
  const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store", signal });
  if (answer.redirected || answer.status === 401) return location.reload();
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("live");
  // In another phase there are other things to do around it.
  if (!fresh || fresh.dataset.phase !== live.dataset.phase) return location.reload();
  if (fresh.innerHTML === live.innerHTML) return;
  live.replaceChildren(...fresh.childNodes);
  // Whoever goes by keyboard stays where they were.
  if (focused && focused.id && !focused.isConnected) document.getElementById(focused.id)?.focus();
}

// Once in a while, and at once when somebody comes back to the page; never while nobody can see it.
async function watch() {
  clearTimeout(timer);
  if (looking || document.hidden) return;
  looking = true;
  await look().catch(() => {});
  looking = false;
  rest();
}

function rest() {
  timer = setTimeout(watch, Number(live.dataset.seconds) * 1000);
}

if (live) {
  document.addEventListener("visibilitychange", watch);
  rest();
}
