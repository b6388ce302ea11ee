// Ticks a whole page, and says how many are ticked. The page works as well without it.
"use strict";

const all = document.getElementById("all");
const boxes = [...document.querySelectorAll('input[name="person"]')];
const ticked = document.getElementById("ticked");

function count() {
  const number = boxes.filter((box) => box.checked).length;
  all.checked = number > 0 && number === boxes.length;
  all.indeterminate = number > 0 && number < boxes.length;
  ticked.textContent = number ? ticked.dataset.words.replace("#", number) : "";
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
