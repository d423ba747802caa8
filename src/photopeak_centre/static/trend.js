// The trend of one quantity: series by place, limits with hatching beyond, whiskers of U (k = 2); or one series as a control chart.
"use strict";
(() => {
  const card = document.querySelector("[data-trend]");
  if (!card) return;
  const find = name => card.querySelector("[data-" + name + "]");
  const tone = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const chart = echarts.init(find("chart"));
  const colours = ["--s1", "--s2", "--s3", "--s4"].map(tone), shapes = ["circle", "rect", "triangle", "diamond"];
  const dashes = ["solid", [6, 3], [2, 3], [8, 3, 2, 3]];
  const marks = { fail: tone("--fail-mark"), undecided: tone("--undecided-mark") };
  const font = getComputedStyle(document.body).fontFamily, legend = find("legend"), control = find("control"), which = find("series");
  let data = null, asControl = false;
  addEventListener("resize", () => chart.resize());
  const short = value => Number(value.toPrecision(4)).toString().replace("-", "−");
  const day = at => at.slice(0, 10);

  function whiskers(series, colour) {
    return {
      type: "custom", silent: true, z: 1, data: series.points.filter(p => p[2] !== null).map(p => [p[0], p[1] - p[2], p[1] + p[2]]),
      encode: { x: 0, y: [1, 2] },
      renderItem: (params, api) => {
        const low = api.coord([api.value(0), api.value(1)]), high = api.coord([api.value(0), api.value(2)]);
        return { type: "group", children: [low, high].map(end => ({ type: "line", shape: { x1: end[0] - 3, y1: end[1], x2: end[0] + 3, y2: end[1] }, style: { stroke: colour, lineWidth: 1 } }))
          .concat([{ type: "line", shape: { x1: low[0], y1: low[1], x2: high[0], y2: high[1] }, style: { stroke: colour, lineWidth: 1 } }]) };
      } };
  }

  // a diagonal hatch that survives a copier
  function hatch() {
    const tile = document.createElement("canvas"), pen = tile.getContext("2d");
    tile.width = tile.height = 8;
    pen.strokeStyle = tone("--line"); pen.lineWidth = 1;
    for (const x of [-8, 0, 8]) { pen.beginPath(); pen.moveTo(x, 8); pen.lineTo(x + 8, 0); pen.stroke(); }
    return { image: tile, repeat: "repeat" };
  }

  function point(p, colour, n, rules) {
    const outcome = marks[p[3]] || colour, open = p[5] === "constancy";
    return { value: p, symbol: shapes[n], itemStyle: { color: open ? tone("--paper") : outcome, borderColor: outcome, borderWidth: 1.5 },
      label: rules && rules.length ? { show: true, position: "top", formatter: rules.join(" "), color: tone("--fail"), fontWeight: 700 } : undefined };
  }

  function frame(values, series) {
    const low = Math.min(...values), high = Math.max(...values), room = (high - low || Math.abs(high) || 1) * 0.12;
    const times = series.flatMap(s => s.points.map(p => Date.parse(p[0]))), span = Math.max(...times) - Math.min(...times), week = 7 * 864e5;
    const narrow = chart.getWidth() < 480;
    return {
      animation: false, textStyle: { fontFamily: font, fontSize: 12, color: tone("--ink-2") }, aria: { enabled: true },
      grid: { left: 48, right: 16, top: 34, bottom: series.length > 1 ? 58 : 34 },
      tooltip: { renderMode: "richText", trigger: "item", confine: true,
        formatter: p => p.seriesName + "\n" + day(p.value[0]) + "  " + short(p.value[1]) + (p.value[2] === null ? "" : " ± " + short(p.value[2])) },
      legend: { show: series.length > 1, type: "scroll", bottom: 0, itemWidth: 28, textStyle: { color: tone("--ink-2"), fontSize: narrow ? 11 : 12 }, data: series.map(s => s.name) },
      xAxis: { type: "time", min: span < week ? Math.min(...times) - week : undefined, max: span < week ? Math.max(...times) + week : undefined, axisLine: { lineStyle: { color: tone("--ink-3") } },
        splitNumber: narrow ? 3 : 6, splitLine: { show: false }, axisLabel: { formatter: span < 150 * 864e5 ? "{yyyy}-{MM}-{dd}" : "{yyyy}-{MM}", hideOverlap: true } },
      yAxis: { type: "value", scale: true, name: data.quantity + (data.unit ? " / " + data.unit : ""), nameTextStyle: { align: "left", padding: [0, 0, 4, -40] },
        min: low >= 0 && low < 0.5 * high ? 0 : low - room, max: high + room, axisLabel: { formatter: short, showMinLabel: true, showMaxLabel: false }, splitLine: { lineStyle: { color: tone("--line-2") } } },
    };
  }

  function draw() {
    const shown = data.series.slice(0, 4);
    const bounds = data.limits.flatMap((limit, m) => [["upper", "≤"], ["lower", "≥"]].filter(([side]) => limit[side] !== null)
      .map(([side, sign]) => ({ yAxis: limit[side], side, label: { formatter: sign + " " + short(limit[side]), position: m % 2 ? "insideEndTop" : "insideStartTop", color: limit.provisional ? tone("--provisional") : tone("--ink"), fontWeight: 700 },
        lineStyle: { color: limit.provisional ? tone("--provisional-mark") : tone("--ink"), type: limit.provisional ? [5, 3] : "solid", width: 1.25 } })));
    const values = [...shown.flatMap(s => s.points.flatMap(p => [p[1] - (p[2] || 0), p[1] + (p[2] || 0)])), ...bounds.map(b => b.yAxis)];
    const uppers = bounds.filter(b => b.side === "upper").map(b => b.yAxis), lowers = bounds.filter(b => b.side === "lower").map(b => b.yAxis), areas = [];
    const drawn = frame(values, shown);
    if (uppers.length) areas.push([{ yAxis: Math.max(...uppers) }, { yAxis: drawn.yAxis.max }]);
    if (lowers.length) areas.push([{ yAxis: Math.min(...lowers) }, { yAxis: drawn.yAxis.min }]);
    chart.setOption({ ...drawn, series: shown.flatMap((s, n) => [{
      type: "line", name: s.name, symbol: shapes[n], symbolSize: 8, color: colours[n], lineStyle: { type: dashes[n], width: 1.5 }, z: 2,
      data: s.points.map(p => point(p, colours[n], n)),
      markLine: n ? undefined : { silent: true, symbol: "none", animation: false, data: bounds },
      markArea: n ? undefined : { silent: true, itemStyle: { color: hatch(), opacity: 0.8 }, data: areas },
    }, whiskers(s, colours[n])]) }, true);
    legend.textContent = legend.dataset.filled;
  }

  function drawControl() {
    const s = data.series[Number(which.value)], { mean, sd, n, rules } = s.control;
    const lines = [0, 1, 2, 3, -1, -2, -3].map(k => ({ yAxis: mean + k * sd,
      label: { formatter: k ? (k > 0 ? "+" : "−") + Math.abs(k) + " s" : "x̄", position: "insideEndTop", color: tone("--ink-2") },
      lineStyle: { color: Math.abs(k) === 3 ? tone("--fail-mark") : Math.abs(k) === 2 ? tone("--undecided-mark") : tone("--ink-3"), type: k ? [4, 3] : "solid", width: 1 } }));
    const values = [...s.points.map(p => p[1]), mean - 3.3 * sd, mean + 3.3 * sd];
    const drawn = frame(values, [s]);
    drawn.yAxis.min = Math.min(...values) - 0.3 * sd;
    chart.setOption({ ...drawn, series: [{ type: "line", name: s.name, symbol: "circle", symbolSize: 8, color: colours[0], lineStyle: { width: 1.25 }, z: 2,
      data: s.points.map((p, k) => point([p[0], p[1], p[2], rules[k].some(rule => rule !== "1_2s") ? "fail" : rules[k].length ? "undecided" : "", p[4], p[5]], colours[0], 0, rules[k])),
      markLine: { silent: true, symbol: "none", animation: false, data: lines } }] }, true);
    legend.textContent = legend.dataset.controlWords.replace("{m}", short(mean)).replace("{s}", short(sd)).replace("{n}", n);
  }

  function show() {
    const charted = data.series.map((s, n) => [s, n]).filter(([s]) => s.control);
    control.hidden = !charted.length;
    if (!charted.length) asControl = false;
    const before = which.value;
    which.replaceChildren(...charted.map(([s, n]) => new Option(s.name, String(n))));
    if ([...which.options].some(option => option.value === before)) which.value = before;
    which.hidden = !asControl;
    control.setAttribute("aria-pressed", asControl);
    (asControl ? drawControl : draw)();
    table();
    region();
    card.dataset.drawn = data.quantity + (asControl ? " control" : "");
  }

  function table() {
    const made = document.createElement("table"), body = made.createTBody();
    for (const series of data.series) for (const [at, value, expanded, , result] of series.points) {
      const row = body.insertRow(), link = document.createElement("a");
      link.href = card.dataset.result + result + "/";
      link.textContent = day(at);
      row.insertCell().append(link);
      row.insertCell().textContent = series.name;
      row.insertCell().textContent = short(value) + (expanded === null ? "" : " ± " + short(expanded)) + " " + data.unit;
    }
    find("table").replaceChildren(made);
  }

  function region() {
    const place = find("region");
    place.replaceChildren(...(data.region.length ? data.region.map(one => one.place + (document.documentElement.lang.startsWith("en") ? ": " : "：") + place.dataset.words
      .replace("{m}", short(one.median)).replace("{l}", short(one.low)).replace("{h}", short(one.high)).replace("{n}", one.n)) : [place.dataset.few])
      .map(text => Object.assign(document.createElement("p"), { textContent: text })));
  }

  const buttons = [...card.querySelectorAll("button[data-quantity]")], other = find("other");
  async function choose(one) {
    buttons.forEach(button => button.setAttribute("aria-pressed", button === one));
    if (one.tagName === "BUTTON") other.value = "";
    data = await (await fetch(card.dataset.trend + "?" + new URLSearchParams({ procedure: one.dataset.procedure, quantity: one.dataset.quantity }))).json();
    show();
  }
  buttons.forEach(button => button.addEventListener("click", () => choose(button)));
  other.addEventListener("change", () => other.value && choose(other.selectedOptions[0]));
  control.addEventListener("click", () => { asControl = !asControl; show(); });
  which.addEventListener("change", show);
  const first = buttons[0] || other.options[1];
  if (first) choose(first);
})();
