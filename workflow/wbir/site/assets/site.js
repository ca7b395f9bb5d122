// Theme and sortable tables. Runs in the head, so that a remembered theme is set before the first paint.
"use strict";
(function () {
  const root = document.documentElement;
  const storage = {
    get() { try { return localStorage.getItem("wbir-theme"); } catch (error) { return null; } },
    set(value) { try { localStorage.setItem("wbir-theme", value); } catch (error) { /* the choice lasts for this page */ } },
  };
  const remembered = storage.get();
  if (remembered === "dark" || remembered === "light") root.dataset.theme = remembered;

  function dark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function startTheme() {
    const button = document.getElementById("theme");
    const label = () => { button.textContent = dark() ? "Light" : "Dark"; button.setAttribute("aria-label", `Switch to ${dark() ? "light" : "dark"} colours`); };
    button.hidden = false;
    label();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      storage.set(root.dataset.theme);
      label();
      document.dispatchEvent(new Event("wbir-theme"));
    });
  }

  // A head of a column becomes a button; `choose(ascending)` is called with the new order.
  function makeSortable(head, choose) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const numeric = head.dataset.sort === "number";
      const before = head.getAttribute("aria-sort");
      const ascending = before === "none" ? !numeric : before === "descending";
      for (const other of head.parentElement.children) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      choose(ascending);
    });
  }

  function keyOf(row, column, numeric) {
    const cell = row.children[column];
    const text = cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value;
    if (!numeric) return text.toLowerCase();
    const number = parseFloat(text);
    return Number.isNaN(number) ? -Infinity : number;
  }

  function startTables() {
    for (const table of document.querySelectorAll("table.sortable")) {
      const heads = [...table.tHead.rows[0].cells];
      const body = table.tBodies[0];
      heads.forEach((head, column) => {
        if (!head.dataset.sort) return;
        makeSortable(head, (ascending) => {
          const numeric = head.dataset.sort === "number";
          const rows = [...body.rows].map((row) => [keyOf(row, column, numeric), row]);
          const way = ascending ? 1 : -1;
          rows.sort((a, b) => (a[0] < b[0] ? -way : a[0] > b[0] ? way : 0));
          body.append(...rows.map((entry) => entry[1]));
        });
      });
    }
  }

  // A link to something inside a closed <details> opens it first.
  function openTarget() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let up = target; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
  }

  document.addEventListener("DOMContentLoaded", () => { startTheme(); startTables(); openTarget(); });
  addEventListener("hashchange", openTarget);
  addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) part.open = true; });
  window.wbirSite = { makeSortable };
})();
