// Copies code, unfolds the clause that an address names, and narrows the list of all clauses.
"use strict";

for (const pre of document.querySelectorAll(".highlight pre")) {
  const button = document.createElement("button");
  button.className = "copy";
  button.type = "button";
  button.textContent = "copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(pre.innerText);
    button.textContent = "copied";
    setTimeout(() => (button.textContent = "copy"), 1500);
  });
  pre.parentElement.insertBefore(button, pre);
}

function unfold() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  const folded = target.querySelector(":scope > details.more") || target.closest("details");
  if (folded) folded.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", unfold);
unfold();

const narrow = document.querySelector("input.narrow");
if (narrow) {
  const rows = [...document.querySelectorAll("article tbody tr")].map((row) => [row, row.textContent.toLowerCase()]);
  narrow.addEventListener("input", () => {
    const words = narrow.value.toLowerCase().split(/\s+/);
    for (const [row, text] of rows) row.hidden = !words.every((word) => text.includes(word));
    for (const section of document.querySelectorAll("article section section"))
      section.hidden = !section.querySelector("tbody tr:not([hidden])");
  });
}
