/* Program of the page of a sweep: one selection of replicas, in the coordinates, the table and the curves. */
freqjax.sweep = (() => {
  const byId = (id) => document.getElementById(id);
  const { axes, replicas, settings } = JSON.parse(byId("coordinates_data").textContent);
  const HEIGHT = 330, TOP = 48, BOTTOM = 18, LOST = 20, LEAST = 96, SIDE = 40, NEAR = 4;
  const selected = new Set();
  const brushes = axes.map(() => null); /* [from, to] in shares of the axis, or null */
  const rows = [...byId("replicas").tBodies[0].rows];
  let lines = [], marks = [];

  /* ---- places on an axis: 0 at its foot, 1 at its head, LOST px above for what is not finite ---- */
  const scales = axes.map(({ texts, values, ends, log: isLog }) => {
    if (texts) {
      const last = Math.max(texts.length - 1, 1);
      const middle = texts.length === 1 ? 0.5 : 0;
      return { place: (v) => middle + v / last, value: (t) => (t - middle) * last,
               ticks: texts.map((text, v) => [v, text]) };
    }
    const known = values.filter((v) => v !== null), positive = known.every((v) => v > 0);
    const [low, high] = ends ?? [Math.min(...known), Math.max(...known)]; /* a drawn field has the ends of its law */
    const log = isLog ?? (positive && high > 5 * low), to = log ? Math.log10 : (v) => v, from = log ? (v) => 10 ** v : (v) => v;
    const span = to(high) - to(low) || 1, foot = high > low ? to(low) : to(low) - 0.5;
    return { place: (v) => (v === null ? null : (to(v) - foot) / span), value: (t) => from(foot + t * span),
             ticks: (known.length ? [0, 0.25, 0.5, 0.75, 1] : []).map((t) => [from(foot + t * span), short(from(foot + t * span))]) };
  });

  function short(value) {
    return value !== 0 && (Math.abs(value) < 0.01 || Math.abs(value) >= 1e5) ? value.toExponential(1) : Number(value.toPrecision(3)).toString();
  }
  const y = (t) => HEIGHT - BOTTOM - t * (HEIGHT - TOP - LOST - BOTTOM);
  const heightOf = (axis, replica) => {
    const t = scales[axis].place(axes[axis].values[replica]);
    return t === null ? TOP : y(t);
  };
  const shareAt = (height) => (HEIGHT - BOTTOM - height) / (HEIGHT - TOP - LOST - BOTTOM);

  function element(name, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
    made.append(...children);
    return made;
  }

  function draw() {
    const frame = byId("coordinates");
    const width = Math.max(frame.clientWidth, LEAST * (axes.length - 1) + 2 * SIDE + 50);
    const left = SIDE + 30, step = (width - left - SIDE) / Math.max(axes.length - 1, 1);
    const xOf = (axis) => left + axis * step;
    const svg = element("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}` });
    lines = replicas.map((name, replica) => {
      const points = axes.map((_, axis) => `${xOf(axis).toFixed(1)},${heightOf(axis, replica).toFixed(1)}`).join(" ");
      return element("polyline", { points, class: "replica", style: `stroke: var(--group${settings[replica] % 8})` },
        element("title", {}, `replica ${name}`));
    });
    marks = axes.map((axis, place) => axisOf(axis, place, xOf(place), step));
    svg.style.setProperty("--faint", String(Math.min(0.6, Math.max(0.12, 30 / replicas.length))));
    svg.append(...lines, ...marks.map(({ group }) => group));
    frame.replaceChildren(svg);
    show();
  }

  function axisOf({ name, texts, values, ends }, place, x, step) {
    const [section, ...rest] = texts || ends ? name.split(".") : [name.split(" ").slice(0, -1).join(" "), name.split(" ").at(-1)];
    const title = (text, height, kind) => element("text", { x, y: height, class: kind, "text-anchor": "middle" }, text);
    const group = element("g", { class: "axis" }, element("line", { x1: x, x2: x, y1: y(0), y2: y(1) }),
      title(section, 12, "section"), title(rest.join("."), 27, "name"));
    const every = Math.ceil(scales[place].ticks.length / 12);
    scales[place].ticks.forEach(([value, text], n) => {
      if (n % every) return;
      const cut = text.length > 14 ? `${text.slice(0, 13)}…` : text;
      group.append(element("text", { x: x - 6, y: y(scales[place].place(value)) + 4, class: "tick", "text-anchor": "end" }, cut,
        element("title", {}, text)));
    });
    if (values.includes(null)) group.append(element("text", { x: x - 6, y: TOP + 4, class: "tick", "text-anchor": "end" }, "not finite"));
    const brush = element("rect", { x: x - 9, width: 18, y: 0, height: 0, class: "brush" });
    const zone = element("rect", { x: x - Math.min(20, step / 2), width: Math.min(40, step), y: TOP - 8, height: HEIGHT - TOP + 4, class: "zone", "data-axis": place });
    zone.onpointerdown = (event) => drag(event, place, zone);
    group.append(brush, zone);
    return { group, brush };
  }

  /* ---- the selection ---- */
  function drag(event, axis, zone) {
    const at = ({ clientY }) => shareAt(clientY - byId("coordinates").firstChild.getBoundingClientRect().top);
    const start = at(event), begun = event.clientY;
    zone.setPointerCapture(event.pointerId);
    zone.onpointermove = (moved) => {
      if (Math.abs(moved.clientY - begun) < NEAR) return;
      brushes[axis] = [start, at(moved)].sort((a, b) => a - b);
      choose();
    };
    zone.onpointerup = zone.onpointercancel = (ended) => {
      zone.onpointermove = zone.onpointerup = zone.onpointercancel = null;
      if (Math.abs(ended.clientY - begun) >= NEAR) return;
      brushes[axis] = null;
      choose();
    };
  }

  /* Rounding must not lose a value that an end names. */
  const within = (share, [from, to]) => share >= from - 1e-9 && share <= to + 1e-9;

  function choose() {
    selected.clear();
    if (brushes.some(Boolean)) {
      replicas.forEach((name, replica) => {
        if (brushes.every((ends, axis) => !ends || within(shareAt(heightOf(axis, replica)), ends))) selected.add(name);
      });
    }
    show();
    showEnds();
  }

  function show() {
    replicas.forEach((name, replica) => {
      lines[replica].classList.toggle("on", selected.has(name));
      lines[replica].classList.toggle("off", selected.size > 0 && !selected.has(name));
    });
    marks.forEach(({ brush }, axis) => {
      const ends = brushes[axis];
      brush.setAttribute("y", ends ? y(ends[1]) : 0);
      brush.setAttribute("height", ends ? Math.max(y(ends[0]) - y(ends[1]), 2) : 0);
    });
    for (const row of rows) {
      const on = selected.has(Number(row.dataset.replica));
      row.classList.toggle("on", on);
      row.querySelector("input").checked = on;
    }
    const names = [...selected].slice(0, 12).join(", ") + (selected.size > 12 ? ", …" : "");
    byId("selected").textContent = selected.size || brushes.some(Boolean)
      ? `${selected.size} of ${replicas.length} replicas are selected${selected.size ? `: ${names}` : ""}` : "no replica is selected";
    list();
    highlight();
  }

  function list() {
    const word = byId("rows_filter").value.toLowerCase(), only = byId("only").checked;
    let count = 0;
    for (const row of rows) {
      const told = [...row.cells].map((cell) => cell.textContent.toLowerCase());
      row.hidden = !told.some((text) => text.includes(word)) || (only && !row.classList.contains("on"));
      count += !row.hidden;
    }
    byId("listed").textContent = `${count} of ${rows.length} shown`;
  }

  /* ---- ends of the brushes, for the keyboard ---- */
  function field(axis, end) {
    const { name, texts } = axes[axis];
    const made = document.createElement(texts ? "select" : "input");
    if (texts) [["", "any"], ...texts.map((text, v) => [v, text])].forEach(([v, text]) => made.add(new Option(text, v)));
    else Object.assign(made, { type: "number", step: "any", placeholder: end === 0 ? "least" : "most" });
    made.setAttribute("aria-label", `${name}, ${end === 0 ? "from" : "to"}`);
    made.dataset.end = `${axis} ${end}`;
    made.onchange = () => setEnds(axis);
    return made;
  }

  const fieldsOf = (axis) => [0, 1].map((end) => document.querySelector(`[data-end="${axis} ${end}"]`));

  function setEnds(axis) {
    const given = fieldsOf(axis).map((one) => (one.value === "" ? null : Number(one.value)));
    const ends = given.map((value, end) => (value === null ? end : scales[axis].place(value)));
    /* A logarithmic axis has no place for 0 and less: its foot. */
    const shares = ends.map((share) => (Number.isNaN(share) || share === -Infinity ? -1 : share));
    brushes[axis] = given.every((value) => value === null) ? null : shares;
    choose();
  }

  function showEnds() {
    axes.forEach((axis, place) => {
      const ends = brushes[place];
      fieldsOf(place).forEach((one, end) => {
        if (one === document.activeElement) return;
        if (!ends) { one.value = ""; return; }
        if (byId("ends").contains(document.activeElement)) return;
        if (end === 0 ? ends[0] <= 0 : ends[1] >= 1) { one.value = ""; return; }
        const value = scales[place].value(ends[end]);
        one.value = axis.texts
          ? String(Math.max(0, Math.min(axis.texts.length - 1, end === 0 ? Math.ceil(value - 1e-6) : Math.floor(value + 1e-6))))
          : String(Number(value.toPrecision(6)));
      });
    });
  }

  /* ---- curves ---- */
  const panels = () => Object.values((freqjax.state.given || {}).curves || {});

  function highlight() {
    for (const { settings: drawn, picked } of panels()) {
      const xs = [], ys = [];
      drawn.forEach(({ lines: source, drawn: parts }) => {
        if (!parts[0].visible) return;
        [...source.data.replica].forEach((name, place) => {
          if (selected.has(name)) { xs.push(source.data.xs[place]); ys.push(source.data.ys[place]); }
        });
      });
      picked.data = { xs, ys };
    }
  }

  function showSetting(box) {
    for (const { settings: drawn } of panels()) {
      for (const part of drawn[Number(box.dataset.setting)].drawn) part.visible = box.checked;
    }
  }

  freqjax.onStart(() => {
    const boxes = document.querySelectorAll("[data-setting]");
    for (const box of boxes) {
      showSetting(box);
      box.onchange = () => { showSetting(box); highlight(); };
    }
    highlight();
  });

  axes.forEach((axis, place) => {
    const made = document.createElement("fieldset"), legend = document.createElement("legend");
    legend.textContent = axis.name;
    made.append(legend, field(place, 0), " to ", field(place, 1));
    byId("brushes").append(made);
  });
  byId("clear").onclick = () => { brushes.fill(null); choose(); };
  byId("rows_filter").oninput = list;
  byId("only").onchange = list;
  for (const row of rows) {
    row.querySelector("input").onchange = ({ target }) => {
      const name = Number(row.dataset.replica);
      if (target.checked) selected.add(name); else selected.delete(name);
      show();
    };
  }
  /* A served page has no file's name in its address: what is beside it is below that address. */
  if (location.protocol.startsWith("http") && !location.pathname.endsWith(".html")) {
    for (const link of document.querySelectorAll("[data-place]")) {
      link.href = `${location.pathname.replace(/\/$/, "")}/${link.dataset.place.replace(/\/?(page\.html)?$/, "")}`;
    }
  }
  new ResizeObserver(draw).observe(byId("coordinates"));
  draw();
  return { selected, brushes };
})();
