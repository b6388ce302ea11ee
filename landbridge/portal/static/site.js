// Shows immediately what is wrong with a site name. The server checks it again when the form is submitted.
"use strict";

const field = document.getElementById("name");
const problem = document.getElementById("name-problem");
let latest = 0;

async function check() {
  const request = ++latest;
  if (!field.value) {
    problem.textContent = "";
    field.removeAttribute("aria-invalid");
    return;
  }
  const response = await fetch(`${field.dataset.check}?name=${encodeURIComponent(field.value)}`, {
    credentials: "same-origin",
  });
  if (!response.ok || response.redirected || request !== latest) return;
  problem.textContent = (await response.json()).problem;
  if (problem.textContent) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

let timer;
field?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => check().catch(() => {}), 250);
});
