"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  for (const time of document.querySelectorAll("time")) {
    const text = new Date(time.dateTime).toLocaleString(undefined, {dateStyle: "long", timeStyle: "short"});
    time.title = time.textContent;
    time.textContent = text;
  }
  const box = document.getElementById("charts");
  if (!box) return;

  const first = 0, last = Math.max(data.span_s, data.t_s[data.t_s.length - 1], 0.1);
  const readout = document.getElementById("readout");
  if (window.matchMedia("(hover: none)").matches) readout.textContent = "Tap a button, or a hold or set in the tables, to look closer.";
  const hint = readout.textContent;
  const STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
  const spans = data.holds.length ? data.holds : data.sets;
  let plots = [], from = first, to = last, colour = {}, printing = false;

  function clock(seconds, digits) {
    const scale = 10 ** digits, total = Math.round(seconds * scale);
    const h = Math.floor(total / (3600 * scale)), m = Math.floor(total / (60 * scale)) % 60;
    const s = ((total % (60 * scale)) / scale).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
    return h ? h + ":" + String(m).padStart(2, "0") + ":" + s : m + ":" + s;
  }

  function readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["ink", "soft", "rule", "curve", "band", "band-edge", "hold", "hold-edge", "cue", "motor", "gap", "surface"])
      colour[name] = style.getPropertyValue("--" + name).trim();
  }

  // Behind the curve: holds (or sets, where nothing was held), gaps, target band, motor. Positions in canvas pixels.
  function drawBehind(u, channel) {
    const c = u.ctx, b = u.bbox, dpr = window.devicePixelRatio || 1;
    const x = (t) => u.valToPos(t, "x", true), y = (v) => u.valToPos(v, "y", true);
    c.save();
    c.beginPath();
    c.rect(b.left, b.top, b.width, b.height);
    c.clip();
    for (const [start, end] of spans) {
      if (end < from || start > to) continue;
      c.fillStyle = colour.hold;
      c.fillRect(x(start), b.top, x(end) - x(start), b.height);
      if (x(end) - x(start) < 8 * dpr) continue;
      c.fillStyle = colour["hold-edge"];
      c.fillRect(x(start), b.top, dpr, b.height);
      c.fillRect(x(end) - dpr, b.top, dpr, b.height);
    }
    if (channel.target && data.band) {
      const high = y(data.band[1]), low = y(data.band[0]);
      c.fillStyle = colour.band;
      c.fillRect(b.left, high, b.width, low - high);
      c.strokeStyle = colour["band-edge"];
      c.lineWidth = dpr;
      c.setLineDash([4 * dpr, 4 * dpr]);
      for (const edge of [high, low]) {
        c.beginPath();
        c.moveTo(b.left, Math.round(edge) + 0.5);
        c.lineTo(b.left + b.width, Math.round(edge) + 0.5);
        c.stroke();
      }
      c.setLineDash([]);
    }
    for (const [start, end] of data.gaps) {
      if (end < from || start > to) continue;
      const left = x(start), width = Math.max(x(end) - left, 4 * dpr);
      c.save();
      c.beginPath();
      c.rect(left, b.top, width, b.height);
      c.clip();
      c.fillStyle = colour.surface;
      c.fillRect(left, b.top, width, b.height);
      c.strokeStyle = colour.gap;
      c.lineWidth = 1.5 * dpr;
      c.beginPath();
      for (let at = left - b.height; at < left + width; at += 6 * dpr) {
        c.moveTo(at, b.top + b.height);
        c.lineTo(at + b.height, b.top);
      }
      c.stroke();
      c.restore();
    }
    c.restore();
  }

  // Over the curve: motor at the foot, buzzes and numbers of holds or sets at the head.
  function drawOver(u, channel) {
    const c = u.ctx, b = u.bbox, dpr = window.devicePixelRatio || 1;
    const x = (t) => u.valToPos(t, "x", true);
    c.save();
    c.fillStyle = colour.motor;
    for (const [start, end] of data.motor) {
      if (end < from || start > to) continue;
      const left = Math.max(x(start), b.left), right = Math.min(x(end), b.left + b.width);
      c.fillRect(left, b.top + b.height - 5 * dpr, Math.max(right - left, 1.5 * dpr), 5 * dpr);
    }
    if (channel.target) {
      c.font = "600 " + 12 * dpr + "px system-ui, sans-serif";
      c.textAlign = "center";
      c.textBaseline = "top";
      c.fillStyle = colour.soft;
      let free = -Infinity;
      spans.forEach(([start, end], index) => {
        if (end < from || start > to) return;
        const middle = (x(Math.max(start, from)) + x(Math.min(end, to))) / 2;
        if (middle < free) return;
        c.fillText(String(index + 1), middle, b.top - 27 * dpr);
        free = middle + (14 + 8 * String(index + 2).length) * dpr;
      });
      c.fillStyle = colour.cue;
      for (const t of data.cues) {
        if (t < from || t > to) continue;
        const at = x(t);
        c.beginPath();
        c.moveTo(at - 5 * dpr, b.top - 10 * dpr);
        c.lineTo(at + 5 * dpr, b.top - 10 * dpr);
        c.lineTo(at, b.top - dpr);
        c.fill();
        c.globalAlpha = 0.55;
        c.fillRect(at - dpr / 2, b.top, dpr, b.height);
        c.globalAlpha = 1;
      }
    }
    c.restore();
  }

  function tell(u) {
    const index = u.cursor.idx;
    if (index == null) {
      readout.textContent = hint;
      return;
    }
    const parts = data.channels.map((channel) => {
      const value = channel.values[index];
      return channel.label + " " + (value == null ? "–" : Math.round(value)) + " " + channel.unit;
    });
    readout.textContent = [clock(data.t_s[index], 1)].concat(parts).join("  ·  ");
  }

  function show(start, end) {
    const width = Math.min(Math.max(end - start, 0.5), last - first);
    from = Math.min(Math.max((start + end - width) / 2, first), last - width);
    to = from + width;
    for (const plot of plots) plot.setScale("x", {min: from, max: to});
  }

  function build() {
    readColours();
    for (const plot of plots) plot.destroy();
    box.textContent = "";
    const width = printing ? 660 : box.clientWidth - 20, narrow = width < 560;
    plots = data.channels.map((channel, index) => {
      const panel = document.createElement("div"), title = document.createElement("h3"), what = document.createElement("span");
      panel.className = "panel";
      title.textContent = channel.label;
      what.textContent = channel.unit;
      title.append(what);
      panel.append(title);
      box.append(panel);
      const axis = {stroke: colour.soft, font: "12px system-ui, sans-serif", ticks: {show: false}};
      return new uPlot({
        width: width,
        height: channel.target ? (narrow ? 270 : 330) : narrow ? 140 : 150,
        padding: [channel.target ? 30 : 8, 24, 0, 0],
        legend: {show: false},
        cursor: {sync: {key: "session"}, y: false, points: {size: 7}, drag: {x: true, y: false, setScale: false}},
        scales: {x: {time: false, min: from, max: to}, y: {range: [0, channel.top]}},
        axes: [
          Object.assign({}, axis, {
            grid: {show: false}, size: 28, space: 64, incrs: STEPS_S,
            values: (u, ticks) => ticks.map((t) => clock(t, ticks.length > 1 && ticks[1] - ticks[0] < 1 ? 1 : 0)),
          }),
          Object.assign({}, axis, {grid: {stroke: colour.rule, width: 1}, size: 42, space: channel.target ? 44 : 32}),
        ],
        series: [{}, {stroke: colour.curve, width: 1.6, points: {show: false}}],
        hooks: {
          drawAxes: [(u) => drawBehind(u, channel)],
          draw: [(u) => drawOver(u, channel)],
          setCursor: [(u) => { if (u.cursor.event) tell(u); }],
          setSelect: [(u) => {
            if (u.select.width > 4) show(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
            u.setSelect({left: 0, top: 0, width: 0, height: 0}, false);
          }],
        },
      }, [data.t_s, channel.values], panel);
    });
    for (const plot of plots) plot.over.addEventListener("dblclick", () => show(first, last));
  }

  const moves = {
    left: () => show(from - (to - from) / 2, to - (to - from) / 2),
    right: () => show(from + (to - from) / 2, to + (to - from) / 2),
    in: () => show(from + (to - from) / 4, to - (to - from) / 4),
    out: () => show(from - (to - from) / 2, to + (to - from) / 2),
    all: () => show(first, last),
  };
  document.querySelector(".tools").hidden = false;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.do) moves[button.dataset.do]();
    if (button.dataset.from) {
      const start = Number(button.dataset.from), end = Number(button.dataset.to), margin = Math.max(1, (end - start) * 0.15);
      show(start - margin, end + margin);
      box.scrollIntoView({block: "nearest", behavior: "smooth"});
    }
  });
  let waiting = 0;
  window.addEventListener("resize", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(build);
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", build);
  window.addEventListener("beforeprint", () => { printing = true; build(); });
  window.addEventListener("afterprint", () => { printing = false; build(); });
  build();
})();
