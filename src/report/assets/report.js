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

  const decades = (u, ticks) => ticks.map((v) => (Number.isInteger(+Math.log10(v).toFixed(6)) ? v : null));

  const options = (chart, width) => {
    const only = chart.log ? { filter: decades } : {};
    return {
      width,
      height: 250,
      tzDate,
      cursor: { sync: { key: "saleload" }, drag: { x: true, y: false }, points: { size: 6 } },
      scales: {
        x: { time: true, range: (u, min, max) => (min == null ? range() : [min, max]) },
        y: chart.log
          ? { distr: 3, range: (u, min, max) => uPlot.rangeLog(Math.max(min ?? 1, chart.log), Math.max(max ?? 10, chart.log * 10), 10, true) }
          : { range: (u, min, max) => [0, chart.top ?? Math.max((max ?? 0) * 1.06, 1e-9)] },
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
          value: (u, v) => short(v),
        })),
      ],
      hooks: {
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
      figure.append(caption);
      plots.append(figure);
      return figure;
    });
    w.charts.forEach((chart, i) => {
      // A logarithmic axis has no place for zero: it lies on the lower end.
      const values = chart.series.map((s) => (chart.log ? s.values.map((v) => Math.max(v, chart.log)) : s.values));
      charts.push(new uPlot(options(chart, width(figures[i])), [times, ...values], figures[i]));
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
