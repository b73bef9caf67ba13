/* Program of the list of runs: asks for what has changed, and keeps the filter, the focus and what is chosen. */
(() => {
  const EVERY = 5000; /* ms between two questions */
  const byId = (id) => document.getElementById(id);
  const body = byId("config").tBodies[0];
  const boxes = () => [...body.querySelectorAll("input")];

  function rowOf(run) {
    const row = document.createElement("tr"), link = document.createElement("a");
    row.dataset.place = run.place;
    for (let n = 0; n < 7; n++) row.insertCell();
    link.href = run.address;
    link.textContent = run.place;
    row.cells[1].append(link);
    return row;
  }

  function fill(row, run) {
    const box = row.querySelector("input");
    if (run.kind === "run" && !box) {
      const made = Object.assign(document.createElement("input"), { type: "checkbox", name: "run", value: run.place });
      made.setAttribute("aria-label", `compare ${run.place}`);
      row.cells[0].append(made);
    } else if (run.kind !== "run" && box) box.remove();
    const told = [run.state + (run.kind === "sweep" ? ", sweep" : ""), run.task, run.score, run.epochs, run.age];
    told.forEach((text, n) => {
      const cell = row.cells[n + 2];
      if (cell.textContent !== text) cell.textContent = text;
    });
  }

  function update(runs) {
    const rows = new Map([...body.rows].map((row) => [row.dataset.place, row]));
    const focused = document.activeElement, wanted = runs.map((run) => {
      const row = rows.get(run.place) ?? rowOf(run);
      rows.delete(run.place);
      fill(row, run);
      return row;
    });
    for (const gone of rows.values()) gone.remove();
    if (wanted.some((row, n) => body.rows[n] !== row)) {
      body.append(...wanted);
      /* A row that is moved loses the focus. */
      if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    }
    byId("none").hidden = runs.length > 0;
    byId("filter").dispatchEvent(new Event("input"));
    count();
  }

  function count() {
    const chosen = boxes().filter((box) => box.checked).length;
    byId("compare").disabled = chosen !== 2;
    byId("told").textContent = chosen ? `${chosen} chosen${chosen === 2 ? "" : ": two are compared"}` : "";
  }

  async function ask() {
    if (!document.hidden) {
      try {
        const answer = await fetch("/list");
        if (answer.ok) update(await answer.json());
      } catch {
        byId("told").textContent = "The server does not answer.";
      }
    }
    setTimeout(ask, EVERY);
  }

  body.addEventListener("change", count);
  freqjax.onStart(count);
  window.addEventListener("pageshow", count); /* a page that is gone back to has its marks again */
  setTimeout(ask, EVERY);
})();
