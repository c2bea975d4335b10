// Copies code, unfolds the clause that an address names, shows which line of code says it, and narrows the list of all
// clauses.
"use strict";

for (const pre of document.querySelectorAll(".highlight pre")) {
  const button = document.createElement("button");
  button.className = "copy";
  button.type = "button";
  button.textContent = "copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(pre.textContent);
    button.textContent = "copied";
    setTimeout(() => (button.textContent = "copy"), 1500);
  });
  pre.parentElement.insertBefore(button, pre);
}

// A clause and the lines of code that compute it: what is pointed at lights up the other.
const pairs = [];
for (const line of document.querySelectorAll(".listing [data-clauses]"))
  for (const id of line.dataset.clauses.split(" ")) {
    const clause = document.getElementById(id);
    if (!clause) continue;
    pairs.push([clause, line]);
    clause.addEventListener("mouseenter", () => light(clause, line, true));
    clause.addEventListener("mouseleave", () => light(clause, line, false));
    line.addEventListener("mouseenter", () => clause.classList.add("meant"));
    line.addEventListener("mouseleave", () => clause.classList.remove("meant"));
  }

function light(clause, line, on) {
  line.classList.toggle("meant", on || location.hash === `#${clause.id}`);
  const listing = line.closest(".listing");
  if (!on || listing.scrollHeight <= listing.clientHeight) return;
  // Where the code is scrolled by itself, the line comes into view, and the page stays.
  const [seen, own] = [listing.getBoundingClientRect(), line.getBoundingClientRect()];
  if (own.top < seen.top || own.bottom > seen.bottom) listing.scrollTop += own.top - seen.top - listing.clientHeight / 2;
}

function unfold() {
  for (const [clause, line] of pairs) line.classList.remove("meant");
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (const [clause, line] of pairs) if (clause === target) light(clause, line, true);
  const folded = target.querySelector(":scope > details.more") || target.closest("details");
  if (folded) folded.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", unfold);
addEventListener("load", unfold); // what came late has moved the place
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
