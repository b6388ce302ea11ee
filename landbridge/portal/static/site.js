// Says at once what is wrong with a site name; the server says it again when the form is sent.
"use strict";

const name_ = document.getElementById("name");
const problem = document.getElementById("name-problem");
let last = 0;

async function check() {
  const asked = ++last;
  if (!name_.value) {
    problem.textContent = "";
    name_.removeAttribute("aria-invalid");
    return;
  }
  const answer = await fetch(`${name_.dataset.check}?name=${encodeURIComponent(name_.value)}`, {
    credentials: "same-origin",
  });
  if (!answer.ok || answer.redirected || asked !== last) return;
  problem.textContent = (await answer.json()).problem;
  if (problem.textContent) name_.setAttribute("aria-invalid", "true");
  else name_.removeAttribute("aria-invalid");
}

let timer;
name_?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => check().catch(() => {}), 250);
});
