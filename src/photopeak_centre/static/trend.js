// The trend of one quantity: series by detector, limits as lines, whiskers of U (k = 2), and the region's middle half.
"use strict";
(() => {
  const card = document.querySelector("[data-trend]");
  if (!card) return;
  const tone = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const chart = echarts.init(card.querySelector("[data-chart]"));
  const colours = ["--s1", "--s2", "--s3", "--s4"].map(tone), shapes = ["circle", "rect", "triangle", "diamond"];
  const dashes = ["solid", [6, 3], [2, 3], [8, 3, 2, 3]];
  const marks = { fail: tone("--fail-mark"), undecided: tone("--undecided-mark") };
  const font = getComputedStyle(document.body).fontFamily;
  addEventListener("resize", () => chart.resize());
  const short = value => Number(value.toPrecision(4)).toString().replace("-", "−");

  function whiskers(series, colour) {
    return {
      type: "custom", silent: true, z: 1, data: series.points.filter(p => p[2] !== null).map(p => [p[0], p[1] - p[2], p[1] + p[2]]),
      encode: { x: 0, y: [1, 2] },
      renderItem: (params, api) => {
        const low = api.coord([api.value(0), api.value(1)]), high = api.coord([api.value(0), api.value(2)]);
        return { type: "line", shape: { x1: low[0], y1: low[1], x2: high[0], y2: high[1] }, style: { stroke: colour, lineWidth: 1 } };
      } };
  }

  function draw(data) {
    const bounds = data.limits.flatMap(limit => [["upper", "≤"], ["lower", "≥"]].filter(([side]) => limit[side] !== null)
      .map(([side, sign]) => ({ yAxis: limit[side], label: { formatter: sign + " " + short(limit[side]), position: "insideStartTop", color: tone("--ink"), fontWeight: 700 },
        lineStyle: { color: limit.provisional ? tone("--provisional-mark") : tone("--ink"), type: limit.provisional ? [5, 3] : "solid", width: 1.25 } })));
    const shown = data.series.slice(0, 4);
    const values = [...shown.flatMap(s => s.points.flatMap(p => [p[1] - (p[2] || 0), p[1] + (p[2] || 0)])), ...bounds.map(b => b.yAxis)];
    const low = Math.min(...values), high = Math.max(...values), room = (high - low || Math.abs(high) || 1) * 0.12;
    chart.setOption({
      animation: false, textStyle: { fontFamily: font, fontSize: 12, color: tone("--ink-2") }, aria: { enabled: true },
      grid: { left: 52, right: 16, top: 34, bottom: 56 },
      tooltip: { renderMode: "richText", trigger: "item", confine: true,
        formatter: p => p.seriesName + "\n" + p.value[0].slice(0, 10) + "  " + short(p.value[1]) + (p.value[2] === null ? "" : " ± " + short(p.value[2])) },
      legend: { bottom: 0, itemWidth: 28, textStyle: { color: tone("--ink-2") }, data: shown.map(s => s.name) },
      xAxis: { type: "time", axisLine: { lineStyle: { color: tone("--ink-3") } }, splitLine: { show: false }, axisLabel: { formatter: "{yyyy}-{MM}", hideOverlap: true } },
      yAxis: { type: "value", name: data.quantity + (data.unit ? " / " + data.unit : ""), nameTextStyle: { align: "left", padding: [0, 0, 4, -40] },
        min: Math.min(0, low) === 0 && low < 0.5 * high ? 0 : low - room, max: high + room, axisLabel: { formatter: short }, splitLine: { lineStyle: { color: tone("--line-2") } } },
      series: shown.flatMap((s, n) => [{
        type: "line", name: s.name, symbol: shapes[n], symbolSize: 7, color: colours[n], lineStyle: { type: dashes[n], width: 1.5 }, z: 2,
        data: s.points.map(p => ({ value: p, itemStyle: { color: marks[p[3]] || colours[n], borderColor: colours[n], borderWidth: 1 } })),
        markLine: n ? undefined : { silent: true, symbol: "none", animation: false, data: bounds },
      }, whiskers(s, colours[n])]),
    }, true);
    table(data);
    region(data);
  }

  function table(data) {
    const place = card.querySelector("[data-table]"), made = document.createElement("table");
    for (const series of data.series) for (const [at, value, expanded, , result] of series.points) {
      const row = made.insertRow(), link = document.createElement("a");
      link.href = card.dataset.result + result + "/";
      link.textContent = at.slice(0, 10);
      row.insertCell().append(link);
      row.insertCell().textContent = series.name;
      row.insertCell().textContent = short(value) + (expanded === null ? "" : " ± " + short(expanded)) + " " + data.unit;
    }
    place.replaceChildren(made);
  }

  function region(data) {
    const place = card.querySelector("[data-region]");
    place.replaceChildren(...(data.region.length ? data.region.map(one => one.place + ": " + place.dataset.words
      .replace("{m}", short(one.median)).replace("{l}", short(one.low)).replace("{h}", short(one.high)).replace("{n}", one.n)) : [place.dataset.few])
      .map(text => Object.assign(document.createElement("p"), { textContent: text })));
  }

  const buttons = [...card.querySelectorAll("[data-quantity]")];
  async function choose(button) {
    buttons.forEach(one => one.setAttribute("aria-pressed", one === button));
    draw(await (await fetch(card.dataset.trend + "?" + new URLSearchParams({ procedure: button.dataset.procedure, quantity: button.dataset.quantity }))).json());
    card.dataset.drawn = button.dataset.quantity;
  }
  buttons.forEach(button => button.addEventListener("click", () => choose(button)));
  if (buttons.length) choose(buttons[0]);
})();
