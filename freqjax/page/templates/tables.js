/* Tables whose headings sort them, by a click or by Enter; what is no number or unknown stands last. */
(() => {
  const keyOf = (row, column) => {
    const cell = row.cells[column], text = cell.dataset.value ?? cell.textContent.trim();
    const number = Number(text.replaceAll(",", "").replace(/ .*/s, ""));
    return { number: text !== "" && Number.isFinite(number) ? number : null, text };
  };

  function compare(a, b) {
    if (a.number !== null && b.number !== null) return a.number - b.number;
    if (a.number !== null || b.number !== null) return a.number !== null ? -1 : 1;
    return a.text.localeCompare(b.text);
  }

  function sort(table, column) {
    const headings = [...table.tHead.rows[0].cells], down = headings[column].getAttribute("aria-sort") === "ascending";
    const unknown = (key) => key.number === null && (key.text === "" || key.text === "-");
    const rows = [...table.tBodies[0].rows].map((row) => ({ row, key: keyOf(row, column) }));
    rows.sort((a, b) => {
      if (unknown(a.key) !== unknown(b.key)) return unknown(a.key) ? 1 : -1;
      return down ? compare(b.key, a.key) : compare(a.key, b.key);
    });
    table.tBodies[0].append(...rows.map(({ row }) => row));
    headings.forEach((heading, place) => {
      if (place !== column) heading.removeAttribute("aria-sort");
      else heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    });
  }

  for (const table of document.querySelectorAll("table.sorted")) {
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      button.onclick = () => sort(table, column);
      heading.replaceChildren(button);
    });
  }
})();
