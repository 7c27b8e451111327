"use strict";

// Sorts by a column: numbers as numbers, what is missing last, in both directions.
function sortBy(header) {
  const row = header.parentElement;
  const body = header.closest("table").tBodies[0];
  const column = [...row.children].indexOf(header);
  const ascending = header.getAttribute("aria-sort") !== "ascending";
  const keyed = [...body.rows].map((line) => [line.cells[column].dataset.sort, line]);
  const numeric = keyed.every(([key]) => !Number.isNaN(Number(key)));
  const compare = numeric ? (a, b) => a - b : (a, b) => a.localeCompare(b, undefined, { numeric: true });
  keyed.sort(([a], [b]) => (a === "") - (b === "") || (ascending ? compare(a, b) : compare(b, a)));
  for (const other of row.children) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  body.append(...keyed.map(([, line]) => line));
}

for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => sortBy(button.parentElement));
}

// The theme is the system's until the button is used; then it is remembered, where that is allowed.
const theme = document.getElementById("theme");
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
let chosen = null;
try {
  chosen = localStorage.getItem("sinegan-theme");
} catch { /* no storage: nothing is remembered */ }

function showTheme() {
  const dark = chosen ? chosen === "dark" : systemIsDark.matches;
  if (chosen) document.documentElement.dataset.theme = chosen;
  theme.textContent = dark ? "Light" : "Dark";
  theme.setAttribute("aria-label", `Use the ${dark ? "light" : "dark"} colours`);
  return dark;
}

theme.addEventListener("click", () => {
  chosen = showTheme() ? "light" : "dark";
  try {
    localStorage.setItem("sinegan-theme", chosen);
  } catch { /* as above */ }
  showTheme();
});
systemIsDark.addEventListener("change", showTheme);
theme.hidden = false;
showTheme();
