// The case viewer: linked slices through fixed, moving, warped, difference and Jacobian determinant of one case.
"use strict";
(function () {
  const draw = window.wbirDraw;
  const IMAGES = [["fixed", "fixed"], ["moving", "moving"], ["warped", "warped"], ["difference", "warped − fixed"], ["jacobian", "Jacobian det."]];
  const PLANES = { 0: "sagittal", 1: "coronal", 2: "axial" };
  const received = {};
  const waiting = {};
  const find = (id) => document.getElementById(id);
  let index, about, cursor, panes = [], sliders = [], volumes = {}, method, level = 0.5, width = 1;

  window.wbirViewer = {
    receive(name, value) { received[name] = value; if (waiting[name]) waiting[name](value); },
    state() { return { cursor: [...cursor], method: method && method.name, ready: Boolean(volumes.warped) }; },
  };

  function load(name, file) {
    if (received[name]) return Promise.resolve(received[name]);
    return new Promise((resolve, reject) => {
      waiting[name] = resolve;
      const script = document.createElement("script");
      script.src = file;
      script.onerror = () => reject(new Error(`${file} is missing beside this page`));
      document.head.append(script);
    });
  }

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  const axes = () => (about.shape.length === 2 ? [2] : [2, 1, 0]);
  const size = () => about.shape.reduce((product, n) => product * n, 1);

  function planeName(axis) {
    if (about.shape.length === 2) return "image";
    if (!about.ends.length) return `axis ${axis + 1}`;
    const world = { L: 0, R: 0, P: 1, A: 1, I: 2, S: 2 }[about.ends[axis][0]];
    return PLANES[world];
  }

  function build() {
    const place = find("planes");
    place.replaceChildren();
    panes = []; sliders = [];
    for (const axis of axes()) {
      const group = element("section", { class: "plane", "aria-label": planeName(axis) });
      const head = element("div", { class: "plane-head" }, element("b", {}, planeName(axis)));
      if (about.shape.length === 3) {
        const slider = element("input", { type: "range", min: 0, max: about.shape[axis] - 1, step: 1, "aria-label": `${planeName(axis)} slice` });
        const output = element("output", {});
        slider.addEventListener("input", () => { cursor[axis] = Number(slider.value); redraw(); });
        head.append(slider, output);
        sliders.push({ axis, slider, output });
      }
      const row = element("div", { class: "panes" });
      for (const [image, title] of IMAGES) row.append(pane(axis, image, title));
      group.append(head, row);
      place.append(group);
    }
  }

  function pane(axis, image, title) {
    const canvas = element("canvas", { tabindex: "0", role: "application", "aria-describedby": "keys", "aria-label": `${title}, ${planeName(axis)} slice`, "data-image": image, "data-axis": axis });
    const note = element("span", {});
    if (image === "difference" || image === "jacobian") {
      const bar = element("span", { class: "bar", "aria-hidden": "true" });
      bar.style.background = draw.gradients[image];
      note.append(bar);
      note.title = image === "jacobian" ? "0 to 2, white is 1; folded voxels are pink" : "blue below zero, red above";
    }
    const shape = draw.plane(about.shape, axis);
    canvas.style.aspectRatio = `${shape.width * about.spacing[shape.u]} / ${shape.height * about.spacing[shape.v]}`;
    const entry = { axis, image, canvas, shape, buffer: new OffscreenCanvas(shape.width, shape.height) };
    panes.push(entry);
    canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); canvas.focus(); point(entry, event); });
    canvas.addEventListener("pointermove", (event) => { if (event.buttons & 1) point(entry, event); });
    canvas.addEventListener("keydown", (event) => key(entry, event));
    new ResizeObserver(() => paint(entry)).observe(canvas);
    const made = element("figure", { class: "pane", "data-image": image }, canvas, element("figcaption", {}, title, note));
    entry.figure = made;
    return made;
  }

  function clamp(axis, value) { return Math.max(0, Math.min(about.shape[axis] - 1, value)); }

  function point(entry, event) {
    const frame = entry.canvas.getBoundingClientRect();
    const { u, v, width: w, height: h } = entry.shape;
    cursor[u] = clamp(u, Math.floor(((event.clientX - frame.left) / frame.width) * w));
    cursor[v] = clamp(v, h - 1 - Math.floor(((event.clientY - frame.top) / frame.height) * h));
    redraw();
  }

  function key(entry, event) {
    const { u, v } = entry.shape;
    const step = event.shiftKey ? 5 : 1;
    const moves = { ArrowLeft: [u, -step], ArrowRight: [u, step], ArrowUp: [v, step], ArrowDown: [v, -step], PageUp: [entry.axis, step], PageDown: [entry.axis, -step] };
    if (event.key === "Home") middle();
    else if (moves[event.key] && moves[event.key][0] < about.shape.length) cursor[moves[event.key][0]] = clamp(moves[event.key][0], cursor[moves[event.key][0]] + moves[event.key][1]);
    else return;
    event.preventDefault();
    redraw();
  }

  function middle() { cursor = about.shape.map((n) => Math.floor(n / 2)); }

  // Window and level act on 8-bit codes, so that each image keeps its own range.
  function colour(image) {
    const low = (level - width / 2) * 255;
    const high = (level + width / 2) * 255;
    if (image === "jacobian") return volumes.jacobian && draw.jacobian(volumes.jacobian);
    if (image !== "difference") return volumes[image] && draw.grey(volumes[image], low, high);
    if (!volumes.warped) return null;
    const span = 0.5 * (about.fixed.high - about.fixed.low) * width;
    return draw.mapped(draw.DIFFERENCE, (voxel) => 127.5 + (127.5 * difference(voxel)) / span);
  }

  function real(image, voxel) {
    const scale = image === "fixed" ? about.fixed : image === "moving" ? about.moving : method[image];
    return scale.low + (volumes[image][voxel] / 255) * (scale.high - scale.low);
  }

  // Two kinds of image have no common scale: each is taken in its own range.
  function difference(voxel) {
    if (!find("viewer").hasAttribute("data-two-kinds")) return real("warped", voxel) - real("fixed", voxel);
    return ((volumes.warped[voxel] - volumes.fixed[voxel]) / 255) * (about.fixed.high - about.fixed.low);
  }

  function paint(entry) {
    const { canvas, shape, buffer, axis, image } = entry;
    if (entry.figure.hidden || !canvas.clientWidth) return;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    const rule = colour(image);
    if (!rule) return;
    const inner = buffer.getContext("2d");
    const pixels = inner.createImageData(shape.width, shape.height);
    draw.fill(pixels.data, about.shape, axis, cursor[axis], rule);
    inner.putImageData(pixels, 0, 0);
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = image !== "jacobian";
    context.imageSmoothingQuality = "high";
    context.drawImage(buffer, 0, 0, canvas.width, canvas.height);
    decorate(context, entry, ratio);
  }

  function decorate(context, entry, ratio) {
    const { canvas, shape, image } = entry;
    const light = image === "jacobian" || image === "difference";
    if (find("cross").checked) {
      const x = ((cursor[shape.u] + 0.5) / shape.width) * canvas.width;
      const y = ((shape.height - cursor[shape.v] - 0.5) / shape.height) * canvas.height;
      const gap = 5 * ratio;
      context.strokeStyle = light ? "rgba(0, 0, 0, 0.65)" : "rgba(255, 208, 60, 0.9)";
      context.lineWidth = ratio;
      context.beginPath();
      for (const [a, b, c, d] of [[0, y, x - gap, y], [x + gap, y, canvas.width, y], [x, 0, x, y - gap], [x, y + gap, x, canvas.height]]) { context.moveTo(a, b); context.lineTo(c, d); }
      context.stroke();
    }
    if (!about.ends.length) return;
    context.font = `600 ${11 * ratio}px system-ui, sans-serif`;
    context.fillStyle = light ? "#111" : "#ffd03c";
    context.textBaseline = "middle";
    const edge = 4 * ratio;
    const [left, right] = about.ends[shape.u];
    const [low, high] = about.ends[shape.v];
    context.textAlign = "left"; context.fillText(left, edge, canvas.height / 2 - 10 * ratio);
    context.textAlign = "right"; context.fillText(right, canvas.width - edge, canvas.height / 2 - 10 * ratio);
    context.textAlign = "center"; context.fillText(high, canvas.width / 2 + 10 * ratio, edge + 6 * ratio);
    context.fillText(low, canvas.width / 2 + 10 * ratio, canvas.height - edge - 6 * ratio);
  }

  let planned = false;
  function redraw() {
    if (planned) return;
    planned = true;
    requestAnimationFrame(() => {
      planned = false;
      for (const { axis, slider, output } of sliders) { slider.value = cursor[axis]; output.textContent = `${cursor[axis] + 1} of ${about.shape[axis]}`; }
      panes.forEach(paint);
      tell();
    });
  }

  function tell() {
    const dim = about.shape.length;
    const voxel = cursor[0] + about.shape[0] * (cursor[1] + (dim === 3 ? about.shape[1] * cursor[2] : 0));
    const world = about.affine.slice(0, dim).map((row) => cursor.reduce((sum, c, a) => sum + row[a] * c, row[dim]));
    const shown = (value) => String(Number(value.toPrecision(4)));
    const lines = [["voxel", cursor.join(", ")], ["mm", world.map((w) => w.toFixed(1)).join(", ")]];
    for (const image of ["fixed", "moving", "warped"]) if (volumes[image]) lines.push([image, shown(real(image, voxel))]);
    if (volumes.jacobian) {
      const code = volumes.jacobian[voxel];
      lines.push(["det J", code === 0 ? "folded (0 or below)" : code === 255 ? "2 or more" : shown(((code - 1) / 254) * 2)]);
    }
    find("values").replaceChildren(...lines.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
  }

  function tellMethod() {
    const jacobian = method.jacobian;
    const rows = [["det J, least to greatest", `${jacobian.least} to ${jacobian.most}`, ""], ["folded voxels", `${jacobian.folded} of ${jacobian.voxels}`, ""], ...method.numbers];
    const body = element("tbody", {});
    for (const [name, value, unit] of rows) body.append(element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: "num" }, value), element("td", {}, unit)));
    const table = element("table", {}, element("caption", { class: "sr" }, "Numbers of this method on this case"), body);
    find("numbers").replaceChildren(element("div", { class: "box", role: "region", tabindex: "0", "aria-label": "Numbers of this method on this case" }, table));
  }

  async function choose(name) {
    const entry = index.methods.find((m) => m.name === name);
    find("status").textContent = `Loading ${entry.title} …`;
    const loaded = await load(`method ${name}`, entry.file);
    const [warped, jacobian] = await Promise.all([draw.decode(loaded.warped.data, size()), draw.decode(loaded.jacobian.data, size())]);
    if (find("method").value !== name) return; // another one was chosen meanwhile
    Object.assign(volumes, { warped, jacobian });
    method = { ...loaded, name };
    find("status").textContent = loaded.moved ? `${entry.title}: ${loaded.jacobian.folded} of ${loaded.jacobian.voxels} voxels folded${loaded.jacobian.folded ? ", pink in the Jacobian" : ""}.` : `${entry.title} moves nothing here: warped is moving, det J is 1.`;
    tellMethod();
    redraw();
  }

  function show(view) {
    for (const entry of panes) entry.figure.hidden = view !== "all" && entry.image !== view;
    find("planes").classList.toggle("single", view !== "all");
    redraw();
  }

  function failed(error) { find("status").textContent = `The viewer cannot show this case: ${error.message}.`; }

  async function start() {
    index = JSON.parse(find("case-index").textContent);
    about = await load("case", `${index.folder}/case.js`);
    middle();
    volumes.fixed = await draw.decode(about.fixed.data, size());
    volumes.moving = await draw.decode(about.moving.data, size());
    build();
    const select = find("method");
    select.addEventListener("change", () => choose(select.value).catch(failed));
    find("view").addEventListener("change", (event) => show(event.target.value));
    const wanted = decodeURIComponent(location.hash.slice(1));
    if (index.methods.some((m) => m.name === wanted)) select.value = wanted;
    find("level").addEventListener("input", (event) => { level = event.target.value / 100; redraw(); });
    find("window").addEventListener("input", (event) => { width = event.target.value / 100; redraw(); });
    find("cross").addEventListener("change", redraw);
    find("reset").addEventListener("click", () => {
      level = 0.5; width = 1; find("level").value = 50; find("window").value = 100; find("cross").checked = true; find("view").value = "all";
      middle(); show("all");
    });
    await choose(select.value);
  }

  document.addEventListener("DOMContentLoaded", () => start().catch(failed));
})();
