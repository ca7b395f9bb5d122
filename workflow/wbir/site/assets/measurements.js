// The measurement table: thousands of rows, filtered and sorted as indices; only one page of them is in the document.
"use strict";
(function () {
  const PAGE = 50;
  const COLUMNS = [
    ["experiment", "Experiment"], ["method", "Method"], ["case", "Case"], ["seed", "Seed"], ["metric", "Metric"],
    ["label", "Label"], ["value", "Value"], ["unit", "Unit"], ["status", "Status"],
  ];
  const FILTERS = ["experiment", "method", "metric"];

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function start(place, data) {
    const count = data.value.length;
    const word = (column, row) => data.words[column][data.cells[column][row]];
    const state = { text: "", chosen: {}, column: null, ascending: true, page: 0, rows: [] };

    const search = element("input", { type: "search", id: "measurement-search", autocomplete: "off" });
    const form = element("form", { class: "controls", role: "search", "aria-label": "Filter the measurements" },
      element("label", { class: "field" }, "Text", search));
    form.addEventListener("submit", (event) => event.preventDefault());
    search.addEventListener("input", () => { state.text = search.value.trim().toLowerCase(); refresh(); });
    for (const column of FILTERS) {
      const select = element("select", { id: `measurement-${column}` }, element("option", { value: "" }, "all"));
      data.words[column].forEach((text, index) => select.append(element("option", { value: index }, text || "(none)")));
      select.addEventListener("change", () => { state.chosen[column] = select.value === "" ? null : Number(select.value); refresh(); });
      form.append(element("label", { class: "field" }, column[0].toUpperCase() + column.slice(1), select));
    }
    const clear = element("button", { type: "button", class: "quiet" }, "Clear");
    clear.addEventListener("click", () => {
      search.value = ""; state.text = ""; state.chosen = {};
      for (const select of form.querySelectorAll("select")) select.value = "";
      refresh();
    });
    form.append(clear);

    const heads = element("tr");
    for (const [column, title] of COLUMNS) {
      const number = column === "value" || column === "seed";
      const head = element("th", { scope: "col", "data-sort": number ? "number" : "text" }, title);
      if (number) head.className = "num";
      heads.append(head);
      window.wbirSite.makeSortable(head, (ascending) => { state.column = column; state.ascending = ascending; refresh(); });
    }
    const body = element("tbody");
    const table = element("table", {}, element("caption", { class: "sr" }, "Measurements, a page of them at a time"), element("thead", {}, heads), body);
    const box = element("div", { class: "box", role: "region", "aria-label": "Measurements", tabindex: "0" }, table);
    const said = element("span", { role: "status" });
    const before = element("button", { type: "button", class: "quiet" }, "Previous");
    const after = element("button", { type: "button", class: "quiet" }, "Next");
    before.addEventListener("click", () => { state.page -= 1; show(); });
    after.addEventListener("click", () => { state.page += 1; show(); });
    place.append(form, element("div", { class: "pager" }, before, after, said), box);

    // A word matches once, not once per row: which words of each column hold the text is worked out before the rows are.
    function matching() {
      const columns = COLUMNS.map(([column]) => column).filter((column) => column !== "value");
      const parts = state.text.split(/\s+/).filter(Boolean);
      const tables = parts.map((part) => columns.map((column) => data.words[column].map((text) => text.toLowerCase().includes(part))));
      const chosen = FILTERS.filter((column) => state.chosen[column] !== null && state.chosen[column] !== undefined);
      const rows = [];
      for (let row = 0; row < count; row += 1) {
        if (!chosen.every((column) => data.cells[column][row] === state.chosen[column])) continue;
        if (tables.every((table) => columns.some((column, at) => table[at][data.cells[column][row]]))) rows.push(row);
      }
      return rows;
    }

    function sorted(rows) {
      if (!state.column) return rows;
      const way = state.ascending ? 1 : -1;
      let key;
      if (state.column === "value") {
        key = data.value.map((value) => (value === null ? -Infinity : value === "∞" ? Infinity : value === "-∞" ? -Infinity : value));
      } else {
        const words = data.words[state.column];
        const order = words.map((_, index) => index).sort((a, b) => words[a].localeCompare(words[b], "en", { numeric: true }));
        const rank = []; order.forEach((index, place_) => { rank[index] = place_; });
        key = data.cells[state.column].map((index) => rank[index]);
      }
      return rows.sort((a, b) => (key[a] < key[b] ? -way : key[a] > key[b] ? way : a - b));
    }

    function refresh() { state.rows = sorted(matching()); state.page = 0; show(); }

    function text(column, row) {
      if (column !== "value") return word(column, row);
      const value = data.value[row];
      return value === null ? "–" : typeof value === "number" ? String(Number(value.toPrecision(6))) : value;
    }

    function show() {
      const total = state.rows.length;
      const start_ = state.page * PAGE;
      const rows = state.rows.slice(start_, start_ + PAGE);
      body.replaceChildren(...rows.map((row) => {
        const line = element("tr");
        for (const [column] of COLUMNS) line.append(element("td", column === "value" || column === "seed" ? { class: "num" } : {}, text(column, row)));
        return line;
      }));
      said.textContent = total ? `${start_ + 1}–${start_ + rows.length} of ${total}${total < count ? ` (${count} in all)` : ""}` : "No row fits.";
      before.disabled = state.page === 0;
      after.disabled = start_ + PAGE >= total;
    }

    refresh();
  }

  document.addEventListener("DOMContentLoaded", () => {
    const place = document.getElementById("measurement-table");
    if (place && window.wbirMeasurements) start(place, window.wbirMeasurements);
  });
})();
