// Refreshes the migration's status without reloading the page. The page also works without this script.
"use strict";

const live = document.getElementById("live");
let refreshing = false;
let timer;

async function refresh() {
  const focused = document.activeElement;
  const signal = AbortSignal.timeout(30_000);
  const response = await fetch(location.href, { credentials: "same-origin", cache: "no-store", signal });
  if (response.redirected || response.status === 401) return location.reload();
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById("live");
  // In another phase the rest of the page changes too.
  if (!fresh || fresh.dataset.phase !== live.dataset.phase) return location.reload();
  if (fresh.innerHTML === live.innerHTML) return;
  live.replaceChildren(...fresh.childNodes);
  // Keep the keyboard focus where it was.
  if (focused && focused.id && !focused.isConnected) document.getElementById(focused.id)?.focus();
}

// Polls while the page is visible, and immediately when it becomes visible again.
async function poll() {
  clearTimeout(timer);
  if (refreshing || document.hidden) return;
  refreshing = true;
  await refresh().catch(() => {});
  refreshing = false;
  schedule();
}

function schedule() {
  timer = setTimeout(poll, Number(live.dataset.seconds) * 1000);
}

if (live) {
  document.addEventListener("visibilitychange", poll);
  schedule();
}
