// The picture as measured, and the raw frames behind it: window and level, colours, outlines, a profile, the last test beside it,
// read-out under the pointer; all of it by keyboard too.
"use strict";
for (const box of document.querySelectorAll("[data-viewer]")) {
  const find = name => box.querySelector("[data-" + name + "]");
  const data = JSON.parse(document.getElementById("viewer-data").textContent), words = JSON.parse(document.getElementById("viewer-words").textContent);
  const language = document.documentElement.lang.startsWith("en") ? "en" : "zh";
  const canvas = find("picture"), beside = find("picture-before"), colours = find("colours"), profile = find("line");
  const low = find("low"), high = find("high"), frame = find("frame"), source = find("source");
  const palettes = ["grey", "inverse", "deviation"];
  const on = { overlay: true, profile: false, beside: false };
  let now = null, palette = "grey", point = null;
  const kept = new Map();
  const write = (name, text) => { find(name).textContent = text; };
  const tone = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const say = value => Number.isFinite(value) ? Number(value.toPrecision(5)).toLocaleString("en-US", { maximumFractionDigits: 6 }).replace(/,/g, "\u2009").replace("-", "−") : "—";
  const unit = () => now.about.unit[language] || "";

  async function numbers(url) {
    if (!kept.has(url)) {
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(url);
      kept.set(url, new Float32Array(await answer.arrayBuffer()));
      if (kept.size > 64) kept.delete(kept.keys().next().value);
    }
    return kept.get(url);
  }

  function range(values, [a, b]) {
    let least = Infinity, most = -Infinity;
    for (const v of values) if (v === v) { if (v < least) least = v; if (v > most) most = v; }
    const room = 0.1 * (b - a);
    return [Math.min(least, a - room), Math.max(most, b + room)];
  }

  async function show(about, url, title, more) {
    try {
      const values = await numbers(url), [least, most] = range(values, about.window);
      const same = now && now.series === more.series && more.series !== undefined;
      now = { about, values, least, most, window: same ? now.window : [...about.window], title, ...more };
      if (!same) palette = palettes.includes(about.palette) ? about.palette : "grey";
      now.before = more.before ? { about: more.before.about, values: await numbers(more.before.pixels) } : null;
      now.mean = inside(now);
      box.querySelector("[data-toggle=beside]").hidden = !now.before;
      write("title", title);
      box.dataset.place = JSON.stringify({ ...about, overlays: undefined });
      draw();
      box.dataset.shown = more.key;
    } catch { write("title", words.lost); }
  }

  // pictures as analysed
  const thumbs = data.pictures.map((one, n) => {
    const button = document.createElement("button"), small = document.createElement("canvas"), name = document.createElement("span");
    button.type = "button";
    small.width = 84; small.height = 60;
    small.setAttribute("aria-hidden", "true");
    name.textContent = one.title;
    button.append(small, name);
    button.addEventListener("click", () => open(n));
    find("thumbs").append(button);
    return button;
  });

  async function open(n) {
    const count = data.pictures.length, at = (n + count) % count, one = data.pictures[at];
    source.value = "";
    box.querySelectorAll("[data-frames]").forEach(part => { part.hidden = true; });
    thumbs.forEach((button, k) => k === at ? button.setAttribute("aria-current", "true") : button.removeAttribute("aria-current"));
    await show(one.about, one.pixels, one.title, { n: at, key: String(at), before: one.before });
  }

  async function fillThumbs() {
    for (const [n, one] of data.pictures.entries()) {
      const picture = { about: one.about, values: await numbers(one.pixels), window: one.about.window };
      const small = thumbs[n].querySelector("canvas"), pen = small.getContext("2d");
      const size = Math.min(small.width / (picture.about.columns * picture.about.pixel_mm[1]), small.height / (picture.about.rows * picture.about.pixel_mm[0]));
      const w = picture.about.columns * picture.about.pixel_mm[1] * size, h = picture.about.rows * picture.about.pixel_mm[0] * size;
      pen.imageSmoothingEnabled = false;
      pen.drawImage(bitmap(picture, one.about.palette), (small.width - w) / 2, (small.height - h) / 2, w, h);
    }
    box.dataset.thumbs = data.pictures.length;
  }

  // raw frames
  const raw = new Map();
  data.raw.forEach((one, n) => source.add(new Option(one.title, String(n))));
  async function openRaw(n, k) {
    const one = data.raw[n];
    try {
      if (!raw.has(n)) {
        const answer = await fetch(one.about), about = await answer.json();
        if (!answer.ok) { write("title", about[language]); return; }
        raw.set(n, about);
      }
    } catch { write("title", words.lost); return; }
    const about = raw.get(n), count = about.frames.length, at = Math.min(Math.max(k, 0), count - 1);
    source.value = String(n);
    thumbs.forEach(button => button.removeAttribute("aria-current"));
    box.querySelectorAll("[data-frames]").forEach(part => { part.hidden = count < 2; });
    frame.max = count - 1; frame.value = at;
    const named = words.frame.replace("{n}", at + 1).replace("{of}", count) + (about.frames[at][language] ? " · " + about.frames[at][language] : "");
    write("frame-name", named);
    frame.setAttribute("aria-valuetext", named);
    await show(about, one.frame + "?frame=" + at, one.title + (about.frames[at][language] ? " · " + about.frames[at][language] : ""), { raw: n, frame: at, series: "raw" + n, key: "raw" + n + "." + at });
  }
  function turn(step) {
    if (now.raw === undefined) return openRaw(0, 0);
    const count = raw.get(now.raw).frames.length, to = now.frame + step;
    if (to < 0) return now.raw ? openRaw(now.raw - 1, Infinity) : undefined;
    return to < count ? openRaw(now.raw, to) : now.raw + 1 < data.raw.length ? openRaw(now.raw + 1, 0) : undefined;
  }

  // drawing
  function colour(t, which) {
    t = Math.min(1, Math.max(0, t));
    if (which === "inverse") t = 1 - t;
    if (which !== "deviation") return [255 * t, 255 * t, 255 * t];
    const blue = [28, 79, 130], paper = [255, 255, 255], brown = [184, 86, 15];
    const [from, to, s] = t < 0.5 ? [blue, paper, 2 * t] : [paper, brown, 2 * t - 1];
    return from.map((c, n) => c + (to[n] - c) * s);
  }

  function bitmap({ about, values, window: [a, b] }, which) {
    const image = new ImageData(about.columns, about.rows);
    for (let i = 0; i < values.length; i++) {
      const v = values[i];
      if (v !== v) continue;
      const [r, g, bl] = colour((v - a) / (b - a || 1), which);
      image.data.set([r, g, bl, 255], 4 * i);
    }
    const small = document.createElement("canvas");
    small.width = about.columns; small.height = about.rows;
    small.getContext("2d").putImageData(image, 0, 0);
    return small;
  }

  function paint(target, picture) {
    const { about } = picture, zoom = Math.max(1, Math.round(640 / about.columns));
    target.width = about.columns * zoom;
    target.height = Math.round(about.rows * zoom * about.pixel_mm[0] / about.pixel_mm[1]);
    const pen = target.getContext("2d"), sx = target.width / about.columns, sy = target.height / about.rows;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(bitmap({ ...picture, window: now.window }, palette), 0, 0, target.width, target.height);
    if (on.overlay) for (const one of about.overlays) outline(pen, one, sx, sy);
    if (point && target === canvas) mark(pen, sx, sy);
    ruler(pen, target, about, sx);
  }

  function draw() {
    paint(canvas, now);
    const both = on.beside && now.before !== null;
    find("beside").hidden = !both;
    box.classList.toggle("two", both);
    if (both) paint(beside, now.before);
    const pen = colours.getContext("2d");
    for (let y = 0; y < colours.height; y++) { pen.fillStyle = "rgb(" + colour(1 - y / (colours.height - 1), palette).map(Math.round) + ")"; pen.fillRect(0, y, colours.width, 1); }
    for (const button of box.querySelectorAll("[data-palette]")) button.setAttribute("aria-pressed", button.dataset.palette === palette);
    for (const button of box.querySelectorAll("[data-toggle]")) button.setAttribute("aria-pressed", on[button.dataset.toggle]);
    const at = value => Math.round(1000 * (value - now.least) / (now.most - now.least || 1));
    low.value = at(now.window[0]); high.value = at(now.window[1]);
    const named = say(now.window[0]) + " – " + say(now.window[1]) + " " + unit();
    write("window", named);
    low.setAttribute("aria-valuetext", say(now.window[0]) + " " + unit()); high.setAttribute("aria-valuetext", say(now.window[1]) + " " + unit());
    profile.hidden = !on.profile;
    if (on.profile) section();
  }

  function trace(path, one, sx, sy) {
    if (one.kind === "outline") for (const loop of one.loops) { loop.forEach(([x, y], n) => n ? path.lineTo(x * sx, y * sy) : path.moveTo(x * sx, y * sy)); path.closePath(); }
    else if (one.kind === "circle") path.ellipse(one.x * sx, one.y * sy, one.radius * sx, one.radius * sx, 0, 0, 7);
    else { path.arc(one.x * sx, one.y * sy, 9, 0, 7); path.moveTo(one.x * sx - 5, one.y * sy); path.lineTo(one.x * sx + 5, one.y * sy); if (one.sign === "+") { path.moveTo(one.x * sx, one.y * sy - 5); path.lineTo(one.x * sx, one.y * sy + 5); } }
    return path;
  }

  function outline(pen, one, sx, sy) {
    const path = trace(new Path2D(), one, sx, sy);
    pen.setLineDash([]);
    pen.strokeStyle = "#000a"; pen.lineWidth = 4.5; pen.stroke(path);
    pen.setLineDash({ dashed: [9, 6], background: [7, 4], dotted: [2, 4] }[one.style] || []);
    pen.strokeStyle = tone("--roi"); pen.lineWidth = 2; pen.stroke(path);
    pen.setLineDash([]);
    if (one.kind === "outline" && one.label && one.loops.length) {
      const xs = one.loops[0].map(([x]) => x), ys = one.loops[0].map(([, y]) => y);
      label(pen, one.label, Math.min(...xs) * sx + 3, Math.min(...ys) * sy + 3);
    } else if (one.kind === "circle" && one.label) label(pen, one.label, (one.x + one.radius) * sx + 4, one.y * sy - 9);
  }
  function label(pen, text, x, y) {
    pen.font = "600 17px " + getComputedStyle(document.body).fontFamily;
    pen.fillStyle = "#000b"; pen.fillRect(x, y, pen.measureText(text).width + 10, 23);
    pen.fillStyle = tone("--roi"); pen.textBaseline = "middle"; pen.fillText(text, x + 5, y + 12);
  }

  function ruler(pen, target, about, sx) {
    const long = about.scale_bar_mm / about.pixel_mm[1] * sx;
    if (!(long > 20 && long < 0.8 * target.width)) return;
    const x = target.width - long - 12, y = target.height - 10;
    for (const [width, style] of [[6, "#000a"], [2.5, "#fff"]]) { pen.lineWidth = width; pen.strokeStyle = style; pen.beginPath(); pen.moveTo(x, y); pen.lineTo(x + long, y); pen.stroke(); }
    pen.font = "16px " + getComputedStyle(document.body).fontFamily; pen.textBaseline = "bottom"; pen.textAlign = "right";
    pen.lineWidth = 4; pen.strokeStyle = "#000a"; pen.strokeText(about.scale_bar_mm + " mm", x + long, y - 5);
    pen.fillStyle = "#fff"; pen.fillText(about.scale_bar_mm + " mm", x + long, y - 5); pen.textAlign = "left";
  }

  function mark(pen, sx, sy) {
    const [c, r] = point, x = (c + 0.5) * sx, y = (r + 0.5) * sy;
    for (const [width, style] of [[4, "#000a"], [1.5, "#fff"]]) {
      pen.lineWidth = width; pen.strokeStyle = style; pen.beginPath();
      pen.moveTo(x - 14, y); pen.lineTo(x - 4, y); pen.moveTo(x + 4, y); pen.lineTo(x + 14, y);
      pen.moveTo(x, y - 14); pen.lineTo(x, y - 4); pen.moveTo(x, y + 4); pen.lineTo(x, y + 14); pen.stroke();
    }
    if (on.profile) { pen.lineWidth = 1.5; pen.strokeStyle = tone("--roi"); pen.beginPath(); pen.moveTo(0, y); pen.lineTo(canvas.width, y); pen.stroke(); }
  }

  function section() {
    const row = point ? point[1] : now.about.rows >> 1, { columns, pixel_mm, left_mm } = now.about, pen = profile.getContext("2d");
    const left = 70, bottom = profile.height - 24, [a, b] = [Math.min(0, now.window[0]), now.window[1] * 1.05 || 1], axis = tone("--ink-3");
    const lineOf = (picture, style, dash) => {
      pen.strokeStyle = style; pen.lineWidth = 1.75; pen.setLineDash(dash); pen.beginPath();
      const own = picture.about.columns, at = Math.min(row, picture.about.rows - 1);
      for (let c = 0; c < own; c++) {
        const v = picture.values[at * own + c];
        if (v === v) pen.lineTo(left + (c + 0.5) * (profile.width - left) / own, Math.max(0, bottom - (v - a) / (b - a || 1) * (bottom - 8)));
      }
      pen.stroke(); pen.setLineDash([]);
    };
    pen.clearRect(0, 0, profile.width, profile.height);
    pen.strokeStyle = axis; pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(left, 4); pen.lineTo(left, bottom); pen.lineTo(profile.width, bottom); pen.stroke();
    pen.font = "15px " + getComputedStyle(document.body).fontFamily; pen.fillStyle = tone("--ink-2"); pen.textAlign = "right"; pen.textBaseline = "middle";
    pen.fillText(say(b), left - 6, 12); pen.fillText(say(a), left - 6, bottom - 4);
    pen.textBaseline = "top";
    pen.fillText("x " + say(Math.round(left_mm + columns * pixel_mm[1])) + " mm", profile.width - 2, bottom + 5);
    pen.textAlign = "left"; pen.fillText(say(Math.round(left_mm)) + " mm", left, bottom + 5);
    if (on.beside && now.before) lineOf(now.before, tone("--s2"), [6, 3]);
    lineOf(now, tone("--s1"), []);
  }

  // mean inside the innermost outline, so that a pixel can be told as its deviation
  function inside({ about, values }) {
    const outlines = about.overlays.filter(one => one.kind === "outline");
    if (!outlines.length || about.palette === "deviation") return null;
    const path = trace(new Path2D(), outlines[outlines.length - 1], 1, 1), pen = document.createElement("canvas").getContext("2d");
    let sum = 0, count = 0;
    for (let i = 0; i < values.length; i++)
      if (pen.isPointInPath(path, i % about.columns + 0.5, Math.floor(i / about.columns) + 0.5)) { sum += values[i]; count += 1; }
    return count ? sum / count : null;
  }

  function read(c, r, spoken) {
    const { rows, columns, pixel_mm, left_mm, top_mm } = now.about;
    if (c < 0 || r < 0 || c >= columns || r >= rows) return;
    const value = now.values[r * columns + c], off = now.mean ? 100 * (value / now.mean - 1) : NaN;
    write("x", "x " + say(Math.round(left_mm + (c + 0.5) * pixel_mm[1])) + " mm");
    write("y", "y " + say(Math.round(top_mm + (r + 0.5) * pixel_mm[0])) + " mm");
    write("value", say(value) + " " + unit());
    write("deviation", Number.isFinite(off) ? (off > 0 ? "+" : "") + say(Number(off.toFixed(1))) + " % " + words.mean : "");
    find("deviation").classList.toggle("over", Math.abs(off) > 10);
    if (spoken) write("spoken", find("x").textContent + ", " + find("y").textContent + ", " + find("value").textContent);
    if (on.profile || spoken) { point = [c, r]; draw(); }
  }
  canvas.addEventListener("pointermove", event => {
    if (!now) return;
    const place = canvas.getBoundingClientRect();
    read(Math.floor((event.clientX - place.left) / place.width * now.about.columns), Math.floor((event.clientY - place.top) / place.height * now.about.rows), false);
  });

  function windowBy(act) {
    const [a, b] = now.window, middle = (a + b) / 2, half = (b - a) / 2;
    now.window = act === "narrow" ? (half < 0.05 * (now.most - now.least) ? [...now.about.window] : [middle - half / 1.5, middle + half / 1.5])
      : [a + act * 0.1 * half, b + act * 0.1 * half];
    draw();
  }
  const move = (dc, dr) => { const [c, r] = point || [now.about.columns >> 1, now.about.rows >> 1]; read(c + dc, r + dr, true); };
  const toggle = name => { if (name !== "beside" || now.before) { on[name] = !on[name]; draw(); } };
  const slid = () => { const at = input => now.least + (now.most - now.least) * input.value / 1000; now.window = [Math.min(at(low), at(high)), Math.max(at(low), at(high))]; draw(); };
  low.addEventListener("input", slid); high.addEventListener("input", slid);
  frame.addEventListener("input", () => openRaw(now.raw, Number(frame.value)));
  source.addEventListener("change", () => source.value === "" ? (data.pictures.length ? open(data.start) : openRaw(0, 0)) : openRaw(Number(source.value), 0));
  for (const button of box.querySelectorAll("[data-palette]")) button.addEventListener("click", () => { palette = button.dataset.palette; draw(); });
  for (const button of box.querySelectorAll("[data-toggle]")) button.addEventListener("click", () => toggle(button.dataset.toggle));

  const whole = () => document.fullscreenElement ? document.exitFullscreen() : box.requestFullscreen();
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  document.addEventListener("keydown", event => {
    const typing = event.target.matches("input, textarea, select"), letter = event.key.length === 1;
    if (!now || typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (letter && localStorage.getItem("letters") === "off") return;
    const near = box.contains(event.target) || event.target === document.body;
    const act = steps[event.key]
      ? near && (event.shiftKey ? () => move(...steps[event.key])
        : steps[event.key][0] ? data.pictures.length && (() => open((now.n === undefined ? data.start : now.n) + steps[event.key][0]))
          : data.raw.length && box.contains(event.target) && (() => turn(steps[event.key][1])))
      : { o: () => toggle("overlay"), p: () => toggle("profile"), b: () => toggle("beside"), w: () => windowBy("narrow"), "-": () => windowBy(-1), "=": () => windowBy(1),
          c: () => { palette = palettes[(palettes.indexOf(palette) + 1) % 3]; draw(); }, f: whole }[letter ? event.key.toLowerCase() : event.key];
    if (act) { event.preventDefault(); act(); }
  });
  (data.pictures.length ? open(data.start).then(fillThumbs) : openRaw(0, 0));
}
