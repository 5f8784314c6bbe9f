"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const plots = document.getElementById("plots");
  const colours = data.colours;
  const dashes = [[], [8, 4], [2, 3]];
  let charts = [];
  let shown = data.windows.length - 1;
  let stretch = "hour";
  let zooming = false;

  // A zone that the browser does not know is shown as UTC rather than not at all.
  const tzDate = (() => {
    try {
      uPlot.tzDate(new Date(0), data.zone);
      return (t) => uPlot.tzDate(new Date(t * 1e3), data.zone);
    } catch {
      return (t) => uPlot.tzDate(new Date(t * 1e3), "Etc/UTC");
    }
  })();

  const short = (v) => {
    if (v == null || !isFinite(v)) return "–";
    const prefixes = [[1e9, " bn"], [1e6, " M"], [1e3, " k"]];
    const [size, name] = prefixes.find(([s]) => Math.abs(v) >= s * 0.9995) ?? [1, ""];
    return String(+(v / size).toPrecision(3)) + name;
  };

  const stretches = [
    ["5 min", "first 5 min", 300],
    ["hour", "first hour", 3600],
    ["whole", "whole window", Infinity],
  ];

  const range = () => {
    const w = data.windows[shown];
    const length = stretches.find(([id]) => id === stretch)[2];
    return [w.opens, Math.min(w.opens + length, w.until)];
  };

  const zoom = (min, max) => {
    if (zooming) return;
    zooming = true;
    for (const chart of charts) chart.setScale("x", { min, max });
    zooming = false;
  };

  // Published figures: a dot each, a line to the simulated point, and the error of the run in words. Words go where they hide nothing.
  const published = (u, chart, w) => {
    const { ctx, bbox } = u;
    const px = devicePixelRatio || 1;
    const dot = 5 * px;
    const place = ([at, value]) => [u.valToPos(w.opens + at, "x", true), u.valToPos(value, "y", true)];
    const inside = ([x, y]) => x >= bbox.left && x <= bbox.left + bbox.width && y >= bbox.top && y <= bbox.top + bbox.height;
    ctx.save();
    ctx.font = `bold ${12 * px}px system-ui, "Noto Sans", sans-serif`;
    const points = chart.published.map((p) => ({ ...p, spot: place(p.at), width: ctx.measureText(p.text).width + 6 * px })).filter((p) => inside(p.spot));
    for (const p of points) {
      if (!p.simulated) continue;
      stroke(ctx, p.spot, place(p.simulated), "#6e6e6e", px);
    }
    for (const p of points) {
      disc(ctx, p.spot, p.off ? dot * 1.5 : dot * 0.9, p.colour, p.off, px);
      if (p.simulated && inside(place(p.simulated))) disc(ctx, place(p.simulated), dot * 0.4, colours[0], false, px);
    }
    const curve = traced(u, 6 * px);
    // Of very many, those that are too far off come first; zooming in shows the others.
    const worded = [...points].sort((a, b) => b.off - a.off).slice(0, 30);
    for (let round = 0; round < 3; round++) for (const p of worded) p.words = room(p, points, curve, bbox, dot, px);
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    for (const p of worded) {
      const [x, y, wide, high] = p.words;
      const edge = [Math.max(x, Math.min(p.spot[0], x + wide)), Math.max(y, Math.min(p.spot[1], y + high))];
      if (Math.hypot(edge[0] - p.spot[0], edge[1] - p.spot[1]) > 9 * px) stroke(ctx, p.spot, edge, "#5a5f66", px);
      ctx.fillStyle = "rgba(255, 255, 255, .8)";
      ctx.fillRect(x, y, wide, high);
      ctx.fillStyle = p.off ? "#b34a00" : "#1a1a1a";
      ctx.fillText(p.text, x + 3 * px, y + high / 2);
    }
    ctx.restore();
  };

  const stroke = (ctx, from, to, colour, px) => {
    ctx.setLineDash([]);
    ctx.strokeStyle = colour;
    ctx.lineWidth = px;
    ctx.beginPath();
    ctx.moveTo(...from);
    ctx.lineTo(...to);
    ctx.stroke();
  };

  const disc = (ctx, [x, y], half, colour, square, px) => {
    ctx.beginPath();
    if (square) for (const [dx, dy] of [[-half, 0], [0, -half], [half, 0], [0, half]]) ctx.lineTo(x + dx, y + dy);
    else ctx.arc(x, y, half, 0, 2 * Math.PI);
    ctx.closePath();
    ctx.fillStyle = colour;
    ctx.fill();
    ctx.strokeStyle = "#fff";
    ctx.lineWidth = px;
    ctx.stroke();
  };

  // Points along the curves that can be seen.
  const traced = (u, step) => {
    const found = [];
    for (let s = 1; s < u.data.length; s++) {
      if (!u.series[s].show) continue;
      let before = null;
      for (let i = u.valToIdx(u.scales.x.min); i <= u.valToIdx(u.scales.x.max); i++) {
        if (u.data[s][i] == null) continue;
        const now = [u.valToPos(u.data[0][i], "x", true), u.valToPos(u.data[s][i], "y", true)];
        const pieces = before ? Math.ceil(Math.hypot(now[0] - before[0], now[1] - before[1]) / step) : 1;
        for (let k = 1; k <= pieces; k++) {
          const share = k / pieces;
          found.push(before ? [before[0] + (now[0] - before[0]) * share, before[1] + (now[1] - before[1]) * share] : now);
        }
        before = now;
      }
    }
    return found;
  };

  // The best place for the words of a point: near it, on no words or dots of others, on no curve.
  const room = (point, points, curve, bbox, dot, px) => {
    const high = 16 * px;
    const wide = point.width;
    const holds = ([x, y, w, h], [a, b]) => a >= x && a <= x + w && b >= y && b <= y + h;
    const touches = ([x, y, w, h], [a, b, c, d]) => x < a + c && a < x + w && y < b + d && b < y + h;
    const taken = points.flatMap((p) => {
      const dots = [[p.spot[0] - dot, p.spot[1] - dot, 2 * dot, 2 * dot]];
      return p === point || !p.words ? dots : [...dots, p.words];
    });
    const between = (a, b, share) => [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share];
    const shares = Array.from({ length: 24 }, (_, i) => (i + 1) / 25);
    const nearest = ([x, y, w, h], [a, b]) => [Math.max(x, Math.min(a, x + w)), Math.max(y, Math.min(b, y + h))];
    const lines = points
      .filter((p) => p !== point && p.words)
      .flatMap((p) => shares.map((share) => between(p.spot, nearest(p.words, p.spot), share)));
    let best = [Infinity, [point.spot[0], point.spot[1] - high / 2, wide, high]];
    for (let step = 0; step < 14; step++) {
      for (let direction = 0; direction < 16; direction++) {
        const angle = ((direction + 2) * Math.PI) / 8;
        const away = dot + (2 + 12 * step) * px;
        const x = point.spot[0] + Math.cos(angle) * (away + wide / 2) - wide / 2;
        const y = point.spot[1] + Math.sin(angle) * (away + high / 2) - high / 2;
        if (x < bbox.left || y < bbox.top || x + wide > bbox.left + bbox.width || y + high > bbox.top + bbox.height) continue;
        const words = [x, y, wide, high];
        let cost = away / px + 10000 * taken.filter((other) => touches(other, words)).length;
        if (cost < best[0] && curve.some((at) => holds(words, at))) cost += 90;
        if (cost < best[0] && lines.some((at) => holds(words, at))) cost += 300;
        if (cost < best[0] && step > 0) {
          const to = nearest(words, point.spot);
          const crosses = (at) => taken.some((other) => holds(other, at) && !holds(other, point.spot));
          if (shares.some((share) => crosses(between(point.spot, to, share)))) cost += 300;
        }
        if (cost < best[0]) best = [cost, words];
      }
    }
    return best[1];
  };

  // The highest published or simulated value in the stretch that is shown.
  const known = (u, chart, w) => {
    const values = (chart.published ?? []).flatMap((p) => [p.at, p.simulated ?? p.at]);
    const { min, max } = u.scales.x;
    return Math.max(0, ...values.filter(([at]) => w.opens + at >= min && w.opens + at <= max).map(([, value]) => value));
  };

  const decades = (u, ticks) => ticks.map((v) => (Number.isInteger(+Math.log10(v).toFixed(6)) ? v : null));

  const options = (chart, width, w) => {
    const only = chart.log ? { filter: decades } : {};
    return {
      width,
      height: 250,
      tzDate,
      cursor: { sync: { key: "saleload" }, drag: { x: true, y: false }, points: { size: 6 } },
      scales: {
        x: { time: true, range: (u, min, max) => (min == null ? range() : [min, max]) },
        y: chart.log
          ? { distr: 3, range: (u, min, max) => uPlot.rangeLog(Math.max(min ?? 1, chart.log), Math.max(max ?? 10, chart.log * 10, known(u, chart, w)), 10, true) }
          : { range: (u, min, max) => [0, chart.top ?? Math.max((max ?? 0) * 1.06, known(u, chart, w) * 1.12, 1e-9)] },
      },
      axes: [
        { stroke: "#5a5f66", grid: { stroke: "#e6e8ea", width: 1 }, ticks: { stroke: "#c9cdd2" }, values: clockLabels },
        {
          stroke: "#5a5f66",
          size: 58,
          grid: { stroke: "#e6e8ea", width: 1, ...only },
          ticks: { stroke: "#c9cdd2", ...only },
          ...only,
          values: (u, ticks) => ticks.map((v) => (v == null ? "" : short(v))),
        },
      ],
      series: [
        { value: (u, t) => (t == null ? "–" : stamp(t)), label: "time" },
        ...chart.series.map((s, i) => ({
          label: s.name,
          stroke: colours[i % colours.length],
          dash: dashes[i % 3],
          width: 2,
          points: { show: false },
          spanGaps: true,
          value: (u, v) => short(v),
        })),
      ],
      hooks: {
        draw: chart.published ? [(u) => published(u, chart, w)] : [],
        setSelect: [
          (u) => {
            if (u.select.width > 2) zoom(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
          },
        ],
        ready: [(u) => u.over.addEventListener("dblclick", () => zoom(...range()))],
      },
    };
  };

  const two = (n) => String(n).padStart(2, "0");
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

  function stamp(t) {
    const d = tzDate(t);
    return `${d.getDate()} ${months[d.getMonth()]} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  }

  // The clock, and below it the day where it changes.
  function clockLabels(u, ticks, axis, space, step) {
    let day = "";
    return ticks.map((t) => {
      const d = tzDate(t);
      const today = `${d.getDate()} ${months[d.getMonth()]}`;
      const clock = `${two(d.getHours())}:${two(d.getMinutes())}` + (step < 60 ? `:${two(d.getSeconds())}` : "");
      const label = today === day ? clock : `${clock}\n${today}`;
      day = today;
      return label;
    });
  }

  const width = (figure) => Math.max(figure.clientWidth, 280);

  const draw = () => {
    for (const chart of charts) chart.destroy();
    charts = [];
    plots.replaceChildren();
    const w = data.windows[shown];
    if (!w) return;
    const times = w.times.map((t) => w.opens + t);
    // All figures stand in the grid before the first is measured.
    const figures = w.charts.map((chart) => {
      const figure = document.createElement("figure");
      const caption = document.createElement("figcaption");
      const unit = document.createElement("span");
      caption.textContent = chart.title;
      unit.textContent = chart.unit ? `, ${chart.unit}` : "";
      caption.append(unit);
      for (const off of [false, true]) {
        const point = (chart.published ?? []).find((p) => p.off === off);
        if (!point) continue;
        const sign = document.createElement("span");
        const words = document.createElement("span");
        sign.style.color = point.colour;
        sign.textContent = off ? "  ◆" : "  ●";
        words.textContent = off ? " ! too far off" : " published, error of the run";
        caption.append(sign, words);
      }
      figure.append(caption);
      plots.append(figure);
      return figure;
    });
    w.charts.forEach((chart, i) => {
      // A logarithmic axis has no place for zero: it lies on the lower end.
      const values = chart.series.map((s) => (chart.log ? s.values.map((v) => (v == null ? v : Math.max(v, chart.log))) : s.values));
      charts.push(new uPlot(options(chart, width(figures[i]), w), [times, ...values], figures[i]));
    });
    zoom(...range());
  };

  const buttons = (id, entries, pressed, press) => {
    const group = document.getElementById(id);
    group.replaceChildren(
      ...entries.map(([key, text]) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = text;
        button.setAttribute("aria-pressed", String(key === pressed()));
        button.addEventListener("click", () => {
          press(key);
          for (const other of group.children) other.setAttribute("aria-pressed", String(other === button));
        });
        return button;
      }),
    );
  };

  buttons("windows", data.windows.map((w, i) => [i, w.name]), () => shown, (i) => { shown = i; draw(); });
  buttons("stretches", stretches.map(([id, text]) => [id, text]), () => stretch, (id) => { stretch = id; zoom(...range()); });
  draw();

  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      for (const chart of charts) chart.setSize({ width: width(chart.root.parentElement), height: 250 });
    }, 100);
  });
})();
