// Selects everyone on the page, and shows how many are selected. The page also works without this script.
"use strict";

const all = document.getElementById("all");
const boxes = [...document.querySelectorAll('input[name="person"]')];
const selected = document.getElementById("selected");

function count() {
  const number = boxes.filter((box) => box.checked).length;
  all.checked = number > 0 && number === boxes.length;
  all.indeterminate = number > 0 && number < boxes.length;
  selected.textContent = number ? selected.dataset.words.replace("#", number) : "";
}

if (all && boxes.length) {
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    count();
  });
  for (const box of boxes) box.addEventListener("change", count);
  count();
}
