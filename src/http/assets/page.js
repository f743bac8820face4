// Draws the chart of the outlook from the data in the page, and changes the outlook without loading the page anew.
// Everything the chart shows is in the table below it too, and the form works without this file.
"use strict";
(() => {
  let chart = null;

  const show = () => {
    if (chart) chart.dispose();
    chart = null;
    const holder = document.getElementById("chart-data");
    const place = document.getElementById("chart");
    if (holder && place && window.echarts) chart = paint(place, JSON.parse(holder.textContent));
  };

  // A new choice fetches the page and takes over what depends on the choice. The focus stays on the selector, and what is shown now is
  // said to a screen reader; if anything fails, the form is sent as it would be without a script.
  const listen = () => {
    const form = document.querySelector("#outlook form");
    if (!form) return;
    form.addEventListener("change", async (event) => {
      const query = "?" + new URLSearchParams(new FormData(form));
      const outlook = document.getElementById("outlook");
      outlook.setAttribute("aria-busy", "true");
      try {
        const answer = await fetch(query, { headers: { accept: "text/html" } });
        if (!answer.ok) throw new Error(String(answer.status));
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of [".languages", "#outlook", "#what", "#where"]) {
          const [old, fresh] = [document.querySelector(part), page.querySelector(part)];
          if (old && fresh) old.replaceChildren(...fresh.childNodes);
        }
        outlook.removeAttribute("aria-busy");
        history.replaceState(null, "", query + "#outlook");
        const chosen = outlook.querySelector(`[name="${event.target.name}"]`);
        if (chosen) chosen.focus();
        const said = document.getElementById("said"), series = outlook.querySelector(".series, .calm");
        if (said && series) said.textContent = series.textContent;
        listen();
        show();
      } catch {
        form.requestSubmit();
      }
    });
  };

  const paint = (place, data) => {
    const { words } = data;
    const number = new Intl.NumberFormat(words.lang, { maximumFractionDigits: 0 });
    const byDay = data.grain === "day";
    const format = (options) => {
      const written = new Intl.DateTimeFormat(words.lang, { timeZone: "UTC", ...options });
      return (iso) => written.format(new Date(iso));
    };
    const axisDate = format(byDay ? { month: "short", day: "numeric" } : { year: "2-digit", month: "short" });
    const fullDate = format(
      byDay
        ? { year: "numeric", month: "long", day: "numeric", weekday: "short" }
        : { year: "numeric", month: "long" },
    );

    const days = [...data.past.map((p) => p[0]), ...data.coming.map((c) => c[0])];
    const edge = data.past.length;
    const gap = () => new Array(edge).fill(null);
    const actual = data.past.map((p) => p[1]);
    const median = [...gap(), ...data.coming.map((c) => c[1][2])];
    const lastYear = [...data.past.map((p) => p[2]), ...data.coming.map((c) => c[2])];
    const holidays = new Map(data.holidays);

    place.classList.add("live");
    const chart = window.echarts.init(place);

    // A band is one polygon, drawn with its first point: along its upper edge and back along its lower one.
    const band = (name, low, high, color) => ({
      type: "custom",
      name,
      color,
      silent: true,
      data: data.coming.map((c, i) => [edge + i, c[1][high]]),
      encode: { x: 0, y: 1 },
      clip: true,
      z: 1,
      renderItem: (params, api) => {
        if (params.dataIndex > 0) return null;
        const at = (edgeOf) => data.coming.map((c, i) => api.coord([edge + i, c[1][edgeOf]]));
        return { type: "polygon", shape: { points: [...at(high), ...at(low).reverse()] }, style: { fill: color } };
      },
    });

    const line = (name, values, color, more) => ({
      type: "line", name, data: values, color, showSymbol: !byDay, symbolSize: 5, connectNulls: false, ...more,
      lineStyle: { color, width: 2, ...(more && more.lineStyle) },
    });

    // The tooltip is built from elements, because the page's policy allows no inline style.
    const tip = (points) => {
      const at = points[0].dataIndex;
      const box = document.createElement("div");
      box.className = "tip";
      const head = document.createElement("b");
      const free = holidays.get(days[at]);
      head.textContent = fullDate(days[at]) + (free ? " · " + free : "");
      const table = document.createElement("table");
      const row = (name, value) => {
        if (value === null || value === undefined) return;
        const tr = table.insertRow();
        tr.insertCell().textContent = name;
        tr.insertCell().textContent = value;
      };
      const number0 = (n) => (n === null || n === undefined ? null : number.format(n));
      row(words.actual, number0(actual[at]));
      const coming = data.coming[at - edge];
      if (coming) {
        const q = coming[1];
        row(words.median, number0(q[2]));
        row(words.band80, number.format(q[1]) + "–" + number.format(q[3]));
        row(words.band95, number.format(q[0]) + "–" + number.format(q[4]));
      }
      row(words.last_year, number0(lastYear[at]));
      box.append(head, table);
      return box;
    };

    // Seasons lie above the plot, on as few rows as they need; a row is free again when its season is over.
    const indexOf = (iso, otherwise) => {
      const i = days.indexOf(iso);
      return i < 0 ? otherwise : i;
    };
    const rows = [];
    const seasons = data.seasons.map(([from, to, name]) => {
      const at = indexOf(from, 0), end = indexOf(to, days.length - 1);
      let row = rows.findIndex((free) => free < at);
      if (row < 0) row = rows.push(-1) - 1;
      rows[row] = end;
      return { name, from: at, to: end, row };
    });
    // Below them there is a line for the words at the edge of what is known.
    const ROW = 18;
    const above = rows.length ? (rows.length + 1) * ROW : 0;
    const bars = (color, ink) => ({
      type: "custom",
      silent: true,
      data: seasons.map((s) => [s.from, 0]),
      encode: { x: 0, y: 1 },
      clip: false,
      tooltip: { show: false },
      renderItem: (params, api) => {
        const s = seasons[params.dataIndex];
        const x = api.coord([s.from, 0])[0];
        const width = Math.max(2, api.coord([s.to, 0])[0] - x);
        const y = params.coordSys.y - above + s.row * ROW;
        return {
          type: "rect",
          shape: { x, y, width, height: ROW - 3, r: 2 },
          style: { fill: color },
          textContent: { type: "text", style: { text: s.name, fill: ink, fontSize: 11, width: width - 8, overflow: "truncate" } },
          textConfig: { position: "insideLeft", distance: 5 },
        };
      },
    });

    // Days off next to each other are one area.
    const areas = () => {
      const spans = [];
      for (const [date, name] of data.holidays) {
        const i = days.indexOf(date);
        const last = spans[spans.length - 1];
        if (i < 0) continue;
        if (last && last.name === name && last.to === i - 1) last.to = i;
        else spans.push({ name, from: i, to: i });
      }
      return spans.map((s) => [{ xAxis: Math.max(0, s.from - 0.5), name: s.to > s.from ? s.name : "" }, { xAxis: s.to + 0.5 }]);
    };

    const draw = () => {
      const style = getComputedStyle(document.documentElement);
      const tone = (name) => style.getPropertyValue(name).trim();
      const ink = tone("--ink"), soft = tone("--soft"), rule = tone("--line"), accent = tone("--accent");
      const font = getComputedStyle(document.body).fontFamily;
      const narrow = place.clientWidth < 560;
      chart.setOption(
        {
          animation: false,
          aria: { enabled: false },
          textStyle: { fontFamily: font, color: ink },
          grid: { left: 8, right: 14, top: (narrow ? 64 : 44) + above, bottom: 8, outerBoundsMode: "same" },
          legend: { data: [words.actual, words.median, words.band80, words.band95, words.last_year], top: 0, left: 0, itemWidth: 18, itemHeight: 8, itemGap: narrow ? 10 : 18, textStyle: { color: soft, fontSize: narrow ? 11 : 13 } },
          tooltip: {
            trigger: "axis", confine: true, backgroundColor: tone("--card"), borderColor: rule, formatter: tip,
            axisPointer: { lineStyle: { color: soft } },
          },
          xAxis: {
            type: "category", data: days, boundaryGap: false, axisTick: { show: false }, axisLine: { lineStyle: { color: rule } },
            axisLabel: { color: soft, formatter: axisDate, hideOverlap: true, interval: byDay ? (narrow ? 34 : 13) : (narrow ? 5 : 2) },
          },
          yAxis: {
            type: "value", min: 0, splitNumber: 4, splitLine: { lineStyle: { color: rule } },
            axisLabel: { color: soft, formatter: (n) => number.format(n) },
          },
          series: [
            bars(tone("--season"), ink),
            band(words.band95, 0, 4, tone("--band95")),
            band(words.band80, 1, 3, tone("--band80")),
            line(words.last_year, lastYear, tone("--year"), { z: 2, showSymbol: false, lineStyle: { width: 1.2, opacity: 0.75 } }),
            line(words.actual, actual, ink, {
              z: 4,
              markLine: {
                symbol: "none", silent: true, lineStyle: { color: soft, type: "solid", width: 1 },
                label: { formatter: words.now, color: soft, position: "insideEndTop", rotate: 0, align: "right", padding: [0, 6, 0, 0] },
                data: edge ? [{ xAxis: edge - 1 }] : [],
              },
              markArea: {
                silent: true, itemStyle: { color: soft, opacity: 0.1 },
                label: { color: soft, fontSize: 11, position: "insideTop" }, data: areas(),
              },
            }),
            line(words.median, median, accent, { z: 3, lineStyle: { type: [6, 4] } }),
          ],
        },
        true,
      );
      place.dataset.drawn = "yes";
      performance.mark("outlook-drawn");
    };
    draw();
    chart.redraw = draw;
    return chart;
  };

  listen();
  show();
  const again = () => {
    if (!chart) return;
    chart.resize();
    chart.redraw();
  };
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  window.addEventListener("beforeprint", again);
  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(again, 120);
  });
})();
