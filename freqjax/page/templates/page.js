"use strict";
/* Program of a page: chooses what its figures show, and their colours. Works without a network. */
const freqjax = (() => {
  const COLOURS = {
    light: { ink: "#44474d", grid: "#e3e3df", input: "#b9b9b4", target: "#0072B2", output: "#D55E00", second: "#009E73",
             error: "#882255", prequential: "#8a8f98", frozen: "#1d1d1f" },
    dark: { ink: "#b4b8bf", grid: "#30343a", input: "#5d626a", target: "#56B4E9", output: "#f0a020", second: "#2fd39b",
            error: "#f0a3cb", prequential: "#8a8f98", frozen: "#e8e8e6" },
  };
  const byId = (id) => document.getElementById(id);
  const state = { trace: 0, epoch: null, given: null, arrays: [], audio: null };

  /* ---- what every page has: theme, commands to copy, the filter of the config ---- */
  const theme = () => document.documentElement.dataset.theme;

  function setTheme(name) {
    document.documentElement.dataset.theme = name;
    try { localStorage.setItem("freqjax-theme", name); } catch { /* a page in a mail has no storage */ }
    colourFigures();
  }

  function firstTheme() {
    let kept = null;
    try { kept = localStorage.getItem("freqjax-theme"); } catch { /* see above */ }
    const dark = window.matchMedia && window.matchMedia("(prefers-color-scheme: dark)").matches;
    return kept === "dark" || kept === "light" ? kept : dark ? "dark" : "light";
  }

  const colourOf = (role) => {
    const group = /^group (\d+)$/.exec(role);
    if (!group) return COLOURS[theme()][role];
    const style = getComputedStyle(document.documentElement);
    return style.getPropertyValue(`--group${Number(group[1]) % 8}`).trim();
  };

  function colourFigures() {
    if (!window.Bokeh) return;
    const { ink, grid } = COLOURS[theme()];
    for (const doc of window.Bokeh.documents) {
      for (const plot of doc.roots()) {
        for (const axis of [...plot.below, ...plot.left]) {
          axis.setv({ axis_line_color: grid, major_tick_line_color: grid, minor_tick_line_color: null,
                      major_label_text_color: ink, axis_label_text_color: ink,
                      axis_label_text_font_style: "normal" });
        }
        for (const one of plot.center) if ("grid_line_color" in one) one.grid_line_color = grid;
        for (const legend of plot.above) {
          if (!("label_text_color" in legend)) continue;
          legend.setv({ label_text_color: ink, background_fill_alpha: 0, border_line_color: null,
                        inactive_fill_alpha: 0.2, ncols: document.body.clientWidth < 600 ? 2 : 5 });
        }
        for (const one of plot.center) {
          if ("dimension" in one && "location" in one) one.line_color = ink;
          if ("text_color" in one) one.text_color = ink;
        }
        for (const renderer of plot.renderers) {
          const colour = colourOf(renderer.name);
          if (colour && renderer.glyph) {
            if ("line_color" in renderer.glyph) renderer.glyph.line_color = colour;
            if ("fill_color" in renderer.glyph) renderer.glyph.fill_color = colour;
          }
        }
      }
    }
  }

  async function copy(button) {
    const text = button.parentElement.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch { /* a page from a file may not be let near the clipboard: mark the text instead */
      window.getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      document.execCommand("copy");
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1200);
  }

  function filterConfig(word) {
    for (const row of byId("config").tBodies[0].rows) {
      row.hidden = !row.textContent.toLowerCase().includes(word.toLowerCase());
    }
  }

  /* ---- signals ---- */
  /* Bokeh's arrays have no parts of their own: the same numbers as an array of the language. */
  const numbers = (array) => new Int16Array(array.buffer, array.byteOffset, array.length);
  const integers = (k) => state.arrays[k];
  const rate = () => state.given.rate;
  const names = () => Object.keys(state.given.scales[state.trace]);

  function snapshot() {
    /* The outputs of an earlier epoch, or null for those of the weights that were kept. */
    const kept = state.given.snapshots;
    if (!kept || state.epoch === null) return null;
    const from = state.trace * kept.samples;
    const all = numbers(kept.outputs.data[String(state.epoch)]);
    return { values: all.slice(from, from + kept.samples), scale: kept.scales[state.epoch][state.trace],
             first: kept.first, last: kept.first + kept.samples };
  }

  /* For each of at most `bins` spans of samples, the least and the greatest value: as much as is seen. */
  function envelope(values, scale, from, to, bins) {
    const count = to - from;
    if (count <= 2 * bins) return Float64Array.from(values.subarray(from, to), (v) => v * scale);
    const found = new Float64Array(2 * bins);
    for (let bin = 0; bin < bins; bin++) {
      const start = from + Math.floor((bin * count) / bins);
      const end = from + Math.floor(((bin + 1) * count) / bins);
      let low = values[start], high = low;
      for (let i = start + 1; i < end; i++) {
        const v = values[i];
        if (v < low) low = v; else if (v > high) high = v;
      }
      found[2 * bin] = low * scale;
      found[2 * bin + 1] = high * scale;
    }
    return found;
  }

  function draw() {
    const { range, shown, scales } = state.given;
    const data = integers(state.trace), scale = scales[state.trace], old = snapshot();
    const length = data.output.length, low = old ? old.first : 0, high = old ? old.last : length;
    const from = Math.max(low, Math.floor(range.start * rate()));
    const to = Math.max(from + 1, Math.min(high, Math.ceil(range.end * rate()) + 1));
    const bins = Math.max(400, Math.min(2000, byId("signals").clientWidth));
    const few = to - from <= 2 * bins, count = few ? to - from : 2 * bins;
    const x = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      x[i] = (few ? from + i : from + Math.floor((Math.floor(i / 2) * (to - from)) / bins)) / rate();
    }
    const output = old ? old.values : data.output, shift = old ? old.first : 0;
    const outputScale = old ? old.scale : scale.output;
    const columns = { x };
    for (const name of names()) {
      columns[name] = name === "output"
        ? envelope(output, outputScale, from - shift, to - shift, bins)
        : envelope(data[name], scale[name], from, to, bins);
    }
    const errorOf = (values, size, first) => {
      const apart = new Float32Array(to - from);
      for (let i = 0; i < to - from; i++) {
        apart[i] = values[from + i - first] * size - data.target[from + i] * scale.target;
      }
      return envelope(apart, 1, 0, to - from, bins);
    };
    columns.error = errorOf(output, outputScale, shift);
    if (data.second) columns["error second"] = errorOf(data.second, scale.second, 0);
    shown.data = columns;
    let most = 1e-12;
    for (const v of [columns.error, columns["error second"] || []].flatMap((a) => [...a])) most = Math.max(most, Math.abs(v));
    state.given.height.setv({ start: -1.1 * most, end: 1.1 * most });
  }

  let waiting = false;
  function soon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }

  function limits() {
    const old = snapshot(), length = integers(state.trace).output.length;
    return old ? [old.first / rate(), old.last / rate()] : [0, length / rate()];
  }

  function show(from, to) {
    const [low, high] = limits(), range = state.given.range;
    const width = Math.min(to - from, high - low);
    const start = Math.min(Math.max(from, low), high - width);
    range.setv({ bounds: [low, high], start, end: start + width });
    soon();
  }

  function choose(trace) {
    if (trace < 0 || trace >= state.given.traces.length) return;
    state.trace = trace;
    for (const button of document.querySelectorAll("[data-trace]")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.trace) === trace));
    }
    state.given.spectrum.data = { ...state.given.spectra[trace + 1].data };
    soon();
  }

  function setInput(on) {
    byId("input").checked = on;
    for (const doc of window.Bokeh.documents) {
      for (const name of ["figure signal", "figure spectrum"]) {
        const plot = doc.get_model_by_name(name);
        for (const line of plot ? plot.renderers : []) if (line.name === "input") line.visible = on;
      }
    }
  }

  function setEpoch(place) {
    const kept = state.given.snapshots, last = kept.epochs.length;
    state.epoch = place >= last ? null : place;
    byId("epoch").value = String(place);
    byId("shown_epoch").textContent = state.epoch === null ? "the weights kept" : kept.epochs[place];
    show(...limits());
  }

  /* Sound: samples are played at 44,100 a second, so that slow signals are heard some octaves higher. */
  function play() {
    if (state.audio) { state.audio.close(); state.audio = null; byId("play").textContent = "play"; return; }
    const name = byId("heard").value, data = integers(state.trace)[name];
    const context = new AudioContext({ sampleRate: 44100 });
    const buffer = context.createBuffer(1, data.length, 44100), channel = buffer.getChannelData(0);
    let most = 1;
    for (const v of data) most = Math.max(most, Math.abs(v));
    for (let i = 0; i < data.length; i++) channel[i] = (0.5 * data[i]) / most;
    const source = new AudioBufferSourceNode(context, { buffer, loop: true });
    source.connect(context.destination);
    source.start();
    source.stop(context.currentTime + Math.max(3, Math.min(30, data.length / 44100)));
    source.onended = () => { if (state.audio === context) play(); };
    state.audio = context;
    byId("play").textContent = "stop";
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox") return;
    if (event.key === "t") return setTheme(theme() === "dark" ? "light" : "dark");
    if (!state.given || !state.given.traces) return;
    const { start, end } = state.given.range, step = (end - start) / 4;
    const actions = {
      ArrowLeft: () => show(start - step, end - step), ArrowRight: () => show(start + step, end + step),
      "+": () => show(start + step, end - step), "-": () => show(start - step, end + step),
      0: () => show(...limits()),
    };
    if (byId("input")) actions.i = () => setInput(!byId("input").checked);
    if (byId("play")) actions.s = play;
    if (event.key in actions) { actions[event.key](); event.preventDefault(); return; }
    if (/^[1-9]$/.test(event.key)) choose(Number(event.key) - 1);
  }

  function startSignals() {
    const { range, snapshots, traces } = state.given;
    state.arrays = traces.map(({ data }) => Object.fromEntries(
      Object.keys(data).map((name) => [name, numbers(data[name])])));
    for (const button of document.querySelectorAll("[data-trace]")) {
      button.onclick = () => choose(Number(button.dataset.trace));
    }
    byId("whole").onclick = () => show(...limits());
    if (byId("input")) byId("input").onchange = (event) => setInput(event.target.checked);
    if (byId("play")) {
      byId("play").onclick = play;
      for (const name of ["output", ...names().filter((n) => n !== "output")]) {
        byId("heard").add(new Option(name, name));
      }
    }
    range.property("start").change.connect(soon);
    range.property("end").change.connect(soon);
    byId("signals").ondblclick = (event) => {
      if (event.target.closest(".controls") === null) show(...limits());
    };
    if (snapshots && snapshots.epochs.length) {
      byId("snapshots").hidden = false;
      byId("epoch").max = String(snapshots.epochs.length);
      byId("epoch").oninput = (event) => setEpoch(Number(event.target.value));
      byId("epoch").value = byId("epoch").max;
      byId("shown_epoch").textContent = "the weights kept";
    }
    draw();
  }

  const plain = (value) => {
    /* Bokeh sends dictionaries as Map. */
    if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [k, plain(v)]));
    return Array.isArray(value) ? value.map(plain) : value;
  };

  /* ---- a run that still trains: what is new is sent ---- */
  function follow(address) {
    const source = new EventSource(address);
    const read = (event) => {
      const columns = JSON.parse(event.data);
      for (const name of Object.keys(columns)) columns[name] = columns[name].map((v) => v ?? NaN);
      return columns;
    };
    const tell = (columns) => {
      const last = columns.x.length - 1;
      if (last < 0) return;
      byId("latest").textContent = `epoch ${columns.epoch[last]}, update ${columns.x[last]}: `
        + `loss ${columns.prequential[last].toPrecision(3)} while training`
        + (Number.isFinite(columns.frozen[last]) ? `, ${columns.frozen[last].toPrecision(3)} frozen` : "");
    };
    const shown = (columns) => {
      /* The first row brings a figure that this page does not have yet. */
      if (!state.given.losses && columns.x.length) location.reload();
      return Boolean(state.given.losses);
    };
    source.addEventListener("losses", (event) => {
      const columns = read(event);
      if (!shown(columns)) return;
      state.given.losses.data = columns;
      tell(columns);
    });
    source.addEventListener("more", (event) => {
      const columns = read(event);
      if (!shown(columns)) return;
      state.given.losses.stream(columns);
      tell(columns);
    });
    source.addEventListener("outputs", (event) => {
      const found = JSON.parse(event.data);
      if (!state.given.traces) { location.reload(); return; }
      found.integers.forEach((row, place) => {
        if (!state.arrays[place]) return;
        state.arrays[place].output = Int16Array.from(row);
        state.given.scales[place].output = found.scales[place];
      });
      byId("snapshot_epoch").textContent = found.epoch;
      soon();
    });
    source.addEventListener("end", (event) => {
      source.close();
      byId("state").textContent = "ended";
      if (JSON.parse(event.data).page) location.reload();
    });
  }

  /* Programs of single pages have their own beginnings. */
  const beginnings = [];
  const onStart = (begin) => beginnings.push(begin);

  function start(given) {
    state.given = plain(given);
    colourFigures();
    for (const begin of beginnings) begin();
    if (state.given.traces) startSignals();
    if (state.given.events) follow(state.given.events);
    document.documentElement.dataset.ready = "yes";
  }

  document.documentElement.dataset.theme = firstTheme();
  byId("theme").onclick = () => setTheme(theme() === "dark" ? "light" : "dark");
  if (byId("filter")) byId("filter").oninput = (event) => filterConfig(event.target.value);
  for (const button of document.querySelectorAll(".copy")) button.onclick = () => copy(button);
  document.addEventListener("keydown", onKey);
  return { start, state, onStart };
})();
