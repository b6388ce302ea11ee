// Shows how the migration stands without a reload. The page works as well without it.
"use strict";

const live = document.getElementById("live");

async function look() {
  const focused = document.activeElement;
  if (document.hidden) return;
  const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
  if (answer.redirected || answer.status === 401) location.reload();
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("live");
  // In another phase there are other things to do around it.
  if (!fresh || fresh.dataset.phase !== live.dataset.phase) location.reload();
  if (!fresh || fresh.innerHTML === live.innerHTML) return;
  live.replaceChildren(...fresh.childNodes);
  // Whoever goes by keyboard stays where they were.
  if (focused && focused.id && !focused.isConnected) document.getElementById(focused.id)?.focus();
}

if (live) setInterval(() => look().catch(() => {}), Number(live.dataset.seconds) * 1000);
